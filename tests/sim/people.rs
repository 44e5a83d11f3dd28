//! People: what they find out at the gateway's own desk, and what they decide.
//!
//! They never lie: of an order they say what the gateway's books say, if often at a moment at which
//! nobody needed it. What the books do not know they call failed only if nobody has submitted it for
//! so long that nothing of it can still arrive.

use levy::clock::Clock;
use levy::ledger::{Decision, Ledger, Person, TwoPeople, Words};
use levy::order::{OrderNo, Resolution};
use levy::worker::RunReport;

use super::clock::SECOND;
use super::csv;
use super::dice::Dice;
use super::files::{Due, Sheet};
use super::gateway::Fate;
use super::world::{World, note};

/// What they decide.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Deed {
    Freeze,
    Unfreeze,
    /// What the books say of this number.
    Resolve(String, Resolution),
}

/// Does it. `Err` says why not, in words.
pub fn decides(
    world: &mut World,
    ledger: &mut dyn Ledger,
    deed: &Deed,
) -> Result<Option<RunReport>, String> {
    note!(world, "people: {deed:?}");
    let person = |name: &str| Person::parse(name).expect("a name");
    let words = |words: &str| Words::parse(words).expect("words");
    let decision = match deed {
        Deed::Freeze => Decision::Freeze {
            by: person("Li Wei"),
            reason: words("the bank called"),
        },
        Deed::Unfreeze => Decision::Unfreeze {
            by: person("Li Wei"),
        },
        Deed::Resolve(no, resolution) => Decision::Resolve {
            no: OrderNo::parse(no).expect("a number of the ledger's"),
            resolution: *resolution,
            by: TwoPeople::new(person("Li Wei"), person("王芳")).expect("they are two"),
            evidence: words("bank statement of the day"),
        },
    };
    if let Deed::Resolve(no, resolution) = deed {
        world.auditor.say_of(no, resolution.as_str());
    }
    let decided = ledger.decide(&decision, world.clock.wall());
    let decided = decided.map_err(|e| e.to_string())?;
    world.auditor.shown(&decided.to_string());
    world.count(match deed {
        Deed::Freeze => "frozen",
        Deed::Unfreeze => "unfrozen",
        Deed::Resolve(_, Resolution::Success) => "resolved as SUCCESS",
        Deed::Resolve(_, Resolution::Failed) => "resolved as FAILED",
    });
    Ok(None)
}

/// Something to resolve, if there is something that was sent and is not settled. While a run goes on
/// people speak only of what the books know.
pub fn resolves(world: &World, dice: &mut Dice, running: bool) -> Option<Deed> {
    let unsettled =
        |state: &str| ["UNKNOWN", "PROCESSING", "CLOSED", "REJECTED", "EXPIRED"].contains(&state);
    let orders = world.auditor.orders();
    let open = orders.iter().filter(|order| unsettled(&order.state));
    let mut open: Vec<&str> = open.map(|order| order.no.as_str()).collect();
    let expired: Vec<&str> = orders
        .iter()
        .filter(|order| order.state == "EXPIRED")
        .map(|order| order.no.as_str())
        .collect();
    if !expired.is_empty() && dice.below(2) == 0 {
        open = expired;
    }
    if open.is_empty() {
        return None;
    }
    let no = open[dice.below(open.len() as u64) as usize];
    let resolution = match world.gateway.books.get(no).map(|entry| &entry.fate) {
        Some(Fate::Success) => Resolution::Success,
        Some(Fate::Failed(_)) => Resolution::Failed,
        None if running || !world.auditor.is_silent(no, world.now(), 60 * SECOND) => return None,
        None => Resolution::Failed,
    };
    Some(Deed::Resolve(no.into(), resolution))
}

/// A person opens a file's result, deletes rows, corrects amounts, and saves it under another name;
/// which file it is since. Once a night for each file; what is no order of ours is deleted.
pub fn edits(world: &mut World, dice: &mut Dice, file: usize) -> Option<usize> {
    let name = ["a.back.csv", "b.back.csv"][file];
    if let Some(at) = world
        .auditor
        .sheets
        .iter()
        .position(|sheet| sheet.name == name)
    {
        return Some(at);
    }
    let dues = world.auditor.dues(file)?.clone();
    let sheet = world.auditor.sheets[file].clone();
    let result = world.dir.join(sheet.name).with_extension("result.csv");
    let table = csv::read(&std::fs::read(result).ok()?, sheet.delimiter);
    let column = |names: &[&str]| {
        table[0]
            .iter()
            .position(|cell| names.contains(&cell.as_str()))
    };
    let number = column(&["levy_out_request_no"])?;
    let repeats = column(&["levy_duplicate_of"])?;
    let amount = column(&["amount", "减额金额(分)"])?;
    let mut back = Sheet {
        name,
        rows: Vec::new(),
        bytes: Vec::new(),
        returned: None,
        ..sheet.clone()
    };
    let mut bytes = "\u{feff}".as_bytes().to_vec();
    bytes.extend(back.line(&table[0], "\r\n"));
    let mut returned = Vec::new();
    let mut line = 2;
    for (i, told) in table.iter().enumerate().skip(1) {
        let (row, due) = (&sheet.rows[i - 1], &dues[i - 1]);
        let Due::Order { no, .. } = due else { continue };
        if told[number].is_empty() || !told[repeats].is_empty() || dice.below(2) == 0 {
            continue;
        }
        let (mut row, mut cells) = (row.clone(), told.clone());
        row.line = line;
        let due = match (dice.below(4), &mut row.content) {
            (0, Some(content)) => {
                content.amount += 11;
                cells[amount] = content.amount.to_string();
                row.cells[amount] = cells[amount].clone();
                Due::Changed { old: no.clone() }
            }
            _ => Due::Order {
                no: no.clone(),
                first: false,
            },
        };
        let text = back.line(&cells, "\r\n");
        line += 1;
        bytes.extend(text);
        back.rows.push(row);
        returned.push(due);
    }
    if back.rows.is_empty() {
        return None;
    }
    std::fs::write(world.dir.join(name), &bytes).expect("the disk holds a file");
    note!(world, "people: {name} with {} rows", back.rows.len());
    back.returned = Some(returned);
    world.auditor.sheets.push(back);
    Some(world.auditor.sheets.len() - 1)
}

/// Numbers that a person releases: held ones, now and then one that is not.
pub fn releases(world: &World, dice: &mut Dice) -> Vec<String> {
    let mut named = Vec::new();
    for order in world.auditor.orders() {
        let chance = match order.state.as_str() {
            "HELD" => 300,
            _ => 3,
        };
        if dice.strikes(chance) {
            named.push(order.no);
        }
    }
    if dice.strikes(50) {
        named.push("NOBODYSNUMBER1".into());
    }
    named
}
