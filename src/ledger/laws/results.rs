//! What the ledger shows of a batch.

use super::fixture::{Came, Desk, Engine, MERCHANT, START, blank, numbered};
use crate::ledger::{LaneWork, OrderId, Phase, Reported, Scope, Write};
use crate::order::{Asked, Fate, Merchant, NextAction, PROOF_RUNS_MAX, State, Status};

pub(in crate::ledger) fn l7_every_row_stands_in_the_result_once_in_input_order(
    engine: &dyn Engine,
) {
    let mut desk = Desk::new(engine);
    let rows = vec![
        Ok(numbered("B", "b", 1)),
        Err("reduction_type: unknown".into()),
        Ok(numbered("A", "a", 1)),
        Ok(numbered("B", "b", 1)),
        Ok(numbered("C", "c", 1)),
        Ok(numbered("C", "c", 2)),
        Ok(blank("a", 1)),
    ];
    let (batch, _) = desk.mixed("one.csv", rows);
    let rows = desk.rows(batch);
    assert_eq!(rows.len(), 7);
    for (i, row) in (1..).zip(&rows) {
        assert_eq!((row.ordinal, row.line), (i, i + 1));
        assert_eq!(row.cells, [MERCHANT.to_owned(), format!("note \"{i}\"")]);
        assert_eq!(row.amount.is_none(), i == 2);
    }
    let (pending, conflict) = (Status::Pending, Status::Conflict);
    assert_eq!(
        desk.statuses(batch),
        [
            pending,
            Status::Invalid,
            pending,
            pending,
            conflict,
            conflict,
            Status::Held
        ]
    );
    // A reader that cannot go on is told so, and nothing is stuck after it.
    let stopped = desk
        .ledger
        .rows(batch, &mut |_| Err(std::io::Error::other("disk full")));
    assert!(stopped.unwrap_err().to_string().contains("disk full"));
    assert_eq!(desk.rows(batch).len(), 7);
}

pub(in crate::ledger) fn l7_rows_add_up_by_status_and_money_by_order(engine: &dyn Engine) {
    let mut desk = Desk::new(engine);
    let states = [
        State::Success,
        State::Failed,
        State::ClosedProven,
        State::Closed,
        State::Unknown,
        State::Processing,
        State::Rejected,
        State::Expired,
        State::Cancelled,
        State::Pending,
    ];
    let name = |i: usize| format!("A{i}");
    let mut rows: Vec<_> = (0..states.len())
        .map(|i| Ok(numbered(&name(i), &name(i), 10_u64.pow(i as u32))))
        .collect();
    rows.push(Ok(numbered("A0", "A0", 1)));
    rows.push(Err("amount: none".into()));
    let (batch, _) = desk.mixed("one.csv", rows);
    for (i, state) in states.into_iter().enumerate() {
        desk.bring(batch, &name(i), state);
    }
    let totals = desk.ledger.totals(batch).unwrap();
    assert_eq!((totals.rows, totals.orders, totals.repeats), (12, 10, 1));
    assert_eq!(totals.unreadable_amounts, 1);
    assert_eq!(
        totals.attempts, 9,
        "one each, but two for EXPIRED and none for two"
    );
    assert_eq!(
        totals.by_status,
        [
            (Status::Success, 2, 2),
            (Status::Processing, 1, 100_000),
            (Status::Unknown, 1, 10_000),
            (Status::Pending, 1, 1_000_000_000),
            (Status::Failed, 1, 10),
            (Status::Closed, 2, 1_100),
            (Status::Rejected, 1, 1_000_000),
            (Status::Invalid, 1, 0),
            (Status::Cancelled, 1, 100_000_000),
            (Status::Expired, 1, 10_000_000),
        ]
    );
    assert_eq!(
        totals.by_action,
        [
            (NextAction::None, 3),
            (NextAction::RunAgain, 4),
            (NextAction::Reissue, 2),
            (NextAction::FixRow, 2),
            (NextAction::Review, 1),
        ]
    );
    assert_eq!(totals.deducted_fen, 1);
    assert_eq!(totals.dead_fen, 101_000_110);
    assert_eq!(totals.open_fen, 1_010_111_000);
    // The rows say the same, one by one.
    let rows = desk.rows(batch);
    for (status, count, fen) in totals.by_status {
        let of: Vec<_> = rows.iter().filter(|row| row.status == status).collect();
        let sum: u128 = of
            .iter()
            .filter_map(|row| row.amount)
            .map(|a| u128::from(a.get()))
            .sum();
        assert_eq!((of.len() as u64, sum), (count, fen), "{status}");
    }
    for (action, count) in totals.by_action {
        let of = rows.iter().filter(|row| row.next_action == action).count();
        assert_eq!(of as u64, count, "{action}");
    }
}

