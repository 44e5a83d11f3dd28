//! What a history says of a number that another tool has used: when it was first sent, and what became
//! of it. Nothing is guessed: a first send that is too late would let a number be submitted beyond its
//! window.

use chrono::{DateTime, FixedOffset, NaiveDateTime};

use crate::clock::WallMs;
use crate::order::{NameFault, Resolution};

/// What a first send must look like.
pub(super) const TIME_HINT: &str = "give it as 2026-03-02T08:00:00+08:00, or as 2026-03-02 08:00:00 \
    in China's time";
/// Characters of a change number.
const CHANGE_NO_CHARS_MAX: usize = 64;
const CHINA_SECONDS: i32 = 8 * 3600;

/// A first send: RFC 3339, or date and time in China's time; not after `now`. Else what is wrong, and
/// what may be done.
pub fn time(text: &str, now: WallMs) -> Result<WallMs, (&'static str, &'static str)> {
    if text.is_empty() {
        let hint = "take it from the other tool's log: it says until when the number is asked for again, \
                    and from when on a failed one may be issued anew. Leave the row out where it is lost";
        return Err(("must be given", hint));
    }
    let china = FixedOffset::east_opt(CHINA_SECONDS).expect("eight hours");
    let local = |text: &str| {
        let time = NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S").ok()?;
        // As it is written: chrono takes `2026-3-2` as well.
        let same = time.format("%Y-%m-%d %H:%M:%S").to_string() == text;
        let time = time.and_local_timezone(china).single()?;
        same.then_some(time)
    };
    let read = DateTime::parse_from_rfc3339(text)
        .ok()
        .or_else(|| local(text));
    let Some(read) = read else {
        return Err(("is no time", TIME_HINT));
    };
    let at = WallMs(read.timestamp_millis());
    match at > now {
        true => Err((
            "lies in the future",
            "check the time and its zone; nothing can have been sent then",
        )),
        false => Ok(at),
    }
}

/// What the other tool called it: deducted, failed, or not known (`Some(None)`); `None` for no word.
pub(super) fn outcome(text: &str) -> Option<Option<Resolution>> {
    match text.to_uppercase().as_str() {
        "SUCCESS" | "成功" => Some(Some(Resolution::Success)),
        "FAILED" | "CLOSED" | "失败" | "已关闭" => Some(Some(Resolution::Failed)),
        "" | "UNKNOWN" | "PROCESSING" | "未知" | "处理中" => Some(None),
        _ => None,
    }
}

/// A change number: visible characters of one line.
pub(super) fn change_no(text: &str) -> Result<String, NameFault> {
    match text {
        _ if text.chars().count() > CHANGE_NO_CHARS_MAX => Err("has more than 64 characters"),
        _ if !text.bytes().all(|b| b.is_ascii_graphic()) => Err("must be visible ASCII"),
        _ => Ok(text.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: WallMs = WallMs(1_772_409_600_000);

    #[test]
    fn l4_a_first_send_is_read_as_it_is_written_or_not_at_all() {
        for (text, want) in [
            ("2026-03-02T08:00:00+08:00", Some(NOW.0)),
            ("2026-03-02T00:00:00Z", Some(NOW.0)),
            ("2026-03-02 08:00:00", Some(NOW.0)),
            (
                "2026-03-01T08:00:00.250+08:00",
                Some(NOW.0 - 86_400_000 + 250),
            ),
            ("2026-03-02 08:00:01", None),
            ("2026-03-02T00:00:01Z", None),
            ("2026-3-2 08:00:00", None),
            ("2026/03/02 08:00:00", None),
            ("2026-03-02 08:00", None),
            ("2026-03-02", None),
            ("02.03.2026 08:00:00", None),
            ("46083.3333", None),
            ("1772409600", None),
            ("2026-02-30 08:00:00", None),
            ("2026-03-02T08:00:00", None),
            ("", None),
        ] {
            let found = time(text, NOW).ok().map(|at| at.0);
            assert_eq!(found, want, "{text}");
        }
    }

    #[test]
    fn an_outcome_is_one_of_a_few_words() {
        use Resolution::{Failed, Success};
        for (text, want) in [
            ("SUCCESS", Some(Some(Success))),
            ("success", Some(Some(Success))),
            ("成功", Some(Some(Success))),
            ("FAILED", Some(Some(Failed))),
            ("CLOSED", Some(Some(Failed))),
            ("失败", Some(Some(Failed))),
            ("UNKNOWN", Some(None)),
            ("PROCESSING", Some(None)),
            ("处理中", Some(None)),
            ("", Some(None)),
            ("OK", None),
            ("1", None),
            ("NOT SUCCESS", None),
        ] {
            assert_eq!(outcome(text), want, "{text}");
        }
    }
}
