//! Several workers in simulated time: real engines and keepers, one real ledger, lanes in memory that
//! behave as a database's, and a gateway that counts.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use super::*;
use crate::clock::{FakeClock, WallMs};
use crate::gateway::reply::{Body, Checked, OrderReply, Reply as Http, Verified};
use crate::ledger::{
    BatchHead, BatchId, LaneWork, Ledger, LedgerError, SqliteLedger, StagedOrder, StagedRow, Taken,
    Write, Written,
};
use crate::order::{Account, Comeback, Content, Fen, OrderNo, ReductionType};
use crate::pace::AFTER_GIVING_UP;
use crate::worker::RunSettings;
use crate::worker::deadline::with_margin;
use crate::worker::engine::{Action, Engine, Event, Now, Reply, Sent};
use crate::worker::run::with_lanes;

/// Turns after which a story does not end; the longest takes some 60,000.
const TURNS_MAX: u64 = 400_000;
pub const LEASE: Duration = Duration::from_secs(30);
pub const TIMEOUT: Duration = Duration::from_secs(10);
pub const LATENCY: Duration = Duration::from_millis(40);

/// A lane's row.
#[derive(Clone, Debug)]
pub struct Row {
    pub epoch: i64,
    pub owner: usize,
    pub until: Mono,
}

/// What the database knows of lanes and workers, by its own clock.
#[derive(Debug)]
pub struct Board {
    pub clock: FakeClock,
    pub lanes: BTreeMap<Merchant, Row>,
    /// Until when each lives, and how many lanes it could drive.
    pub workers: BTreeMap<usize, (Mono, u32)>,
    /// How long it takes the database to say what there is.
    pub look_takes: Duration,
    /// Whom the database does not answer.
    pub cut_off: BTreeSet<usize>,
    /// When which lane was taken by whom.
    pub taken: Vec<(Mono, Merchant, usize)>,
}

impl Board {
    fn now(&self) -> Mono {
        self.clock.monotonic()
    }

    pub fn holds(&self, merchant: &Merchant, epoch: Epoch) -> bool {
        let row = self.lanes.get(merchant);
        row.is_some_and(|row| row.epoch == epoch.0 && row.until > self.now())
    }

    pub fn held_by(&self, me: usize) -> usize {
        let live = |row: &&Row| row.owner == me && row.until > self.now();
        self.lanes.values().filter(live).count()
    }
}

/// One process's connection to it.
pub struct Port {
    pub me: usize,
    pub board: Arc<Mutex<Board>>,
    pub ledger: Arc<Mutex<SqliteLedger>>,
}

impl Port {
    fn board(&self) -> LedgerResult<std::sync::MutexGuard<'_, Board>> {
        let board = self.board.lock().unwrap();
        match board.cut_off.contains(&self.me) {
            true => Err(LedgerError::Broken("no connection".into())),
            false => Ok(board),
        }
    }
}

impl Lanes for Port {
    fn lease_ms(&self) -> u64 {
        LEASE.as_millis() as u64
    }

    fn alive(&mut self, lanes: u32) -> LedgerResult<Vec<u32>> {
        let mut board = self.board()?;
        let now = board.now();
        board.workers.insert(self.me, (now + LEASE, lanes));
        let living = board.workers.values().filter(|(until, _)| *until > now);
        Ok(living.map(|(_, lanes)| *lanes).collect())
    }

    fn is_frozen(&mut self) -> LedgerResult<bool> {
        Ok(self.ledger.lock().unwrap().frozen()?.is_some())
    }

    fn offers(&mut self, scope: Scope) -> LedgerResult<Vec<Offer>> {
        let work = self.ledger.lock().unwrap().lanes(scope)?;
        let board = self.board()?;
        board.clock.advance(board.look_takes);
        let whose = |work: &LaneWork| match board.lanes.get(&work.merchant) {
            Some(row) if row.until > board.now() && row.owner == self.me => Whose::Ours,
            Some(row) if row.until > board.now() => Whose::Anothers,
            Some(_) | None => Whose::Nobodys,
        };
        Ok(work
            .into_iter()
            .map(|work| Offer {
                whose: whose(&work),
                work,
            })
            .collect())
    }

