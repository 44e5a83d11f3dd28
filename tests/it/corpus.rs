//! The saved corpora of the fuzz targets, replayed: what fuzzing has found once stays found.
//!
//! `tests/fuzz` has the targets; what they assert is in `tests/fuzz/src`, which this file shares.

use std::fs;
use std::path::Path;

#[path = "../fuzz/src/lib.rs"]
mod properties;

/// Files that a corpus has at most: it is replayed on every `cargo test`.
const FILES_MAX: usize = 300;
/// Bytes that a corpus has at most.
const CORPUS_BYTES_MAX: usize = 1024 * 1024;

/// Replays a corpus; at least one of its inputs must be there.
fn replay(name: &str, property: fn(&[u8])) {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/corpus");
    let mut paths: Vec<_> = fs::read_dir(directory.join(name))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    assert!(
        (1..=FILES_MAX).contains(&paths.len()),
        "{} files",
        paths.len()
    );
    let mut bytes_read = 0;
    for path in &paths {
        let bytes = fs::read(path).unwrap();
        bytes_read += bytes.len();
        if std::panic::catch_unwind(|| property(&bytes)).is_err() {
            panic!("{name}: does not hold for {}", path.display());
        }
    }
    assert!(bytes_read <= CORPUS_BYTES_MAX, "{bytes_read} bytes");
}

/// A corpus's own first bytes choose one of the eight; here each of its files is all of them.
#[test]
fn l7_every_kind_of_result_can_be_given_back() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/corpus");
    for entry in fs::read_dir(directory.join("result_round_trip")).unwrap() {
        let path = entry.unwrap().path();
        let mut bytes = fs::read(&path).unwrap();
        let Some(first) = bytes.first().copied() else {
            continue;
        };
        for look in 0..8 {
            bytes[0] = (first & 3) | (look << 2);
            let held = std::panic::catch_unwind(|| properties::result_round_trip::property(&bytes));
            assert!(held.is_ok(), "{look} of {}", path.display());
        }
    }
}

macro_rules! corpora {
    ($($name:ident: $claim:ident,)+) => {$(
        #[test]
        fn $claim() {
            replay(stringify!($name), properties::$name::property);
        }
    )+};
}

corpora! {
    csv_rows: every_row_is_seen_once_in_order_or_the_file_is_refused_at_a_place,
    configuration: settings_are_what_the_file_and_the_environment_say_or_an_error,
    keys: key_material_is_taken_in_any_dress_and_never_shown,
    reply: only_a_verified_200_that_names_the_order_settles_it,
    result_round_trip: a_result_that_is_given_back_is_the_input_that_it_was,
}
