//! What is compressed, and how: the options that begin with `compress`.

use super::coding::Coding;
use super::types::Types;
use crate::options::Options;
use crate::start_error::StartError;

/// An item of an option that is not understood.
#[derive(Debug)]
pub(crate) struct BadItem {
    pub(crate) option: &'static str,
    pub(crate) item: String,
    pub(crate) why: &'static str,
}

/// What is compressed, and how.
pub(crate) struct Compression {
    /// The server's codings, the preferred one first; never none.
    pub(super) preference: Vec<Coding>,
    /// By the place of the coding in `Coding::ALL`.
    levels: [i32; 3],
    /// Bytes of a body that is worth it.
    pub(super) min_size: u64,
    pub(super) types: Types,
}

impl From<BadItem> for StartError {
    fn from(BadItem { option, item, why }: BadItem) -> Self {
        Self::Option {
            option,
            value: item,
            why: why.to_owned(),
        }
    }
}

impl Compression {
    /// Reads the options. `None`: nothing is compressed.
    ///
    /// # Errors
    /// The first item that is not understood.
    pub(crate) fn parse(options: &Options) -> Result<Option<Self>, BadItem> {
        let preference = preference(&options.compress)?;
        if preference.is_empty() {
            return Ok(None);
        }
        let mut levels = [0; 3];
        for item in Options::default()
            .compress_level
            .iter()
            .chain(&options.compress_level)
        {
            let (coding, level) = level(item).ok_or_else(|| BadItem {
                option: "compress-level",
                item: item.clone(),
                why: "it is not such as zstd=3, br=4 or gzip=6",
            })?;
            levels[coding as usize] = level;
        }
        Ok(Some(Self {
            preference,
            levels,
            min_size: options.compress_min_size.into(),
            types: Types::parse(&options.compress_types),
        }))
    }

    pub(super) fn level(&self, coding: Coding) -> i32 {
        self.levels[coding as usize]
    }
}

fn preference(items: &[String]) -> Result<Vec<Coding>, BadItem> {
    let bad = |item: &String, why| BadItem {
        option: "compress",
        item: item.clone(),
        why,
    };
    let mut preference = Vec::new();
    for item in items {
        if item == "off" {
            if items.len() > 1 {
                return Err(bad(item, "it stands alone or not at all"));
            }
            continue;
        }
        let coding = Coding::named(item).ok_or_else(|| bad(item, "it is no coding known here"))?;
        if !preference.contains(&coding) {
            preference.push(coding);
        }
    }
    Ok(preference)
}

/// `CODING=LEVEL`.
fn level(item: &str) -> Option<(Coding, i32)> {
    let (name, level) = item.split_once('=')?;
    let coding = Coding::named(name)?;
    let range = match coding {
        Coding::Zstd => 1..=19,
        Coding::Br => 0..=11,
        Coding::Gzip => 1..=9,
    };
    let level = level.parse().ok()?;
    range.contains(&level).then_some((coding, level))
}

#[cfg(test)]
#[path = "settings_tests.rs"]
mod tests;
