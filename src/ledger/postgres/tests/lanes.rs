//! Lanes on a real server: whose they are is decided there, by its clock, and nowhere else.

use super::{Books, LEASE_MS, Route, Server};
use crate::ledger::laws::fixture::{Came, Desk, MERCHANT, START, no, numbered};
use crate::ledger::postgres::{Isolation, Lose, PostgresLedger};
use crate::ledger::{
    Ask, BatchId, Decision, Epoch, Handed, Held, Lanes, LedgerError, LedgerResult, Person,
    Resolution, Returned, Scope, Taken, TwoPeople, Whose, Words, Write, Written,
};
use crate::order::{Asked, Merchant, State};
use crate::pace::AFTER_GIVING_UP;

const OTHER: &str = "1900016682";
const WAYS: [(Route, Isolation); 4] = [
    (Route::Direct, Isolation::ReadCommitted),
    (Route::Direct, Isolation::Serializable),
    (Route::Pooled, Isolation::ReadCommitted),
    (Route::Pooled, Isolation::Serializable),
];

fn lane(merchant: &str) -> Merchant {
    Merchant::parse(merchant).unwrap()
}

/// Goes back, with what is to be rested.
fn back(held: &[Held], rest_ms: u64) -> Vec<Returned> {
    let one = |held: &Held| Returned {
        held: held.clone(),
        rest_ms,
    };
    held.iter().map(one).collect()
}

fn held(taken: &[Taken]) -> Vec<Held> {
    taken.iter().map(|taken| taken.held.clone()).collect()
}

/// Takes one lane that is nobody's.
fn take(ledger: &mut PostgresLedger, merchant: &str) -> Taken {
    let mut taken = ledger.take(&[lane(merchant)]).unwrap();
    assert_eq!(taken.len(), 1);
    taken.remove(0)
}

/// Time goes by on the server, as far as leases know.
fn time_goes_by(books: &Books, ms: u64) {
    let text = format!("UPDATE levy.lane SET lease_until_ms = lease_until_ms - {ms}");
    Server::get().execute(&books.database, &text);
}

/// A desk at a ledger with one file: A and B of one merchant, C of another.
fn desk(books: &Books) -> (Desk, BatchId) {
    let mut desk = Desk::new(books);
    let (batch, _) = desk.file(
        "one.csv",
        vec![
            numbered("A", "a", 1),
            numbered("B", "b", 2),
            numbered("C", "c", 3).merchant(OTHER),
        ],
    );
    (desk, batch)
}

fn claim(desk: &mut Desk, batch: BatchId, number: &str, lease: Option<Epoch>) -> Written {
    let job = desk.find(batch, number).unwrap();
    let ask = Ask {
        job,
        asked: Asked::Submission,
        at: desk.now,
        run: desk.run,
        lease,
        handed: None,
    };
    desk.write(Write::Claim(ask))
}

#[test]
fn a_lane_is_one_process_at_a_time() {
    for (route, isolation) in WAYS {
        let books = Books::new(route, isolation);
        let (mut one, mut two) = (books.postgres(), books.postgres());
        let both = [lane(MERCHANT), lane(OTHER)];
        let taken = one.take(&both).unwrap();
        assert_eq!(taken.len(), 2);
        assert!(taken.iter().all(|taken| taken.rest_ms == 0));
        // Neither another, nor itself a second time.
        assert_eq!(two.take(&both).unwrap(), []);
        assert_eq!(one.take(&both).unwrap(), []);
        assert_eq!(one.renew(&held(&taken)).unwrap(), []);
        // Nobody renews or ends what is another's.
        assert_eq!(two.renew(&held(&taken)).unwrap(), held(&taken));
        two.let_go(&back(&held(&taken), 7_000)).unwrap();
        assert_eq!(two.take(&both).unwrap(), []);
        // Let go, it is anybody's; the first to come rests.
        one.let_go(&back(&held(&taken[..1]), 7_000)).unwrap();
        let after = two.take(&both).unwrap();
        assert_eq!(after.len(), 1);
        assert_eq!(after[0].held.merchant, taken[0].held.merchant);
        assert!(after[0].held.epoch > taken[0].held.epoch);
        assert!(after[0].rest_ms > 0 && after[0].rest_ms <= 7_000);
        // Of its two lanes the first has lost one, by now.
        assert_eq!(one.renew(&held(&taken)).unwrap(), held(&taken[..1]));
    }
}

