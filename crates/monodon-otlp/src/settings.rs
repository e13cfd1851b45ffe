//! What the exporter is told.

use http::{HeaderName, HeaderValue};
use tokio_rustls::TlsConnector;

use crate::endpoint::Endpoint;
use crate::{pairs, tls};

/// The settings as people give them; all may be empty but the endpoint.
#[derive(Clone, Copy, Debug)]
pub struct Texts<'a> {
    /// The collector's URL.
    pub endpoint: &'a str,
    /// Fields of the requests to it, as pairs.
    pub headers: &'a str,
    /// `service.name`.
    pub service_name: &'a str,
    /// What else is said of the server, as pairs.
    pub resource_attributes: &'a str,
    /// A file with the certificates of who may have issued the collector's; without it, those that the
    /// system trusts.
    pub certificate: &'a str,
}

/// What the exporter goes by.
pub struct Settings {
    pub(crate) endpoint: Endpoint,
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
    pub(crate) resource: Vec<(String, String)>,
    /// For https.
    pub(crate) tls: Option<TlsConnector>,
}

/// A setting that cannot be used. It says nothing of what may be a secret.
#[derive(Debug)]
pub struct Wrong {
    /// Which of the [`Texts`] it is, as an option.
    pub option: &'static str,
    /// What is wrong with it.
    pub why: String,
}

impl Settings {
    /// Reads them.
    ///
    /// # Errors
    /// The first that cannot be used.
    pub fn read(texts: Texts<'_>) -> Result<Self, Wrong> {
        let wrong = |option| {
            move |why: &str| Wrong {
                option,
                why: why.to_owned(),
            }
        };
        let endpoint = Endpoint::parse(texts.endpoint).map_err(wrong("otlp-endpoint"))?;
        let headers = pairs::read(texts.headers)
            .and_then(|pairs| pairs.iter().map(field).collect())
            .map_err(wrong("otlp-headers"))?;
        let attributes =
            pairs::read(texts.resource_attributes).map_err(wrong("otlp-resource-attributes"))?;
        let connector = || tls::connector(texts.certificate);
        let tls = endpoint.is_https.then(connector).transpose();
        Ok(Self {
            tls: tls.map_err(|why| wrong("otlp-certificate")(&why))?,
            endpoint,
            headers,
            resource: resource(texts.service_name, attributes),
        })
    }
}

fn field((name, value): &(String, String)) -> Result<(HeaderName, HeaderValue), &'static str> {
    let name = HeaderName::try_from(name).map_err(|_| "a name is none of a header field")?;
    let value = HeaderValue::try_from(value);
    let mut value = value.map_err(|_| "a value is none of a header field")?;
    value.set_sensitive(true);
    Ok((name, value))
}

/// Says which server it is: the semantic conventions of resources. What is given by name counts for more
/// than what is among the attributes, and both for more than what is known by itself.
fn resource(service_name: &str, given: Vec<(String, String)>) -> Vec<(String, String)> {
    let own = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let mut all = vec![
        own("service.name", "unknown_service:monodon"),
        own("telemetry.sdk.name", "monodon"),
        own("telemetry.sdk.language", "rust"),
        own("telemetry.sdk.version", env!("CARGO_PKG_VERSION")),
        own("process.pid", &std::process::id().to_string()),
    ];
    let named = (!service_name.is_empty()).then(|| own("service.name", service_name));
    for (name, value) in given.into_iter().chain(named) {
        match all.iter_mut().find(|(known, _)| *known == name) {
            Some((_, known)) => *known = value,
            None => all.push((name, value)),
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::{Settings, Texts};

    const TEXTS: Texts<'_> = Texts {
        endpoint: "http://127.0.0.1:4318",
        headers: "",
        service_name: "",
        resource_attributes: "",
        certificate: "",
    };

    fn name_of(texts: Texts<'_>) -> String {
        let Settings { resource, .. } = Settings::read(texts).expect("settings");
        let mut names = resource.iter().filter(|(name, _)| name == "service.name");
        let (_, name) = names.next().expect("a name");
        assert!(names.next().is_none());
        name.clone()
    }

    #[test]
    fn the_name_of_the_service_is_the_one_that_was_given() {
        let resource_attributes = "service.name=of%20attributes,region=x";
        assert_eq!(name_of(TEXTS), "unknown_service:monodon");
        let texts = Texts {
            resource_attributes,
            ..TEXTS
        };
        assert_eq!(name_of(texts), "of attributes");
        let texts = Texts {
            service_name: "shop",
            ..texts
        };
        assert_eq!(name_of(texts), "shop");
    }

    #[test]
    fn what_is_wrong_is_named_without_secrets() {
        for (texts, option) in [
            (
                Texts {
                    endpoint: "c:1",
                    ..TEXTS
                },
                "otlp-endpoint",
            ),
            (
                Texts {
                    headers: "secret",
                    ..TEXTS
                },
                "otlp-headers",
            ),
            (
                Texts {
                    headers: "a b=secret",
                    ..TEXTS
                },
                "otlp-headers",
            ),
            (
                Texts {
                    headers: "a=secret%0d",
                    ..TEXTS
                },
                "otlp-headers",
            ),
            (
                Texts {
                    resource_attributes: "x",
                    ..TEXTS
                },
                "otlp-resource-attributes",
            ),
            (
                Texts {
                    endpoint: "https://c",
                    certificate: "/there/is/none",
                    ..TEXTS
                },
                "otlp-certificate",
            ),
            (
                Texts {
                    endpoint: "https://c",
                    certificate: "Cargo.toml",
                    ..TEXTS
                },
                "otlp-certificate",
            ),
        ] {
            let Err(wrong) = Settings::read(texts) else {
                panic!("{option} is taken");
            };
            assert_eq!(wrong.option, option);
            assert!(!wrong.why.contains("secret"), "{}", wrong.why);
        }
    }
}