    fn take(&mut self, lanes: &[Merchant]) -> LedgerResult<Vec<Taken>> {
        let me = self.me;
        let mut board = self.board()?;
        let now = board.now();
        let mut taken = Vec::new();
        for merchant in lanes {
            let row = board.lanes.get(merchant).cloned();
            if row.as_ref().is_some_and(|row| row.until > now) {
                continue;
            }
            let rest = row.as_ref().map_or(Duration::ZERO, |row| {
                AFTER_GIVING_UP.saturating_sub(now.saturating_sub(row.until))
            });
            let epoch = row.map_or(0, |row| row.epoch) + 1;
            let until = now + LEASE;
            let owner = me;
            board.lanes.insert(
                merchant.clone(),
                Row {
                    epoch,
                    owner,
                    until,
                },
            );
            board.taken.push((now, merchant.clone(), me));
            taken.push(Taken {
                held: Held {
                    merchant: merchant.clone(),
                    epoch: Epoch(epoch),
                },
                rest_ms: rest.as_millis() as u64,
            });
        }
        Ok(taken)
    }

    fn renew(&mut self, held: &[Held]) -> LedgerResult<Vec<Held>> {
        let mut board = self.board()?;
        let now = board.now();
        let mut lost = Vec::new();
        for one in held {
            match board.holds(&one.merchant, one.epoch) {
                true => board.lanes.get_mut(&one.merchant).unwrap().until = now + LEASE,
                false => lost.push(one.clone()),
            }
        }
        Ok(lost)
    }

    fn let_go(&mut self, lanes: &[Returned]) -> LedgerResult<()> {
        let mut board = self.board()?;
        let now = board.now();
        for one in lanes {
            let row = board.lanes.get_mut(&one.held.merchant).unwrap();
            if row.epoch == one.held.epoch.0 {
                let rest = Duration::from_millis(one.rest_ms);
                row.until = now.saturating_sub(AFTER_GIVING_UP.saturating_sub(rest));
            }
        }
        Ok(())
    }

    fn leave(&mut self) -> LedgerResult<()> {
        let me = self.me;
        self.board()?.workers.remove(&me);
        Ok(())
    }
}

/// One process.
pub struct Worker {
    pub keeper: Option<Keeper>,
    pub engine: Engine,
    pub deadlines: BTreeMap<Merchant, Deadline>,
    pub notices: Vec<String>,
    pub done: bool,
    /// It does nothing, and knows nothing of it.
    pub stopped: bool,
    /// It is to be stopped with its next sends in hand.
    pub stop_at_send: bool,
    /// What it has in hand since.
    pub in_hand: Vec<Action>,
    pub unsent: u32,
}

/// A request on the wire.
struct Flight {
    worker: usize,
    reply: Reply,
    /// The gateway counts it when the reply leaves, not when it comes.
    late: bool,
}

pub struct House {
    pub clock: FakeClock,
    pub ledger: Arc<Mutex<SqliteLedger>>,
    pub board: Arc<Mutex<Board>>,
    pub workers: Vec<Worker>,
    pub batch: BatchId,
    wire: BTreeMap<(Mono, u64), Flight>,
    flights: u64,
    /// When the gateway counted requests, by merchant.
    pub counted: BTreeMap<String, Vec<Mono>>,
    /// When who sent for which merchant.
    pub sends: Vec<(Mono, usize, String)>,
    pub claims: BTreeMap<String, u32>,
    pub submissions: BTreeMap<String, u32>,
    /// Numbers that get no answer.
    pub silent: BTreeSet<String>,
    pub qps: u32,
}

pub fn merchant(n: u64) -> Merchant {
    Merchant::parse(&format!("19000{n:05}")).unwrap()
}

pub fn rows(from: u64, to: u64, lanes: u64) -> Vec<StagedRow> {
    (from..=to)
        .map(|n| {
            let content = Content {
                merchant: merchant(n % lanes),
                account: Account::parse(&format!("8609cb22e1774a50a930e414cc{n:08}")).unwrap(),
                reduction_type: ReductionType::JudicialDeduction,
                amount: Fen::new(n).unwrap(),
                reason: None,
                card_no: None,
                sgn_no: None,
                req_scene: None,
            };
            StagedRow {
                ordinal: n - from + 1,
                line: n - from + 2,
                cells: vec![n.to_string()],
                amount: Some(content.amount),
                came_back_as: None,
                asked: Ok(StagedOrder {
                    no: Some(OrderNo::parse(&format!("N{n:06}")).unwrap()),
                    content,
                    returned: None,
                    comeback: Comeback::First,
                    past: None,
                }),
            }
        })
        .collect()
}

