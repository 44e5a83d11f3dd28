//! The ledger's file against what was heard and what the books say.

use std::collections::BTreeMap;

use levy::ledger::Written;

use super::{Auditor, Held, ORDER, WINDOW_MS, held};
use crate::clock::{DAY, Us, true_ms};
use crate::gateway::{Entry, Fate};
use crate::http::Content;

/// States that never change.
const FINAL: [&str; 3] = ["SUCCESS", "FAILED", "CLOSED_PROVEN"];

impl Auditor {
    /// L3: after each commit, what it recorded.
    pub fn committed(&mut self, written: &[Written]) {
        for one in written {
            let id = match one {
                Written::Recorded(id, _) => *id,
                Written::Claimed(claimed) => claimed.job().id,
                Written::Refused(..)
                | Written::Frozen(_)
                | Written::LaneLost(_)
                | Written::Noted(_) => continue,
            };
            let sql = format!("{ORDER} WHERE o.order_id = ?1");
            let order = {
                let mut statement = self.conn().prepare_cached(&sql).unwrap();
                statement.query_row([id.0], held).unwrap()
            };
            match one {
                Written::Claimed(_) => self.is_claimed(&order.no),
                _ => self.order_holds(&order),
            }
        }
    }

    /// L3: settled only by what was heard, verified; and settled for ever.
    fn order_holds(&mut self, order: &Held) {
        self.checks += 1;
        let Held { no, state, .. } = order;
        let heard = self.heard.get(no).map_or(&[][..], Vec::as_slice);
        let said = |state: &str| heard.iter().any(|(said, _)| *said == state);
        let holds = match state.as_str() {
            "SUCCESS" => said("SUCCESS"),
            "FAILED" | "CLOSED_PROVEN" => said("FAILED"),
            "PROCESSING" => said("PROCESSING"),
            _ => true,
        };
        assert!(
            holds,
            "L3: {no} is {state}, and nothing verified said so: {heard:?}"
        );
        if let Some(before) = self.finals.get(no) {
            assert_eq!(before, state, "L3: {no} was final");
        }
        if FINAL.contains(&state.as_str()) {
            self.finals.insert(no.clone(), state.clone());
        }
        let unsent = ["PENDING", "HELD", "CONFLICT", "CANCELLED"].contains(&state.as_str());
        let sent = self.sends.contains_key(no);
        assert!(
            !(unsent && sent),
            "L1: {no} was sent, and the ledger says {state}"
        );
    }

    /// After each command: the whole ledger, against what was heard and the books.
    pub fn scans(&mut self, books: &BTreeMap<String, Entry>, died: bool, now: (Us, i64)) {
        if self.db.is_none() {
            return;
        }
        self.learn();
        let orders = self.orders();
        self.chains_hold(&orders, died, now, books);
        for order in orders {
            self.order_holds(&order);
            if let Some(entry) = books.get(&order.no) {
                let truth = entry.fate == Fate::Success;
                match order.state.as_str() {
                    "SUCCESS" => assert!(truth, "L3: {} is SUCCESS, not in the books", order.no),
                    "FAILED" | "CLOSED_PROVEN" => {
                        assert!(
                            !truth,
                            "L3: {} is {}, and was debited",
                            order.no, order.state
                        );
                    }
                    _ => {}
                }
            }
        }
        self.money(books);
    }

    /// L5: of one number, and of one debt that is not long settled, money moves once.
    fn money(&self, books: &BTreeMap<String, Entry>) {
        let mut debts: BTreeMap<&Content, Vec<(&String, Us)>> = BTreeMap::new();
        for (no, entry) in books {
            assert!(
                entry.debits.len() <= 1,
                "L5: {no} was debited twice: {:?}",
                entry.debits
            );
            let Some(content) = &entry.content else {
                continue;
            };
            let held = self.stands_for.get(no);
            assert_eq!(
                held,
                Some(content),
                "L2: {no}: the books have another content"
            );
            for at in &entry.debits {
                debts.entry(content).or_default().push((no, *at));
            }
        }
        for (content, mut debits) in debts {
            debits.sort_by_key(|(_, at)| *at);
            for pair in debits.windows(2) {
                let apart = pair[1].1 - pair[0].1;
                let mask = &content.account[..4];
                let released = pair.iter().any(|(no, _)| self.was_released(no));
                assert!(
                    apart >= 39 * DAY || released,
                    "L5: {mask}… was debited twice: {pair:?}"
                );
            }
        }
    }

    /// L9: when all is quiet, every order whose truth is decided is settled like it.
    pub fn settled(&self, books: &BTreeMap<String, Entry>, now: Us) {
        for order in self.orders() {
            let Held {
                no,
                state,
                first_ms,
                resolved,
                ..
            } = order;
            if let (Some(outcome), false) = (resolved, FINAL.contains(&state.as_str())) {
                let paid = books.get(&no).is_some_and(|e| e.fate == Fate::Success);
                assert_eq!(paid, outcome == "SUCCESS", "{no}: people said {outcome}");
                continue;
            }
            let sent = self.sends.contains_key(&no);
            // An intent counts as sent, so it ages from there, by the clock of then.
            let old = first_ms.is_some_and(|ms| true_ms(now) - ms > WINDOW_MS - 86_400_000);
            // What was refused and came past its window is only asked for, which may close a number that
            // never came in: it stands refused, and rightly.
            let entry = books.get(&no);
            let never_came = entry.is_some_and(|entry| entry.content.is_none());
            let wanted: &[&str] = match entry.map(|entry| &entry.fate) {
                Some(_) if never_came && old => &["REJECTED", "EXPIRED", "FAILED", "CLOSED_PROVEN"],
                None if old => &["REJECTED", "EXPIRED"],
                None if sent => &["REJECTED"],
                None => &["HELD", "CONFLICT", "CANCELLED", "REJECTED"],
                Some(Fate::Success) if old => &["SUCCESS", "EXPIRED"],
                Some(Fate::Success) => &["SUCCESS"],
                Some(Fate::Failed(_)) if old => &["FAILED", "CLOSED_PROVEN", "EXPIRED"],
                Some(Fate::Failed(_)) => &["FAILED", "CLOSED_PROVEN"],
            };
            assert!(
                wanted.contains(&state.as_str()),
                "L9: {no} is {state}, the books say {:?}",
                books.get(&no)
            );
        }
    }

    /// Orders that a run would still do something for.
    pub fn unfinished(&self) -> Vec<String> {
        let mut orders = self.orders();
        orders.retain(|order| {
            let open = ["PENDING", "UNKNOWN", "PROCESSING", "CLOSED"];
            open.contains(&order.state.as_str()) && order.resolved.is_none()
        });
        let words = |order: Held| format!("{} {}", order.no, order.state);
        orders.into_iter().map(words).collect()
    }
}
