//! Reconciliation: what is dealt to be asked for, and both sides of every order that was sent.

use super::decisions::resolve;
use super::fixture::{Came, DAY_MS, Desk, Engine, MERCHANT, START, no, numbered};
use crate::clock::WallMs;
use crate::ledger::{
    AttemptId, BatchId, Compared, Job, OrderId, Phase, Reach, ReplyFacts, Scope, Write, Written,
};
use crate::order::{Asked, Merchant, Resolution, State};

const EARLY: WallMs = WallMs(i64::MIN);
const LATE: WallMs = WallMs(i64::MAX);
const ALL: Reach = Reach::Between(EARLY, LATE);

impl Desk {
    /// What a reconciliation is dealt; the lanes count the same.
    fn dealt(&mut self, reach: Reach, past: WallMs) -> Vec<Job> {
        let scope = Scope::Sent(reach, past);
        let merchant = Merchant::parse(MERCHANT).unwrap();
        let deck = |desk: &mut Self, phase, after, limit| {
            let deck = desk.ledger.deck(scope, phase, &merchant, after, limit);
            deck.unwrap()
        };
        let jobs = deck(self, Phase::Open, OrderId(0), 100);
        assert!(deck(self, Phase::Pending, OrderId(0), 100).is_empty());
        if let [first, second, ..] = &jobs[..] {
            let page = deck(self, Phase::Open, first.id, 1);
            assert_eq!(page[0].id, second.id);
        }
        let lanes = self.ledger.lanes(scope).unwrap();
        let open: u64 = lanes.iter().map(|lane| lane.open).sum();
        assert_eq!(open, jobs.len() as u64);
        jobs
    }

    fn compared(&mut self, reach: Reach, after: AttemptId) -> Vec<Compared> {
        let mut all = Vec::new();
        let each = &mut |compared| {
            all.push(compared);
            Ok(())
        };
        self.ledger.compared(reach, after, each).unwrap();
        all
    }

    /// A query that is answered; its facts are changed before they are recorded.
    fn queried(&mut self, number: &str, came: Came, change: impl FnOnce(&mut ReplyFacts)) {
        let jobs = self.dealt(ALL, LATE);
        let job = jobs.into_iter().find(|job| job.order.no == no(number));
        let job = job.expect("it was sent");
        let before = job.standing.state;
        let (attempt, job) = self.claim(&job, Asked::Query);
        let mut answer = self.answer((attempt, &job), Asked::Query, before, came);
        change(&mut answer.facts);
        let written = self.write(Write::Record(Box::new(answer)));
        assert!(matches!(written, Written::Recorded(..)), "{written:?}");
    }
}

fn numbers(jobs: &[Job]) -> Vec<String> {
    jobs.iter().map(|job| job.order.no.to_string()).collect()
}

fn change_no(number: &str) -> impl FnOnce(&mut ReplyFacts) {
    move |facts| facts.quota_change_no = Some(number.into())
}

/// Inside its window a query for a number that never arrived might close it.
pub(in crate::ledger) fn l3_only_what_a_query_cannot_close_is_dealt_to_be_compared(
    engine: &dyn Engine,
) {
    let mut desk = Desk::new(engine);
    let states = [
        State::Pending,
        State::Unknown,
        State::Processing,
        State::Closed,
        State::Rejected,
        State::Success,
        State::Failed,
        State::ClosedProven,
        State::Unknown,
    ];
    let rows = (0..states.len()).map(|n| numbered(&format!("N{n}"), &n.to_string(), 1));
    let (batch, _) = desk.file("one.csv", rows.collect());
    for (n, state) in states.into_iter().enumerate() {
        desk.now = START.plus_ms(n as i64 * DAY_MS);
        desk.bring(batch, &format!("N{n}"), state);
    }
    resolve(&mut desk, "N8", Resolution::Success).unwrap();
    let (other, _) = desk.file(
        "two.csv",
        vec![numbered("M0", "z", 1), numbered("N5", "5", 1)],
    );
    desk.bring(other, "M0", State::Success);
    let day = |n: i64| START.plus_ms(n * DAY_MS);
    let table: [(Reach, WallMs, &[&str]); 6] = [
        (ALL, EARLY, &["N2", "N5", "N6", "N7", "N8", "M0"]),
        (
            ALL,
            day(3),
            &["N1", "N2", "N3", "N5", "N6", "N7", "N8", "M0"],
        ),
        (
            ALL,
            LATE,
            &["N1", "N2", "N3", "N4", "N5", "N6", "N7", "N8", "M0"],
        ),
        (Reach::Between(day(2), day(6)), EARLY, &["N2", "N5"]),
        (Reach::Of(batch), EARLY, &["N2", "N5", "N6", "N7", "N8"]),
        (Reach::Of(other), LATE, &["N5", "M0"]),
    ];
    for (reach, past, want) in table {
        assert_eq!(
            numbers(&desk.dealt(reach, past)),
            want,
            "{reach:?} {past:?}"
        );
    }
    assert_eq!(
        desk.ledger
            .nth_unsent(Scope::Sent(ALL, LATE), 1, desk.now)
            .unwrap(),
        None
    );
}

