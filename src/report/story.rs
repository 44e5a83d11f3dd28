//! An order's whole story, for people and as one JSON object. Account and card numbers are masked.

use std::fmt::Write;

use serde_json::{Value, json};

use super::status::{CLOSING_DAYS, DAY_MS, span};
use crate::clock::WallMs;
use crate::ledger::{Attempt, DecisionKind, Relative, Story};
use crate::order::{NextAction, Resolution, State, Status, yuan};
use crate::worker::limits::WINDOW_MS;

/// Rows in which an order stands that are shown to people.
const PLACES_SHOWN_MAX: usize = 20;

/// For people, in lines.
pub fn human(story: &Story, now: WallMs) -> String {
    let mut text = String::new();
    let content = &story.order.content;
    let standing = &story.standing;
    let _ = writeln!(text, "{}: {}", story.order.no, standing.state);
    let mut line = |name: &str, value: &str| {
        let _ = writeln!(text, "  {name:<13} {value}");
    };
    line("merchant", content.merchant.as_str());
    line("account", &content.account.to_string());
    line("type", content.reduction_type.as_str());
    let fen = content.amount.get();
    line(
        "amount",
        &format!("{} yuan ({fen} fen)", yuan(u128::from(fen))),
    );
    for (name, value) in [
        ("reason", content.reason.as_ref().map(ToString::to_string)),
        ("card", content.card_no.as_ref().map(ToString::to_string)),
        (
            "agreement",
            content.sgn_no.as_ref().map(ToString::to_string),
        ),
        ("scene", content.req_scene.map(|scene| scene.to_string())),
    ] {
        if let Some(value) = value {
            line(name, &value);
        }
    }
    line("created", &story.created_at.rfc3339());
    if let Some(first) = standing.first_sent_at {
        line("first sent", &first.rfc3339());
        line("window ends", &window(story, first, now));
    }
    if let Some(at) = story.settled_at {
        line("settled", &at.rfc3339());
    }
    line("requests", &story.attempts_sent.to_string());
    relatives(&mut text, story);
    places(&mut text, story);
    attempts(&mut text, &story.attempts);
    if !story.decisions.is_empty() {
        text.push_str("decisions:\n");
    }
    for decided in &story.decisions {
        let _ = writeln!(text, "  {decided}");
    }
    let _ = writeln!(text, "next: {}", next(story, now));
    text
}

fn window(story: &Story, first: WallMs, now: WallMs) -> String {
    let ends = first.plus_ms(WINDOW_MS);
    let at = ends.rfc3339();
    let open = story.standing.state.is_unfinished() && story.standing.resolved.is_none();
    match ends.0 - now.0 {
        _ if !open => at,
        left if left <= 0 => format!("{at}: it is over; the number may only be queried"),
        left if left <= CLOSING_DAYS * DAY_MS => format!("{at}: only {} left", span(left)),
        left => format!("{at}: {} left", span(left)),
    }
}

fn relatives(text: &mut String, story: &Story) {
    let others = |relative: &&Relative| relative.no != story.order.no;
    for relative in story.chain.iter().filter(others) {
        let kin = match relative.generation < story.generation {
            true => "reissue of",
            false => "reissued as",
        };
        let _ = writeln!(text, "  {kin:<13} {} ({})", relative.no, relative.state);
    }
    for no in &story.supersedes {
        let _ = writeln!(text, "  {:<13} {no}", "replaces");
    }
    if let Some(no) = &story.superseded_by {
        let _ = writeln!(text, "  {:<13} {no}", "replaced by");
    }
    if let (State::Held, Some(no)) = (story.standing.state, &story.held_by) {
        let _ = writeln!(text, "  {:<13} {no} (the same debt)", "looks like");
    }
    if let Some((file, line)) = &story.frozen_by {
        let _ = writeln!(
            text,
            "  {:<13} {file}:{line} gives this number to another content",
            "conflict"
        );
    }
}