#[test]
fn l6_a_lease_that_is_over_is_anothers_who_rests_for_what_is_left() {
    for (route, isolation) in WAYS {
        let books = Books::new(route, isolation);
        let (mut one, mut two) = (books.postgres(), books.postgres());
        let old = held(&[take(&mut one, MERCHANT)]);
        time_goes_by(&books, LEASE_MS + 10_000);
        // Over is over: also for who held it, even if nobody has taken it.
        assert_eq!(one.renew(&old).unwrap(), old);
        let new = take(&mut two, MERCHANT);
        let whole = AFTER_GIVING_UP.as_millis() as u64;
        assert!(new.rest_ms <= whole - 10_000, "{new:?}");
        assert!(new.rest_ms > 0, "{new:?}");
        assert_eq!(one.renew(&old).unwrap(), old);
        // Once nothing can count any more, nobody rests.
        time_goes_by(&books, LEASE_MS + whole);
        assert_eq!(take(&mut two, MERCHANT).rest_ms, 0);
        time_goes_by(&books, LEASE_MS + whole);
        assert_eq!(take(&mut one, MERCHANT).rest_ms, 0);
    }
}

/// One run takes a lane from another host and ends before it has sent anything; the next one of the same
/// process knows nothing of the first.
#[test]
fn l6_a_lane_that_the_same_process_takes_again_has_still_to_rest() {
    for (route, isolation) in WAYS {
        let books = Books::new(route, isolation);
        let (mut one, mut two) = (books.postgres(), books.postgres());
        let taken = held(&[take(&mut two, MERCHANT)]);
        two.let_go(&back(&taken, 20_000)).unwrap();
        let first = take(&mut one, MERCHANT);
        assert!(first.rest_ms > 0 && first.rest_ms <= 20_000, "{first:?}");
        one.let_go(&back(&[first.held], first.rest_ms)).unwrap();
        let again = take(&mut one, MERCHANT);
        assert!(again.rest_ms > 0, "{again:?}");
        assert!(again.rest_ms <= first.rest_ms, "{again:?}");
        // The same where its lease ran out.
        time_goes_by(&books, LEASE_MS + 1_000);
        let whole = AFTER_GIVING_UP.as_millis() as u64;
        let last = take(&mut one, MERCHANT).rest_ms;
        assert!(last > 0 && last <= whole - 1_000, "{last}");
        // What was let go with nothing to rest, rests for nobody.
        let held = held(&[take(&mut one, OTHER)]);
        one.let_go(&back(&held, 0)).unwrap();
        assert_eq!(take(&mut one, OTHER).rest_ms, 0);
    }
}

#[test]
fn l6_a_claim_goes_by_the_holding_of_its_lane() {
    for (route, isolation) in WAYS {
        let books = Books::new(route, isolation);
        let (mut desk, batch) = desk(&books);
        let mut one = books.postgres();
        let old = take(&mut one, MERCHANT);
        let epoch = Some(old.held.epoch);
        // Of another lane, it is worth nothing.
        let lost = claim(&mut desk, batch, "C", epoch);
        assert!(matches!(lost, Written::LaneLost(_)), "{lost:?}");
        let claimed = claim(&mut desk, batch, "A", epoch);
        assert!(matches!(claimed, Written::Claimed(_)), "{claimed:?}");
        time_goes_by(&books, LEASE_MS);
        let lost = claim(&mut desk, batch, "B", epoch);
        assert!(matches!(lost, Written::LaneLost(_)), "{lost:?}");
        let new = take(&mut books.postgres(), MERCHANT);
        let lost = claim(&mut desk, batch, "B", epoch);
        assert!(matches!(lost, Written::LaneLost(_)), "{lost:?}");
        assert_eq!(
            desk.find(batch, "B").unwrap().standing.state,
            State::Pending
        );
        let claimed = claim(&mut desk, batch, "B", Some(new.held.epoch));
        assert!(matches!(claimed, Written::Claimed(_)), "{claimed:?}");
        // What was claimed before is recorded whoever holds the lane by now.
        let job = desk.find(batch, "A").unwrap();
        let answer = crate::ledger::AttemptId(1);
        let answer = desk.answer(
            (answer, &job),
            Asked::Submission,
            State::Pending,
            Came::Success,
        );
        assert_eq!(desk.record(answer).state, State::Success);
    }
}

