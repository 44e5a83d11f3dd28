//! A run whose lanes are held for a while, with its threads: how it ends, and what does not end it.

use std::path::{Path, PathBuf};
use std::sync::Mutex;

use super::*;
use crate::ledger::{
    Binding, Decision, Environment, Epoch, Held, LaneWork, Lanes, Offer, OpenOptions, Person,
    Returned, Taken, Whose, Words,
};
use crate::worker::deadline::{Deadline, Permission};
use crate::worker::{Shared, Term, run_shared};

/// One lane with one order or none, and what was asked of it.
pub(super) struct OneLane {
    lease: Duration,
    path: PathBuf,
    idle: bool,
    held: Option<Epoch>,
    asked: Arc<Mutex<Vec<&'static str>>>,
}

impl OneLane {
    pub(super) fn with_work(lease: Duration) -> Self {
        Self {
            lease,
            path: PathBuf::new(),
            idle: false,
            held: None,
            asked: Arc::default(),
        }
    }

    fn asked(&self, what: &'static str) {
        let mut asked = self.asked.lock().unwrap();
        if asked.last() != Some(&what) {
            asked.push(what);
        }
    }
}

impl Lanes for OneLane {
    fn lease_ms(&self) -> u64 {
        self.lease.as_millis() as u64
    }

    fn alive(&mut self, lanes: u32) -> LedgerResult<Vec<u32>> {
        Ok(vec![lanes])
    }

    fn is_frozen(&mut self) -> LedgerResult<bool> {
        // Where there is work, a claim tells: it was frozen since this was asked.
        Ok(self.idle && open(&self.path).frozen()?.is_some())
    }

    fn offers(&mut self, _: Scope) -> LedgerResult<Vec<Offer>> {
        if self.idle {
            return Ok(Vec::new());
        }
        let work = LaneWork {
            merchant: Merchant::parse("1900016681").unwrap(),
            open: 0,
            pending: 1,
        };
        let whose = match self.held {
            Some(_) => Whose::Ours,
            None => Whose::Nobodys,
        };
        Ok(vec![Offer { work, whose }])
    }

    fn take(&mut self, lanes: &[Merchant]) -> LedgerResult<Vec<Taken>> {
        self.asked("take");
        let epoch = Epoch(7);
        self.held = Some(epoch);
        let merchant = lanes[0].clone();
        let held = Held { merchant, epoch };
        Ok(vec![Taken { held, rest_ms: 0 }])
    }

    fn renew(&mut self, _: &[Held]) -> LedgerResult<Vec<Held>> {
        Ok(Vec::new())
    }

    fn let_go(&mut self, lanes: &[Returned]) -> LedgerResult<()> {
        assert_eq!(lanes.len(), 1);
        self.asked("let go");
        self.held = None;
        Ok(())
    }

    fn leave(&mut self) -> LedgerResult<()> {
        self.asked("leave");
        Ok(())
    }
}

/// A ledger in a file, so that others can open it as well.
fn open(path: &Path) -> SqliteLedger {
    SqliteLedger::open(&OpenOptions {
        path: path.into(),
        binding: Binding {
            caller: "1900007291".into(),
            environment: Environment::Real,
        },
        create: true,
        allow_network_file_system: true,
    })
    .unwrap()
}

/// Does what is to be done when it is told something, and stops the run once a request has ended.
struct Watcher {
    stop: watch::Sender<bool>,
    path: PathBuf,
    notices: Vec<String>,
    on_notice: fn(&Path),
}

impl Observer for Watcher {
    fn progress(&mut self, progress: &Progress) {
        if progress.attempts > 0 {
            self.stop.send_replace(true);
        }
    }

    fn alert(&mut self, words: &str) {
        panic!("{words}");
    }

    fn notice(&mut self, words: &str) {
        (self.on_notice)(&self.path);
        self.notices.push(words.into());
    }
}

/// A run on a ledger with one order; what was asked of its lane, how it ended, and what was told.
async fn runs(
    term: Term,
    lease: Duration,
    before: fn(&Path),
    on_notice: fn(&Path),
) -> (Vec<&'static str>, LedgerResult<RunReport>, Vec<String>) {
    runs_with(false, term, lease, before, on_notice).await
}

