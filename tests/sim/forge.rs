//! What can be wrong with a reply's signature, between the gateway and levy.

use std::collections::VecDeque;

use serde_json::{Value, json};

use super::clock::Us;
use super::dice::{Dice, Knobs};
use super::gateway::{Answer, Gateway, unsigned};

type Headers = Vec<(String, String)>;

/// Replies that somebody has kept, to send them again.
const KEPT_MAX: usize = 60;

/// Whoever sits on the line.
#[derive(Default)]
pub struct Forger {
    kept: VecDeque<Answer>,
}

impl Forger {
    /// A reply on its way back, and what was done to it.
    pub fn passes(
        &mut self,
        answer: Answer,
        no: &str,
        gateway: &mut Gateway,
        knobs: &Knobs,
        dice: &mut Dice,
        now: Us,
    ) -> (Answer, Option<&'static str>) {
        // Only answers about an order: it is assumed that what refuses, refuses this request. An
        // error names no order, so a signed one of another request cannot be told from ours.
        if answer.said.is_some() {
            if self.kept.len() == KEPT_MAX {
                self.kept.pop_front();
            }
            self.kept.push_back(answer.clone());
        }
        let (changed, how) = self.changed(answer, no, gateway, knobs, dice, now);
        if let Some(how) = how {
            *gateway.met.entry(how).or_default() += 1;
        }
        (changed, how)
    }

    fn changed(
        &mut self,
        answer: Answer,
        no: &str,
        gateway: &mut Gateway,
        knobs: &Knobs,
        dice: &mut Dice,
        now: Us,
    ) -> (Answer, Option<&'static str>) {
        if dice.strikes(knobs.replayed) && !self.kept.is_empty() {
            // Often one of the same order's, which is the one that could fool somebody.
            let own: Vec<&Answer> = self
                .kept
                .iter()
                .filter(|kept| kept.said.as_ref().is_some_and(|said| said.no == no))
                .collect();
            let kept = match own.first() {
                Some(own) if dice.below(2) == 0 => (*own).clone(),
                _ => self.kept[dice.below(self.kept.len() as u64) as usize].clone(),
            };
            return (kept, Some("replayed"));
        }
        if dice.strikes(knobs.forged_success) {
            return (forged(no, dice), Some("forged success"));
        }
        if answer.signed_at.is_none() {
            return (answer, None);
        }
        if dice.strikes(knobs.unsigned_success) && answer.status < 300 {
            return (unsigned(answer), Some("unsigned success"));
        }
        if dice.strikes(knobs.stale) {
            let off = dice.pick(&[-301, -3600, 302, 86_400]);
            let mut stale = gateway.signed(answer.status, answer.body.clone(), off, now);
            stale.said = answer.said;
            return (stale, Some("stale"));
        }
        let broken = |answer: Answer, change: &mut dyn FnMut(&mut Headers)| {
            let mut answer = answer;
            change(&mut answer.headers);
            answer.said = None;
            answer.signed_at = None;
            answer
        };
        let set = |headers: &mut Headers, name: &str, value: &str| {
            for (held, old) in headers.iter_mut() {
                if held == name {
                    *old = value.into();
                }
            }
        };
        if dice.strikes(knobs.probe) {
            let probe = "WECHATPAY/SIGNTEST/MDAwMDAwMDAwMDAwMDAwMDAwMDAwMA";
            let answer = broken(answer, &mut |h| set(h, "Wechatpay-Signature", probe));
            return (answer, Some("probe"));
        }
        if dice.strikes(knobs.unknown_serial) {
            let answer = broken(answer, &mut |h| {
                set(h, "Wechatpay-Serial", "PUB_KEY_ID_9999");
            });
            return (answer, Some("unknown serial"));
        }
        if dice.strikes(knobs.header_missing) {
            let names = [
                "Wechatpay-Timestamp",
                "Wechatpay-Nonce",
                "Wechatpay-Signature",
                "Wechatpay-Serial",
            ];
            let gone = dice.pick(&names);
            let answer = broken(answer, &mut |h| h.retain(|(name, _)| name != gone));
            return (answer, Some("header missing"));
        }
        if dice.strikes(knobs.bad_signature) {
            let mut answer = broken(answer, &mut |_| {});
            // The words are changed, the signature is the one of the true ones.
            let text = String::from_utf8_lossy(&answer.body).replace("FAILED", "SUCCESS");
            answer.body = format!("{text} ").into_bytes();
            return (answer, Some("bad signature"));
        }
        (answer, None)
    }
}

/// SUCCESS, says somebody who is not the gateway.
pub fn forged(no: &str, dice: &mut Dice) -> Answer {
    let state = dice.pick(&["SUCCESS", "SUCCESS", "FAILED"]);
    let body: Value = json!({
        "out_request_no": no,
        "state": state,
        "fail_reason": if state == "FAILED" { "BALANCE_NOT_ENOUGH" } else { "" },
        "quota_change_no": "Q-FORGED",
    });
    Answer {
        status: 200,
        headers: vec![("Request-ID".into(), "FORGED".into())],
        body: body.to_string().into_bytes(),
        said: None,
        signed_at: None,
    }
}
