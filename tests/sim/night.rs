//! A night: two files that overlap, run, run again, rerun and resumed in any order through deaths,
//! faults, days and people's decisions; then the weather clears, and it must become quiet and right.

use std::path::Path;

use levy::cli::args::OnlyDead;

use super::auditor::Auditor;
use super::clock::{DAY, MS, SECOND, Us};
use super::dice::{Dice, Knobs};
use super::disk::{Blow, Fuse};
use super::files::{Pool, Sheet};
use super::gateway::Gateway;
use super::people::{self, Deed};
use super::process::{self, Ended, Errand, Start};
use super::world::{World, note};

/// Commands of a stormy night, at most.
const COMMANDS_MAX: u64 = 40;
/// Deaths without which no night is over.
const DEATHS_MIN: u64 = 3;
/// Rounds of both files and `resume` after which all must be quiet.
const ROUNDS_MAX: u64 = 10;

/// What does not change in a night.
struct Terms {
    qps: u32,
    max_in_flight: u32,
    standby: bool,
}

/// Figures of a night.
#[derive(Clone, Debug, Default)]
pub struct Figures {
    pub digest: u64,
    pub orders: u64,
    pub sent: u64,
    pub deaths: u64,
    pub commands: u64,
    pub rounds: u64,
    pub checks: u64,
    pub simulated_us: u64,
    /// How far this machine's clock was ahead of the gateway's at a command, and behind; seconds.
    pub ahead_s: i64,
    pub behind_s: i64,
    pub met: Vec<(&'static str, u64)>,
}

/// A world for this seed.
pub fn dawn(seed: u64, dir: &Path) -> (World, impl FnOnce(&mut World) -> Figures + use<>) {
    let mut dice = Dice::new(seed);
    let knobs = Knobs::drawn(&mut dice);
    let lanes = dice.pick(&[1, 2, 3, 5, 8, 20]);
    let mut pool = Pool::new(lanes, dice.fork());
    let first = pool.first();
    let second = pool.second(&first);
    let sheets = vec![
        Sheet::new("a.csv", first, &mut dice),
        Sheet::new("b.csv", second, &mut dice),
    ];
    for sheet in &sheets {
        std::fs::write(dir.join(sheet.name), &sheet.bytes).expect("the disk holds a file");
    }
    let terms = Terms {
        qps: dice.pick(&[1, 2, 3, 5, 5, 8, 13, 20]),
        max_in_flight: dice.pick(&[1, 3, 16, 256]),
        standby: dice.below(2) == 0,
    };
    let limit = match dice.strikes(knobs.stingy) {
        true => dice.between(1, u64::from(terms.qps)) as usize,
        false => 100,
    };
    let gateway = Gateway::new(knobs.clone(), limit, dice.fork());
    let auditor = Auditor::new(sheets, terms.qps);
    let mut world = World::new(knobs, &mut dice, gateway, auditor, dir.into());
    let on: Vec<String> = world
        .knobs
        .named()
        .iter()
        .filter(|(_, permille)| *permille > 0)
        .map(|(name, permille)| format!("{name}={permille}"))
        .collect();
    note!(world, "qps={} lanes={lanes} {}", terms.qps, on.join(" "));
    (world, move |world| night(world, &terms, &mut dice))
}

fn night(world: &mut World, terms: &Terms, dice: &mut Dice) -> Figures {
    if world.knobs.drift > 0 {
        let ppm = |dice: &mut Dice, most: u64| dice.between(0, 2 * most) as i64 - most as i64;
        world.clock.drifts(ppm(dice, 100), ppm(dice, 20));
    }
    let least = dice.between(5, 10);
    let mut commands = 0;
    while commands < COMMANDS_MAX {
        let deaths = world.tally.get("death").copied().unwrap_or(0);
        if commands >= least && deaths >= DEATHS_MIN {
            break;
        }
        commands += 1;
        between(world, dice);
        let errand = errand(world, dice);
        // A night in which nothing dies by itself is helped.
        let helped = commands > least || dice.below(3) == 0;
        let must_die = match deaths < DEATHS_MIN && helped {
            false => None,
            true if commands > least + 4 => Some(2),
            true => Some(dice.pick(&[3, 40, 900])),
        };
        let mut twice = dice.strikes(world.knobs.given_twice);
        loop {
            let mut start = stormy(world, terms, must_die, dice);
            if dice.strikes(world.knobs.dies_at_the_deed)
                && let Some(aim) = deed(&errand, &start)
            {
                let blows = [Blow::DiesBefore, Blow::DiesAfter, Blow::FailsAfter];
                start.fuse = Fuse::at(aim, dice.pick(&blows));
            }
            command(world, errand.clone(), start);
            if !std::mem::take(&mut twice) {
                break;
            }
            world.count("given by two people in a row");
        }
    }
    let stormy = world.tally.get("sent").copied().unwrap_or(0);
    world.tally.insert("sent in the storm", stormy);
    let rounds = heal(world, terms, dice);
    let deaths = world.tally.get("death").copied().unwrap_or(0);
    assert!(deaths >= DEATHS_MIN, "a night has deaths: {deaths}");
    let orders = world.auditor.orders().len() as u64;
    assert!(orders >= 100, "a night is of 100 orders at least: {orders}");
    let mut met: Vec<(&str, u64)> = world.gateway.met.iter().map(|(k, n)| (*k, *n)).collect();
    met.extend(world.tally.iter().map(|(k, n)| (*k, *n)));
    met.extend(world.auditor.chains.met.iter().map(|(k, n)| (*k, *n)));
    let count = |what: &str| world.tally.get(what).copied().unwrap_or(0);
    Figures {
        digest: world.trace.digest(),
        orders,
        sent: count("sent"),
        deaths: count("death"),
        commands,
        rounds,
        checks: world.auditor.checks,
        simulated_us: world.now(),
        ahead_s: world.off_s.1,
        behind_s: -world.off_s.0,
        met,
    }
}

/// The operation of the ledger for which a command was given, where it has a name.
fn deed(errand: &Errand, start: &Start) -> Option<&'static str> {
    match errand {
        Errand::Rerun(..) => Some("reissue"),
        Errand::Decide(_) => Some("decide"),
        Errand::Run(_) | Errand::Resume if !start.release.is_empty() => Some("release"),
        Errand::Run(_) | Errand::Resume | Errand::Cancel(_) => None,
    }
}

