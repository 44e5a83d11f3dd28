//! The page by its text; `.ci/report` looks at it in a browser.

use super::*;
use crate::batch::{Language, Reader, Rules};
use crate::ledger::{
    BatchHead, HOLD_DAYS_DEFAULT, OrderId, Phase, Scope, SqliteLedger, StagedOrder, StagedRow,
    Totals, Write, Written,
};
use crate::order::{Asked, NextAction, Status, yuan};

const ACCOUNT: &str = "8609cb22e1774a50a930e414cc71eca06121bc";
const CARD: &str = "6222021234567890123";
const NOW: WallMs = WallMs(1_800_000_000_000);

fn ask(language: Language) -> Ask {
    Ask {
        language,
        now: NOW,
        environment: Environment::Real,
    }
}

/// A batch of this file, accepted by a ledger that vanishes.
fn accepted(name: &str, csv: &str) -> (SqliteLedger, Batch) {
    let mut ledger = SqliteLedger::scratch().unwrap();
    let mut reader = Reader::new(name, csv.as_bytes(), Rules::default()).unwrap();
    while let Some(row) = reader.next_row().unwrap() {
        let asked = match row.outcome {
            Ok(deduction) => Ok(StagedOrder {
                no: deduction.no,
                content: deduction.content,
                returned: deduction.returned,
                comeback: deduction.comeback,
                past: None,
            }),
            Err(faults) => Err(faults
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
                .join("; ")),
        };
        let staged = StagedRow {
            ordinal: row.ordinal,
            line: row.line,
            cells: row.cells,
            amount: row.amount,
            came_back_as: row.came_back_as,
            asked,
        };
        ledger.stage(&[staged]).unwrap();
    }
    let head = reader.finish().unwrap();
    let head = BatchHead {
        digest: head.digest,
        file: name.into(),
        header: head.header.cells,
        delimiter: head.header.delimiter,
    };
    let (batch, _) = ledger.accept(&head, NOW, HOLD_DAYS_DEFAULT).unwrap();
    (ledger, batch)
}

fn html(name: &str, rows: &[String], language: Language) -> (String, Totals) {
    let header = "mchid,bal_account_no,card_no,out_request_no,reduction_type,amount,reason";
    let csv = format!("{header}\n{}\n", rows.join("\n"));
    let (mut ledger, batch) = accepted(name, &csv);
    let totals = ledger.totals(batch.id).unwrap();
    let (page, shown) = page(&mut ledger, &batch, &ask(language)).unwrap();
    assert_eq!(shown.rows, batch.rows);
    (page, totals)
}

fn row(number: &str, amount: u64, reason: &str) -> String {
    let reason = reason.replace('"', "\"\"");
    format!("1900016681,{ACCOUNT},{CARD},{number},JUDICIAL_DEDUCTION,{amount},\"{reason}\"")
}

/// The page without its own style and script.
fn without_own(page: &str) -> String {
    let css = include_str!("page.css");
    let js = include_str!("page.js");
    assert_eq!(
        (page.matches(css).count(), page.matches(js).count()),
        (1, 1)
    );
    page.replace(css, "").replace(js, "")
}

/// The page with what a person types as plain text.
fn told(page: &str) -> String {
    page.replace("<code>", "").replace("</code>", "")
}

fn rows() -> Vec<String> {
    vec![
        row("N1", 123_456, "case 1"),
        row("N2", 7, "case 2"),
        row("N1", 123_456, "case 1"),
        row("N3", 9, "case 2 "),
        row("N4", 5, "one"),
        row("N4", 6, "two"),
        row("N5", 7, "Case 2."),
        row("N6", 0, "nothing"),
    ]
}

#[test]
fn l7_every_status_of_a_batch_is_told_and_the_sums_are_those_of_the_result() {
    for language in [Language::English, Language::Chinese] {
        let (page, totals) = html("night.csv", &rows(), language);
        assert_eq!(totals.by_status.len(), 4);
        for (status, rows, fen) in &totals.by_status {
            let word = match language {
                Language::English => status.as_str(),
                Language::Chinese => status.chinese(),
            };
            let line = page
                .lines()
                .find(|line| line.starts_with("<tr><td class=\"word") && line.contains(word))
                .unwrap();
            assert!(
                line.contains(&format!("<td class=\"n\">{rows}</td>")),
                "{line}"
            );
            assert!(line.contains(&yuan(*fen)), "{line}");
        }
        assert!(page.contains(&yuan(totals.open_fen)));
        let lines = page.matches("<tr data-status=").count();
        assert_eq!(lines as u64, totals.rows, "every row once");
        let lang = page.contains("<html lang=\"zh-CN\">");
        assert_eq!(lang, language == Language::Chinese);
    }
}

