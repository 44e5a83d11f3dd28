use super::judge::{Asked, clock, free_space, signed_request};
use super::*;
use crate::clock::WallMs;
use crate::gateway::reply::{Body, Checked, ErrorReply, Lost, Reply, SignatureFault};
use crate::gateway::{Certificate, KeyPart, certificate};

const DAY_MS: i64 = 24 * 60 * 60 * 1000;

fn merchant_certificate() -> Certificate {
    let path = format!(
        "{}/fixtures/keys/merchant_cert.pem",
        env!("CARGO_MANIFEST_DIR")
    );
    certificate(KeyPart::Certificate, &std::fs::read(path).unwrap()).unwrap()
}

#[test]
fn a_certificate_is_judged_by_the_days_that_are_left() {
    let told = merchant_certificate();
    for (now, level, says) in [
        (told.from.plus_ms(-1), Level::Fail, "not valid before"),
        (told.from, Level::Ok, "days left"),
        (
            told.until.plus_ms(-30 * DAY_MS),
            Level::Ok,
            ": 30 days left",
        ),
        (
            told.until.plus_ms(-30 * DAY_MS + 1),
            Level::Warn,
            ": 29 days left",
        ),
        (told.until, Level::Warn, ": 0 days left"),
        (told.until.plus_ms(1), Level::Fail, "expired on"),
    ] {
        let check = judge::certificate("merchant certificate", "x.pem", &told, now, "get another");
        assert_eq!(check.level, level, "{}", check.found);
        assert!(check.found.contains(says), "{}", check.found);
        assert!(check.found.contains(&told.serial), "{}", check.found);
        assert_eq!(check.advice.is_some(), level != Level::Ok);
        assert_eq!(check.blame, Blame::Ours);
    }
}

#[test]
fn a_clock_is_warned_of_from_a_minute_on_and_no_good_beyond_five() {
    let date = WallMs(1_790_000_000_000);
    for (off_s, level, says) in [
        (0, Level::Ok, "within a second"),
        (60, Level::Ok, "60 s ahead"),
        (-60, Level::Ok, "60 s behind"),
        (61, Level::Warn, "61 s ahead"),
        (300, Level::Warn, "300 s ahead"),
        (301, Level::Fail, "301 s ahead"),
        (-301, Level::Fail, "301 s behind"),
    ] {
        let now = date.plus_ms(off_s * 1000 + 500);
        let check = clock(now.plus_ms(-40), now.plus_ms(40), date);
        assert_eq!(check.level, level, "{off_s}");
        assert!(check.found.contains(says), "{off_s}: {}", check.found);
        assert_eq!(check.blame == Blame::Ours, level == Level::Fail);
    }
}

#[test]
fn room_is_judged_by_what_a_night_may_need() {
    for (bytes, level) in [
        (0, Level::Fail),
        (judge::FREE_BYTES_MIN - 1, Level::Fail),
        (judge::FREE_BYTES_MIN, Level::Warn),
        (judge::FREE_BYTES_WARNED, Level::Ok),
        (u64::MAX, Level::Ok),
    ] {
        assert_eq!(free_space(bytes).level, level, "{bytes}");
    }
}

fn reply(status: u16, code: &str) -> Reply {
    let error = ErrorReply {
        code: code.into(),
        message: "words".into(),
        ..ErrorReply::default()
    };
    Reply {
        status,
        request_id: None,
        retry_after_seconds: None,
        body: Body::Error(error),
    }
}

#[test]
fn what_nobody_signed_proves_nothing_and_whose_fault_it_is_tells_the_exit() {
    let ill = |fault| Checked::IllSigned {
        reply: reply(200, ""),
        fault,
    };
    let unknown = SignatureFault::UnknownSerial {
        got: "AB12".into(),
        held: vec!["PUB_KEY_ID_1".into()],
    };
    let new_public = SignatureFault::UnknownSerial {
        got: "PUB_KEY_ID_2".into(),
        held: vec!["PUB_KEY_ID_1".into()],
    };
    for (checked, blame, says) in [
        (
            Checked::Unsigned(reply(401, "SIGN_ERROR")),
            Blame::Ours,
            "401 SIGN_ERROR: words",
        ),
        (
            Checked::Unsigned(reply(404, "RESOURCE_NOT_EXISTS")),
            Blame::Gateway,
            "--probe",
        ),
        (
            Checked::Unsigned(reply(200, "")),
            Blame::Gateway,
            "without a signature",
        ),
        (
            Checked::Unsigned(reply(400, "PARAM_ERROR")),
            Blame::Gateway,
            "public_key_id, or certificate, is not the gateway's own",
        ),
        (
            Checked::Unsigned(reply(502, "X")),
            Blame::Gateway,
            "again later",
        ),
        (
            ill(SignatureFault::Mismatch),
            Blame::Ours,
            "another key than its id says",
        ),
        (ill(SignatureFault::Stale(900)), Blame::Ours, "clock"),
        (
            ill(SignatureFault::SeenBefore),
            Blame::Gateway,
            "seen before",
        ),
        (
            ill(unknown),
            Blame::Ours,
            "AB12, and held is PUB_KEY_ID_1: `levy keys fetch`",
        ),
        (ill(new_public), Blame::Ours, "download that public key"),
        (
            Checked::Lost(Lost::TimedOut),
            Blame::Gateway,
            "no answer in time",
        ),
        (
            Checked::NotSent("dns".into()),
            Blame::Gateway,
            "no connection: dns",
        ),
    ] {
        let check = signed_request(Asked::Certificates, &checked, None);
        let told = format!(
            "{} {}",
            check.found,
            check.advice.clone().unwrap_or_default()
        );
        assert!(told.contains(says), "{says}: {told}");
        assert_eq!((check.level, check.blame), (Level::Fail, blame), "{told}");
    }
}

