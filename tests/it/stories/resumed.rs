//! What is still open the morning after, without a file.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::time::{Duration, Instant};

use super::house::{Boxed, House, row, statuses};

#[test]
fn resume_brings_what_was_sent_to_its_end_and_sends_nothing_that_was_not() {
    let house = Boxed::new();
    // The second order's replies are forged for as long as the first run asks.
    let script = "\"#sandbox post=bad-signature,bad-signature,bad-signature,bad-signature,\
                  bad-signature,bad-signature,success\"";
    house.file(
        "night.csv",
        &[
            row("N1", 1, 100, "case 1"),
            row("N2", 2, 200, script),
            row("N3", 3, 300, "case 3"),
        ],
    );
    let said = house.levy(&["run", "night.csv", "--quiet", "--limit", "2"]);
    assert_eq!(said.exit, 4, "{}", said.err);
    let shown = |house: &Boxed| statuses(&house.result("night.result.csv"));
    assert_eq!(
        shown(&house),
        ["SUCCESS NONE", "UNKNOWN RUN_AGAIN", "PENDING RUN_AGAIN"]
    );
    let said = house.levy(&["resume", "--json"]);
    assert_eq!(said.exit, 0, "{}", said.err);
    let told: serde_json::Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!(told["file"], serde_json::Value::Null);
    assert_eq!(told["batch"], serde_json::Value::Null);
    assert!(told["journal_head"].is_string(), "{}", told["journal_head"]);
    assert_eq!(told["by_status"], serde_json::json!({"SUCCESS": 1}));
    assert_eq!(told["orders"]["deducted"], 200);
    assert_eq!(
        told["expiring"],
        serde_json::json!({"count": 0, "first": []})
    );
    assert!(said.err.contains("open orders:\n"), "{}", said.err);
    assert_eq!(told["never_sent"], 1);
    assert!(!house.books().orders.contains_key("N3"));
    // Nothing is left to resume.
    let said = house.levy(&["resume", "--quiet"]);
    assert_eq!((said.exit, said.out.as_str()), (0, ""), "{}", said.err);
    // But for what its own file alone sends, which is said also where quiet was asked for.
    let never = "never sent: 1 order, which no resume sends: `levy run` with their own file: night.csv \
                 (batch 1)\n";
    assert!(said.err.ends_with(never), "{}", said.err);
    let status = house.levy(&["status"]).out;
    let next = "next: 1 order never sent: `levy run` with their own file: night.csv (batch 1)\n";
    assert!(status.contains(next), "{status}");
    // Asked for by its batch, the rest goes too.
    let said = house.levy(&["resume", "--batch", "1", "--out", "night.result.csv"]);
    assert_eq!(said.exit, 0, "{}", said.err);
    assert_eq!(shown(&house), ["SUCCESS NONE"; 3]);
}

#[test]
fn resume_ends_as_its_orders_do() {
    let house = Boxed::new();
    let closed = "\"#sandbox post=not-enough get=param-error,state\"";
    let forever = "\"#sandbox post=processing-forever\"";
    house.file(
        "night.csv",
        &[row("N1", 1, 100, closed), row("N2", 2, 200, forever)],
    );
    let said = house.levy(&["run", "night.csv", "--quiet", "--wait", "3"]);
    assert_eq!(said.exit, 4, "{}", said.err);
    let said = house.levy(&["resume", "--wait", "3"]);
    assert_eq!(said.exit, 4, "one stays PROCESSING: {}", said.err);
    let books = house.books();
    assert_eq!(books.orders.len(), 2);
    let said = house.levy(&["resume", "--wait", "3"]);
    assert_eq!(said.exit, 4, "{}", said.err);
    assert_eq!(
        house.books().orders["N1"],
        books.orders["N1"],
        "final orders are left alone"
    );
    for args in [
        &["resume", "--limit", "3"][..],
        &["resume", "--out", "x.csv"],
    ] {
        assert_eq!(house.levy(args).exit, 2, "{args:?}");
    }
    let nowhere = Boxed::new();
    let said = nowhere.levy(&["resume"]);
    assert_eq!(said.exit, 2, "{}", said.err);
    assert!(
        !nowhere.path(".levy-sandbox").exists(),
        "a question leaves nothing behind"
    );
}

#[test]
fn a_held_row_is_released_by_name_and_sent_by_the_same_command() {
    let house = House::with(1_000_000);
    let rows = [row("N1", 1, 100, "case 1"), row("N2", 1, 100, "case 1")];
    house.file("night.csv", &rows);
    let run = ["run", "night.csv", "--quiet", "--create-ledger"];
    assert_eq!(house.levy(&run).exit, 3);
    let shown = |house: &House| statuses(&house.result("night.result.csv"));
    assert_eq!(shown(&house), ["SUCCESS NONE", "HELD REVIEW"]);
    for bad in [
        &["--release", "N2"][..],
        &["--release", "N9", "--by", "Li Wei"],
    ] {
        let said = house.levy(&[&run[..], bad].concat());
        assert_eq!(said.exit, 2, "{}", said.err);
        assert_eq!(house.debited().len(), 1);
    }
    // Where nothing that was never sent is sent, a release sends nothing either.
    let said = house.levy(&["resume", "--release", "N2", "--by", "Li Wei"]);
    assert_eq!(said.exit, 0, "{}", said.err);
    assert!(
        said.err.contains("1 order released by Li Wei, 1.00 yuan"),
        "{}",
        said.err
    );
    assert_eq!(house.debited().len(), 1);
    let again = [
        "run",
        "night.csv",
        "--create-ledger",
        "--release",
        "N2,N1",
        "--by",
        "Li Wei",
    ];
    let said = house.levy(&again);
    assert_eq!(said.exit, 0, "{}", said.err);
    assert!(
        said.err.contains("not released: N2 is PENDING"),
        "{}",
        said.err
    );
    assert!(
        said.err.contains("not released: N1 is SUCCESS"),
        "{}",
        said.err
    );
    assert_eq!(
        house.debited(),
        [("N1".into(), 100), ("N2".into(), 100)].into()
    );
}

