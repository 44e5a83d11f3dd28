//! The only place that sends. A request needs a [`Claimed`], which the ledger makes once its intent
//! is durable, and consumes it: one intent, one request (law L1).

use super::engine::{Reply, Sent};
use crate::gateway::{Client, Host};
use crate::ledger::Claimed;
use crate::order::Asked;

/// Sends what was claimed, once, and waits for the reply or its absence.
pub async fn send(client: &Client, claimed: Claimed, host: Host) -> Reply {
    let sent = Sent::of(&claimed);
    let order = &sent.job.order;
    let exchange = match sent.asked {
        Asked::Submission => client.submit(order, host).await,
        Asked::Query => client.query(order, host).await,
    };
    Reply {
        checked: exchange.checked,
        latency: exchange.latency,
        hint: exchange.signed_message_hint,
        sent,
    }
}
