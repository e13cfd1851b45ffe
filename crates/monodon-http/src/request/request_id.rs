//! Ids of requests (`--request-id`): the one that a trusted proxy has given, else one that is made.

use std::cell::RefCell;
use std::hash::{BuildHasher, RandomState};

use http::{HeaderMap, HeaderName, HeaderValue};

use crate::options::Options;
use crate::start_error::StartError;

/// Characters of an id that is accepted, at most.
const MOST: usize = 128;
/// Characters of an id that is made: of the thread, and of its count.
const THREAD: usize = 12;
const COUNT: usize = 8;
/// Five bits each. Without letters that look like others.
const DIGITS: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// What the options say of ids.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RequestIds {
    /// The field that has them.
    pub(crate) field: HeaderName,
    /// Whether responses have it, too.
    pub(crate) answers: bool,
}

impl RequestIds {
    /// None where they are off.
    ///
    /// # Errors
    /// [`StartError`] when the field's name is none.
    pub(crate) fn new(options: &Options) -> Result<Option<Self>, StartError> {
        if !options.request_id {
            return Ok(None);
        }
        let name = &options.request_id_header;
        let field = HeaderName::from_bytes(name.as_bytes()).map_err(|_| StartError::Option {
            option: "request-id-header",
            value: name.clone(),
            why: "it is no name of a header field".to_owned(),
        })?;
        Ok(Some(Self {
            field,
            answers: options.request_id_response,
        }))
    }

    /// Sees to it that the request has one id; gives it if the response is to have it. One that is there
    /// is kept if it comes from a proxy that `is_trusted`, and fit to be an id.
    pub(crate) fn identify(
        &self,
        fields: &mut HeaderMap,
        is_trusted: bool,
        maker: &RefCell<Maker>,
    ) -> Option<Box<RequestId>> {
        let mut given = fields.get_all(&self.field).iter();
        let id = match (given.next(), given.next()) {
            (Some(id), None) if is_trusted && is_id(id.as_bytes()) => id.clone(),
            _ => {
                let id = maker.borrow_mut().make();
                fields.insert(&self.field, id.clone());
                id
            }
        };
        let field = self.field.clone();
        self.answers.then(|| Box::new(RequestId { field, id }))
    }
}

/// The id of a request whose response is to have it.
pub(crate) struct RequestId {
    field: HeaderName,
    id: HeaderValue,
}

impl RequestId {
    /// Puts it among the fields of the response, unless the handler has put one there.
    pub(crate) fn put(self, fields: &mut HeaderMap) {
        fields.entry(self.field).or_insert(self.id);
    }
}

/// Letters, digits and what ids are made with otherwise: UUIDs, base64, `1-5759e988-bd862e3f`.
fn is_id(value: &[u8]) -> bool {
    let is_fit = |&byte: &u8| byte.is_ascii_alphanumeric() || b"-_.:+/=@".contains(&byte);
    !value.is_empty() && value.len() <= MOST && value.iter().all(is_fit)
}

/// Makes ids, on one thread: a random part that no other thread of any server has, and a count. So
/// nothing is asked of the kernel for a request.
pub(crate) struct Maker([u8; THREAD + COUNT]);

impl Maker {
    pub(crate) fn new() -> Self {
        // The keys of it are random, and differ each time.
        let random = RandomState::new().hash_one(std::process::id());
        let mut id = [DIGITS[0]; THREAD + COUNT];
        for (place, digit) in id[..THREAD].iter_mut().enumerate() {
            *digit = DIGITS[(random >> (5 * place)) as usize % DIGITS.len()];
        }
        Self(id)
    }

    fn make(&mut self) -> HeaderValue {
        for digit in self.0[THREAD..].iter_mut().rev() {
            let value = DIGITS.iter().position(|known| known == digit).unwrap_or(0) + 1;
            *digit = DIGITS[value % DIGITS.len()];
            if value < DIGITS.len() {
                break;
            }
        }
        HeaderValue::from_bytes(&self.0).unwrap_or(HeaderValue::from_static("-"))
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::collections::HashSet;

    use http::{HeaderMap, HeaderName, HeaderValue};

    use super::{COUNT, Maker, RequestIds, THREAD};

    const FIELD: HeaderName = HeaderName::from_static("x-request-id");

    fn identified(given: &[&'static str], is_trusted: bool) -> String {
        let ids = RequestIds {
            field: FIELD,
            answers: true,
        };
        let mut fields = HeaderMap::new();
        for id in given {
            fields.append(FIELD, HeaderValue::from_static(id));
        }
        let answered = ids.identify(&mut fields, is_trusted, &RefCell::new(Maker::new()));
        let all: Vec<_> = fields.get_all(FIELD).iter().collect();
        let mut response = HeaderMap::new();
        answered.expect("responses have it").put(&mut response);
        assert_eq!(all, response.get_all(FIELD).iter().collect::<Vec<_>>());
        all[0].to_str().expect("text").to_owned()
    }

    #[test]
    fn keeps_the_id_of_a_trusted_proxy() {
        let uuid = "0b0d3b5c-4d0e-4b6a-9d0a-1c2d3e4f5a6b";
        assert_eq!(identified(&[uuid], true), uuid);
        assert_eq!(
            identified(&["Root=1-67891233-abcdef"], true),
            "Root=1-67891233-abcdef"
        );
        let long: &'static str = "a".repeat(129).leak();
        for (given, is_trusted) in [
            (&[uuid][..], false),
            (&[uuid, uuid], true),
            (&[""], true),
            (&["a b"], true),
            (&["a\"b"], true),
            (&[long], true),
            (&[], true),
        ] {
            let id = identified(given, is_trusted);
            assert_eq!(id.len(), THREAD + COUNT, "{given:?}");
            assert!(!given.contains(&id.as_str()));
        }
    }

    #[test]
    fn no_id_is_made_twice() {
        let mut makers = [Maker::new(), Maker::new()];
        let mut ids = HashSet::new();
        for _ in 0..2000 {
            for maker in &mut makers {
                assert!(ids.insert(maker.make()));
            }
        }
        let mut maker = Maker(*b"abcdefghjkmn0000zzzz");
        assert_eq!(maker.make(), "abcdefghjkmn00010000");
        assert_eq!(maker.make(), "abcdefghjkmn00010001");
    }
}
