//! Workers that share lanes: what each of them may send, and when.

mod house;
mod looks;

use super::*;
use house::{House, LEASE, Port, TIMEOUT, accept, merchant, rows};

/// Lanes that a worker holds.
fn shares(house: &House) -> Vec<usize> {
    let board = house.board.lock().unwrap();
    (0..house.workers.len())
        .map(|me| board.held_by(me))
        .collect()
}

#[test]
fn l6_workers_share_the_lanes_fairly_and_one_that_joins_gets_its_share_within_a_lease() {
    let mut house = House::new(12 * 600, 12, 10);
    house.begins(Term::Once);
    house.begins(Term::Once);
    house.pass_by(LEASE);
    assert_eq!(shares(&house), [6, 6]);
    house.begins(Term::Once);
    house.pass_by(LEASE);
    assert_eq!(shares(&house), [4, 4, 4]);
    house.until("the end", House::all_over);
    house.pace_holds();
    assert_eq!(house.succeeded(), 12 * 600);
    // What was claimed when its lane went back was given back, and nothing was sent twice.
    assert_eq!(house.submissions.len(), 12 * 600);
    assert!(house.submissions.values().all(|sent| *sent == 1));
    assert_eq!(shares(&house), [0, 0, 0]);
}

#[test]
fn l1_each_order_is_claimed_once_whoever_drives_it() {
    let mut house = House::new(400, 8, 100);
    for _ in 0..4 {
        house.begins(Term::Once);
    }
    house.until("the end", House::all_over);
    assert_eq!(house.succeeded(), 400);
    assert!(house.claims.values().all(|claims| *claims == 1));
    assert_eq!(house.claims.len(), 400);
    house.pace_holds();
}

#[test]
fn l6_a_dead_workers_lanes_are_taken_after_its_lease_and_rest_until_its_requests_are_counted() {
    let mut house = House::new(4 * 1_000, 4, 20);
    let dead = house.begins(Term::Once);
    let heir = house.begins(Term::Once);
    house.pass_by(LEASE);
    assert_eq!(shares(&house), [2, 2]);
    house.dies(dead);
    let died_at = house.clock.monotonic();
    let kept: Vec<Merchant> = (0..4).map(merchant).collect();
    house.until("all lanes are the heir's", |house| {
        house.board.lock().unwrap().held_by(heir) == 4 || house.all_over()
    });
    assert!(house.clock.monotonic() <= died_at + LEASE + LEASE / 3);
    house.until("the end", House::all_over);
    assert_eq!(house.succeeded(), 4 * 1_000);
    let board = house.board.lock().unwrap();
    let mut taken_over = 0;
    for lane in kept {
        let mut takes = board.taken.iter();
        if !takes.any(|(at, m, who)| *at > died_at && *m == lane && *who == heir) {
            continue;
        }
        taken_over += 1;
        let of_heir = |(at, who, m): &&(Mono, usize, String)| {
            *at > died_at && *who == heir && *m == lane.as_str()
        };
        let first = house.sends.iter().find(of_heir).unwrap().0;
        assert!(first >= died_at + crate::pace::AFTER_GIVING_UP);
    }
    assert_eq!(taken_over, 2);
    drop(board);
    house.pace_holds();
}