pub(in crate::ledger) fn a_lane_has_the_open_orders_of_a_batchs_rows_and_its_own_unsent_ones(
    engine: &dyn Engine,
) {
    let mut desk = Desk::new(engine);
    let far = |number: &str| numbered(number, number, 1).merchant("19");
    let rows = vec![
        numbered("A", "a", 1),
        numbered("B", "b", 1),
        far("F"),
        numbered("G", "g", 1),
    ];
    let (one, _) = desk.file("one.csv", rows);
    desk.bring(one, "B", State::Unknown);
    desk.bring(one, "G", State::Processing);
    let rows = vec![
        numbered("Z", "z", 1),
        numbered("B", "b", 1),
        numbered("A", "a", 1),
        numbered("C", "c", 1),
        numbered("C", "c", 1),
    ];
    let (two, _) = desk.file("two.csv", rows);
    let lane = |merchant: &str, open, pending| LaneWork {
        merchant: Merchant::parse(merchant).unwrap(),
        open,
        pending,
    };
    let lanes = |desk: &mut Desk, scope| desk.ledger.lanes(scope).unwrap();
    assert_eq!(
        lanes(&mut desk, Scope::Batch(one)),
        [lane("19", 0, 1), lane(MERCHANT, 2, 1)]
    );
    assert_eq!(lanes(&mut desk, Scope::Batch(two)), [lane(MERCHANT, 1, 2)]);
    assert_eq!(lanes(&mut desk, Scope::Open), [lane(MERCHANT, 2, 0)]);
    let merchant = Merchant::parse(MERCHANT).unwrap();
    let mut deck = |scope, phase, after, limit| -> Vec<(OrderId, String)> {
        let jobs = desk
            .ledger
            .deck(scope, phase, &merchant, after, limit)
            .unwrap();
        jobs.iter()
            .map(|job| (job.id, job.order.no.as_str().to_owned()))
            .collect()
    };
    let first = deck(Scope::Batch(two), Phase::Pending, OrderId(0), 1);
    assert_eq!(first[0].1, "Z", "input order");
    let rest = deck(Scope::Batch(two), Phase::Pending, first[0].0, 10);
    assert_eq!(
        rest.iter().map(|(_, no)| no.as_str()).collect::<Vec<_>>(),
        ["C"]
    );
    let open = deck(Scope::Batch(two), Phase::Open, OrderId(0), 10);
    assert_eq!(
        open.iter().map(|(_, no)| no.as_str()).collect::<Vec<_>>(),
        ["B"]
    );
    assert_eq!(deck(Scope::Batch(two), Phase::Open, open[0].0, 10), []);
    let open = deck(Scope::Open, Phase::Open, OrderId(0), 1);
    assert_eq!(open[0].1, "B");
    assert_eq!(deck(Scope::Open, Phase::Open, open[0].0, 10)[0].1, "G");
}

pub(in crate::ledger) fn alerts_reach_the_note(engine: &dyn Engine) {
    let mut desk = Desk::new(engine);
    let (batch, _) = desk.file(
        "one.csv",
        vec![numbered("A", "a", 1), numbered("B", "b", 1)],
    );
    for alert in [
        Some("a first alert"),
        None,
        Some("a second alert"),
        Some("a first alert"),
    ] {
        let job = desk.find(batch, "A").unwrap();
        let (attempt, job) = desk.claim(&job, Asked::Submission);
        let mut answer = desk.answer(
            (attempt, &job),
            Asked::Submission,
            State::Pending,
            Came::Lost,
        );
        answer.alert = alert;
        desk.record(answer);
    }
    let rows = desk.rows(batch);
    assert_eq!(rows[0].note, "a first alert; a second alert");
    assert_eq!(rows[1].note, "");
}

