//! What the accounts of a batch hold, asked before anything is sent, and which of its orders would be
//! closed for lack of it: a closed order's number is used up.
//!
//! It moves no money and writes nothing. One merchant after the other, each paced as a lane of its own:
//! the gateway counts this interface by itself.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use sha2::{Digest, Sha256};
use tokio::task::JoinSet;

use crate::clock::Clock;
use crate::gateway::reply::{Balance, Body, Checked, Lost, Reply};
use crate::gateway::{Client, Host};
use crate::ledger::{BatchId, Ledger, LedgerResult, OrderId, Phase, Scope};
use crate::order::{CardNo, Merchant, Order, ReqScene, SgnNo};
use crate::pace::{Lane, Wait};

/// Times that one account is asked for.
const TRIES_MAX: u32 = 3;
/// The pause after the first try; it doubles.
const PAUSE: Duration = Duration::from_secs(1);
/// How long a lane that waits for a reply is left alone.
const LANE_PAUSE: Duration = Duration::from_millis(10);
/// Accounts that are asked for at once.
const ASKED_AT_ONCE_MAX: usize = 32;
/// Accounts in a row without an answer after which nothing more is asked.
const UNANSWERED_IN_A_ROW_MAX: u32 = 5;
/// Orders that are read at once.
const PAGE: u32 = 256;
/// Rows that are told as short of money; more are counted.
const SHORT_TOLD_MAX: usize = 100_000;

/// What the balances come to.
#[derive(Debug, Default)]
pub struct Purses {
    /// Accounts that were asked for and answered.
    pub answered: u64,
    /// Accounts that gave no answer, or were not asked for any more.
    pub unanswered: u64,
    /// Accounts on which a reduction is under way already.
    pub in_transit: u64,
    /// Orders that would be closed.
    pub short: u64,
    /// Their fen.
    pub short_fen: u128,
    /// What is left for each of them when its turn comes, by its number: the first of them.
    pub left: HashMap<Box<str>, i128>,
    /// Orders of which nobody knows.
    pub unknown: u64,
    /// Why the first account gave no answer.
    pub why: Option<String>,
    in_a_row: u32,
}

/// How the gateway is asked.
pub struct Asker {
    /// The client.
    pub client: Arc<Client>,
    /// For the pace.
    pub clock: Arc<dyn Clock>,
    /// Requests a second for one merchant, at most.
    pub per_merchant_qps: u32,
}

/// Goes through the orders of a batch that were never sent, in the file's order in each lane.
///
/// # Errors
/// The ledger's. What the gateway does not tell is counted.
pub async fn purses(
    ledger: &mut dyn Ledger,
    batch: BatchId,
    asker: &Asker,
) -> LedgerResult<Purses> {
    let mut purses = Purses::default();
    for lane in ledger.lanes(Scope::Batch(batch))? {
        if lane.pending > 0 {
            of_merchant(ledger, batch, &lane.merchant, asker, &mut purses).await?;
        }
    }
    Ok(purses)
}

/// An account, with what selects it, and what is left of it; nothing where nobody told.
type Left = HashMap<[u8; 32], Option<i128>>;

async fn of_merchant(
    ledger: &mut dyn Ledger,
    batch: BatchId,
    merchant: &Merchant,
    asker: &Asker,
    purses: &mut Purses,
) -> LedgerResult<()> {
    let lane = Arc::new(Mutex::new(Lane::new(asker.per_merchant_qps)));
    let mut left = Left::new();
    let mut after = OrderId(0);
    loop {
        let page = ledger.deck(Scope::Batch(batch), Phase::Pending, merchant, after, PAGE)?;
        let Some(last) = page.last() else {
            return Ok(());
        };
        after = last.id;
        let mut new: Vec<([u8; 32], Arc<Order>)> = Vec::new();
        for job in &page {
            let key = key(&job.order);
            if !left.contains_key(&key) && !new.iter().any(|(known, _)| *known == key) {
                new.push((key, Arc::clone(&job.order)));
            }
        }
        ask(new, &lane, asker, &mut left, purses).await;
        for job in &page {
            purses.take(&job.order, left.get_mut(&key(&job.order)));
        }
    }
}

