use std::collections::VecDeque;
use std::task::Waker;

use super::*;

/// A body of what was prepared; `Pending` where there is none.
type Script = VecDeque<Polled<Bytes>>;

fn piece(text: &[u8]) -> Polled<Bytes> {
    Poll::Ready(Some(Ok(Frame::data(Bytes::copy_from_slice(text)))))
}

const END: Polled<Bytes> = Poll::Ready(None);

fn plan(size: Option<u64>, at_any_cost: bool) -> Plan {
    Plan {
        coding: Coding::Gzip,
        level: 6,
        size,
        min_size: if at_any_cost { 0 } else { 1024 },
        at_any_cost,
    }
}

fn begin_with(plan: &Plan, script: &mut Script) -> Begun<Bytes> {
    let codecs = Rc::new(Codecs::default());
    let mut cx = Context::from_waker(Waker::noop());
    begin(plan, &codecs, &mut cx, |_| {
        script.pop_front().unwrap_or(Poll::Pending)
    })
    .unwrap()
}

fn inflate(coded: &[u8]) -> Vec<u8> {
    let mut plain = Vec::new();
    std::io::Read::read_to_end(&mut flate2::read::GzDecoder::new(coded), &mut plain).unwrap();
    plain
}

/// Text that gets smaller, but not small.
fn prose(bytes: usize) -> Vec<u8> {
    (0u64..)
        .flat_map(|n| {
            n.wrapping_mul(0x9e37_79b9_7f4a_7c15)
                .to_string()
                .into_bytes()
        })
        .take(bytes)
        .collect()
}

#[test]
fn a_body_that_is_all_here_and_small_stays_as_it_is() {
    let mut script = Script::from([piece(b"hello "), piece(b"world"), END]);
    match begin_with(&plan(None, false), &mut script) {
        Begun::Plain(text) => assert_eq!(&text[..], b"hello world"),
        _ => panic!("it was compressed"),
    }
}

#[test]
fn a_body_that_would_get_no_smaller_stays_as_it_is() {
    let mut noise = vec![0; 2000];
    let mut state = 1u64;
    for byte in &mut noise {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        *byte = (state >> 33) as u8;
    }
    let mut script = Script::from([piece(&noise), END]);
    assert!(matches!(
        begin_with(&plan(Some(2000), false), &mut script),
        Begun::Plain(_)
    ));
    let mut script = Script::from([piece(&noise), END]);
    assert!(matches!(
        begin_with(&plan(Some(2000), true), &mut script),
        Begun::Whole(_)
    ));
}

#[test]
fn a_body_of_some_kilobytes_is_compressed_at_once() {
    let text = prose(4000);
    let mut script = Script::from([piece(&text), END]);
    match begin_with(&plan(Some(4000), false), &mut script) {
        Begun::Whole(coded) => assert_eq!(inflate(&coded), text),
        _ => panic!("it was not compressed at once"),
    }
}

#[test]
fn a_body_that_goes_on_is_compressed_however_small_its_beginning() {
    for script in [Script::new(), Script::from([piece(b"data: 1\n\n")])] {
        let mut script = script;
        let begun = begin_with(&plan(None, false), &mut script);
        assert!(matches!(begun, Begun::Stream(_)));
    }
}