/// Its database is gone for longer than a lease: it sends as long as its leases cover the longest
/// request, and then nothing more; another goes on, and later it does so itself.
#[test]
fn l6_nothing_is_sent_past_the_deadline_and_a_lost_lane_is_left_in_mid_flight() {
    let mut house = House::new(2 * 3_000, 2, 20);
    let cut_off = house.begins(Term::Once);
    let heir = house.begins(Term::Once);
    house.pass_by(LEASE);
    assert_eq!(shares(&house), [1, 1]);
    let lanes = house.board.lock().unwrap().lanes.clone();
    let (lane, row) = lanes.iter().find(|(_, row)| row.owner == cut_off).unwrap();
    house.board.lock().unwrap().cut_off.insert(cut_off);
    house.pass_by(LEASE * 3);
    let mine = |(_, who, m): &&(Mono, usize, String)| *who == cut_off && *m == lane.as_str();
    let last = house.sends.iter().rfind(mine).unwrap().0;
    assert!(
        last + TIMEOUT < row.until,
        "{last:?} could outlive {:?}",
        row.until
    );
    assert!(last + LEASE / 2 > row.until, "it stopped too early");
    assert_eq!(
        house.workers[cut_off].unsent, 1,
        "the first that is not begun ends it"
    );
    assert_eq!(house.board.lock().unwrap().held_by(heir), 2);
    house.board.lock().unwrap().cut_off.clear();
    house.until("the end", House::all_over);
    assert_eq!(house.succeeded(), 2 * 3_000);
    assert!(house.submissions.values().all(|sent| *sent == 1));
    house.pace_holds();
    let again = |(at, who, _): &&(Mono, usize, String)| *who == cut_off && *at > row.until;
    assert!(house.sends.iter().any(|send| again(&send)));
    let stopped = &house.workers[cut_off].engine;
    assert!(!stopped.is_stopping());
    let words = house.workers[cut_off].notices.join("\n");
    assert!(words.contains("can't be renewed"), "{words}");
    assert!(words.contains("answers again"), "{words}");
    assert!(!words.contains("left alone"), "{words}");
}

/// As SIGSTOP does it, or a machine that sleeps: it has requests ready to be sent when it is stopped.
#[test]
fn l6_a_worker_that_was_stopped_longer_than_its_lease_sends_nothing_of_what_it_had_in_hand() {
    let mut house = House::new(2 * 500, 2, 20);
    let sleeper = house.begins(Term::Once);
    house.pass_by(Duration::from_secs(5));
    let heir = house.begins(Term::Once);
    house.workers[sleeper].stop_at_send = true;
    house.until("it is stopped", |house| house.workers[sleeper].stopped);
    let stopped_at = house.clock.monotonic();
    house.pass_by(LEASE + Duration::from_secs(12));
    assert_eq!(house.board.lock().unwrap().held_by(heir), 2);
    house.workers[sleeper].stopped = false;
    let woken_at = house.clock.monotonic();
    house.until("the end", House::all_over);
    assert!(house.workers[sleeper].unsent >= 1);
    assert_eq!(house.succeeded(), 2 * 500);
    house.pace_holds();
    // What it sends later goes by a lane that the other has given back, a permit's time ago at least.
    let early = |(at, who, _): &&(Mono, usize, String)| {
        *who == sleeper && *at > stopped_at && *at < woken_at + Duration::from_millis(1_001)
    };
    assert_eq!(house.sends.iter().find(early), None);
}

/// What a lane's last holder sent holds the next one back as long as it counts, and no longer.
#[test]
fn l6_a_lane_that_was_given_back_rests_for_the_permits_that_are_out() {
    let mut house = House::new(2 * 500, 2, 20);
    house.begins(Term::Once);
    house.pass_by(Duration::from_secs(5));
    let second = house.begins(Term::Once);
    let joined_at = house.clock.monotonic();
    house.until("the second sends", |house| {
        house.sends.iter().any(|(_, who, _)| *who == second)
    });
    assert!(house.clock.monotonic() < joined_at + LEASE);
    house.until("the end", House::all_over);
    assert_eq!(house.succeeded(), 2 * 500);
    house.pace_holds();
}

#[test]
fn one_that_is_through_waits_for_the_lanes_of_others_and_says_so() {
    let mut house = House::new(2, 1, 100);
    let first = house.begins(Term::Once);
    house.pass_by(Duration::from_millis(10));
    let second = house.begins(Term::Once);
    house.workers[first].stopped = true;
    house.pass_by(LEASE / 2);
    let words = house.workers[second].notices.join("\n");
    assert_eq!(
        words,
        "waiting for other workers, which drive 1 of the merchants (1900000000); `levy lanes` shows who"
    );
    house.workers[first].stopped = false;
    house.until("the end", House::all_over);
    assert_eq!(house.succeeded(), 2);
}

/// As a run does whose file is through, but for lanes that others go on with.
#[test]
fn who_could_drive_no_lane_takes_no_share() {
    let mut house = House::new(12 * 600, 12, 10);
    let port = |me| Port {
        me,
        board: Arc::clone(&house.board),
        ledger: Arc::clone(&house.ledger),
    };
    let (mut waits, mut one_lane) = (port(7), port(8));
    house.begins(Term::ForEver);
    waits.alive(0).unwrap();
    house.pass_by(LEASE / 2);
    assert_eq!(shares(&house), [12]);
    waits.alive(0).unwrap();
    one_lane.alive(1).unwrap();
    house.pass_by(LEASE / 2);
    assert_eq!(shares(&house), [11]);
}

