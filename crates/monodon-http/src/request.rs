//! A request once it is parsed: what of it is checked, and what is done with it before the handler gets
//! it.
//!
//! `checks` shows what only a parsed head does. `fields` knows which proxies are believed (`networks`) about
//! the client (`client`), and `forwarded` what they tell; `connection` reads what a field says of the
//! connection. `request_id` gives it a name. `body` is what the handler reads, by way of `incoming`.

pub(crate) mod body;
pub(crate) mod body_error;
pub(crate) mod checks;
pub(crate) mod client;
pub(crate) mod connection;
pub(crate) mod fields;
pub(crate) mod forwarded;
pub(crate) mod incoming;
pub(crate) mod networks;
pub(crate) mod request_id;