/// Asks for accounts; one by one until the first answer.
async fn ask(
    mut new: Vec<([u8; 32], Arc<Order>)>,
    lane: &Arc<Mutex<Lane>>,
    asker: &Asker,
    left: &mut Left,
    purses: &mut Purses,
) {
    while !new.is_empty() && purses.in_a_row < UNANSWERED_IN_A_ROW_MAX {
        let at_once = match purses.answered {
            0 => 1,
            _ => ASKED_AT_ONCE_MAX.min(new.len()),
        };
        let mut asked = JoinSet::new();
        for (key, order) in new.drain(..at_once) {
            let (client, clock) = (Arc::clone(&asker.client), Arc::clone(&asker.clock));
            let lane = Arc::clone(lane);
            asked.spawn(async move { (key, balance(&client, &*clock, &lane, &order).await) });
        }
        while let Some(answer) = asked.join_next().await {
            match answer {
                Ok((key, answer)) => drop(left.insert(key, purses.heard(answer))),
                // Its account stays unknown.
                Err(_) => purses.unanswered += 1,
            }
        }
    }
    purses.unanswered += new.len() as u64;
    left.extend(new.into_iter().map(|(key, _)| (key, None)));
}

/// One account's balance, asked for until it is told or refused.
async fn balance(
    client: &Client,
    clock: &dyn Clock,
    lane: &Mutex<Lane>,
    order: &Order,
) -> Result<Balance, String> {
    let mut pause = PAUSE;
    let mut tries = 1;
    loop {
        permit(clock, lane).await;
        let (exchange, balance) = client.balance(order, Host::Main).await;
        give_back(clock, lane, &exchange.checked);
        let words = match (balance, words(&exchange.checked)) {
            (Some(balance), _) => return Ok(balance),
            (None, (words, false)) => return Err(words),
            (None, (words, true)) => words,
        };
        if tries == TRIES_MAX {
            return Err(words);
        }
        tries += 1;
        tokio::time::sleep(pause).await;
        pause *= 2;
    }
}

async fn permit(clock: &dyn Clock, lane: &Mutex<Lane>) {
    loop {
        let now = clock.monotonic();
        let taken = lane
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .try_take(now);
        match taken {
            Ok(()) => return,
            Err(Wait::Until(at)) => tokio::time::sleep(at.saturating_sub(now)).await,
            Err(Wait::Reply) => tokio::time::sleep(LANE_PAUSE).await,
        }
    }
}

fn give_back(clock: &dyn Clock, lane: &Mutex<Lane>, checked: &Checked) {
    let now = clock.monotonic();
    let mut lane = lane.lock().unwrap_or_else(PoisonError::into_inner);
    let reply = match checked {
        Checked::NotSent(_) => return lane.not_sent(now),
        Checked::Lost(lost) => return lane.given_up(now, *lost == Lost::TimedOut),
        Checked::Verified(reply) => reply,
        Checked::Unsigned(reply) | Checked::IllSigned { reply, .. } => reply,
    };
    lane.replied(now);
    if is_throttled(reply) {
        let retry_after = reply.retry_after_seconds.map(Duration::from_secs);
        lane.throttled(now, retry_after);
    }
}

fn is_throttled(reply: &Reply) -> bool {
    let limit = matches!(&reply.body, Body::Error(error) if error.code.contains("LIMIT"));
    reply.status == 429 || limit
}

