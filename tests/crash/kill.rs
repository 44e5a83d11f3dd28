//! kill -9 at moments that a seed decides, with a gateway that loses, refuses and forges replies:
//! while the file is read, while requests are on the wire, while the run before it is being taken
//! over. Processes are also stopped for longer than a request may take, levy and the gateway alike.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::bench::{Desk, Gateway, most_in_a_second, signal};
use super::chance::{Chance, setting};
use super::disk::{Deed, Plan};

/// Rows of a round's batch.
const ROWS: usize = 400;
/// Kills of one batch at most, before it is brought to its end.
const KILLS_A_ROUND: u64 = 8;
/// Starts of one batch at most: what has nothing left to do ends before it is killed.
const STARTS_A_ROUND: u64 = 24;
/// What the gateway does to one request in six.
const FAULTS: &str =
    "lose-before=0.03,lose-after=0.05,error-500=0.04,throttle=0.02,ill-signed=0.03";
/// Longer than an impatient desk waits for a reply.
const STOPPED: Duration = Duration::from_millis(1_300);

/// How one process came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    /// SIGKILL after so many milliseconds.
    Moment,
    /// SIGKILL at an operation on the disk.
    Operation,
    /// Stopped for longer than the timeout, gone on, and killed.
    Stopped,
    /// The gateway was stopped for as long.
    Silence,
}

/// `KILLS=500` for so many; `SEED=N` for other moments, and `ROUND=N` for one batch of them.
#[test]
fn l9_killed_at_random_moments_it_ends_as_if_nothing_had_happened() {
    let wanted = setting("KILLS", 5);
    let seed = setting("SEED", 1);
    let only = std::env::var("ROUND").is_ok().then(|| setting("ROUND", 0));
    let (killed, round) = (AtomicU64::new(0), AtomicU64::new(0));
    let tally = Mutex::new(std::collections::BTreeMap::new());
    let desk = || {
        while killed.load(Ordering::SeqCst) < wanted {
            let n = only.unwrap_or_else(|| round.fetch_add(1, Ordering::SeqCst));
            let left = wanted.saturating_sub(killed.load(Ordering::SeqCst));
            let kills = one_batch(seed, n, left.min(KILLS_A_ROUND));
            killed.fetch_add(kills.len() as u64, Ordering::SeqCst);
            for kind in kills {
                *tally.lock().unwrap().entry(kind).or_insert(0_u64) += 1;
            }
            if only.is_some() {
                return;
            }
        }
    };
    std::thread::scope(|scope| {
        let jobs = setting("CRASH_JOBS", 4).min(wanted.div_ceil(KILLS_A_ROUND));
        let all: Vec<_> = (0..jobs).map(|_| scope.spawn(desk)).collect();
        for one in all {
            one.join().expect("a round failed, see above");
        }
    });
    println!(
        "{killed:?} kills in {round:?} batches of {ROWS} orders: {:?}",
        tally.lock().unwrap()
    );
}

/// A batch, killed so many times and then brought to its end; what killed it.
fn one_batch(seed: u64, round: u64, kills: u64) -> Vec<Kind> {
    let told = Told(seed, round);
    let mut chance = Chance(seed.wrapping_mul(1_000_003).wrapping_add(round));
    let gateway_seed = chance.next().to_string();
    let gateway = Gateway::start(&[
        "--sandbox-faults",
        FAULTS,
        "--sandbox-seed",
        &gateway_seed,
        "--sandbox-latency-ms",
        "1-25",
    ]);
    let merchants = 2 + chance.below(7) as usize;
    let desk = Desk::new(&gateway, 1, ROWS, merchants).impatient();
    let mut done = Vec::new();
    for _ in 0..STARTS_A_ROUND {
        if done.len() as u64 == kills {
            break;
        }
        let (kind, exit) = one_start(&desk, &gateway, &mut chance);
        match exit {
            -9 => done.push(kind),
            0 | 3 | 4 => {}
            other => panic!("exit {other}: {}", desk.said()),
        }
        desk.inspect();
        if exit == 0 {
            break;
        }
    }
    desk.finish();
    let arrivals = gateway.arrivals();
    let most = most_in_a_second(&arrivals);
    assert!(
        most <= 100,
        "{most} requests of one merchant in a second (L6)"
    );
    assert_eq!(desk.litter(), Vec::<String>::new());
    drop(told);
    done
}

fn one_start(desk: &Desk<'_>, gateway: &Gateway, chance: &mut Chance) -> (Kind, i32) {
    let kind = match chance.below(32) {
        0..16 => Kind::Moment,
        16..28 => Kind::Operation,
        28..31 => Kind::Stopped,
        _ => Kind::Silence,
    };
    // Most moments early on, where each millisecond does something else.
    let moment = |chance: &mut Chance| {
        let most = 4 << chance.below(10);
        Duration::from_millis(1 + chance.below(most))
    };
    if kind == Kind::Operation {
        let deeds = [Deed::KillBefore, Deed::KillHalf, Deed::KillAfter];
        let most = 8 << chance.below(8);
        let plan = Plan {
            at: 1 + chance.below(most) as usize,
            deed: deeds[chance.below(3) as usize],
            ops: "w",
            on: false,
            record: None,
        };
        return (kind, desk.run(Some(&plan)).exit());
    }
    let child = desk.spawn(None);
    std::thread::sleep(moment(chance));
    let stopped = match kind {
        Kind::Stopped => Some(child.id()),
        Kind::Silence => Some(gateway.id()),
        Kind::Moment | Kind::Operation => None,
    };
    if let Some(id) = stopped {
        signal(id, "STOP");
        std::thread::sleep(STOPPED);
        signal(id, "CONT");
        std::thread::sleep(moment(chance));
    }
    signal(child.id(), "KILL");
    (kind, desk.wait(child).exit())
}

/// Says how to repeat a round that failed.
struct Told(u64, u64);

impl Drop for Told {
    fn drop(&mut self) {
        if std::thread::panicking() {
            println!(
                "to repeat it: SEED={} ROUND={} KILLS={KILLS_A_ROUND} cargo test --test crash kill \
                 -- --nocapture",
                self.0, self.1
            );
        }
    }
}
