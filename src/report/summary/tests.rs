use super::*;
use crate::ledger::{BatchHead, BatchId, JournalHead};
use crate::order::Status;

fn batch() -> Batch {
    Batch {
        id: BatchId(3),
        head: BatchHead {
            digest: [7; 32],
            file: "night.csv".into(),
            header: vec!["mchid".into()],
            delimiter: b',',
        },
        rows: 1003,
        accepted_at: WallMs(1_769_817_600_000),
    }
}

fn totals() -> Totals {
    Totals {
        rows: 1003,
        by_status: vec![
            (Status::Success, 998, 12_345_600),
            (Status::Closed, 4, 123_400),
            (Status::Invalid, 1, 0),
        ],
        by_action: vec![
            (NextAction::None, 998),
            (NextAction::Reissue, 4),
            (NextAction::FixRow, 1),
        ],
        orders: 1001,
        deducted_fen: 12_345_500,
        open_fen: 0,
        dead_fen: 123_400,
        repeats: 1,
        unreadable_amounts: 1,
        attempts: 1009,
    }
}

fn summary<'a>(
    batch: &'a Batch,
    totals: &'a Totals,
    report: &'a RunReport,
    alerts: &'a [String],
) -> Summary<'a> {
    Summary {
        file: Some(Path::new("in/night.csv")),
        batch: Some(batch),
        totals: Some(totals),
        report: Some(report),
        reissued: None,
        expiring: None,
        never_sent: None,
        alerts,
        started_at: WallMs(1_769_817_600_000),
        finished_at: WallMs(1_769_817_612_345),
        journal_head: Some(JournalHead {
            entries: 3,
            hash: [0xAB; 32],
        }),
        result: Some(Path::new("in/night.result.csv")),
        failed: None,
        error: None,
        exit_code: 3,
    }
}

#[test]
fn a_summary_for_people_adds_up_and_says_what_to_do_next() {
    let (batch, totals) = (batch(), totals());
    let report = RunReport::default();
    let text = human(&summary(&batch, &totals, &report, &[]));
    assert_eq!(
        text,
        "\
in/night.csv: batch 3
  SUCCESS    998 rows  123,456.00 yuan
  CLOSED       4 rows    1,234.00 yuan
  INVALID      1 row         0.00 yuan
  in all   1,003 rows  124,690.00 yuan
1,001 orders, each once: 123,455.00 yuan deducted, 0.00 open, 1,234.00 dead
repeated: 1 row, whose order was there already; nothing is added by that
1 row with an amount that cannot be read, counted as 0.00
next: 4 rows REISSUE: proven dead, nothing deducted: `levy rerun` asks for it under a new number
next: 1 row FIX_ROW: mend the row as levy_note or levy_message says, and give it in a file
journal: 3:abababababababababababababababababababababababababababababababab
result: in/night.result.csv
"
    );
}

#[test]
fn every_reason_to_stop_names_the_setting_to_look_at() {
    let words = || "it said so".to_owned();
    for (stop, wanted) in [
        (Stop::Asked, vec!["signal"]),
        (Stop::Until, vec!["--until"]),
        (Stop::Frozen, vec!["frozen", "levy unfreeze", "levy status"]),
        (
            Stop::Unauthorized(words()),
            vec!["[merchant] mchid", "private_key", "clock", "it said so"],
        ),
        (
            Stop::Refusals("PARAM_ERROR".into()),
            vec!["PARAM_ERROR", "[platform] public_key_id"],
        ),
        (Stop::Stale(-400), vec!["400 s behind our clock"]),
        (Stop::Stale(400), vec!["400 s ahead of our clock"]),
        (
            Stop::Canary(words()),
            // Mostly it is the network.
            vec![
                "network and at [gateway] base_url, proxy and ca_file; where replies",
                "[platform]",
                "it said so",
            ],
        ),
        (
            Stop::Outage(words()),
            vec!["--outage-wait", "[gateway] base_url", "it said so"],
        ),
    ] {
        let report = RunReport {
            stop: Some(stop.clone()),
            ..RunReport::default()
        };
        let (batch, totals) = (batch(), totals());
        let text = human(&summary(&batch, &totals, &report, &[]));
        // With --quiet, and in a log of --json, there is nothing else to read.
        let value: Value =
            serde_json::from_str(&json(&summary(&batch, &totals, &report, &[]))).unwrap();
        let error = value["error"].as_str().unwrap();
        assert_eq!(error, wrong(&summary(&batch, &totals, &report, &[])));
        for part in wanted {
            assert!(text.contains(part), "{stop:?}: {text}");
            assert!(error.contains(part), "{stop:?}: {error}");
        }
    }
}

/// A worker that has nothing to do and is told to end.
#[test]
fn a_stop_that_leaves_nothing_to_do_is_no_error() {
    let report = RunReport {
        stop: Some(Stop::Asked),
        ..RunReport::default()
    };
    let (batch, totals) = (batch(), totals());
    let ended = |exit_code| Summary {
        exit_code,
        ..summary(&batch, &totals, &report, &[])
    };
    let words = "stopped: by a signal; nothing that was sent is lost";
    assert_eq!(told_to_end(&ended(0)).as_deref(), Some(words));
    assert_eq!(wrong(&ended(0)), "");
    let value: Value = serde_json::from_str(&json(&ended(0))).unwrap();
    assert!(value["error"].is_null(), "{value}");
    assert!(human(&ended(0)).contains(words));
    assert_eq!(
        (told_to_end(&ended(4)), wrong(&ended(4))),
        (None, words.into())
    );
}