pub fn accept(ledger: &mut SqliteLedger, rows: &[StagedRow], digest: u8, at: WallMs) -> BatchId {
    ledger.stage(rows).unwrap();
    let head = BatchHead {
        digest: [digest; 32],
        file: format!("batch{digest}.csv"),
        header: vec!["n".into()],
        delimiter: b',',
    };
    ledger.accept(&head, at, 40).unwrap().0.id
}

impl House {
    /// One process's connection to the lanes.
    pub fn port(&self, me: usize) -> Port {
        Port {
            me,
            board: Arc::clone(&self.board),
            ledger: Arc::clone(&self.ledger),
        }
    }

    /// A keeper whose run a test plays.
    pub fn keeper(&self, scope: Scope, term: Term) -> Keeper {
        let clock = Arc::new(self.clock.clone());
        Keeper::new(Box::new(self.port(0)), clock, scope, term)
    }

    pub fn new(orders: u64, lanes: u64, qps: u32) -> Self {
        let clock = FakeClock::at(WallMs(1_790_000_000_000));
        let mut ledger = SqliteLedger::scratch().unwrap();
        let batch = accept(&mut ledger, &rows(1, orders, lanes), 7, clock.wall());
        let board = Board {
            clock: clock.clone(),
            lanes: BTreeMap::new(),
            workers: BTreeMap::new(),
            look_takes: Duration::ZERO,
            cut_off: BTreeSet::new(),
            taken: Vec::new(),
        };
        Self {
            clock,
            ledger: Arc::new(Mutex::new(ledger)),
            board: Arc::new(Mutex::new(board)),
            workers: Vec::new(),
            batch,
            wire: BTreeMap::new(),
            flights: 0,
            counted: BTreeMap::new(),
            sends: Vec::new(),
            claims: BTreeMap::new(),
            submissions: BTreeMap::new(),
            silent: BTreeSet::new(),
            qps,
        }
    }

    pub fn now(&self) -> Now {
        Now {
            mono: self.clock.monotonic(),
            wall: self.clock.wall(),
        }
    }

    /// A process begins; which.
    pub fn begins(&mut self, term: Term) -> usize {
        let me = self.workers.len();
        let scope = Scope::Batch(self.batch);
        let mut ledger = self.ledger.lock().unwrap();
        let settings = RunSettings {
            per_merchant_qps: self.qps,
            max_in_flight: 256,
            timeout: TIMEOUT,
            wait: Duration::from_secs(120),
            outage_wait: Duration::from_secs(600),
            until: None,
            last_fresh: None,
            standby: false,
            run: ledger.begin_run(self.clock.wall()).unwrap(),
            seed: me as u64,
        };
        let now = Now {
            mono: self.clock.monotonic(),
            wall: self.clock.wall(),
        };
        let engine = with_lanes(Vec::new(), &mut *ledger, scope, settings, now).unwrap();
        drop(ledger);
        let port = Port {
            me,
            board: Arc::clone(&self.board),
            ledger: Arc::clone(&self.ledger),
        };
        let keeper = Keeper::new(Box::new(port), Arc::new(self.clock.clone()), scope, term);
        self.workers.push(Worker {
            keeper: Some(keeper),
            engine,
            deadlines: BTreeMap::new(),
            notices: Vec::new(),
            done: false,
            stopped: false,
            stop_at_send: false,
            in_hand: Vec::new(),
            unsent: 0,
        });
        me
    }

    /// A process dies. What it had on the wire is counted as late as it may be.
    pub fn dies(&mut self, me: usize) {
        self.workers[me].keeper = None;
        let now = self.clock.monotonic();
        let mut late = Vec::new();
        self.wire.retain(|_, flight| {
            if flight.worker == me && flight.late {
                let content = &flight.reply.sent.job.order.content;
                late.push(content.merchant.to_string());
            }
            flight.worker != me
        });
        for merchant in late {
            let counted = self.counted.entry(merchant).or_default();
            counted.push(now + Duration::from_secs(30));
        }
    }

    /// Goes on until this holds.
    pub fn until(&mut self, what: &str, mut holds: impl FnMut(&Self) -> bool) {
        for _ in 0..TURNS_MAX {
            let mut busy = false;
            for me in 0..self.workers.len() {
                busy |= self.step(me);
            }
            if holds(self) {
                return;
            }
            if !busy {
                self.pass();
            }
        }
        panic!("it never comes to this: {what}");
    }