fn places(text: &mut String, story: &Story) {
    text.push_str("rows:\n");
    for place in story.places.iter().take(PLACES_SHOWN_MAX) {
        let _ = writeln!(
            text,
            "  {}:{} (batch {})",
            place.file, place.line, place.batch
        );
    }
    if story.places.len() > PLACES_SHOWN_MAX {
        let _ = writeln!(text, "  and {} more", story.places.len() - PLACES_SHOWN_MAX);
    }
}

fn attempts(text: &mut String, attempts: &[Attempt]) {
    text.push_str(match attempts.is_empty() {
        true => "attempts: none\n",
        false => "attempts:\n",
    });
    for attempt in attempts {
        let _ = write!(
            text,
            "  {}  {:<10}  was {}",
            attempt.at.rfc3339(),
            attempt.asked.as_str(),
            attempt.before
        );
        let Some(reply) = &attempt.reply else {
            text.push_str("; nothing was recorded: it counts as sent\n");
            continue;
        };
        let facts = &reply.facts;
        let _ = write!(text, "; {} {}", facts.trust.as_str(), reply.meaning);
        let status = facts.http_status.map(|status| status.to_string());
        let said = [
            ("HTTP", status.as_deref()),
            ("code", facts.code.as_deref()),
            ("state", facts.state.as_deref()),
            ("reason", facts.fail_reason.as_deref()),
            ("change", facts.quota_change_no.as_deref()),
            ("request", facts.request_id.as_deref()),
            ("message", facts.message.as_deref()),
            ("alert", reply.alert.as_deref()),
        ];
        for (name, value) in said {
            if let Some(value) = value {
                let _ = write!(text, ", {name} {value}");
            }
        }
        let _ = writeln!(text, ", after {} ms", reply.latency_ms);
    }
}

/// What a person may do about it.
fn next(story: &Story, now: WallMs) -> String {
    let standing = &story.standing;
    let newest = story.chain.last();
    if let Some(newest) = newest.filter(|newest| newest.generation > story.generation) {
        return format!("nothing here; the deduction goes on as {}", newest.no);
    }
    if let Some(by) = &story.superseded_by {
        return format!("nothing here; {by} took its place");
    }
    if let (Some(Resolution::Failed), false) = (standing.resolved, standing.state.is_final()) {
        return match story.new_number_from {
            Some(from) if from <= now => "`levy rerun` gives it a new number".into(),
            Some(from) => format!(
                "`levy rerun` gives it a new number from {} on",
                from.rfc3339()
            ),
            None => {
                "ask for it (`levy reconcile`): as things stand, people's word gives it no new \
                     number"
                    .into()
            }
        };
    }
    if let Some(before) = story.before.as_ref().filter(|before| before.forbids(now)) {
        return before.words(&story.order.no, standing.state);
    }
    let mut decisions = story.decisions.iter();
    let restored = decisions.any(|decided| decided.kind == DecisionKind::Restored);
    let never_asked = story.attempts_sent == 0 && restored;
    if never_asked && standing.state == State::Unknown && standing.resolved.is_none() {
        return "`levy run` with its own file: it may have been sent since the backup, and keeps its \
                number"
            .into();
    }
    match (action(story), standing.state) {
        (NextAction::None, _) => "nothing".into(),
        (NextAction::RunAgain, State::Pending) => "`levy run` with its own file".into(),
        (NextAction::RunAgain, _) => {
            "`levy resume`, or `levy run` with its file again: it keeps its number".into()
        }
        (NextAction::Reissue, _) => "`levy rerun` gives it a new number".into(),
        (NextAction::FixRow, _) => "mend the row and give it in a file, or mend the setting".into(),
        (NextAction::Review, State::Held) => {
            "release it by its number if it is another deduction, else `levy cancel` it".into()
        }
        (NextAction::Review, State::Conflict) => {
            "`levy cancel` it, and give the row another number".into()
        }
        (NextAction::Review, _) => {
            "find out elsewhere what became of it, then `levy resolve`".into()
        }
    }
}

/// What is to be done next, as its row says.
fn action(story: &Story) -> NextAction {
    let standing = &story.standing;
    match &story.before {
        Some(before) if before.wants_a_person() => NextAction::Review,
        Some(_) | None => NextAction::shown(standing.state, standing.proof_runs, standing.resolved),
    }
}

