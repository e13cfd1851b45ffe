use super::{Folder, Reach, is_absence, walk};
use crate::files::mode::Mode;
use crate::files::scratch::Scratch;
use proptest::prelude::*;
use std::io::{self, Read};
use std::os::unix::fs::symlink;

fn content(file: io::Result<std::fs::File>) -> Option<String> {
    match file {
        Ok(mut file) => {
            let mut text = String::new();
            Some(
                file.read_to_string(&mut text)
                    .map_or("(folder)".to_owned(), |_| text),
            )
        }
        Err(error) => {
            assert!(is_absence(&error), "{error}");
            None
        }
    }
}

/// A root with every kind of symlink in it.
fn scene() -> (Scratch, Folder) {
    let scratch = Scratch::new();
    scratch.write("secret", "secret");
    scratch.write("root/a", "a");
    scratch.write("root/d/b", "b");
    let root = scratch.path("root");
    for (target, name) in [
        ("../secret", "out"),
        ("/etc/passwd", "absolute"),
        ("a", "in"),
        ("d/../d/b", "round"),
        ("../a", "d/up"),
        ("../../secret", "d/far"),
        ("loop", "loop"),
        ("d", "folder"),
        ("d/../..", "above"),
        ("missing", "dangling"),
    ] {
        symlink(target, root.join(name)).expect(name);
    }
    let folder = Folder::open(&root).expect("the root");
    (scratch, folder)
}

#[test]
fn symlinks_inside_are_followed_and_none_leaves() {
    let (_scratch, folder) = scene();
    for (name, expected) in [
        ("a", Some("a")),
        ("d/b", Some("b")),
        ("in", Some("a")),
        ("round", Some("b")),
        ("d/up", Some("a")),
        ("folder/b", Some("b")),
        ("folder/up", Some("a")),
        ("d", Some("(folder)")),
        (".", Some("(folder)")),
        ("out", None),
        ("absolute", None),
        ("d/far", None),
        ("loop", None),
        ("above", None),
        ("above/secret", None),
        ("dangling", None),
        ("missing", None),
        ("a/b", None),
    ] {
        let walked = content(walk(&folder.descriptor, name));
        assert_eq!(walked.as_deref(), expected, "{name}, step by step");
        let opened = content(folder.open_below(name, Mode::Wait));
        assert_eq!(opened.as_deref(), expected, "{name}");
    }
}

#[test]
fn a_folder_that_was_replaced_is_opened_anew() {
    let (scratch, folder) = scene();
    let root = scratch.path("root");
    assert!(folder.renewed(&root).is_none());
    std::fs::rename(&root, scratch.path("old")).expect("rename");
    assert!(folder.renewed(&root).is_none());
    scratch.write("root/a", "new");
    let renewed = folder.renewed(&root).expect("another folder");
    assert_eq!(
        content(renewed.open_below("a", Mode::Wait)).as_deref(),
        Some("new")
    );
}

#[test]
fn what_is_not_cached_is_not_waited_for_step_by_step() {
    let (_scratch, mut folder) = scene();
    folder.reach = Reach::Walk;
    let error = folder
        .open_below("a", Mode::Now)
        .expect_err("it would block");
    assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
    assert!(folder.open_below("a", Mode::Wait).is_ok());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn the_walk_opens_what_the_kernel_opens(
        links in proptest::collection::vec(("[abd]", "((\\.\\.|a|b|d|\\.)/){0,3}(a|b|d|\\.\\.)"), 0..5),
        names in proptest::collection::vec("([abd]/){0,3}[abd]", 1..8),
    ) {
        let (scratch, folder) = scene();
        for (name, target) in links {
            let _ = symlink(target, scratch.path("root").join("d").join(name));
        }
        for name in names {
            let walked = content(walk(&folder.descriptor, &name));
            let opened = content(folder.open_below(&name, Mode::Wait));
            prop_assert_eq!(walked, opened, "{}", name);
        }
    }
}