    /// Goes on for so long.
    pub fn pass_by(&mut self, by: Duration) {
        let end = self.clock.monotonic() + by;
        self.until("time", |house| house.clock.monotonic() >= end);
    }

    pub fn all_over(&self) -> bool {
        let mut live = self.workers.iter().filter(|w| !w.stopped);
        live.all(|worker| worker.keeper.is_none())
    }

    fn pass(&mut self) {
        let now = self.now();
        let awake = |worker: &&Worker| worker.keeper.is_some() && !worker.stopped;
        let keepers = self.workers.iter().filter(awake);
        let keepers = keepers.map(|w| now.mono + w.keeper.as_ref().unwrap().pause());
        let engines = self.workers.iter().filter(awake);
        let engines = engines.filter_map(|worker| worker.engine.wake_at(now));
        let wire = self.wire.iter().map(|(&(at, _), _)| at);
        let next = wire.take(1).chain(keepers).chain(engines).min();
        // Where all are stopped, time passes all the same.
        let next = next.unwrap_or(now.mono + Duration::from_secs(1));
        let by = next.saturating_sub(now.mono);
        self.clock.advance(by.max(Duration::from_millis(1)));
        self.deliver();
    }

    fn deliver(&mut self) {
        let now = self.now();
        let due: Vec<(Mono, u64)> = self
            .wire
            .range(..=(now.mono, u64::MAX))
            .map(|(&key, _)| key)
            .collect();
        for key in due {
            if self.workers[self.wire[&key].worker].stopped {
                continue;
            }
            let flight = self.wire.remove(&key).unwrap();
            if flight.late {
                let content = &flight.reply.sent.job.order.content;
                let counted = self.counted.entry(content.merchant.to_string());
                counted.or_default().push(key.0);
            }
            let worker = &mut self.workers[flight.worker];
            worker.engine.on(Event::Reply(Box::new(flight.reply)), now);
        }
    }

    fn step(&mut self, me: usize) -> bool {
        let now = self.now();
        let worker = &mut self.workers[me];
        if worker.stopped {
            return false;
        }
        let Some(keeper) = &mut worker.keeper else {
            return false;
        };
        let told = keeper.turn();
        let mut busy = !told.is_empty();
        for told in told {
            worker.told(told, now);
        }
        let stops = worker.engine.is_stopping();
        if stops && let Some(keeper) = &mut worker.keeper {
            keeper.hear(Say::Enough);
        }
        let mut actions = std::mem::take(&mut worker.in_hand);
        actions.extend(worker.engine.poll(now));
        busy |= !actions.is_empty();
        let sends = |action: &Action| matches!(action, Action::Send { .. });
        if worker.stop_at_send && actions.iter().any(sends) {
            worker.stop_at_send = false;
            worker.stopped = true;
            worker.in_hand = actions;
            return busy;
        }
        let mut writes = Vec::new();
        for action in actions {
            self.act(me, action, &mut writes);
        }
        self.commit(me, writes);
        let worker = &mut self.workers[me];
        for clear in worker.engine.cleared() {
            busy = true;
            worker.deadlines.remove(&clear.held.merchant);
            worker.keeper.as_mut().unwrap().hear(Say::Clear(clear));
        }
        if (worker.done || stops) && worker.engine.finished() {
            worker.keeper.take().unwrap().end();
        }
        busy
    }

    fn act(&mut self, me: usize, action: Action, writes: &mut Vec<Write>) {
        let now = self.now();
        match action {
            Action::Deck {
                lane,
                merchant,
                phase,
                after,
                limit,
            } => {
                let scope = Scope::Batch(self.batch);
                let mut ledger = self.ledger.lock().unwrap();
                let jobs = ledger.deck(scope, phase, &merchant, after, limit).unwrap();
                let event = Event::Deck { lane, phase, jobs };
                self.workers[me].engine.on(event, now);
            }
            Action::Write(write) => writes.push(write),
            Action::Send { claimed, .. } => {
                // As `send` asks.
                let merchant = &claimed.job().order.content.merchant;
                let deadline = self.workers[me].deadlines.get(merchant).cloned();
                let takes = with_margin(TIMEOUT, LEASE);
                if !deadline.unwrap_or_default().allows(now.mono, takes) {
                    self.workers[me].unsent += 1;
                    self.workers[me].engine.on(Event::Unsent(claimed), now);
                    return;
                }
                self.send(me, Sent::of(&claimed));
            }
            Action::Notice(words) | Action::Alert(words) => self.workers[me].notices.push(words),
        }
    }

