//! Lists of pairs, as the environment variables of OpenTelemetry have them: `name=value,name=value`, the
//! values percent-encoded.

use percent_encoding::percent_decode_str;

/// Reads a list. Empty items count as none.
///
/// # Errors
/// What is wrong with it, without what it holds: that may be a secret.
pub(crate) fn read(text: &str) -> Result<Vec<(String, String)>, &'static str> {
    let items = text.split(',').map(str::trim);
    items
        .filter(|item| !item.is_empty())
        .map(|item| {
            let (name, value) = item.split_once('=').ok_or("an item has no =")?;
            let name = name.trim();
            if name.is_empty() {
                return Err("an item has no name before its =");
            }
            let value = percent_decode_str(value.trim()).decode_utf8();
            let value = value.map_err(|_| "a value is not percent-encoded UTF-8")?;
            Ok((name.to_owned(), value.into_owned()))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::read;

    #[test]
    fn values_are_decoded() {
        let pairs = read("a=1, b = x%20y%2Cz ,,c=d=e,f=").expect("pairs");
        let pairs: Vec<_> = pairs.iter().map(|(n, v)| (&**n, &**v)).collect();
        assert_eq!(pairs, [("a", "1"), ("b", "x y,z"), ("c", "d=e"), ("f", "")]);
        assert_eq!(read(""), Ok(Vec::new()));
    }

    #[test]
    fn what_is_no_pair_is_refused() {
        for text in ["secret", "=secret", "a=1,secret", "a=%ff"] {
            let why = read(text).expect_err(text);
            assert!(!why.contains("secret"), "{why}");
        }
    }
}