/// The same, on lanes that have something to do or not.
async fn runs_with(
    idle: bool,
    term: Term,
    lease: Duration,
    before: fn(&Path),
    on_notice: fn(&Path),
) -> (Vec<&'static str>, LedgerResult<RunReport>, Vec<String>) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("levy.db");
    let mut ledger = open(&path);
    let scope = one_order(&mut ledger);
    let settings = settings(&mut ledger);
    before(&path);
    let asked = Arc::new(Mutex::new(Vec::new()));
    let lanes = OneLane {
        lease,
        path: path.clone(),
        idle,
        held: None,
        asked: Arc::clone(&asked),
    };
    let mut shared = Shared {
        lanes: Some(Box::new(lanes)),
        scope,
        term,
    };
    let (stop, stopped) = watch::channel(false);
    let mut watcher = Watcher {
        stop,
        path,
        notices: Vec::new(),
        on_notice,
    };
    let run = run_shared(
        Box::new(ledger),
        &mut shared,
        Arc::new(client()),
        Arc::new(SystemClock::default()),
        settings,
        stopped,
        &mut watcher,
    );
    let ended = tokio::time::timeout(PATIENCE, run).await;
    let (ledger, report) = ended.expect("it hangs");
    assert!(ledger.is_some() && shared.lanes.is_some());
    let asked = asked.lock().unwrap().clone();
    (asked, report, watcher.notices)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lease_that_covers_no_request_is_refused_before_a_lane_is_taken() {
    let lease = Duration::from_millis(1_500);
    let (asked, report, _) = runs(Term::Once, lease, |_| {}, |_| {}).await;
    assert_eq!(asked, Vec::<&str>::new());
    let words = report.unwrap_err().to_string();
    assert!(words.contains("1.5s is too short"), "{words}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signal_lets_go_of_all_lanes_and_says_so() {
    let lease = Duration::from_secs(30);
    let (asked, report, notices) = runs(Term::Once, lease, |_| {}, |_| {}).await;
    assert_eq!(asked, ["take", "let go", "leave"]);
    let report = report.unwrap();
    assert_eq!((report.attempts, report.stop), (1, Some(Stop::Asked)));
    assert_eq!((report.stopped_lanes, notices), (vec![], vec![]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_freeze_makes_a_worker_for_ever_let_go_until_it_is_lifted() {
    let (asked, report, notices) = runs(
        Term::ForEver,
        Duration::from_secs(3),
        |path| {
            let decision = Decision::Freeze {
                by: Person::parse("Li Wei").unwrap(),
                reason: Words::parse("a drill").unwrap(),
            };
            open(path).decide(&decision, WallMs(2)).unwrap();
        },
        |path| {
            let by = Person::parse("Wang Fang").unwrap();
            let mut ledger = open(path);
            if ledger.frozen().unwrap().is_some() {
                ledger
                    .decide(&Decision::Unfreeze { by }, WallMs(3))
                    .unwrap();
            }
        },
    )
    .await;
    assert_eq!(
        asked,
        ["take", "let go", "leave", "take", "let go", "leave"]
    );
    let report = report.unwrap();
    assert_eq!((report.attempts, report.stop), (1, Some(Stop::Asked)));
    assert!(
        notices[0].starts_with("the ledger is frozen"),
        "{notices:?}"
    );
    assert_eq!(notices[1..], ["going on"]);
}

/// Nothing is claimed, so that no claim tells.
#[tokio::test(flavor = "multi_thread")]
async fn an_idle_worker_for_ever_hears_that_its_ledger_has_moved_and_says_where_to() {
    let (asked, report, notices) = runs_with(
        true,
        Term::ForEver,
        Duration::from_secs(3),
        |path| {
            use crate::ledger::moved::{Shelf, leave, whole};
            let mut from = Shelf::File(Box::new(open(path)));
            let by = Person::parse("Li Wei").unwrap();
            let to = "postgres://levy@db.bank.example/levy";
            leave(&mut from, &by, to, WallMs(2)).unwrap();
            let head = from.ledger().journal_head().unwrap();
            whole(&mut from, &by, to, (head, head), WallMs(3)).unwrap();
        },
        |_| {},
    )
    .await;
    let Err(LedgerError::Refused(words)) = report else {
        panic!("{report:?}")
    };
    assert!(
        words.starts_with("this ledger has moved to postgres://levy@db.bank.example/levy"),
        "{words}"
    );
    assert_eq!((asked, notices), (vec!["leave"], vec![]));
}

/// The disk, or the database's host.
#[tokio::test(flavor = "multi_thread")]
async fn l9_a_ledger_that_fails_does_not_end_a_worker_for_ever() {
    let (asked, report, notices) = runs(
        Term::ForEver,
        Duration::from_secs(3),
        |path| {
            let sql = "CREATE TRIGGER gone BEFORE INSERT ON attempt BEGIN
                SELECT RAISE(FAIL, 'the disk is gone (a test)'); END";
            rusqlite::Connection::open(path)
                .unwrap()
                .execute_batch(sql)
                .unwrap();
        },
        |path| {
            let sql = "DROP TRIGGER IF EXISTS gone";
            rusqlite::Connection::open(path)
                .unwrap()
                .execute_batch(sql)
                .unwrap();
        },
    )
    .await;
    assert_eq!(
        asked,
        ["take", "let go", "leave", "take", "let go", "leave"]
    );
    let report = report.unwrap();
    assert_eq!((report.attempts, report.stop), (1, Some(Stop::Asked)));
    assert!(notices[0].contains("the disk is gone"), "{notices:?}");
    assert_eq!(notices[1..], ["going on"]);
}

/// The client panics whenever it is asked for anything.
#[tokio::test]
async fn l6_a_request_that_could_outlive_its_lease_is_never_begun() {
    use crate::ledger::{Ask, OrderId, Write, Written};
    let (mut ledger, scope) = ledger();
    let merchant = Merchant::parse("1900016681").unwrap();
    let job = ledger
        .deck(scope, Phase::Pending, &merchant, OrderId(0), 1)
        .unwrap()
        .remove(0);
    let ask = Ask {
        job,
        asked: crate::order::Asked::Submission,
        at: WallMs(1),
        run: ledger.begin_run(WallMs(1)).unwrap(),
        lease: Some(Epoch(1)),
        handed: None,
    };
    let Written::Claimed(claimed) = ledger.write(vec![Write::Claim(ask)]).unwrap().remove(0) else {
        panic!("it can be claimed")
    };
    let clock = FakeClock::at(WallMs(1));
    let permission = Permission {
        deadline: Deadline::at(Duration::from_secs(12)),
        clock: Arc::new(clock.clone()),
        takes: Duration::from_secs(12),
    };
    assert!(permission.holds());
    clock.advance(Duration::from_micros(1));
    let host = crate::gateway::Host::Main;
    let sent = send(&client(), claimed, host, Some(&permission)).await;
    assert!(sent.is_err(), "the claim comes back unused");
    permission.deadline.extend(Duration::from_secs(20));
    assert!(permission.holds());
    permission.deadline.over();
    assert!(!permission.holds(), "what is lost is over at once");
}