/// What somebody types next.
fn errand(world: &mut World, dice: &mut Dice) -> Errand {
    let knobs = world.knobs.clone();
    let file = dice.below(2) as usize;
    if dice.strikes(knobs.cancels) {
        return Errand::Cancel(file);
    }
    if world.auditor.is_frozen() && dice.below(2) == 0 {
        return Errand::Decide(Deed::Unfreeze);
    }
    if dice.strikes(knobs.freezes) {
        return Errand::Decide(Deed::Freeze);
    }
    if dice.strikes(knobs.resolves)
        && !world.auditor.is_blind()
        && let Some(deed) = people::resolves(world, dice, false)
    {
        return Errand::Decide(deed);
    }
    if dice.strikes(knobs.reruns) && world.auditor.dues(file).is_some() {
        use OnlyDead::{Closed, Failed, Rejected};
        let only: &[&[OnlyDead]] = &[
            &[Closed, Failed],
            &[Closed, Failed],
            &[Closed, Failed, Rejected],
            &[Rejected],
            &[Closed],
            &[Failed],
        ];
        let only = dice.pick(only);
        let file = match dice.strikes(knobs.comes_back) {
            true => people::edits(world, dice, file).unwrap_or(file),
            false => file,
        };
        return Errand::Rerun(file, only);
    }
    match dice.below(10) {
        0..=3 => Errand::Run(0),
        4..=6 => Errand::Run(1),
        _ => Errand::Resume,
    }
}

fn command(world: &mut World, errand: Errand, start: Start) -> Ended {
    let dir = world.dir.clone();
    world.auditor.looks_at(&dir);
    if world.auditor.is_blind() {
        // The first process makes the ledger; the auditor must see its first intent.
        process::make_ledger(&dir);
        world.auditor.looks_at(&dir);
    }
    let off_s = world.clock.error_ms() / 1_000;
    world.off_s = (world.off_s.0.min(off_s), world.off_s.1.max(off_s));
    let frozen = world.auditor.is_frozen();
    let sends = !matches!(errand, Errand::Cancel(_) | Errand::Decide(_));
    let ended = process::run(world, errand, start);
    assert!(
        !(frozen && sends && matches!(ended, Ended::Itself(Ok(_)))),
        "a frozen ledger begins a run"
    );
    let now = (world.now(), world.clock.error_ms());
    let died = matches!(ended, Ended::Died);
    world.auditor.scans(&world.gateway.books, died, now);
    ended
}

