use std::io::Read;

use proptest::prelude::*;

use super::*;

fn decode(coding: Coding, coded: &[u8]) -> Vec<u8> {
    let mut plain = Vec::new();
    match coding {
        Coding::Gzip => flate2::read::GzDecoder::new(coded)
            .read_to_end(&mut plain)
            .unwrap(),
        Coding::Br => brotli_decompressor::Decompressor::new(coded, 4096)
            .read_to_end(&mut plain)
            .unwrap(),
        Coding::Zstd => {
            plain.reserve(1 << 22);
            zstd_safe::decompress(&mut plain, coded).unwrap()
        }
    };
    plain
}

/// Whatever can be read before the end has come.
fn decode_so_far(coding: Coding, coded: &[u8]) -> Vec<u8> {
    let mut plain = vec![0; 1 << 20];
    let mut count = 0;
    match coding {
        Coding::Gzip => {
            let mut reader = flate2::read::GzDecoder::new(coded);
            while let Ok(more @ 1..) = reader.read(&mut plain[count..]) {
                count += more;
            }
        }
        Coding::Br => {
            let mut reader = brotli_decompressor::Decompressor::new(coded, 4096);
            while let Ok(more @ 1..) = reader.read(&mut plain[count..]) {
                count += more;
            }
        }
        Coding::Zstd => {
            let mut context = zstd_safe::DCtx::create();
            let mut out = OutBuffer::around(&mut plain[..]);
            let mut input = InBuffer::around(coded);
            while input.pos() < coded.len() {
                context.decompress_stream(&mut out, &mut input).unwrap();
            }
            count = out.pos();
        }
    }
    plain.truncate(count);
    plain
}

const LEVELS: [(Coding, i32); 9] = [
    (Coding::Zstd, 1),
    (Coding::Zstd, 3),
    (Coding::Zstd, 19),
    (Coding::Br, 0),
    (Coding::Br, 4),
    (Coding::Br, 9),
    (Coding::Gzip, 1),
    (Coding::Gzip, 6),
    (Coding::Gzip, 9),
];

fn any_step() -> impl Strategy<Value = (Vec<u8>, bool)> {
    let bytes = prop_oneof![
        prop::collection::vec(any::<u8>(), 0..3000),
        "[a-d]{0,5000}".prop_map(String::into_bytes),
        (any::<u8>(), 0..200_000usize).prop_map(|(byte, count)| vec![byte; count]),
    ];
    (bytes, any::<bool>())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// However a body is cut into steps, the client reads it whole; and at each flush all of it so far.
    #[test]
    fn what_goes_in_comes_out(steps in prop::collection::vec(any_step(), 0..6)) {
        for (coding, level) in LEVELS {
            let size = steps.iter().map(|(bytes, _)| bytes.len() as u64).sum();
            for size in [None, Some(size)] {
                let mut codec = Codec::new(coding, level, size).unwrap();
                let (mut out, mut all) = (Vec::new(), Vec::new());
                for (bytes, flushes) in &steps {
                    let step = if *flushes { Step::Flush } else { Step::Go };
                    codec.encode(bytes, step, &mut out).unwrap();
                    all.extend_from_slice(bytes);
                    if *flushes {
                        prop_assert!(decode_so_far(coding, &out) == all, "{coding:?} {level}");
                    }
                }
                codec.encode(&[], Step::Finish, &mut out).unwrap();
                prop_assert!(decode(coding, &out) == all, "{coding:?} {level}");
            }
        }
    }

    /// An encoder that has finished a body remembers nothing of it.
    #[test]
    fn a_renewed_encoder_is_as_good_as_new((bytes, _) in any_step(), (other, flushes) in any_step()) {
        for (coding, level) in LEVELS {
            let mut codec = Codec::new(coding, level, None).unwrap();
            let step = if flushes { Step::Flush } else { Step::Go };
            codec.encode(&other, step, &mut Vec::new()).unwrap();
            codec.encode(&other, Step::Finish, &mut Vec::new()).unwrap();
            let Some(mut renewed) = codec.renew(Some(bytes.len() as u64)) else {
                prop_assert_eq!(coding, Coding::Br);
                continue;
            };
            let mut out = Vec::new();
            renewed.encode(&bytes, Step::Finish, &mut out).unwrap();
            prop_assert!(decode(coding, &out) == bytes, "{coding:?} {level}");
        }
    }
}

/// It prints what each level costs: in a release build, the table of `docs/compression.md`.
#[test]
fn each_level_gives_the_body_back_and_makes_it_smaller() {
    let (bytes, rounds) = if cfg!(debug_assertions) {
        (8 * 1024, 1)
    } else {
        (100 * 1024, 10)
    };
    let body = list(bytes);
    for (coding, levels) in [
        (Coding::Zstd, 1..=19),
        (Coding::Br, 0..=11),
        (Coding::Gzip, 1..=9),
    ] {
        for level in levels {
            let mut best = std::time::Duration::MAX;
            let mut out = Vec::new();
            for _ in 0..rounds {
                let start = std::time::Instant::now();
                let mut codec = Codec::new(coding, level, Some(body.len() as u64)).unwrap();
                out.clear();
                codec.encode(&body, Step::Finish, &mut out).unwrap();
                best = best.min(start.elapsed());
            }
            assert!(decode(coding, &out) == body, "{coding:?} {level}");
            let percent = 100 * out.len() / body.len();
            assert!(percent < 60, "{coding:?} {level}: {percent} %");
            println!("{}={level}: {best:?}, {percent} %", coding.name());
        }
    }
}

/// JSON such as an API gives.
fn list(bytes: usize) -> Vec<u8> {
    let words = [
        "alpha", "order", "invoice", "paid", "shipped", "north", "customer", "pending",
    ];
    let mut state = 1u64;
    let mut random = |below: u64| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (state >> 33) % below
    };
    let mut list = String::from("[");
    while list.len() < bytes {
        let name = words[random(8) as usize];
        let (key, price, tag) = (random(1 << 30), random(100_000), words[random(8) as usize]);
        let (key, price) = (key.to_string(), price.to_string());
        let parts = [
            r#"{"name":""#,
            name,
            " ",
            tag,
            r#"","key":""#,
            &key,
            r#"","price":"#,
            &price,
        ];
        list.push_str(&parts.concat());
        list.push_str("},");
    }
    list.into_bytes()
}

#[test]
fn a_body_of_another_length_than_was_said_is_refused() {
    let mut codec = Codec::new(Coding::Zstd, 3, Some(10)).unwrap();
    let mut out = Vec::new();
    codec.encode(b"short", Step::Flush, &mut out).unwrap();
    assert!(codec.encode(&[], Step::Finish, &mut out).is_err());
}
