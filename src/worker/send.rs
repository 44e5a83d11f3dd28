//! The only place that sends. A request needs a [`Claimed`], which the ledger makes once its intent
//! is durable, and consumes it: one intent, one request (law L1).

use super::deadline::Permission;
use super::engine::{Reply, Sent};
use crate::gateway::{Client, Host};
use crate::ledger::Claimed;
use crate::order::Asked;

/// Sends what was claimed, once, and waits for the reply or its absence. On a lane that is held for a
/// while nothing is begun that could outlive the lease: then the claim comes back unused. That is
/// asked here, with nothing between the answer and the client, since a process may be stopped for
/// minutes anywhere before (law L6).
pub async fn send(
    client: &Client,
    claimed: Box<Claimed>,
    host: Host,
    lease: Option<&Permission>,
) -> Result<Reply, Box<Claimed>> {
    let sent = Sent::of(&claimed);
    let order = &sent.job.order;
    if lease.is_some_and(|lease| !lease.holds()) {
        return Err(claimed);
    }
    let exchange = match sent.asked {
        Asked::Submission => client.submit(order, host).await,
        Asked::Query => client.query(order, host).await,
    };
    Ok(Reply {
        checked: exchange.checked,
        latency: exchange.latency,
        hint: exchange.signed_message_hint,
        sent,
    })
}
