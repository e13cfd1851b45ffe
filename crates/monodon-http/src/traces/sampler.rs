//! Which requests are exported: the samplers of OpenTelemetry, by its names.

use monodon_otlp::TraceId;

use crate::options::Options;
use crate::start_error::StartError;
use crate::trace_context::Context;

/// Decides whether a request is exported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sampler {
    /// A client that has decided decides for the server, too.
    heeds_parent: bool,
    /// A trace is exported whose random number is this at least.
    threshold: u64,
}

/// The random number of a trace is the last 56 bits of its id, as in W3C Trace Context level 2: so all who
/// sample with one ratio sample the same traces.
const RANDOM_BITS: u32 = 56;
const NONE: u64 = 1 << RANDOM_BITS;

impl Sampler {
    /// # Errors
    /// [`StartError`] for a name that is not known, and a ratio that is none.
    pub(crate) fn parse(options: &Options) -> Result<Self, StartError> {
        let name = options.otlp_sampler.as_str();
        let (heeds_parent, kind) = match name.strip_prefix("parentbased_") {
            Some(kind) => (true, kind),
            None => (false, name),
        };
        let threshold = match kind {
            "always_on" => 0,
            "always_off" => NONE,
            "traceidratio" => threshold(&options.otlp_sample_ratio)?,
            _ => {
                return Err(StartError::Option {
                    option: "otlp-sampler",
                    value: name.to_owned(),
                    why: "allowed: always_on, always_off, traceidratio, or one of these after parentbased_"
                        .to_owned(),
                });
            }
        };
        Ok(Self {
            heeds_parent,
            threshold,
        })
    }

    pub(super) fn samples(self, trace: TraceId, parent: Option<Context>) -> bool {
        match parent {
            Some(parent) if self.heeds_parent => parent.is_sampled(),
            _ => u128::from_be_bytes(trace.0) as u64 % NONE >= self.threshold,
        }
    }
}

#[allow(
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "a ratio is from 0 to 1, and the threshold within 53 bits of it"
)]
fn threshold(ratio: &str) -> Result<u64, StartError> {
    match ratio.parse::<f64>() {
        Ok(ratio) if (0.0..=1.0).contains(&ratio) => Ok(((1.0 - ratio) * NONE as f64) as u64),
        _ => Err(StartError::Option {
            option: "otlp-sample-ratio",
            value: ratio.to_owned(),
            why: "it is no number from 0 to 1".to_owned(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use monodon_otlp::{Ids, SpanId};

    use super::Sampler;
    use crate::options::Options;
    use crate::trace_context::Context;

    fn sampler(name: &str, ratio: &str) -> Result<Sampler, String> {
        let options = Options {
            otlp_sampler: name.to_owned(),
            otlp_sample_ratio: ratio.to_owned(),
            ..Options::default()
        };
        Sampler::parse(&options).map_err(|error| error.to_string())
    }

    /// How many of 10 000 traces are sampled that have no parent, one that is sampled, and one that is not.
    fn sampled(name: &str, ratio: &str) -> [usize; 3] {
        let sampler = sampler(name, ratio).expect(name);
        let mut ids = Ids::new();
        let traces: Vec<_> = (0..10_000).map(|_| ids.trace()).collect();
        [None, Some(1), Some(0)].map(|flags| {
            let parent = |trace| {
                let span = SpanId([1; 8]);
                flags.map(|flags| Context { trace, span, flags })
            };
            let is_taken = |trace| sampler.samples(trace, parent(trace));
            traces.iter().filter(|trace| is_taken(**trace)).count()
        })
    }

    #[test]
    fn parents_are_heeded_where_that_is_said() {
        for (name, ratio, expected) in [
            ("always_on", "0", [10_000, 10_000, 10_000]),
            ("always_off", "1", [0, 0, 0]),
            ("traceidratio", "1", [10_000, 10_000, 10_000]),
            ("traceidratio", "0", [0, 0, 0]),
            ("parentbased_always_on", "0", [10_000, 10_000, 0]),
            ("parentbased_always_off", "1", [0, 10_000, 0]),
            ("parentbased_traceidratio", "0", [0, 10_000, 0]),
            ("parentbased_traceidratio", "1.0", [10_000, 10_000, 0]),
        ] {
            assert_eq!(sampled(name, ratio), expected, "{name} {ratio}");
        }
    }

    #[test]
    fn a_ratio_is_that_of_the_traces() {
        let [none, yes, no] = sampled("traceidratio", "0.25");
        // Ten standard deviations of 43.
        assert!(none.abs_diff(2_500) < 430, "{none}");
        assert_eq!((yes, no), (none, none));
    }

    #[test]
    fn what_is_no_sampler_is_refused() {
        let error = sampler("jaeger_remote", "1").expect_err("it is none");
        assert!(error.starts_with("--otlp-sampler is"), "{error}");
        for ratio in ["", "2", "-0.1", "NaN", "endpoint=http://x"] {
            let error = sampler("traceidratio", ratio).expect_err(ratio);
            assert!(error.starts_with("--otlp-sample-ratio is"), "{error}");
            assert!(sampler("always_on", ratio).is_ok());
        }
    }
}
