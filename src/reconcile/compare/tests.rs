//! A row for each kind: what the ledger has, what the answer says, and what is told of it.

use std::sync::Arc;

use super::*;
use crate::batch::shown_cell;
use crate::clock::WallMs;
use crate::ledger::{AttemptId, Job, OrderId, Standing, Trust};
use crate::order::{
    Account, Content, Fen, Merchant, Order, OrderNo, Reason, ReductionType, SgnNo, Weak,
};

const ASKED: AttemptId = AttemptId(9);

/// N1, 100 fen, settled as SUCCESS before, and told so again.
fn agreeing() -> Compared {
    let facts = ReplyFacts {
        http_status: Some(200),
        state: Some("SUCCESS".into()),
        quota_change_no: Some("C1".into()),
        success_time: Some("2026-01-31T08:00:00+08:00".into()),
        ..ReplyFacts::bare(Trust::Verified, None)
    };
    let told = Told {
        attempt: ASKED,
        meaning: Some("SUCCESS".into()),
        facts: Some(facts.clone()),
    };
    Compared {
        job: Job {
            id: OrderId(1),
            order: Arc::new(Order {
                no: OrderNo::parse("N1").unwrap(),
                content: Content {
                    merchant: Merchant::parse("1900016681").unwrap(),
                    account: Account::parse("8609cb22e1774a50a930e414cc71eca06121bc").unwrap(),
                    reduction_type: ReductionType::JudicialDeduction,
                    amount: Fen::new(100).unwrap(),
                    reason: Some(Reason::parse("case 1").unwrap()),
                    card_no: None,
                    sgn_no: None,
                    req_scene: None,
                },
            }),
            standing: Standing {
                state: State::Success,
                weak: Weak::No,
                maybe_accepted: 1,
                first_sent_at: Some(WallMs(0)),
                proof_runs: 0,
                resolved: None,
            },
        },
        place: Some(("night.csv".into(), 2)),
        shown: Some(AttemptId(1)),
        ours: Some(facts),
        asked: Some(told.clone()),
        told: Some(told),
        twice: None,
        shares_with: None,
    }
}

/// The order in another state, with the facts of the reply that said so.
fn standing(compared: &mut Compared, state: State, word: Option<&str>) {
    compared.job.standing.state = state;
    let ours = compared.ours.as_mut().unwrap();
    *ours = ReplyFacts::bare(Trust::Verified, None);
    ours.state = word.map(Into::into);
}

fn told(compared: &mut Compared, meaning: &str, change: impl FnOnce(&mut ReplyFacts)) {
    let told = compared.told.as_mut().unwrap();
    told.meaning = Some(meaning.into());
    change(told.facts.as_mut().unwrap());
}

fn echoes(compared: &mut Compared, meaning: &str, field: &'static str, said: &str) {
    let echo = Echo::of([(field, said.to_owned())]);
    told(compared, meaning, |facts| {
        facts.message = Some(echo.words())
    });
}

fn failed(facts: &mut ReplyFacts, reason: &str) {
    *facts = ReplyFacts::bare(Trust::Verified, None);
    facts.state = Some("FAILED".into());
    facts.fail_reason = Some(reason.into());
    facts.fail_time = Some("2026-02-01T08:00:00+08:00".into());
}

fn not_found(facts: &mut ReplyFacts) {
    *facts = ReplyFacts::bare(Trust::Verified, None);
    facts.http_status = Some(404);
    facts.code = Some("RESOURCE_NOT_EXISTS".into());
}

/// `KIND field ours theirs` of each finding.
fn lines(compared: &Compared) -> Vec<String> {
    let askable = crate::worker::may_be_queried(compared.job.standing, false);
    let found = compare(compared, askable).into_iter();
    found
        .map(|d| format!("{} {} {} {}", d.kind, d.field, d.ours, d.theirs))
        .collect()
}