#[test]
fn those_that_need_a_person_come_first_with_what_to_do() {
    let (page, _) = html("night.csv", &rows(), Language::English);
    let first = |status: Status| page.find(&format!("<tr data-status=\"{status}\"")).unwrap();
    for status in [Status::Invalid, Status::Conflict, Status::Held] {
        assert!(first(status) < first(Status::Pending), "{status}");
    }
    for action in [NextAction::FixRow, NextAction::Review, NextAction::RunAgain] {
        let words = crate::report::summary::step(action).unwrap();
        assert!(told(&page).contains(words), "{words}");
    }
    let held = crate::report::status::HELD_STEP.replace('`', "");
    assert!(told(&page).contains(&held));
}

#[test]
fn l8_no_account_or_card_is_on_the_page_wherever_it_stood() {
    let mut rows = rows();
    rows.push(row("N7", 70, &format!("to {ACCOUNT} and {CARD}")));
    rows.push(row("N8", 71, &format!("from {}", "9".repeat(19))));
    // Columns that are shifted by one, and a card where a number belongs.
    rows.push(format!(
        "{ACCOUNT},{CARD},N9,1900016681,JUDICIAL_DEDUCTION,1,x"
    ));
    rows.push(format!(
        "1900016681,,{ACCOUNT},{CARD},{ACCOUNT},{CARD},{ACCOUNT}"
    ));
    let (page, _) = html("night.csv", &rows, Language::English);
    let page = without_own(&page);
    for secret in [ACCOUNT, CARD, &"9".repeat(19)] {
        assert!(!page.contains(secret), "{secret}");
        assert!(!page.contains(&secret[..12]), "{secret}");
    }
    assert!(page.contains("8609…21bc") && page.contains("6222…0123"));
    assert!(page.contains("<td class=\"id\" data-name=\"Number\"><bdi>N7</bdi>"));
}

#[test]
fn hostile_texts_are_texts() {
    let hostile = [
        "<script>alert(1)</script>",
        "\"><img src=x onerror=alert(1)>",
        "' onmouseover='alert(1)",
        "</style></title><svg/onload=alert(1)>",
        "<!-- --><base href=//evil>",
        "{{ 7*7 }} {% raw %}",
        "javascript:alert(1)",
        "abc\u{202e}fdp.exe\u{2066}\u{200f}",
    ];
    let mut rows: Vec<String> = (0..)
        .zip(hostile)
        .map(|(n, text)| row(&format!("H{n}"), n + 1, text))
        .collect();
    rows.push(row("H8", 90, &"W".repeat(500)));
    // A whole cell of it, in a row that is refused for it.
    rows.push(row("H9", 91, &"<b>\u{202e}".repeat(9_000)));
    rows.push(row("\"<i>x</i>\"", 92, "a number that is none"));
    let (plain, _) = html("night.csv", &[row("A", 1, "calm")], Language::English);
    let name = "<script>alert(2)</script>\u{202e}.csv";
    let (page, totals) = html(name, &rows, Language::English);
    let (plain, page) = (without_own(&plain), without_own(&page));
    for tag in [
        "<script", "<style", "<svg", "<img", "<base", "<iframe", "<link", "<a ",
    ] {
        let count = |page: &str| page.matches(tag).count();
        assert!(count(&page) <= count(&plain).max(1), "{tag}");
    }
    for attribute in ["onerror=", "onload=", "onmouseover=", "href=", "src="] {
        for (at, _) in page.match_indices(attribute) {
            let tag = page[..at].rfind('<').map(|from| &page[from..at]);
            assert!(
                tag.is_some_and(|tag| tag.contains('>')),
                "{attribute} in {tag:?}"
            );
        }
    }
    for mark in ['\u{202e}', '\u{2066}', '\u{200f}'] {
        assert!(!page.contains(mark), "{mark:?}");
    }
    assert!(
        page.contains("&#60;script&#62;alert(1)"),
        "it is shown as it stood"
    );
    assert!(
        page.len() < 60_000,
        "{}: nothing is shown at length",
        page.len()
    );
    assert_eq!(totals.rows, 11);
}

#[test]
fn nothing_outside_the_page_is_asked_for() {
    let (page, _) = html("night.csv", &rows(), Language::English);
    for word in [
        "http:", "https:", "//", "url(", "@import", "src=", "href=", "style=", "fetch(",
    ] {
        assert!(
            !page.contains(word) || word == "//" && !page.contains("\"//"),
            "{word}"
        );
    }
    let policy = page
        .split("Content-Security-Policy\" content=\"")
        .nth(1)
        .unwrap();
    let policy = policy.split('"').next().unwrap();
    let policy = policy.replace("&#39;", "'");
    assert!(
        policy.starts_with("default-src 'none'; style-src 'sha256-"),
        "{policy}"
    );
    assert!(!policy.contains("unsafe"), "{policy}");
}