    fn send(&mut self, me: usize, sent: Sent) {
        let now = self.now();
        let no = sent.job.order.no.to_string();
        let lane = sent.job.order.content.merchant.to_string();
        self.sends.push((now.mono, me, lane.clone()));
        *self.submissions.entry(no.clone()).or_default() += 1;
        self.flights += 1;
        let late = self.flights.is_multiple_of(2);
        if !late {
            self.counted.entry(lane).or_default().push(now.mono);
        }
        let fields = OrderReply {
            out_request_no: Some(no.clone()),
            amount: Some(sent.job.order.content.amount.get()),
            state: Some("SUCCESS".into()),
            ..OrderReply::default()
        };
        let reply = Http {
            status: 200,
            request_id: None,
            retry_after_seconds: None,
            body: Body::Order(Box::new(fields)),
        };
        let (latency, checked) = match self.silent.contains(&no) {
            true => (
                TIMEOUT,
                Checked::Lost(crate::gateway::reply::Lost::TimedOut),
            ),
            false => (
                LATENCY,
                Checked::Verified(Verified::for_test(reply, now.wall)),
            ),
        };
        let reply = Reply {
            sent,
            checked,
            latency,
            hint: None,
        };
        let flight = Flight {
            worker: me,
            reply,
            late,
        };
        self.wire.insert((now.mono + latency, self.flights), flight);
    }

    /// As a database does it: a claim's holding is checked in its own transaction.
    fn commit(&mut self, me: usize, writes: Vec<Write>) {
        let now = self.now();
        let board = self.board.lock().unwrap();
        for write in writes {
            let written = match &write {
                Write::Claim(ask)
                    if !board.holds(
                        &ask.job.order.content.merchant,
                        ask.lease.expect("a claim of a held lane"),
                    ) =>
                {
                    Written::LaneLost(ask.job.id)
                }
                _ => {
                    let mut ledger = self.ledger.lock().unwrap();
                    ledger.write(vec![write]).unwrap().remove(0)
                }
            };
            if let Written::Claimed(claimed) = &written {
                let no = claimed.job().order.no.to_string();
                *self.claims.entry(no).or_default() += 1;
            }
            self.workers[me].engine.on(Event::Written(written), now);
        }
    }

    /// No merchant got more than its limit in a second, as the gateway counted.
    pub fn pace_holds(&self) {
        for (lane, counted) in &self.counted {
            let mut counted = counted.clone();
            counted.sort_unstable();
            for from in 0..counted.len() {
                let second = counted[from] + Duration::from_secs(1);
                let within = counted[from..].iter().take_while(|at| **at < second);
                let within = within.count();
                let at = counted[from];
                assert!(
                    within <= self.qps as usize,
                    "L6: merchant {lane} got {within} in the second from {at:?}"
                );
            }
        }
    }

    pub fn succeeded(&self) -> u64 {
        let totals = self.ledger.lock().unwrap().totals(self.batch).unwrap();
        let rows = totals.by_status.iter();
        rows.filter(|(status, ..)| *status == crate::order::Status::Success)
            .map(|(_, rows, _)| rows)
            .sum()
    }
}

impl Worker {
    fn told(&mut self, told: Told, now: Now) {
        match told {
            Told::Joined {
                work,
                epoch,
                rest,
                deadline,
            } => {
                let merchant = work.merchant.clone();
                if self.engine.join(work, epoch, rest, now) {
                    self.deadlines.insert(merchant, deadline);
                } else {
                    assert!(self.engine.is_stopping());
                    let held = Held { merchant, epoch };
                    self.keeper.as_mut().unwrap().hear(Say::Unused(held));
                }
            }
            Told::Leave(merchant) => self.engine.leave(&merchant, now),
            Told::Frozen => self.engine.stop(crate::worker::Stop::Frozen, now),
            Told::Notice(words) => self.notices.push(words),
            Told::Done => self.done = true,
            Told::Resting => {}
        }
    }
}

/// What a run says that has stopped a lane.
pub fn stopped(merchant: Merchant, epoch: Epoch) -> Say {
    Say::Clear(Clear {
        held: Held { merchant, epoch },
        end: LaneEnd::Stopped,
        rested_at: Mono::ZERO,
    })
}