/// Why no balance was told, and whether another try may help.
fn words(checked: &Checked) -> (String, bool) {
    match checked {
        Checked::Verified(reply) if reply.status >= 300 => refused(reply),
        Checked::Unsigned(reply) if reply.status >= 300 => refused(reply),
        Checked::Verified(_) => ("the signed answer tells no balance".into(), false),
        Checked::Unsigned(_) => ("the answer was not signed".into(), true),
        Checked::IllSigned { .. } => ("the answer's signature does not hold".into(), true),
        Checked::Lost(Lost::TimedOut) => ("no answer in time".into(), true),
        Checked::Lost(Lost::Broken(words)) => (words.clone(), true),
        Checked::NotSent(words) => (words.clone(), true),
    }
}

fn refused(reply: &Reply) -> (String, bool) {
    let words = match &reply.body {
        Body::Error(e) => format!("{} {}: {}", reply.status, e.code, e.message),
        Body::Order(_) | Body::Unreadable => format!("HTTP {}", reply.status),
    };
    (words, reply.status >= 500 || is_throttled(reply))
}

impl Purses {
    fn heard(&mut self, answer: Result<Balance, String>) -> Option<i128> {
        match answer {
            Ok(balance) => {
                self.answered += 1;
                self.in_a_row = 0;
                self.in_transit += u64::from(balance.in_transit);
                Some(balance.fen.into())
            }
            Err(words) => {
                self.unanswered += 1;
                self.in_a_row += 1;
                self.why.get_or_insert(words);
                None
            }
        }
    }

    /// An order's turn. One that would be closed leaves the account as it is.
    fn take(&mut self, order: &Order, left: Option<&mut Option<i128>>) {
        let amount = order.content.amount.get();
        match left {
            Some(Some(left)) if *left >= i128::from(amount) => *left -= i128::from(amount),
            Some(Some(left)) => {
                self.short += 1;
                self.short_fen += u128::from(amount);
                if self.left.len() < SHORT_TOLD_MAX {
                    self.left.insert(order.no.as_str().into(), *left);
                }
            }
            Some(None) | None => self.unknown += 1,
        }
    }
}

/// Whom the gateway keeps a balance for: the account, and what selects a part of it.
fn key(order: &Order) -> [u8; 32] {
    let content = &order.content;
    let parts = [
        content.account.reveal(),
        content.card_no.as_ref().map_or("", CardNo::reveal),
        content.sgn_no.as_ref().map_or("", SgnNo::as_str),
        content.req_scene.map_or("", ReqScene::as_str),
    ];
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    hash.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::order::{Account, Content, Fen, OrderNo, ReductionType};

    fn order(no: &str, fen: u64) -> Order {
        Order {
            no: OrderNo::parse(no).unwrap(),
            content: Content {
                merchant: Merchant::parse("1900016681").unwrap(),
                account: Account::parse("8609cb22e1774a50").unwrap(),
                reduction_type: ReductionType::JudicialDeduction,
                amount: Fen::new(fen).unwrap(),
                reason: None,
                card_no: None,
                sgn_no: None,
                req_scene: None,
            },
        }
    }

    #[test]
    fn a_closed_order_leaves_the_account_to_those_behind_it() {
        let mut purses = Purses::default();
        let mut left = Some(100);
        for (no, fen) in [("A", 60), ("B", 50), ("C", 40), ("D", 1)] {
            purses.take(&order(no, fen), Some(&mut left));
        }
        assert_eq!((purses.short, purses.short_fen, left), (2, 51, Some(0)));
        assert_eq!(purses.left.get("B"), Some(&40));
        assert_eq!(purses.left.get("D"), Some(&0));
        purses.take(&order("E", 1), Some(&mut None));
        assert_eq!((purses.short, purses.unknown), (2, 1));
    }

    #[test]
    fn what_selects_a_part_of_an_account_is_another_purse() {
        let one = order("A", 1);
        let mut two = order("B", 2);
        assert_eq!(key(&one), key(&two));
        two.content.card_no = Some(CardNo::parse("6222").unwrap());
        assert_ne!(key(&one), key(&two));
    }
}