pub(in crate::ledger) fn l3_a_final_order_shows_what_settled_it_and_what_it_was_told_since(
    engine: &dyn Engine,
) {
    let mut desk = Desk::new(engine);
    let rows = ["A", "B", "C", "D", "E"].map(|n| numbered(n, &n.to_lowercase(), 1));
    let (batch, _) = desk.file("one.csv", rows.to_vec());
    for number in ["A", "B", "C"] {
        desk.bring(batch, number, State::Success);
    }
    desk.bring(batch, "D", State::Processing);
    desk.queried("A", Came::Success, |_| {});
    let after = desk.ledger.last_attempt().unwrap();
    let nothing = desk.compared(ALL, after);
    assert_eq!(nothing.len(), 4, "E was never sent");
    assert!(
        nothing
            .iter()
            .all(|c| c.told.is_none() && c.asked.is_none())
    );
    desk.queried("A", Came::Failed, |_| {});
    desk.queried("A", Came::Lost, |_| {});
    desk.queried("B", Came::Lost, |_| {});
    desk.queried("C", Came::Refused, |facts| {
        facts.trust = crate::ledger::Trust::Verified;
        facts.code = Some("RESOURCE_NOT_EXISTS".into());
    });
    desk.queried("D", Came::Success, |_| {});
    let told = desk.compared(ALL, after);
    let meaning = |n: usize| told[n].told.as_ref().and_then(|t| t.meaning.as_deref());
    let states: Vec<State> = told.iter().map(|c| c.job.standing.state).collect();
    assert_eq!(states, [State::Success; 4], "what was final has not moved");
    assert_eq!(
        [meaning(0), meaning(1), meaning(2), meaning(3)],
        [Some("FAILED"), None, Some("REFUSED"), Some("SUCCESS")]
    );
    let ours = told[0].ours.as_ref().unwrap();
    let settled_by = told[0].shown.unwrap();
    assert!(settled_by <= after, "by what settled it");
    assert_eq!(ours.request_id, Some(format!("R{settled_by}")));
    let asked = told[0].asked.as_ref().unwrap();
    assert!(asked.attempt > told[0].told.as_ref().unwrap().attempt);
    assert_eq!(asked.meaning.as_deref(), Some("RESET"));
    assert!(told[1].asked.is_some());
    assert_eq!(told[3].shown, told[3].told.as_ref().map(|t| t.attempt));
    assert_eq!(told[2].place, Some(("one.csv".into(), 4)));
    // An unsigned refusal says nothing, and neither does one that is about the request.
    desk.queried("B", Came::Refused, |_| {});
    desk.queried("B", Came::Refused, |facts| {
        facts.trust = crate::ledger::Trust::Verified
    });
    assert!(desk.compared(ALL, after)[1].told.is_none());
    let none = desk.compared(Reach::Between(LATE, LATE), after);
    assert!(none.is_empty());
    assert_eq!(desk.compared(Reach::Of(batch), after).len(), 4);
    assert!(desk.compared(Reach::Of(BatchId(9)), after).is_empty());
}

pub(in crate::ledger) fn what_was_deducted_or_numbered_twice_names_the_other(engine: &dyn Engine) {
    let mut desk = Desk::new(engine);
    let rows = ["A", "B", "C", "D", "E", "F"].map(|n| numbered(n, &n.to_lowercase(), 1));
    let (batch, _) = desk.file("one.csv", rows.to_vec());
    desk.bring(batch, "A", State::Failed);
    let proofs = desk
        .ledger
        .proofs(batch, crate::ledger::Only::Dead, 0, 9, desk.now);
    let proofs = proofs
        .unwrap()
        .into_iter()
        .map(|(_, proof)| proof)
        .collect();
    desk.ledger.reissue(batch, proofs, desk.now).unwrap();
    let child = no("A").reissued(2).to_string();
    for number in [child.as_str(), "B", "C", "D", "E", "F"] {
        desk.bring(batch, number, State::Success);
    }
    let after = desk.ledger.last_attempt().unwrap();
    desk.queried("A", Came::Success, change_no("1"));
    desk.queried(&child, Came::Success, change_no("2"));
    // B is the first with it.
    desk.queried("C", Came::Success, change_no("3"));
    desk.queried("B", Came::Success, change_no("3"));
    desk.queried("D", Came::Success, |_| {});
    // An empty one is none.
    desk.queried("E", Came::Success, change_no(""));
    desk.queried("F", Came::Success, change_no(""));
    let told = desk.compared(ALL, after);
    let told: Vec<(String, Option<String>, Option<String>)> = told
        .iter()
        .map(|c| {
            let number = |no: &Option<crate::order::OrderNo>| no.as_ref().map(ToString::to_string);
            (
                c.job.order.no.to_string(),
                number(&c.twice),
                number(&c.shares_with),
            )
        })
        .collect();
    let plain = |number: &str| (number.to_owned(), None, None);
    assert_eq!(
        told,
        [
            ("A".into(), Some(child.clone()), None),
            plain("B"),
            ("C".into(), None, Some("B".into())),
            plain("D"),
            plain("E"),
            plain("F"),
            plain(&child),
        ]
    );
}