#[test]
fn alerts_and_stopped_lanes_are_listed_up_to_a_limit() {
    let alerts: Vec<String> = (0..25).map(|n| format!("order {n} is odd")).collect();
    let report = RunReport {
        stopped_lanes: vec![("1900016681".into(), "NO_AUTH".into())],
        clock_skew_ms: Some(-90_000),
        ..RunReport::default()
    };
    let (batch, totals) = (batch(), totals());
    let text = human(&summary(&batch, &totals, &report, &alerts));
    assert!(
        text.contains("alert: order 19 is odd\nalert: and 5 more\n"),
        "{text}"
    );
    assert!(
        text.contains("merchant stopped: 1900016681: NO_AUTH\n"),
        "{text}"
    );
    assert_eq!(
        wrong(&summary(&batch, &totals, &report, &alerts)),
        "merchant stopped: 1900016681: NO_AUTH"
    );
    assert!(
        text.contains("clock is 90 s ahead of the gateway's"),
        "{text}"
    );
}

#[test]
fn json_has_exactly_the_keys_of_the_specification() {
    let (batch, totals) = (batch(), totals());
    let report = RunReport::default();
    let alerts = ["one".to_owned()];
    let line = json(&summary(&batch, &totals, &report, &alerts));
    assert_eq!(
        line,
        "{\"batch\":\"3\",\"file\":\"in/night.csv\",\"rows\":1003,\
         \"by_status\":{\"CLOSED\":4,\"INVALID\":1,\"SUCCESS\":998},\
         \"orders\":{\"count\":1001,\"deducted\":12345500,\"open\":0,\"dead\":123400},\
         \"repeats\":1,\"unreadable_amounts\":1,\"attempts\":1009,\"expiring\":null,\"alerts\":[\"one\"],\
         \"started_at\":\"2026-01-31T08:00:00.000+08:00\",\
         \"finished_at\":\"2026-01-31T08:00:12.345+08:00\",\
         \"journal_head\":\"3:abababababababababababababababababababababababababababababababab\",\
         \"result\":\"in/night.result.csv\",\"exit_code\":3}"
    );
}

#[test]
fn a_refused_file_still_has_its_object() {
    let refused = Summary {
        file: Some(Path::new("bad.csv")),
        batch: None,
        totals: None,
        report: None,
        reissued: None,
        expiring: None,
        never_sent: None,
        alerts: &[],
        started_at: WallMs(0),
        finished_at: WallMs(1),
        journal_head: None,
        result: None,
        failed: None,
        error: Some("bad.csv: it is empty"),
        exit_code: 2,
    };
    let value: Value = serde_json::from_str(&json(&refused)).unwrap();
    assert_eq!(value["error"], "bad.csv: it is empty");
    assert_eq!(value["exit_code"], 2);
    assert_eq!(value["rows"], Value::Null);
    assert_eq!(value["alerts"], Value::Array(vec![]));
    assert_eq!(human(&refused), "bad.csv:\nerror: bad.csv: it is empty\n");
}

#[test]
fn what_was_issued_again_and_whose_window_ends_is_told() {
    use crate::order::{OrderNo, State};
    let no = |text: &str| OrderNo::parse(text).unwrap();
    let tally = Tally {
        issued: 3,
        issued_fen: 650,
        held: 1,
        held_fen: 100,
        kept: vec![
            (no("N1"), Kept::NumberTaken(no("LVX"))),
            (no("N2"), Kept::NoProof(State::Unknown)),
        ],
        kept_count: 3,
    };
    let expiring = Expiring {
        count: 7,
        first: vec![(no("N9"), WallMs(1_769_817_600_000))],
    };
    let (batch, totals, report) = (batch(), totals(), RunReport::default());
    let summary = Summary {
        file: None,
        reissued: Some(&tally),
        expiring: Some(&expiring),
        ..summary(&batch, &totals, &report, &[])
    };
    let text = human(&summary);
    for line in [
        "night.csv: batch 3\n",
        "3 issued again under new numbers, 6.50 yuan\n",
        "1 more held, 1.00 yuan: ",
        "not issued again: N1 would get the number LVX, which is another order's\n",
        "not issued again: N2 is UNKNOWN, and no verified answer proves it dead\n",
        "not issued again: and 1 more\n",
        "window: 7 open orders are within 5 days of ",
        "N9 (until 2026-03-01T08:00:00.000+08:00), and 6 more: `levy resume`",
    ] {
        assert!(text.contains(line), "{line}\n{text}");
    }
    let value: Value = serde_json::from_str(&json(&summary)).unwrap();
    assert_eq!(value["file"], Value::Null);
    assert_eq!(
        value["reissued"],
        serde_json::json!({"issued": 3, "issued_fen": 650, "held": 1, "held_fen": 100, "kept": 3})
    );
    assert_eq!(
        value["expiring"],
        serde_json::json!({"count": 7, "first": ["N9"]})
    );
    assert_eq!(windows(&Expiring::default()), None);
}