#[test]
fn a_long_batch_is_cut_and_says_how_to_get_all() {
    let mut many: Vec<String> = (0..ROWS_SHOWN_MAX as u64 + 500)
        .map(|n| row(&format!("N{n}"), n + 1, &format!("case {n}")))
        .collect();
    many.push(row("LAST", 0, "needs somebody"));
    let (page, _) = html("night.csv", &many, Language::English);
    assert_eq!(page.matches("<tr data-status=").count(), ROWS_SHOWN_MAX);
    assert!(page.contains("levy export 1"), "how to get all");
    assert!(page.contains("2,000 / 2,501"));
    let first = page.split("<tr data-status=").nth(1).unwrap();
    assert!(first.starts_with("\"INVALID\""), "{first}");
}

const DAY_MS: i64 = 86_400_000;

/// Sends an order so many days before [`NOW`]; nobody ever answers.
fn sent(ledger: &mut SqliteLedger, batch: &Batch, number: &str, days_ago: i64) {
    let at = NOW.plus_ms(-days_ago * DAY_MS);
    let scope = Scope::Batch(batch.id);
    let run = ledger.begin_run(at).unwrap();
    let lanes = ledger.lanes(scope).unwrap();
    let job = lanes.iter().find_map(|lane| {
        let jobs = ledger.deck(scope, Phase::Pending, &lane.merchant, OrderId(0), 1_000);
        let jobs = jobs.unwrap().into_iter();
        jobs.into_iter().find(|job| job.order.no.as_str() == number)
    });
    let ask = crate::ledger::Ask {
        job: job.unwrap(),
        asked: Asked::Submission,
        at,
        run,
        lease: None,
        handed: None,
    };
    let written = ledger.write(vec![Write::Claim(ask)]).unwrap();
    assert!(matches!(written[..], [Written::Claimed(_)]), "{written:?}");
}

#[test]
fn windows_that_run_out_are_told_with_what_is_left_whatever_their_texts_say() {
    let hostile = "</td></tr></table><script>alert(1)</script>";
    let rows: Vec<String> = (1..=4)
        .map(|n| row(&format!("N{n}"), n, &format!("{hostile}{n}")))
        .collect();
    let header = "mchid,bal_account_no,card_no,out_request_no,reduction_type,amount,reason";
    let csv = format!("{header}\n{}\n", rows.join("\n"));
    let (mut ledger, batch) = accepted("<script>\u{202e}night.csv", &csv);
    // 29 days long: over; four days and a bit left; far from its end; never begun.
    for (number, days_ago) in [("N2", 30), ("N1", 25), ("N3", 1)] {
        sent(&mut ledger, &batch, number, days_ago);
    }
    for (language, title, left, over) in [
        (
            Language::English,
            "Windows that run out",
            "4 d 0 h",
            "its window is over",
        ),
        (
            Language::Chinese,
            "即将到期的可重入期限",
            "4 天",
            "窗口已过",
        ),
    ] {
        let (page, _) = page(&mut ledger, &batch, &ask(language)).unwrap();
        let page = without_own(&page);
        let section = page.split(title).nth(1).unwrap();
        let section = section.split("</section>").next().unwrap();
        assert!(section.contains("levy resume"), "what to do: {section}");
        let lines: Vec<&str> = section
            .lines()
            .filter(|l| l.starts_with("<tr><td"))
            .collect();
        let [first, second] = lines[..] else {
            panic!("{lines:#?}")
        };
        // The most pressing first: number, line of the file, what is left.
        assert!(first.contains(">N2<") && first.contains(over), "{first}");
        assert!(first.contains("<td class=\"n\">3</td>"), "{first}");
        assert!(second.contains(">N1<") && second.contains(left), "{second}");
        let ends = NOW.plus_ms(4 * DAY_MS).rfc3339();
        assert!(second.contains(&ends[..10]), "{second}");
        for tag in ["<script", "</table><", "\u{202e}"] {
            assert!(!section.contains(tag), "{tag} in {section}");
        }
        assert_eq!(section.matches("</table>").count(), 1);
        assert!(!page.contains("alert(1)</script>"));
    }
    // A night of which all windows are young says nothing of them.
    let (page, _) = html("night.csv", &rows, Language::English);
    assert!(!page.contains("Windows that run out"));
}