/// The first of two runs of one process takes a lane that another host has just left, and ends.
#[test]
fn l6_a_lane_rests_for_another_run_of_the_same_process_and_not_for_the_same_run() {
    let house = House::new(1, 1, 100);
    let port = |me| Port {
        me,
        board: Arc::clone(&house.board),
        ledger: Arc::clone(&house.ledger),
    };
    let keeper = || {
        let clock = Arc::new(house.clock.clone());
        let scope = Scope::Batch(house.batch);
        Keeper::new(Box::new(port(0)), clock, scope, Term::ForEver)
    };
    let joined = |told: Vec<Told>| match told.into_iter().next() {
        Some(Told::Joined {
            work, epoch, rest, ..
        }) => {
            let merchant = work.merchant;
            (Held { merchant, epoch }, rest)
        }
        other => panic!("{other:?}"),
    };
    let back = |held: &Held, rest: Duration| Returned {
        held: held.clone(),
        rest_ms: rest.as_millis() as u64,
    };
    let second = Duration::from_secs(1);
    house.clock.advance(60 * second);
    let mut other = port(1);
    let taken = other.take(&[merchant(0)]).unwrap().remove(0);
    other.let_go(&[back(&taken.held, 20 * second)]).unwrap();
    let mut one = keeper();
    let (held, rest) = joined(one.turn());
    assert_eq!(rest, 20 * second);
    // A run that has no use for it gives back what it got, and rests if it comes again.
    one.hear(Say::Unused(held));
    house.clock.advance(second);
    let (held, rest) = joined(one.turn());
    assert_eq!(rest, 19 * second);
    // One that has driven it knows by itself what it may send.
    let driven = Clear {
        held,
        end: LaneEnd::Left,
        rested_at: house.clock.monotonic() + 19 * second,
    };
    one.hear(Say::Clear(driven));
    house.clock.advance(second);
    let (held, rest) = joined(one.turn());
    assert_eq!(rest, Duration::ZERO);
    one.hear(Say::Clear(Clear {
        held,
        end: LaneEnd::Left,
        rested_at: house.clock.monotonic() + 18 * second,
    }));
    one.end();
    let mut next = keeper();
    let (held, rest) = joined(next.turn());
    assert_eq!(rest, 18 * second);
    // Taken again at once, and had no use for: whoever comes next rests all the same.
    next.hear(Say::Clear(Clear {
        held,
        end: LaneEnd::Left,
        rested_at: house.clock.monotonic() + 28 * second,
    }));
    house.clock.advance(second);
    let (held, rest) = joined(next.turn());
    assert_eq!(rest, Duration::ZERO);
    house.clock.advance(second);
    next.hear(Say::Unused(held));
    next.end();
    let rest = other.take(&[merchant(0)]).unwrap().remove(0).rest_ms;
    assert_eq!(rest, 26_000);
}

/// As a run does that was told to stop: what comes back from it would be taken again at once.
#[test]
fn l6_nothing_is_taken_once_a_run_stops_and_what_it_has_is_kept() {
    let house = House::new(3, 3, 100);
    let port = |me| Port {
        me,
        board: Arc::clone(&house.board),
        ledger: Arc::clone(&house.ledger),
    };
    let clock = Arc::new(house.clock.clone());
    let scope = Scope::Batch(house.batch);
    let mut keeper = Keeper::new(Box::new(port(0)), clock, scope, Term::ForEver);
    let mut held: Vec<Held> = Vec::new();
    for told in keeper.turn() {
        let Told::Joined { work, epoch, .. } = told else {
            panic!("{told:?}")
        };
        let merchant = work.merchant;
        held.push(Held { merchant, epoch });
    }
    let takes = || house.board.lock().unwrap().taken.len();
    assert_eq!((held.len(), takes()), (3, 3));
    keeper.hear(Say::Enough);
    keeper.hear(Say::Clear(Clear {
        held: held.remove(0),
        end: LaneEnd::Left,
        rested_at: house.clock.monotonic() + LEASE,
    }));
    // One is let go, the others wait for what they have on the wire.
    for _ in 0..8 {
        house.clock.advance(LEASE / 4);
        assert!(keeper.turn().is_empty());
        assert_eq!(house.board.lock().unwrap().held_by(0), 2);
    }
    assert_eq!(takes(), 3);
    keeper.hear(Say::Rest);
    assert!(matches!(keeper.turn()[..], [Told::Resting]));
    keeper.hear(Say::Go);
    assert!(matches!(keeper.turn()[..], [Told::Joined { .. }]));
}