fn findings(checks: Vec<Check>) -> Findings {
    Findings {
        checks,
        settings: vec![SettingLine {
            key: "merchant.mchid".into(),
            value: "1900000001".into(),
            origin: "levy.toml:2".into(),
            given: true,
        }],
    }
}

#[test]
fn what_is_wrong_on_this_side_goes_before_what_the_gateway_did_not_answer() {
    let ok = || Check::ok(Area::Keys, "a", "b");
    let warn = || Check::warn(Area::Keys, "a", "b");
    let ours = || Check::fail(Area::Ledger, "a", "b");
    let theirs = || Check::fail(Area::Gateway, "a", "b");
    for (checks, outcome, says) in [
        (vec![ok()], Outcome::Well, "all is well"),
        (vec![ok(), warn()], Outcome::Well, "ready, with 1 warning"),
        (
            vec![theirs(), warn(), warn()],
            Outcome::Unreached,
            "not ready: 1 thing is wrong, 2 warnings",
        ),
        (
            vec![theirs(), ours()],
            Outcome::Wrong,
            "not ready: 2 things are wrong, 0 warnings",
        ),
        (vec![theirs().ours()], Outcome::Wrong, "not ready"),
        (
            vec![Check::skip(Area::Gateway, "a", "b")],
            Outcome::Well,
            "all is well that was looked at",
        ),
    ] {
        let findings = findings(checks);
        assert_eq!(findings.outcome(), outcome, "{says}");
        assert!(
            findings.human(false).contains(says),
            "{}",
            findings.human(false)
        );
    }
}

#[test]
fn quiet_says_nothing_when_all_is_well() {
    assert_eq!(
        findings(vec![Check::ok(Area::Keys, "a", "b")]).human(true),
        ""
    );
    let looked_at_in_part = findings(vec![
        Check::ok(Area::Keys, "a", "b"),
        Check::skip(Area::Gateway, "all of it", "--offline"),
    ]);
    assert_eq!(looked_at_in_part.human(true), "");
    let one = findings(vec![
        Check::skip(Area::Gateway, "clock", "no host has told its time"),
        Check::ok(Area::Keys, "a", "b"),
        Check::warn(Area::Ledger, "space", "3 MiB free").advise("make room"),
    ]);
    let want = "ledger\n  warn  space: 3 MiB free\n        -> make room\nready, with 1 warning\n";
    assert_eq!(one.human(true), want);
}

#[test]
fn where_settings_came_from_stands_in_one_column_also_beside_a_path_that_is_too_wide() {
    let line = |key: &str, value: String| SettingLine {
        key: key.into(),
        value,
        origin: format!("levy.toml:{}", key.len()),
        given: true,
    };
    let long = format!("/srv/{}", "a".repeat(60));
    let findings = Findings {
        checks: vec![Check::ok(Area::Settings, "file", "levy.toml")],
        settings: vec![
            line("merchant.mchid", "1900000001".into()),
            line("ledger.url", long.clone()),
            line("gateway.base_url", "https://api.mch.weixin.qq.com".into()),
        ],
    };
    let text = findings.human(false);
    let lines: Vec<&str> = text.lines().collect();
    let at = lines.iter().filter_map(|line| line.find("levy.toml:"));
    let at: Vec<usize> = at.collect();
    assert_eq!(at, [at[0]; 3], "{text}");
    assert!(
        lines.contains(&format!("        ledger.url        {long}").as_str()),
        "{text}"
    );
}