/// What passes before the next command.
fn between(world: &mut World, dice: &mut Dice) {
    let knobs = world.knobs.clone();
    let gap = match () {
        () if dice.strikes(knobs.days) => {
            world.count("days passed");
            dice.pick(&[1, 2, 10, 27, 28, 29, 30, 31, 33]) * DAY + dice.below(DAY)
        }
        () => match dice.below(4) {
            0 => dice.below(50 * MS),
            1 => dice.below(3 * SECOND),
            2 => dice.below(45 * SECOND),
            _ => dice.below(3600 * SECOND),
        },
    };
    let now = world.now();
    world.until(now + gap);
    if dice.strikes(knobs.clock_steps) {
        let size = dice.pick(&[500, 2_000, 40_000, 250_000, 600_000]);
        step(world, if dice.below(2) == 0 { size } else { -size });
    }
    if dice.strikes(knobs.clock_wrong) {
        let hours = dice.between(1, 20) as i64 * 3_600_000;
        step(world, if dice.below(2) == 0 { hours } else { -hours });
    } else if world.clock.error_ms().abs() > 300_000 && dice.below(2) == 0 {
        let error = world.clock.error_ms();
        step(world, -error);
    }
    let merchants: Vec<String> = {
        let rows = world.auditor.sheets.iter().flat_map(|sheet| &sheet.rows);
        let contents = rows.filter_map(|row| row.content.as_ref());
        contents.map(|content| content.mchid.clone()).collect()
    };
    world.gateway.forbidden.clear();
    if dice.strikes(knobs.forbids) {
        let merchant = &merchants[dice.below(merchants.len() as u64) as usize];
        world.gateway.forbidden.insert(merchant.clone());
    }
    if dice.strikes(knobs.main_host_down) {
        world.net.main_down_until = world.now() + dice.between(SECOND, 100 * SECOND);
    }
}

fn step(world: &mut World, by_ms: i64) {
    note!(world, "the wall clock steps by {by_ms} ms");
    world.count("clock step");
    world.clock.step_ms(by_ms);
    if by_ms > 0 {
        let now = world.now();
        world.auditor.steps_forward.push(now);
    }
}

fn stormy(world: &World, terms: &Terms, must_die: Option<u64>, dice: &mut Dice) -> Start {
    let knobs = &world.knobs;
    let blow = match dice.strikes(knobs.disk_fails) {
        true => dice.pick(&[Blow::FailsBefore, Blow::FailsAfter]),
        false => dice.pick(&[Blow::DiesBefore, Blow::DiesAfter]),
    };
    // Early ones hit the start, where everything is read and remembered.
    let soon = |dice: &mut Dice, most: u64| {
        let most = dice.pick(&[10, most / 8, most]);
        dice.below(most)
    };
    let fails = matches!(blow, Blow::FailsBefore | Blow::FailsAfter);
    let blows = fails || dice.strikes(knobs.dies_at_ledger);
    let operations = blows.then(|| soon(dice, 250));
    let dies = dice.strikes(knobs.dies_at_step);
    let steps = match must_die {
        Some(most) => Some(dice.below(most)),
        None => dies.then(|| soon(dice, 1_200)),
    };
    let some = |dice: &mut Dice, permille: u32, most: u64| {
        dice.strikes(permille).then(|| dice.below(most))
    };
    Start {
        fuse: Fuse::new(operations, blow),
        steps,
        signal: some(dice, knobs.signals, 30 * SECOND),
        limit: some(dice, knobs.limits, 60),
        until_ms: some(dice, knobs.untils, 60_000).map(|ms| ms as i64),
        qps: terms.qps,
        max_in_flight: terms.max_in_flight,
        wait_seconds: dice.below(130),
        outage_seconds: dice.pick(&[30, 120, 600]),
        standby: terms.standby,
        release: match dice.strikes(knobs.releases) && !world.auditor.is_blind() {
            true => people::releases(world, dice),
            false => Vec::new(),
        },
        meanwhile: meanwhile(world, dice),
    }
}

