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
use super::dice::Dice;
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