#[test]
fn l4_what_comes_near_its_windows_end_is_asked_for_first_and_told_at_the_end_of_every_run() {
    let house = Boxed::new();
    let rows: Vec<String> = (1..=4)
        .map(|n| {
            row(
                &format!("N{n}"),
                n,
                100,
                &format!("\"#sandbox post=processing-forever note={n}\""),
            )
        })
        .collect();
    house.file("night.csv", &rows);
    let wait = ["--wait", "0"];
    let said = house.levy(&[&["run", "night.csv", "--quiet"][..], &wait].concat());
    assert_eq!(
        (said.exit, said.err.contains("window:")),
        (4, false),
        "{}",
        said.err
    );
    house.sent_before("N3", 25);
    house.sent_before("N4", 40);
    house.sent_before("N2", 23);
    let asked = || -> Vec<String> {
        let arrivals = levy::sandbox::books::arrivals(&house.path(".levy-sandbox")).unwrap();
        arrivals.into_iter().map(|arrival| arrival.number).collect()
    };
    let before = asked().len();
    let said = house.levy(&[&["resume", "--json"][..], &wait].concat());
    assert_eq!(said.exit, 4, "{}", said.err);
    let mut near = asked().split_off(before);
    let rest = near.split_off(2);
    near.sort();
    assert_eq!(
        (near, rest.len()),
        (vec!["N3".to_owned(), "N4".into()], 2),
        "in a run before"
    );
    let told: serde_json::Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!(
        told["expiring"],
        serde_json::json!({"count": 2, "first": ["N4", "N3"]})
    );
    assert!(
        said.err.contains("window: 2 open orders are within 5 days"),
        "{}",
        said.err
    );
    // Another night's file says so too, even where nobody reads its summary.
    house.file("next.csv", &[row("M1", 9, 100, "case 9")]);
    let said = house.levy(&["run", "next.csv", "--quiet"]);
    assert_eq!(said.exit, 0, "{}", said.err);
    assert!(said.err.contains("window: 2 open orders"), "{}", said.err);
}

#[test]
fn l4_a_forged_date_of_2099_expires_nothing() {
    let mut house = House::with(1_000_000);
    house.file("night.csv", &[row("N1", 1, 100, "case 1")]);
    // Somebody answers in the gateway's place: unsigned, and from the year 2099.
    let forger = TcpListener::bind("127.0.0.1:0").unwrap();
    let real = std::fs::read_to_string(house.path("levy.toml")).unwrap();
    let base = format!("base_url = \"http://{}\"", forger.local_addr().unwrap());
    let forged: Vec<String> = real
        .lines()
        .map(|line| match line.starts_with("base_url") {
            true => base.clone(),
            false => line.to_owned(),
        })
        .collect();
    std::fs::write(house.path("levy.toml"), forged.join("\n")).unwrap();
    let mut run = house.spawn(&["run", "night.csv", "--create-ledger"]);
    let (mut stream, _) = forger.accept().unwrap();
    let mut request = [0; 16 * 1024];
    assert!(stream.read(&mut request).unwrap() > 0);
    let body = "{\"code\":\"SYSTEM_ERROR\",\"message\":\"\"}";
    let reply = format!(
        "HTTP/1.1 500 Error\r\nDate: Thu, 01 Jan 2099 00:00:00 GMT\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(reply.as_bytes()).unwrap();
    // Once it is recorded the run may go.
    let ledger = rusqlite::Connection::open(house.path("levy.db")).unwrap();
    let replies = || -> i64 {
        let count = ledger.query_row("SELECT count(*) FROM reply", [], |row| row.get(0));
        count.unwrap_or(0)
    };
    let began = Instant::now();
    while replies() == 0 {
        assert!(
            began.elapsed() < Duration::from_secs(60),
            "no reply was recorded"
        );
        std::thread::sleep(Duration::from_millis(10));
    }
    run.kill().unwrap();
    run.wait().unwrap();
    drop((stream, forger, ledger));
    std::fs::write(house.path("levy.toml"), real).unwrap();
    let said = house.levy(&["resume", "--json"]);
    assert_eq!(said.exit, 0, "{}", said.err);
    let told: serde_json::Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!(told["by_status"], serde_json::json!({"SUCCESS": 1}));
    // It was submitted again: its window is open.
    assert_eq!(house.debited(), [("N1".into(), 100)].into());
    let posts = house.books().orders["N1"].posts;
    assert_eq!((posts, house.books().orders["N1"].queries), (1, 0));
    house.close();
}
