//! Journals, and what they come to.

use super::*;

const SUBMISSION: Asked = Asked::Submission;

fn past(entry: i64, asked: Asked, before: State, reply: Option<PastReply>) -> Past {
    Past {
        entry,
        asked,
        before,
        claimed_at_ms: entry * 1000,
        reply,
    }
}

fn verified(entry: i64, meaning: &str) -> Option<PastReply> {
    Some(PastReply {
        entry,
        trust: Trust::Verified,
        meaning: meaning.into(),
        maybe_accepted: true,
        closed: false,
        signed_at_ms: Some(entry * 1000 - 1500),
    })
}

fn bare(entry: i64, trust: Trust, meaning: &str, maybe_accepted: bool) -> Option<PastReply> {
    Some(PastReply {
        entry,
        trust,
        meaning: meaning.into(),
        maybe_accepted,
        closed: false,
        signed_at_ms: None,
    })
}

#[test]
fn a_journal_comes_to_the_state_and_the_first_send_of_its_order() {
    use State::*;
    let lost = |entry| bare(entry, Trust::Lost, "RESET", true);
    let claimed = |entry| bare(entry, Trust::Unsigned, "CLOSE_CLAIMED", true);
    let not_sent = |entry| bare(entry, Trust::NotSent, "NOT_SENT", false);
    let refused = |entry| bare(entry, Trust::Verified, "REFUSED", false);
    // (attempts, states that the books may say, first send)
    let table: Vec<(Vec<Past>, &[State], Option<i64>)> = vec![
        (vec![], &[Pending, Held, Conflict, Cancelled], None),
        (
            vec![past(1, SUBMISSION, Pending, None)],
            &[Unknown],
            Some(1000),
        ),
        (
            vec![past(1, SUBMISSION, Pending, verified(2, "SUCCESS"))],
            &[Success],
            Some(500),
        ),
        (
            vec![past(1, SUBMISSION, Pending, not_sent(2))],
            &[Pending, Held, Conflict, Cancelled],
            None,
        ),
        (
            vec![
                past(1, SUBMISSION, Pending, lost(2)),
                past(3, SUBMISSION, Unknown, claimed(4)),
                past(5, Asked::Query, Closed, verified(6, "FAILED")),
            ],
            &[Failed],
            Some(1000),
        ),
        (
            // Two at once: the second is still out when the first was not sent.
            vec![
                past(1, SUBMISSION, Pending, not_sent(3)),
                past(2, SUBMISSION, Unknown, None),
            ],
            &[Unknown],
            Some(1000),
        ),
        (
            vec![
                past(1, SUBMISSION, Pending, lost(2)),
                past(3, Asked::Query, Unknown, refused(4)),
            ],
            &[Unknown, Expired],
            Some(1000),
        ),
        (
            vec![past(1, SUBMISSION, Pending, refused(2))],
            &[Unknown, Rejected],
            Some(1000),
        ),
    ];
    for (pasts, want, first) in table {
        let end = replay(&pasts, &[]).unwrap();
        for &state in State::ALL {
            let agrees = end.agrees(state, first).is_ok();
            assert_eq!(agrees, want.contains(&state), "{pasts:?}: {state}");
        }
        assert!(end.agrees(want[0], Some(77)).is_err(), "{pasts:?}");
    }
}

#[test]
fn l3_a_journal_that_settles_without_a_verified_reply_cannot_have_happened() {
    for meaning in ["SUCCESS", "FAILED", "PROCESSING"] {
        for trust in [
            Trust::Unsigned,
            Trust::IllSigned,
            Trust::Lost,
            Trust::NotSent,
        ] {
            let reply = bare(2, trust, meaning, true);
            let told = replay(&[past(1, SUBMISSION, State::Pending, reply)], &[]).unwrap_err();
            assert!(told.contains("not verified"), "{told}");
        }
    }
}

#[test]
fn what_cannot_follow_is_said() {
    let first = || past(1, SUBMISSION, State::Pending, verified(2, "SUCCESS"));
    for (pasts, want) in [
        (
            vec![first(), past(3, SUBMISSION, State::Unknown, None)],
            "stood at UNKNOWN before its intent 3",
        ),
        (
            vec![first(), past(3, SUBMISSION, State::Success, None)],
            "was claimed (entry 3) while it was SUCCESS",
        ),
        (
            vec![past(1, SUBMISSION, State::Held, None)],
            "stood at HELD before its intent 1",
        ),
        (
            vec![past(1, SUBMISSION, State::Pending, verified(2, "PAID"))],
            "means \"PAID\"",
        ),
    ] {
        let told = replay(&pasts, &[]).unwrap_err();
        assert!(told.contains(want), "{told}");
    }
}

#[test]
fn what_people_told_of_counts_as_a_send_that_nothing_takes_back() {
    use State::*;
    let told = |entry, since_ms| ToldOf { entry, since_ms };
    let not_sent = |entry| bare(entry, Trust::NotSent, "NOT_SENT", false);
    let end = replay(&[], &[told(1, 70)]).unwrap();
    assert_eq!(end.agrees(Unknown, Some(70)), Ok(()));
    assert!(end.agrees(Pending, None).is_err());
    let attempts = [past(2, SUBMISSION, Unknown, not_sent(3))];
    let end = replay(&attempts, &[told(1, 70)]).unwrap();
    assert_eq!(end.agrees(Unknown, Some(70)), Ok(()));
    // Told of while it stood refused: it stands as before, and counts from the earlier time.
    let refused = bare(2, Trust::Verified, "REFUSED", false);
    let attempts = [past(1, SUBMISSION, Pending, refused)];
    let end = replay(&attempts, &[told(3, 70), told(4, 50)]).unwrap();
    assert_eq!(end.agrees(Rejected, Some(50)), Ok(()));
    // As never sent it can't be claimed any more, and what is settled was not told of.
    let attempts = [past(2, SUBMISSION, Pending, None)];
    assert!(replay(&attempts, &[told(1, 70)]).is_err());
    let attempts = [past(1, SUBMISSION, Pending, verified(2, "SUCCESS"))];
    let wrong = replay(&attempts, &[told(3, 70)]).unwrap_err();
    assert!(wrong.contains("settled when somebody told"), "{wrong}");
}