#[test]
fn a_worker_for_ever_drives_new_orders_at_once_and_leftovers_after_five_minutes() {
    let mut house = House::new(2, 2, 100);
    house.silent.insert("N000002".into());
    let worker = house.begins(Term::ForEver);
    house.until("one is through, the other left over", |house| {
        house.submissions.get("N000002") == Some(&6) && shares(house) == [0]
    });
    let given_up = house.clock.monotonic();
    house.until("it is asked again", |house| {
        house.submissions.get("N000002") == Some(&7)
    });
    let waited = house.clock.monotonic() - given_up;
    assert!(waited >= LEFTOVERS_AGAIN - LEASE && waited <= LEFTOVERS_AGAIN + LEASE);
    house.until("it is given up again", |house| {
        house.submissions.get("N000002") == Some(&12) && shares(house) == [0]
    });
    // A new order of that very lane.
    let at = house.clock.wall();
    let scope = {
        let mut ledger = house.ledger.lock().unwrap();
        Scope::Batch(accept(&mut ledger, &rows(4, 4, 2), 8, at))
    };
    let Scope::Batch(batch) = scope else {
        unreachable!("as above")
    };
    house.batch = batch;
    house.workers[worker].keeper.as_mut().unwrap().scope = scope;
    let came_at = house.clock.monotonic();
    house.until("it is driven", |house| house.succeeded() == 1);
    assert!(house.clock.monotonic() - came_at <= LEASE);
    assert!(house.workers[worker].keeper.is_some(), "it goes on");
}

/// What nobody takes any more is no reason to wait.
#[test]
fn a_scope_without_work_is_done_at_once_and_says_nothing() {
    let house = House::new(1, 1, 100);
    let mut keeper = house.keeper(Scope::Open, Term::Once);
    let told = keeper.turn();
    assert!(matches!(told[..], [Told::Done]), "{told:?}");
    assert_eq!(house.board.lock().unwrap().workers.len(), 1);
    keeper.end();
    assert_eq!(house.board.lock().unwrap().workers.len(), 0);
}

/// Deaths, stops and lost connections at random times, with one worker that lives on.
#[test]
fn l6_l9_whatever_happens_to_workers_the_pace_holds_and_every_order_ends_once() {
    for seed in 1..=8_u64 {
        let mut chance = seed;
        let mut draw = |below: u64| {
            chance = chance
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            (chance >> 33) % below
        };
        println!("seed {seed}");
        let mut house = House::new(6 * 120, 6, 10);
        house.begins(Term::Once);
        for _ in 0..10 {
            house.pass_by(Duration::from_millis(draw(20_000)));
            let who = 1 + draw(3) as usize;
            while house.workers.len() <= who {
                house.begins(Term::Once);
            }
            match draw(6) {
                0 => house.dies(who),
                1 => house.workers[who].stopped = true,
                2 => house.workers[who].stop_at_send = true,
                3 => drop(house.board.lock().unwrap().cut_off.insert(who)),
                4 => drop(house.begins(Term::Once)),
                _ => {
                    house.board.lock().unwrap().cut_off.clear();
                    for worker in &mut house.workers {
                        worker.stopped = false;
                    }
                }
            }
        }
        house.board.lock().unwrap().cut_off.clear();
        for worker in &mut house.workers {
            worker.stopped = false;
            worker.stop_at_send = false;
        }
        house.until("the end", House::all_over);
        house.pace_holds();
        assert_eq!(house.succeeded(), 6 * 120, "seed {seed}");
        for worker in &house.workers {
            let left_alone = worker.notices.iter().any(|it| it.contains("left alone"));
            assert!(!left_alone, "seed {seed}");
        }
    }
}