pub(in crate::ledger) fn a_close_that_no_run_could_prove_is_given_to_a_person(engine: &dyn Engine) {
    let mut desk = Desk::new(engine);
    let (batch, _) = desk.file("one.csv", vec![numbered("A", "a", 1)]);
    desk.bring(batch, "A", State::Closed);
    let job = desk.find(batch, "A").unwrap();
    for runs in 1..=PROOF_RUNS_MAX {
        assert_eq!(desk.rows(batch)[0].next_action, NextAction::RunAgain);
        desk.write(Write::ProofMissed(job.id));
        assert_eq!(desk.find(batch, "A").unwrap().standing.proof_runs, runs);
    }
    assert_eq!(desk.rows(batch)[0].next_action, NextAction::Review);
    let totals = desk.ledger.totals(batch).unwrap();
    assert_eq!(totals.by_action, [(NextAction::Review, 1)]);
    let row = desk.rows(batch).remove(0).order.unwrap();
    assert_eq!((row.first_sent_at, row.settled_at), (Some(START), None));
    let facts = row.reply.unwrap();
    assert_eq!(
        (facts.http_status, facts.code.as_deref()),
        (Some(400), Some("NOT_ENOUGH"))
    );
}

pub(in crate::ledger) fn l7_an_order_of_another_file_adds_up_once_however_many_rows_show_it(
    engine: &dyn Engine,
) {
    let mut desk = Desk::new(engine);
    let (earlier, _) = desk.file(
        "zero.csv",
        vec![numbered("Z", "z", 1_000), numbered("Y", "y", 10_000)],
    );
    desk.bring(earlier, "Z", State::Success);
    desk.bring(earlier, "Y", State::Failed);
    // Y's newest order is this one, which waits.
    assert_eq!(desk.rerun(earlier).len(), 1);
    let rows = vec![
        numbered("Z", "z", 1_000),
        numbered("A", "a", 1),
        numbered("A", "a", 1),
        numbered("Z", "z", 1_000),
        numbered("Y", "y", 10_000),
        numbered("Y", "y", 10_000),
    ];
    let (batch, _) = desk.file("one.csv", rows);
    desk.bring(batch, "A", State::Success);
    let totals = desk.ledger.totals(batch).unwrap();
    assert_eq!((totals.rows, totals.repeats, totals.orders), (6, 5, 3));
    assert_eq!(totals.attempts, 2, "of A and Z; Y's newest was never sent");
    let money = (totals.deducted_fen, totals.open_fen, totals.dead_fen);
    assert_eq!(money, (1_001, 10_000, 0));
}

pub(in crate::ledger) fn l7_a_report_tells_every_order_row_and_request_once(engine: &dyn Engine) {
    let mut desk = Desk::new(engine);
    let (earlier, _) = desk.file("zero.csv", vec![numbered("Z", "z", 1_000)]);
    desk.bring(earlier, "Z", State::Success);
    let rows = vec![
        Ok(numbered("A", "a", 1)),
        Ok(numbered("B", "b", 20)),
        Ok(numbered("A", "a", 1)),
        Err("amount: none".into()),
        Ok(numbered("C", "c", 300)),
        // The order of another file: its requests are that file's.
        Ok(numbered("Z", "z", 1_000)),
    ];
    let (batch, _) = desk.mixed("one.csv", rows);
    desk.bring(batch, "A", State::Success);
    desk.bring(batch, "B", State::Unknown);
    let job = desk.find(batch, "C").unwrap();
    desk.exchange(&job, Asked::Submission, Came::NotSent);

    let (mut orders, mut rows, mut requests) = (Vec::new(), Vec::new(), Vec::new());
    let head = desk.ledger.report(batch, &mut |piece| match piece {
        Reported::Order(order) => orders.push((order.amount.get(), order.fate)),
        Reported::Row(row) => rows.push(*row),
        Reported::Request(request) => requests.push(request),
    });
    let head = head.unwrap();
    assert_eq!(head.totals, desk.ledger.totals(batch).unwrap());
    assert_eq!(head.journal, desk.ledger.journal_head().unwrap());
    assert_eq!(rows, desk.rows(batch));
    orders.sort_by_key(|(fen, _)| *fen);
    let (deducted, open) = (Fate::Deducted, Fate::Open);
    assert_eq!(
        orders,
        [(1, deducted), (20, open), (300, open), (1_000, deducted)]
    );
    let answered: Vec<_> = requests.iter().map(|r| (r.asked, r.latency_ms)).collect();
    let submission = Asked::Submission;
    assert_eq!(
        answered,
        [(submission, Some(20)), (submission, None)],
        "what was never connected was not sent"
    );
    assert!(requests.iter().all(|r| r.sent_at == START.plus_ms(-20)));
}