#[test]
fn of_a_group_those_claims_go_whose_lanes_are_held() {
    let books = Books::new(Route::Direct, Isolation::ReadCommitted);
    let (mut desk, batch) = desk(&books);
    let held = take(&mut books.postgres(), OTHER).held;
    let mut ask = |number: &str, epoch| {
        let job = desk.find(batch, number).unwrap();
        let Write::Claim(ask) = desk.ask(&job, Asked::Submission) else {
            unreachable!()
        };
        Write::Claim(Ask {
            lease: Some(epoch),
            handed: None,
            ..ask
        })
    };
    let group = vec![ask("A", held.epoch), ask("C", held.epoch)];
    let written = desk.ledger.write(group).unwrap();
    assert!(
        matches!(written[..], [Written::LaneLost(_), Written::Claimed(_)]),
        "{written:?}"
    );
}

/// Hosts' clocks have no word in it: what a lease's end is compared with is the server's.
#[test]
fn l6_the_servers_clock_decides_whatever_a_host_calls_now() {
    let books = Books::new(Route::Direct, Isolation::ReadCommitted);
    let (mut desk, batch) = desk(&books);
    let taken = take(&mut books.postgres(), MERCHANT);
    for minutes in [-5, 5] {
        desk.now = START.plus_ms(minutes * 60_000);
        let number = if minutes < 0 { "A" } else { "B" };
        let claimed = claim(&mut desk, batch, number, Some(taken.held.epoch));
        assert!(matches!(claimed, Written::Claimed(_)), "{claimed:?}");
    }
    let ask = "SELECT abs(lease_until_ms - taken_at_ms) FROM levy.lane";
    assert_eq!(
        Server::get().ask(&books.database, ask),
        LEASE_MS.to_string()
    );
}

#[test]
fn l6_a_taking_of_which_nothing_was_heard_is_believed_as_the_table_has_it() {
    for (route, isolation) in WAYS {
        for before in [true, false] {
            let books = Books::new(route, isolation);
            let mut one = books.postgres();
            one.lose_commit(if before { Lose::Before } else { Lose::After });
            let taken = take(&mut one, MERCHANT);
            assert_eq!(taken.held.epoch, Epoch(1));
            assert_eq!(one.renew(&held(&[taken])).unwrap(), []);
            // The same with one that is renewed, and one that is let go.
            for lose in [Lose::Before, Lose::After] {
                one.lose_commit(lose);
                assert_eq!(one.alive(2).unwrap(), [2]);
                one.lose_commit(lose);
                let held = [Held {
                    merchant: lane(MERCHANT),
                    epoch: Epoch(1),
                }];
                assert_eq!(one.renew(&held).unwrap(), []);
            }
        }
    }
}

/// A renewal waits for no writer, however long that one takes, and nothing else keeps it waiting for long.
#[test]
fn l6_a_lease_is_renewed_while_somebody_writes() {
    use crate::ledger::database::{Database, End};
    for isolation in [Isolation::ReadCommitted, Isolation::Serializable] {
        let books = Books::new(Route::Direct, isolation);
        let (mut one, mut two) = (books.postgres(), books.postgres());
        let mut writer = books.postgres();
        let taken = held(&[take(&mut one, MERCHANT)]);
        two.lock_wait_ms = 2;
        Database::write(&mut writer, &mut |_| {
            assert_eq!(one.alive(2).unwrap(), [2]);
            assert_eq!(one.renew(&taken).unwrap(), []);
            assert_eq!(two.take(&[lane(OTHER)]).unwrap(), []);
            one.let_go(&back(&taken, 0)).unwrap();
            Ok(End::Commit)
        })
        .unwrap();
        assert_eq!(two.take(&[lane(MERCHANT), lane(OTHER)]).unwrap().len(), 2);
    }
}