/// What people decide in the middle of a run.
fn meanwhile(world: &World, dice: &mut Dice) -> Option<(Us, Deed)> {
    let knobs = &world.knobs;
    if !dice.strikes(knobs.meanwhile) || world.auditor.is_blind() {
        return None;
    }
    let deed = match dice.below(3) {
        0 if knobs.freezes > 0 => Deed::Freeze,
        _ => people::resolves(world, dice, true)?,
    };
    Some((world.now() + dice.below(10 * SECOND), deed))
}

/// Faults stop; both files are run and what is open resumed until nothing is left to do.
fn heal(world: &mut World, terms: &Terms, dice: &mut Dice) -> u64 {
    note!(world, "the weather clears");
    let error = world.clock.error_ms();
    if error < 0 {
        let now = world.now();
        world.auditor.steps_forward.push(now);
    }
    world.clock.set_right();
    let reruns = world.knobs.reruns > 0;
    world.knobs = Knobs::calm();
    world.net.main_down_until = 0;
    let now = world.now();
    world.until(now + 100 * SECOND);
    let now = world.now();
    world.gateway.heal(1_000, now);
    if world.auditor.is_frozen() {
        calmly(world, terms, Errand::Decide(Deed::Unfreeze));
    }
    let files = world.auditor.sheets.len();
    let each = |errand: &dyn Fn(usize) -> Errand| -> Vec<Errand> {
        let all = (0..files).map(errand);
        all.chain([Errand::Resume]).collect()
    };
    let rounds = quiet(world, terms, &each(&Errand::Run), dice);
    if !reruns {
        return rounds;
    }
    // What was refused goes again while its window is open, unless its debt was deducted since.
    const REFUSED: &[OnlyDead] = &[OnlyDead::Rejected];
    let refused = each(&|file| Errand::Rerun(file, REFUSED));
    let rounds = rounds + quiet(world, terms, &refused, dice);
    // Whatever people have called dead is beyond use by then.
    let now = world.now();
    world.until(now + 33 * DAY);
    const DEAD: &[OnlyDead] = &[OnlyDead::Closed, OnlyDead::Failed];
    let all = each(&|file| Errand::Rerun(file, DEAD));
    let rounds = rounds + quiet(world, terms, &all, dice);
    world.auditor.all_live();
    // Given once more, it finds nothing to do.
    let orders = world.auditor.orders().len();
    let sent = world.tally.get("sent").copied();
    for errand in &all {
        calmly(world, terms, errand.clone());
    }
    let now = (
        world.auditor.orders().len(),
        world.tally.get("sent").copied(),
    );
    assert_eq!(now, (orders, sent), "L9: a rerun of what is all live");
    world.count("rerun until all live");
    rounds
}

/// The commands are repeated until nothing is left to do.
fn quiet(world: &mut World, terms: &Terms, errands: &[Errand], dice: &mut Dice) -> u64 {
    for round in 1..=ROUNDS_MAX {
        for errand in errands {
            let now = world.now();
            world.until(now + dice.below(100 * SECOND));
            calmly(world, terms, errand.clone());
        }
        if world.auditor.unfinished().is_empty() {
            let now = world.now();
            world.auditor.settled(&world.gateway.books, now);
            return round;
        }
    }
    let left = world.auditor.unfinished();
    panic!("L9: still not quiet after {ROUNDS_MAX} rounds: {left:?}");
}

/// A command after the storm. Nothing goes wrong with it.
fn calmly(world: &mut World, terms: &Terms, errand: Errand) {
    let start = Start {
        fuse: Fuse::new(None, Blow::DiesBefore),
        steps: None,
        signal: None,
        limit: None,
        until_ms: None,
        qps: terms.qps,
        max_in_flight: terms.max_in_flight,
        wait_seconds: 120,
        outage_seconds: 600,
        standby: terms.standby,
        release: Vec::new(),
        meanwhile: None,
    };
    match command(world, errand.clone(), start) {
        Ended::Itself(Ok(_)) => {}
        other => panic!("L9: {errand:?} after the storm: {other:?}"),
    }
}
