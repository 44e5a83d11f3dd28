//! What the fuzz targets assert: one function for each target, from bytes to a panic or nothing.
//!
//! The targets call them under libFuzzer; `tests/it/corpus.rs` replays the saved corpora through
//! them on every `cargo test`. They know levy's public interface only, and count for themselves.

pub mod configuration;
pub mod csv_rows;
pub mod keys;
pub mod reply;
pub mod result_round_trip;

/// Letters and digits in a row that may be an account: as long as the shortest one that is masked.
const ACCOUNT_LIKE_CHARS_MIN: usize = 12;

/// Whether a text shows a whole run of letters and digits of `source` that may be an account.
fn shows_an_account(shown: &str, source: &str) -> Option<String> {
    source
        .split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|run| run.len() >= ACCOUNT_LIKE_CHARS_MIN)
        .filter(|run| run.bytes().any(|b| b.is_ascii_digit()))
        .find(|run| shown.contains(run))
        .map(str::to_owned)
}