/// For scripts: one line, without its end.
pub fn json(story: &Story, now: WallMs) -> String {
    let content = &story.order.content;
    let standing = &story.standing;
    let at = |at: Option<WallMs>| at.map(WallMs::rfc3339);
    let attempts: Vec<Value> = story.attempts.iter().map(attempt_json).collect();
    let chain: Vec<Value> = story.chain.iter().map(relative_json).collect();
    let places: Vec<Value> = story
        .places
        .iter()
        .map(|p| json!({"batch": p.batch.to_string(), "file": p.file, "line": p.line}))
        .collect();
    let decisions: Vec<Value> = story
        .decisions
        .iter()
        .map(|decided| {
            json!({
                "kind": decided.kind.as_str(),
                "by": [Some(&decided.by_first), decided.by_second.as_ref()],
                "at": decided.at.rfc3339(),
                "words": decided.words,
                "since": decided.since.map(WallMs::rfc3339),
            })
        })
        .collect();
    json!({
        "out_request_no": story.order.no.as_str(),
        "mchid": content.merchant.as_str(),
        "bal_account_no": content.account.to_string(),
        "reduction_type": content.reduction_type.as_str(),
        "amount": content.amount.get(),
        "reason": content.reason.as_ref().map(ToString::to_string),
        "card_no": content.card_no.as_ref().map(ToString::to_string),
        "sgn_no": content.sgn_no.as_ref().map(ToString::to_string),
        "req_scene": content.req_scene.map(|scene| scene.as_str()),
        "state": standing.state.as_str(),
        "status": Status::shown(standing.state, standing.resolved).as_str(),
        "resolved_as": standing.resolved.map(Resolution::as_str),
        "next_action": action(story).as_str(),
        "generation": story.generation,
        "created_at": story.created_at.rfc3339(),
        "first_sent_at": at(standing.first_sent_at),
        "window_ends_at": at(standing.first_sent_at.map(|first| first.plus_ms(WINDOW_MS))),
        "settled_at": at(story.settled_at),
        "requests": story.attempts_sent,
        "rows": places,
        "attempts": attempts,
        "decisions": decisions,
        "chain": chain,
        "supersedes": story.supersedes.iter().map(|no| no.as_str()).collect::<Vec<_>>(),
        "superseded_by": story.superseded_by.as_ref().map(|no| no.as_str()),
        "held_by": story.held_by.as_ref().map(|no| no.as_str()),
        "frozen_by": story.frozen_by.as_ref().map(|(file, line)| format!("{file}:{line}")),
        "next": next(story, now),
    })
    .to_string()
}

fn relative_json(relative: &Relative) -> Value {
    json!({
        "out_request_no": relative.no.as_str(),
        "generation": relative.generation,
        "state": relative.state.as_str(),
        "resolved_as": relative.resolved.map(Resolution::as_str),
    })
}

fn attempt_json(attempt: &Attempt) -> Value {
    let reply = attempt.reply.as_ref().map(|reply| {
        let facts = &reply.facts;
        json!({
            "at": reply.at.rfc3339(),
            "latency_ms": reply.latency_ms,
            "trust": facts.trust.as_str(),
            "meaning": reply.meaning,
            "http_status": facts.http_status,
            "code": facts.code,
            "message": facts.message,
            "request_id": facts.request_id,
            "signed_at": facts.signed_at.map(WallMs::rfc3339),
            "state": facts.state,
            "fail_reason": facts.fail_reason,
            "quota_change_no": facts.quota_change_no,
            "success_time": facts.success_time,
            "fail_time": facts.fail_time,
            "alert": reply.alert,
        })
    });
    json!({
        "entry": attempt.id.0,
        "run": attempt.run.0,
        "asked": attempt.asked.as_str(),
        "at": attempt.at.rfc3339(),
        "before": attempt.before.as_str(),
        "reply": reply,
    })
}

#[cfg(test)]
mod tests;
