use super::*;

fn parse(compress: &[&str], levels: &[&str]) -> Result<Option<Compression>, BadItem> {
    let owned = |items: &[&str]| items.iter().map(|&item| item.to_owned()).collect();
    Compression::parse(&Options {
        compress: owned(compress),
        compress_level: owned(levels),
        ..Options::default()
    })
}

#[test]
fn it_is_off_without_a_coding() {
    assert!(parse(&[], &["gzip=9"]).unwrap().is_none());
    assert!(parse(&["off"], &[]).unwrap().is_none());
}

#[test]
fn codings_keep_their_order_and_levels_that_are_not_named_their_default() {
    let compression = parse(&["gzip", "zstd", "gzip"], &["gzip=9"])
        .unwrap()
        .unwrap();
    assert_eq!(compression.preference, [Coding::Gzip, Coding::Zstd]);
    let levels = Coding::ALL.map(|coding| compression.level(coding));
    assert_eq!(levels, [3, 4, 9]);
}

#[test]
fn what_is_not_understood_is_named() {
    for (compress, levels, option, item) in [
        (&["gzip", "deflate"][..], &[][..], "compress", "deflate"),
        (&["gzip", "off"], &[], "compress", "off"),
        (&["gzip"], &["gzip"], "compress-level", "gzip"),
        (&["gzip"], &["gzip=0"], "compress-level", "gzip=0"),
        (&["gzip"], &["zstd=20"], "compress-level", "zstd=20"),
        (&["gzip"], &["br=12"], "compress-level", "br=12"),
        (&["gzip"], &["lz4=1"], "compress-level", "lz4=1"),
    ] {
        let bad = parse(compress, levels).err().unwrap();
        assert_eq!((bad.option, bad.item.as_str()), (option, item));
    }
}
