//! `levy lanes`: whose the lanes of a ledger are, and what waits in them.

use super::args::LanesArgs;
use super::failure::{Exit, Failure};
use super::status::print;
use super::store::Store;
use crate::ledger::lock::RunLock;
use crate::ledger::{Address, LaneLine, Scope};
use crate::report::lanes;
use crate::report::summary::{counted, orders};

/// Tells it.
pub fn lanes(args: &LanesArgs) -> Result<Exit, Failure> {
    let store = Store::here(&args.at, args.sandbox)?;
    match &store.address {
        Address::Postgres(url) => {
            let mut ledger = store.look_at_server(url)?;
            let (lines, workers) = (ledger.lines()?, ledger.workers()?);
            print(&match args.json {
                true => lanes::json(&lines, Some(&workers), None).to_string(),
                false => lanes::human(&lines, &workers),
            });
        }
        Address::File(path) => {
            let mut ledger = store.look()?;
            let holder = RunLock::holder(path)?;
            let work = ledger.lanes(Scope::Open)?;
            let lines: Vec<LaneLine> = work.into_iter().map(nobodys).collect();
            print(&match args.json {
                true => lanes::json(&lines, None, holder.as_deref()).to_string(),
                false => {
                    let who = match holder {
                        Some(holder) => format!("{holder} has it"),
                        None => "nobody has it now".into(),
                    };
                    let open: u64 = lines.iter().map(|line| line.open).sum();
                    format!(
                        "{}: is a file, which one process at a time has with all its lanes: {who}\n\
                         open: {} sent and not final, in {} (`levy status` says more)",
                        path.display(),
                        orders(open),
                        counted(lines.len() as u64, "lane")
                    )
                }
            });
        }
    }
    Ok(Exit::Done)
}

fn nobodys(work: crate::ledger::LaneWork) -> LaneLine {
    LaneLine {
        merchant: work.merchant,
        epoch: None,
        owner: None,
        age_ms: 0,
        left_ms: 0,
        open: work.open,
        pending: work.pending,
    }
}