/// Of a file of a million rows for one merchant no more is looked at than is asked for.
#[test]
fn a_shared_deck_is_dealt_by_its_index() {
    let books = Books::new(Route::Direct, Isolation::ReadCommitted);
    let wire = Server::get().wire(Route::Direct, &books.database);
    let text = crate::ledger::postgres::dialect::of_postgres(
        crate::ledger::sql::DECK_SHARED_PENDING.postgres,
        7,
    );
    let rows = wire
        .ok()
        .unwrap()
        .script(format!(
            "SET search_path = levy; SET enable_seqscan = off; SET enable_bitmapscan = off; PREPARE it (TEXT, \
             BIGINT, BIGINT, BIGINT) AS {text}; EXPLAIN EXECUTE it ('{MERCHANT}', 0, 10, 1)"
        ))
        .ok()
        .unwrap();
    let plan: Vec<&str> = rows.iter().filter_map(|row| row.get(0)).collect();
    let plan = plan.join("\n");
    let inner = plan.rsplit_once("Limit").unwrap().1;
    assert!(
        inner.contains("Index Scan using orders_pending on orders") && !inner.contains("Sort"),
        "{plan}"
    );
}

#[test]
fn many_processes_take_each_lane_once() {
    for isolation in [Isolation::ReadCommitted, Isolation::Serializable] {
        let books = Books::new(Route::Pooled, isolation);
        let lanes: Vec<Merchant> = (0..20).map(|n| lane(&format!("19000166{n:02}"))).collect();
        let mut taken: Vec<Merchant> = std::thread::scope(|scope| {
            let all: Vec<_> = (0..4)
                .map(|skip| {
                    let (books, lanes) = (&books, &lanes);
                    scope.spawn(move || {
                        let mut mine = Vec::new();
                        let mut ledger = books.postgres();
                        for piece in lanes[skip..].chunks(3).chain(lanes.chunks(4)) {
                            let taken = ledger.take(piece).unwrap();
                            assert_eq!(ledger.renew(&held(&taken)).unwrap(), []);
                            mine.extend(taken.into_iter().map(|taken| taken.held.merchant));
                        }
                        mine
                    })
                })
                .collect();
            all.into_iter()
                .flat_map(|one| one.join().unwrap())
                .collect()
        });
        taken.sort();
        assert_eq!(taken, lanes);
    }
}

#[test]
fn whoever_lives_is_counted_until_it_leaves() {
    let books = Books::new(Route::Direct, Isolation::ReadCommitted);
    let (mut one, mut two) = (books.postgres(), books.postgres());
    let sorted = |mut living: Vec<u32>| {
        living.sort_unstable();
        living
    };
    assert_eq!(one.alive(5).unwrap(), [5]);
    assert_eq!(sorted(two.alive(0).unwrap()), [0, 5]);
    assert_eq!(sorted(one.alive(4).unwrap()), [0, 4]);
    two.leave().unwrap();
    assert_eq!(one.alive(4).unwrap(), [4]);
    two.alive(1).unwrap();
    let dead = format!("UPDATE levy.worker SET alive_until_ms = alive_until_ms - {LEASE_MS}");
    Server::get().execute(&books.database, &dead);
    assert_eq!(one.alive(4).unwrap(), [4]);
}