/// Polls until there is a frame, an end or an error, or nothing to wait for but the body.
async fn next(
    encoder: &mut Encoder<Bytes>,
    script: &mut Script,
) -> Option<Option<Result<Frame<Bytes>, Fault>>> {
    std::future::poll_fn(|cx| {
        let polled = encoder.poll(cx, |_| script.pop_front().unwrap_or(Poll::Pending));
        match polled {
            Poll::Ready(polled) => Poll::Ready(Some(polled)),
            Poll::Pending if encoder.job.is_none() && !encoder.is_failing => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}

/// Everything that comes until the encoder waits for the body, or ends.
async fn drain(encoder: &mut Encoder<Bytes>, script: &mut Script) -> (Vec<u8>, Vec<&'static str>) {
    let (mut coded, mut rest) = (Vec::new(), Vec::new());
    loop {
        match next(encoder, script).await {
            None => {
                rest.push("waits");
                break;
            }
            Some(None) => {
                rest.push("end");
                break;
            }
            Some(Some(Err(Fault::Cut))) => {
                rest.push("cut");
                break;
            }
            Some(Some(Err(Fault::Codec))) => rest.push("broken"),
            Some(Some(Ok(frame))) => match frame.into_data() {
                Ok(data) => {
                    assert!(!data.is_empty());
                    rest.push("data");
                    coded.extend_from_slice(&data);
                }
                Err(_) => rest.push("trailers"),
            },
        }
    }
    (coded, rest)
}

fn stream(script: &mut Script, size: Option<u64>) -> Box<Encoder<Bytes>> {
    match begin_with(&plan(size, false), script) {
        Begun::Stream(encoder) => encoder,
        _ => panic!("it is no stream"),
    }
}

fn inflate_some(coded: &[u8]) -> Vec<u8> {
    let mut plain = vec![0; 1 << 20];
    let mut count = 0;
    let mut reader = flate2::read::GzDecoder::new(coded);
    while let Ok(more @ 1..) = std::io::Read::read(&mut reader, &mut plain[count..]) {
        count += more;
    }
    plain.truncate(count);
    plain
}

#[tokio::test]
async fn what_is_at_hand_leaves_together_and_at_once() {
    let mut script = Script::from([piece(b"one "), piece(b"two "), Poll::Pending]);
    let mut encoder = stream(&mut script, None);
    let (mut coded, seen) = drain(&mut encoder, &mut script).await;
    assert_eq!(seen, ["data", "waits"]);
    assert_eq!(inflate_some(&coded), b"one two ");
    // Nothing new: nothing is sent.
    assert_eq!(drain(&mut encoder, &mut script).await.1, ["waits"]);
    script.extend([piece(b"three"), END]);
    let (more, seen) = drain(&mut encoder, &mut script).await;
    assert_eq!(seen, ["data", "end"]);
    coded.extend(more);
    assert_eq!(inflate(&coded), b"one two three");
}

#[tokio::test]
async fn a_large_body_is_compressed_in_steps_by_the_pool() {
    let text = prose(5 * STEP_BYTES + 17);
    let mut script = Script::from([piece(&text), END]);
    let mut encoder = stream(&mut script, Some(text.len() as u64));
    let mut coded = Vec::new();
    let mut steps = 0;
    while let Some(frame) = next(&mut encoder, &mut script).await.unwrap() {
        let Ok(frame) = frame else {
            panic!("it was cut")
        };
        coded.extend(frame.into_data().unwrap());
        steps += 1;
    }
    assert!(steps >= 5, "{steps}");
    assert!(encoder.is_end_stream());
    assert_eq!(inflate(&coded), text);
}

#[tokio::test]
async fn trailers_come_after_the_last_byte() {
    let trailers = || Poll::Ready(Some(Ok(Frame::trailers(HeaderMap::new()))));
    let mut script = Script::from([piece(b"text"), trailers()]);
    let mut encoder = stream(&mut script, None);
    let (coded, seen) = drain(&mut encoder, &mut script).await;
    assert_eq!(seen, ["data", "trailers", "end"]);
    assert_eq!(inflate(&coded), b"text");
}

#[tokio::test]
async fn a_body_that_breaks_off_is_no_whole_one() {
    let mut script = Script::from([piece(b"text"), Poll::Ready(Some(Err(BodyCut)))]);
    let mut encoder = stream(&mut script, None);
    let (coded, seen) = drain(&mut encoder, &mut script).await;
    assert_eq!(seen, ["data", "cut"]);
    assert_eq!(inflate_some(&coded), b"text");
    let end =
        std::io::Read::read_to_end(&mut flate2::read::GzDecoder::new(&coded[..]), &mut vec![]);
    assert!(end.is_err(), "the stream has an end");
}

#[tokio::test]
async fn an_encoder_that_cannot_go_on_cuts_the_body() {
    let codecs = Rc::new(Codecs::default());
    let plan = Plan {
        coding: Coding::Zstd,
        level: 3,
        // Which is not true.
        size: Some(5000),
        min_size: 0,
        at_any_cost: false,
    };
    let mut script = Script::from([piece(b"text"), Poll::Pending]);
    let mut cx = Context::from_waker(Waker::noop());
    let begun = begin(&plan, &codecs, &mut cx, |_| {
        script.pop_front().unwrap_or(Poll::Pending)
    });
    let Some(Begun::Stream(mut encoder)) = begun else {
        panic!("it is no stream");
    };
    assert_eq!(drain(&mut encoder, &mut script).await.1, ["data", "waits"]);
    script.push_back(END);
    let (_, seen) = drain(&mut encoder, &mut script).await;
    assert_eq!(seen, ["broken", "cut"]);
}