/// A name, what is changed of [`agreeing`], and the findings.
type Case = (&'static str, fn(&mut Compared), &'static [&'static str]);

const CASES: &[Case] = &[
    ("both sides agree", |_| {}, &[]),
    (
        "the gateway does not know the number",
        |c| told(c, "REFUSED", not_found),
        &["MISSING state SUCCESS RESOURCE_NOT_EXISTS"],
    ),
    (
        "it knows the number only since it was asked for",
        |c| told(c, "WEAK_CLOSE", |f| failed(f, "RECEIPT_NOT_EXIST_CLOSED")),
        &["MISSING state SUCCESS RECEIPT_NOT_EXIST_CLOSED"],
    ),
    (
        "the answer names another number, and nothing else of it counts",
        |c| {
            echoes(c, "OTHER_NUMBER", "out_request_no", "N9");
            told(c, "OTHER_NUMBER", |f| f.success_time = None);
        },
        &["UNKNOWN_NUMBER out_request_no N1 N9"],
    ),
    (
        "another merchant",
        |c| echoes(c, "OTHER_CONTENT", "mchid", "1900009999"),
        &["MERCHANT mchid 1900016681 1900009999"],
    ),
    (
        "another type",
        |c| echoes(c, "OTHER_CONTENT", "reduction_type", "FINANCIAL_PENALTY"),
        &["TYPE reduction_type JUDICIAL_DEDUCTION FINANCIAL_PENALTY"],
    ),
    (
        "another amount",
        |c| echoes(c, "OTHER_CONTENT", "amount", "101"),
        &["AMOUNT amount 100 101"],
    ),
    (
        "another reason",
        |c| echoes(c, "OTHER_CONTENT", "reason", "case 2"),
        &["CONTENT reason case 1 case 2"],
    ),
    (
        "another amount and another state are two findings",
        |c| {
            echoes(c, "OTHER_CONTENT", "amount", "101");
            told(c, "OTHER_CONTENT", |f| f.state = Some("FAILED".into()));
        },
        &["AMOUNT amount 100 101", "STATE state SUCCESS FAILED"],
    ),
    (
        "another state; its times differ because of that",
        |c| told(c, "FAILED", |f| failed(f, "TIME_OUT_CLOSED")),
        &["STATE state SUCCESS FAILED"],
    ),
    (
        "a state that the document does not know",
        |c| told(c, "NO_STATE", |f| f.state = Some("WEIRD".into())),
        &["STATE state SUCCESS WEIRD"],
    ),
    (
        "no state any more",
        |c| told(c, "NO_STATE", |f| f.state = None),
        &["STATE state SUCCESS "],
    ),
    (
        "what the ledger calls failed has succeeded",
        |c| {
            standing(c, State::Failed, Some("FAILED"));
            told(c, "SUCCESS", |_| {});
        },
        &["STATE state FAILED SUCCESS"],
    ),
    (
        "and the order in its place has succeeded too",
        |c| {
            standing(c, State::ClosedProven, Some("FAILED"));
            c.twice = Some(OrderNo::parse("N7").unwrap());
        },
        &["DOUBLE state FAILED SUCCESS"],
    ),
    (
        "the ledger knew already that both have",
        |c| c.twice = Some(OrderNo::parse("N7").unwrap()),
        &["DOUBLE state SUCCESS SUCCESS"],
    ),
    (
        "another order has the change number that this one had",
        |c| {
            c.shares_with = Some(OrderNo::parse("N7").unwrap());
            told(c, "SUCCESS", |f| f.quota_change_no = Some("C7".into()));
        },
        &["DOUBLE quota_change_no C1 C7"],
    ),
    (
        "another change number",
        |c| told(c, "SUCCESS", |f| f.quota_change_no = Some("C2".into())),
        &["CHANGE_NO quota_change_no C1 C2"],
    ),
    (
        "the change number is gone",
        |c| told(c, "SUCCESS", |f| f.quota_change_no = None),
        &["CHANGE_NO quota_change_no C1 "],
    ),
    (
        "what the ledger was never told cannot differ",
        |c| c.ours.as_mut().unwrap().quota_change_no = None,
        &[],
    ),
    (
        "another time",
        |c| {
            let later = Some("2026-01-31T08:00:01+08:00".to_owned());
            told(c, "SUCCESS", |f| f.success_time = later);
        },
        &["TIME success_time 2026-01-31T08:00:00+08:00 2026-01-31T08:00:01+08:00"],
    ),
    (
        "the same moment, written otherwise",
        |c| {
            let same = Some("2026-01-31T00:00:00Z".to_owned());
            told(c, "SUCCESS", |f| f.success_time = same);
        },
        &[],
    ),
    (
        "no time at all",
        |c| told(c, "SUCCESS", |f| f.success_time = Some("soon".into())),
        &["TIME success_time 2026-01-31T08:00:00+08:00 soon"],
    ),
    (
        "failed, for another reason",
        |c| {
            failed(c.ours.as_mut().unwrap(), "BALANCE_NOT_ENOUGH");
            c.job.standing.state = State::ClosedProven;
            told(c, "FAILED", |f| failed(f, "TIME_OUT_CLOSED"));
        },
        &["FAIL_REASON fail_reason BALANCE_NOT_ENOUGH TIME_OUT_CLOSED"],
    ),
    (
        "never seen by the gateway, as the ledger knew",
        |c| {
            failed(c.ours.as_mut().unwrap(), "RECEIPT_NOT_EXIST_CLOSED");
            c.job.standing.state = State::Failed;
            told(c, "WEAK_CLOSE", |f| failed(f, "RECEIPT_NOT_EXIST_CLOSED"));
        },
        &[],
    ),
    (
        "not answered",
        |c| c.told = None,
        &["NOT_ANSWERED  SUCCESS "],
    ),
    (
        "in vain: its outcome is not known, and it may not be asked for",
        |c| {
            standing(c, State::Unknown, None);
            c.told = None;
        },
        &["NOT_COMPARED  UNKNOWN "],
    ),
    (
        "PROCESSING on both sides",
        |c| {
            standing(c, State::Processing, Some("PROCESSING"));
            told(c, "PROCESSING", |f| f.state = Some("PROCESSING".into()));
        },
        &[],
    ),
    (
        "settled by this very answer",
        |c| {
            c.shown = Some(ASKED);
            c.ours = c.told.as_ref().unwrap().facts.clone();
        },
        &[],
    ),
    (
        "settled by it, against what two people had found out",
        |c| {
            c.shown = Some(ASKED);
            c.job.standing.resolved = Some(Resolution::Failed);
        },
        &["STATE state FAILED SUCCESS"],
    ),
    (
        "settled by an answer before, against what two people had found out",
        |c| c.job.standing.resolved = Some(Resolution::Failed),
        &["STATE state FAILED SUCCESS"],
    ),
    (
        "the same, with another change number",
        |c| {
            c.job.standing.resolved = Some(Resolution::Failed);
            told(c, "SUCCESS", |f| f.quota_change_no = Some("C2".into()));
        },
        &[
            "STATE state FAILED SUCCESS",
            "CHANGE_NO quota_change_no C1 C2",
        ],
    ),
    (
        "the same, and the order in its place has succeeded too",
        |c| {
            c.job.standing.resolved = Some(Resolution::Failed);
            c.twice = Some(OrderNo::parse("N7").unwrap());
        },
        &["DOUBLE state FAILED SUCCESS"],
    ),
    (
        "two people said that it failed, the signed answer that it did not, and now that it did",
        |c| {
            c.job.standing.resolved = Some(Resolution::Failed);
            told(c, "FAILED", |f| failed(f, "TIME_OUT_CLOSED"));
        },
        &["STATE state SUCCESS FAILED"],
    ),
    (
        "settled by it, with the change number of another order",
        |c| {
            c.shown = Some(ASKED);
            c.shares_with = Some(OrderNo::parse("N7").unwrap());
        },
        &["DOUBLE quota_change_no C1 C1"],
    ),
    (
        "settled by it, and the order in its place has succeeded too",
        |c| {
            c.shown = Some(ASKED);
            c.twice = Some(OrderNo::parse("N7").unwrap());
        },
        &["DOUBLE state SUCCESS SUCCESS"],
    ),
    (
        "settled by it as never seen",
        |c| {
            c.shown = Some(ASKED);
            c.job.standing.state = State::Failed;
            told(c, "WEAK_CLOSE", |f| failed(f, "RECEIPT_NOT_EXIST_CLOSED"));
            c.ours = c.told.as_ref().unwrap().facts.clone();
        },
        &[],
    ),
    (
        "an empty text is none: what the ledger was never told cannot differ",
        |c| {
            c.ours.as_mut().unwrap().quota_change_no = Some(String::new());
            c.ours.as_mut().unwrap().fail_reason = Some(String::new());
            told(c, "SUCCESS", |f| f.fail_reason = None);
        },
        &[],
    ),
    (
        "a 202 is PROCESSING, whatever its body says",
        |c| {
            told(c, "PROCESSING", |f| {
                f.http_status = Some(202);
                f.state = Some("SUCCESS".into());
            });
        },
        &["STATE state SUCCESS PROCESSING"],
    ),
    (
        "a 202 that says never seen is PROCESSING too, on both sides",
        |c| {
            standing(c, State::Processing, Some("PROCESSING"));
            c.twice = Some(OrderNo::parse("N7").unwrap());
            told(c, "PROCESSING", |f| {
                failed(f, "RECEIPT_NOT_EXIST_CLOSED");
                f.http_status = Some(202);
            });
        },
        &[],
    ),
    (
        "settled by it, as two people had found out",
        |c| {
            c.shown = Some(ASKED);
            c.job.standing.resolved = Some(Resolution::Success);
        },
        &[],
    ),
    (
        "people found out that it succeeded, and the gateway does not know it",
        |c| {
            standing(c, State::Unknown, None);
            c.job.standing.resolved = Some(Resolution::Success);
            told(c, "REFUSED", not_found);
        },
        &["MISSING state SUCCESS RESOURCE_NOT_EXISTS"],
    ),
    (
        "people found out that it failed, and the gateway does not know it",
        |c| {
            standing(c, State::Unknown, None);
            c.job.standing.resolved = Some(Resolution::Failed);
            told(c, "REFUSED", not_found);
        },
        &[],
    ),
    (
        "refused then, and not known now",
        |c| {
            standing(c, State::Rejected, None);
            told(c, "REFUSED", not_found);
        },
        &[],
    ),
    (
        "past its window, and not known",
        |c| {
            standing(c, State::Expired, None);
            told(c, "REFUSED", not_found);
        },
        &["NOT_COMPARED  EXPIRED "],
    ),
    (
        "past its window, and the gateway is at it still",
        |c| {
            standing(c, State::Expired, None);
            told(c, "PROCESSING", |f| f.state = Some("PROCESSING".into()));
        },
        &["NOT_COMPARED  EXPIRED "],
    ),
];

#[test]
fn each_kind_of_difference_is_told_once_with_both_sides() {
    for (name, change, want) in CASES {
        let mut compared = agreeing();
        change(&mut compared);
        assert_eq!(lines(&compared), *want, "{name}");
    }
    let told: String = CASES
        .iter()
        .flat_map(|(_, _, want)| *want)
        .copied()
        .collect();
    for kind in Kind::ALL {
        // Those are of a list.
        let list = matches!(kind, Kind::Extra | Kind::Account | Kind::Invalid);
        assert!(list || told.contains(kind.as_str()), "{kind}");
    }
}

#[test]
fn l8_a_finding_shows_its_place_and_no_account() {
    let mut compared = agreeing();
    compared.twice = Some(OrderNo::parse("N7").unwrap());
    let found = compare(&compared, true);
    assert_eq!(found[0].place, "night.csv:2");
    assert_eq!(found[0].account, "8609…21bc");
    assert!(found[0].note.contains("N7, which took its place"));
    assert!(!format!("{found:?}").contains("cb22e177"));
}

#[test]
fn l8_a_reason_and_an_agreement_that_differ_are_shown_without_accounts_and_cards() {
    let card = "6222021234567890123";
    let other = "6222029876540980123";
    for field in ["reason", "sgn_no"] {
        let mut compared = agreeing();
        let mut order = (*compared.job.order).clone();
        order.content.reason = Some(Reason::parse(&format!("case 1 {card}")).unwrap());
        order.content.sgn_no = Some(SgnNo::parse(card).unwrap());
        compared.job.order = Arc::new(order);
        let theirs = match field {
            "reason" => format!("case 1 {other}"),
            _ => other.into(),
        };
        echoes(&mut compared, "OTHER_CONTENT", field, &theirs);
        let found = compare(&compared, true);
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!((found[0].kind, found[0].field), (Kind::Content, field));
        assert_eq!(found[0].theirs, shown_cell(&theirs));
        let told = format!("{found:?}");
        assert!(!told.contains(card) && !told.contains(other), "{told}");
        // Masked they may look the same.
        let alike = found[0].ours == found[0].theirs;
        assert_eq!(!found[0].note.is_empty(), alike, "{told}");
    }
}
