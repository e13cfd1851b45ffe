//! The fields of a request that a format asks for, found in one go.

use http::{HeaderMap, HeaderName, HeaderValue};

/// Names that are found in one go; others, of which only a format of one's own has any, are looked up.
const SLOTS: usize = 8;

/// To look at so many fields costs less than to hash a name that is looked for.
const FIELDS_PER_NAME: usize = 4;

/// What a format asks for, each name once.
#[derive(Debug, Default)]
pub(super) struct Wanted {
    names: Vec<HeaderName>,
    /// A bit for each length of a name: most fields are told by it to be none of them.
    lengths: u64,
}

/// Where a field is among what is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Slot(usize);

/// The fields of a request that are wanted.
pub(super) struct Found<'a> {
    wanted: &'a Wanted,
    /// None if the head was not parsed.
    fields: Option<&'a HeaderMap>,
    values: [Option<&'a HeaderValue>; SLOTS],
}

impl Wanted {
    /// Where this field will be found.
    pub(super) fn slot(&mut self, name: &HeaderName) -> Slot {
        let known = self.names.iter().position(|known| known == name);
        Slot(known.unwrap_or_else(|| {
            self.names.push(name.clone());
            self.lengths |= length_bit(name);
            self.names.len() - 1
        }))
    }
}

fn length_bit(name: &HeaderName) -> u64 {
    1 << (name.as_str().len() % 64)
}

impl<'a> Found<'a> {
    /// Nothing is found until [`Self::look`] was called.
    pub(super) fn new(wanted: &'a Wanted, fields: Option<&'a HeaderMap>) -> Self {
        Self {
            wanted,
            fields,
            values: [None; SLOTS],
        }
    }

    /// Finds what there is. It is done in place, since to move the values about costs as much as to find one.
    pub(super) fn look(&mut self) {
        let Some(fields) = self.fields else { return };
        let Wanted { names, lengths } = self.wanted;
        if fields.len() > names.len() * FIELDS_PER_NAME {
            for (value, name) in self.values.iter_mut().zip(names) {
                *value = fields.get(name);
            }
            return;
        }
        for (name, value) in fields {
            if lengths & length_bit(name) == 0 {
                continue;
            }
            for (found, wanted) in self.values.iter_mut().zip(names) {
                if name == wanted {
                    // Of several lines the first one counts.
                    found.get_or_insert(value);
                    break;
                }
            }
        }
    }

    /// The value of a field, of the first line if there are several; empty if there is none.
    pub(super) fn value(&self, Slot(slot): Slot) -> &'a [u8] {
        let value = match self.values.get(slot) {
            Some(value) => *value,
            None => self
                .fields
                .and_then(|fields| fields.get(&self.wanted.names[slot])),
        };
        value.map_or(&[], HeaderValue::as_bytes)
    }
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderName, HeaderValue};

    use super::{FIELDS_PER_NAME, Found, SLOTS, Wanted};

    fn name(index: usize) -> HeaderName {
        HeaderName::try_from(format!("x-{index}")).expect("a name")
    }

    #[test]
    fn finds_the_first_line_of_each_field_whatever_their_number() {
        for wanted_names in [1, 3, SLOTS + 2] {
            let mut wanted = Wanted::default();
            let slots: Vec<_> = (0..wanted_names)
                .map(|index| wanted.slot(&name(index)))
                .collect();
            assert_eq!(wanted.slot(&name(0)), slots[0], "each name has one place");
            for others in [0, wanted_names * FIELDS_PER_NAME] {
                let mut fields = HeaderMap::new();
                for index in 0..others {
                    fields.append(name(100 + index), HeaderValue::from_static("other"));
                }
                // The last one is not there.
                for index in 0..wanted_names - 1 {
                    let value = HeaderValue::from_str(&format!("{index}")).expect("a value");
                    fields.append(name(index), value);
                    fields.append(name(index), HeaderValue::from_static("again"));
                }
                let mut found = Found::new(&wanted, Some(&fields));
                found.look();
                for (index, slot) in slots.iter().enumerate() {
                    let is_last = index == wanted_names - 1;
                    let expected = if is_last {
                        String::new()
                    } else {
                        format!("{index}")
                    };
                    assert_eq!(found.value(*slot), expected.as_bytes(), "{index} {others}");
                }
            }
            let mut found = Found::new(&wanted, None);
            found.look();
            assert!(slots.iter().all(|slot| found.value(*slot).is_empty()));
        }
    }
}
