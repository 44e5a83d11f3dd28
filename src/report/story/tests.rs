//! An order's story in words.

use super::*;
use crate::ledger::{Decided, DecisionKind, Standing};
use crate::order::{Account, CardNo, Content, Fen, Merchant, Order, OrderNo, ReductionType, Weak};

const NOW: WallMs = WallMs(1_790_000_000_000);

fn story(state: State, resolved: Option<Resolution>) -> Story {
    Story {
        order: Order {
            no: OrderNo::parse("N1").unwrap(),
            content: Content {
                merchant: Merchant::parse("1900016681").unwrap(),
                account: Account::parse("8609cb22e1774a50a930e414cc71eca06121bc").unwrap(),
                reduction_type: ReductionType::JudicialDeduction,
                amount: Fen::new(123_456).unwrap(),
                reason: None,
                card_no: Some(CardNo::parse("6222020000000017").unwrap()),
                sgn_no: None,
                req_scene: None,
            },
        },
        standing: Standing {
            state,
            weak: Weak::No,
            maybe_accepted: 1,
            first_sent_at: (!state.is_unsent()).then(|| NOW.plus_ms(-26 * DAY_MS)),
            proof_runs: 0,
            resolved,
        },
        generation: 1,
        created_at: NOW.plus_ms(-26 * DAY_MS),
        settled_at: None,
        attempts_sent: 1,
        places: vec![],
        attempts: vec![],
        decisions: vec![],
        chain: vec![],
        supersedes: vec![],
        superseded_by: None,
        before: None,
        new_number_from: (resolved == Some(Resolution::Failed) && !state.is_final())
            .then(|| NOW.plus_ms(5 * DAY_MS)),
        held_by: None,
        frozen_by: None,
    }
}

fn relative(no: &str, generation: u32, state: State) -> Relative {
    Relative {
        no: OrderNo::parse(no).unwrap(),
        generation,
        state,
        resolved: None,
    }
}

#[test]
fn l8_a_story_shows_no_account_and_no_card() {
    let story = story(State::Unknown, None);
    for text in [human(&story, NOW), json(&story, NOW)] {
        assert!(
            text.contains("8609…21bc") && text.contains("6222…0017"),
            "{text}"
        );
        assert!(
            !text.contains("cb22e177") && !text.contains("0200000000"),
            "{text}"
        );
    }
}

#[test]
fn what_to_do_next_follows_from_where_the_order_stands() {
    use State::*;
    for (state, resolved, want) in [
        (Pending, None, "`levy run` with its own file"),
        (Unknown, None, "`levy resume`"),
        (Closed, None, "`levy resume`"),
        (Failed, None, "`levy rerun` gives it a new number"),
        (Held, None, "release it"),
        (Conflict, None, "another number"),
        (Expired, None, "`levy resolve`"),
        (Success, None, "nothing"),
        (Expired, Some(Resolution::Success), "nothing"),
        // 26 days of the 31 have passed.
        (
            Expired,
            Some(Resolution::Failed),
            "`levy rerun` gives it a new number from 2026-09-26T22:13:20.000+08:00 on",
        ),
        (Success, Some(Resolution::Failed), "nothing"),
    ] {
        let words = next(&story(state, resolved), NOW);
        assert!(
            words.starts_with(want) || words.contains(want),
            "{state}: {words}"
        );
    }
    let later = NOW.plus_ms(5 * DAY_MS);
    let dead = story(Expired, Some(Resolution::Failed));
    assert_eq!(next(&dead, later), "`levy rerun` gives it a new number");
}

#[test]
fn a_reissue_and_a_replacement_lead_on() {
    let mut old = story(State::Failed, None);
    old.chain = vec![
        relative("N1", 1, State::Failed),
        relative("LV2", 2, State::Success),
    ];
    assert_eq!(
        next(&old, NOW),
        "nothing here; the deduction goes on as LV2"
    );
    assert!(human(&old, NOW).contains("reissued as   LV2 (SUCCESS)"));
    let mut replaced = story(State::Cancelled, None);
    replaced.superseded_by = Some(OrderNo::parse("N9").unwrap());
    assert_eq!(next(&replaced, NOW), "nothing here; N9 took its place");
}

#[test]
fn a_window_that_runs_out_and_decisions_are_told() {
    let mut open = story(State::Unknown, None);
    let text = human(&open, NOW);
    assert!(text.contains("only 3 d 0 h left"), "{text}");
    let past = human(&open, NOW.plus_ms(4 * DAY_MS));
    assert!(
        past.contains("it is over; the number may only be queried"),
        "{past}"
    );
    open.decisions.push(Decided {
        kind: DecisionKind::ResolveFailed,
        by_first: "Li Wei".into(),
        by_second: Some("Wang Fang".into()),
        at: NOW,
        words: "ticket 8812".into(),
        since: None,
    });
    assert!(human(&open, NOW).contains(
        "decisions:\n  RESOLVE_FAILED by Li Wei and Wang Fang on 2026-09-21T22:13:20.000+08:00: \
         ticket 8812\n"
    ));
}