#[test]
fn what_there_is_to_do_is_offered_with_whose_it_is() {
    let books = Books::new(Route::Direct, Isolation::ReadCommitted);
    let (mut desk, batch) = desk(&books);
    let mut one = books.postgres();
    assert_eq!(one.offers(Scope::Shared(Handed::All)).unwrap(), []);
    desk.ledger.hand_over(batch, START).unwrap();
    let whose = |ledger: &mut PostgresLedger| -> Vec<(u64, Whose)> {
        let offers = ledger
            .offers(Scope::Shared(Handed::All))
            .unwrap()
            .into_iter();
        offers
            .map(|offer| (offer.work.pending, offer.whose))
            .collect()
    };
    let taken = take(&mut one, MERCHANT);
    assert_eq!(whose(&mut one), [(2, Whose::Ours), (1, Whose::Nobodys)]);
    assert_eq!(
        whose(&mut books.postgres()),
        [(2, Whose::Anothers), (1, Whose::Nobodys)]
    );
    let lines = one.lines().unwrap();
    assert_eq!(
        lines
            .iter()
            .map(|line| (line.epoch, line.owner.as_deref(), line.pending))
            .collect::<Vec<_>>(),
        [
            (Some(Epoch(1)), Some("host one, process 1"), 2),
            (None, None, 1)
        ]
    );
    assert!(lines[0].left_ms > 0 && lines[0].left_ms <= LEASE_MS as i64);
    one.let_go(&back(&[taken.held], 31_001)).unwrap();
    assert_eq!(whose(&mut one), [(2, Whose::Nobodys), (1, Whose::Nobodys)]);
    assert!(one.lines().unwrap()[0].left_ms <= 0);
}

fn held_words<T: std::fmt::Debug>(done: LedgerResult<T>) -> String {
    match done {
        Err(LedgerError::Held(words)) => words,
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_needs_that_nobody_sends_is_refused_while_a_lane_is_held() {
    let books = Books::new(Route::Direct, Isolation::ReadCommitted);
    let (mut desk, batch) = desk(&books);
    desk.bring(batch, "A", State::Unknown);
    desk.bring(batch, "C", State::Unknown);
    let mut one = books.postgres();
    let taken = take(&mut one, MERCHANT);
    let by = Person::parse("somebody").unwrap();
    let resolve = |number| Decision::Resolve {
        no: no(number),
        resolution: Resolution::Success,
        by: TwoPeople::new(Person::parse("one").unwrap(), Person::parse("two").unwrap()).unwrap(),
        evidence: Words::parse("seen").unwrap(),
    };
    let words = held_words(desk.ledger.restored(START, &by, START));
    assert!(
        words.starts_with("host one, process 1 holds the lane of merchant 1900016681 for another"),
        "{words}"
    );
    held_words(desk.ledger.decide(&resolve("A"), START));
    desk.ledger.stage_clear().unwrap();
    let mut row = numbered("H", "h", 9);
    row.past = Some(crate::ledger::SentBefore {
        first_sent_at: START.plus_ms(-1000),
        outcome: None,
        change_no: None,
    });
    desk.ledger
        .stage(&crate::ledger::laws::fixture::staged(vec![Ok(row)]))
        .unwrap();
    let head = Desk::head("history.csv");
    held_words(desk.ledger.import(&head, &by, START, 40));
    // Another lane is in nobody's way, and freezing goes at any time.
    desk.ledger.decide(&resolve("C"), START).unwrap();
    let freeze = Decision::Freeze {
        by: by.clone(),
        reason: Words::parse("stop").unwrap(),
    };
    desk.ledger.decide(&freeze, START).unwrap();
    one.let_go(&back(&[taken.held], 31_001)).unwrap();
    desk.ledger.decide(&resolve("A"), START).unwrap();
    desk.ledger.import(&head, &by, START, 40).unwrap();
    desk.ledger.restored(START, &by, START).unwrap();
}

#[test]
fn l6_the_epoch_of_a_lane_never_goes_back() {
    let books = Books::new(Route::Direct, Isolation::ReadCommitted);
    take(&mut books.postgres(), MERCHANT);
    for done in [
        "UPDATE levy.lane SET epoch = epoch - 1",
        "UPDATE levy.lane SET owner = owner + 1",
        "DELETE FROM levy.lane",
        "TRUNCATE levy.lane",
    ] {
        let failed = Server::get().try_execute(&books.database, done);
        assert!(failed.unwrap_err().contains("L6: "), "{done}");
    }
}
