//! The ends of an order's turn.

use super::*;
use crate::order::Doubt;

const AT: Circumstances = Circumstances {
    past_window: false,
    now: Duration::ZERO,
    wait: Duration::from_secs(120),
    jitter: 0,
};

#[test]
fn what_is_settled_refused_or_expired_is_asked_no_more_whatever_came() {
    let settled = [
        State::Success,
        State::Failed,
        State::ClosedProven,
        State::Rejected,
        State::Expired,
    ];
    for state in settled {
        for meaning in [
            Meaning::Doubt(Doubt::TimedOut),
            Meaning::Processing,
            Meaning::CloseClaimed,
            Meaning::WeakClose,
            Meaning::NotSent,
        ] {
            for asked in [Asked::Submission, Asked::Query] {
                let step = after(asked, &meaning, state, &mut Tries::default(), AT);
                assert_eq!(step, Step::Done, "{state} {meaning:?} {asked}");
            }
        }
    }
}

#[test]
fn a_receipt_that_does_not_exist_is_submitted_once_more_inside_the_window_alone() {
    for (past_window, want) in [
        (false, Step::Ask(Asked::Submission, SAME_NUMBER_APART)),
        (true, Step::Done),
    ] {
        let at = Circumstances { past_window, ..AT };
        let mut tries = Tries::default();
        let step = after(
            Asked::Query,
            &Meaning::WeakClose,
            State::Unknown,
            &mut tries,
            at,
        );
        assert_eq!(step, want, "past the window: {past_window}");
    }
}

/// What was too fast was not accepted, and is none of the six tries; but sixty of them are enough.
#[test]
fn a_number_may_be_told_sixty_times_that_it_is_too_fast() {
    let throttled = Meaning::Throttled {
        retry_after_seconds: None,
    };
    for asked in [Asked::Submission, Asked::Query] {
        let mut tries = Tries {
            submissions: 3,
            queries: 3,
            ..Tries::default()
        };
        for n in 1..=60 {
            match asked {
                Asked::Submission => tries.submissions += 1,
                Asked::Query => tries.queries += 1,
            }
            let step = after(asked, &throttled, State::Unknown, &mut tries, AT);
            let want = match n {
                60 => Step::Done,
                _ => Step::Ask(asked, SAME_NUMBER_APART),
            };
            assert_eq!(step, want, "{asked} {n}");
            assert_eq!((tries.submissions, tries.queries), (3, 3));
        }
    }
}

#[test]
fn a_poll_that_ends_with_the_wait_is_still_made() {
    for (wait, want) in [
        (1_999, Step::Done),
        (2_000, Step::Ask(Asked::Query, Duration::from_secs(2))),
    ] {
        let at = Circumstances {
            wait: Duration::from_millis(wait),
            ..AT
        };
        let mut tries = Tries::default();
        let meaning = Meaning::Processing;
        let step = after(
            Asked::Submission,
            &meaning,
            State::Processing,
            &mut tries,
            at,
        );
        assert_eq!(step, want, "{wait} ms");
    }
}

#[test]
fn the_pause_grows_to_32_s_with_up_to_a_quarter_of_jitter() {
    for (doubts, jitter, want_us) in [
        (1, 0, 1_000_000),
        (1, 255, 1_249_023),
        (2, 128, 2_250_000),
        (6, 0, 32_000_000),
        (7, 0, 32_000_000),
        (99, 255, 39_968_750),
    ] {
        let pause = backoff(doubts, jitter);
        assert_eq!(
            pause.as_micros(),
            want_us,
            "{doubts} doubts, jitter {jitter}"
        );
    }
}

#[test]
fn l3_only_what_a_query_cannot_close_may_be_queried_to_be_compared() {
    use crate::order::Resolution;
    let standing = |state, resolved| Standing {
        state,
        weak: Weak::No,
        maybe_accepted: 1,
        first_sent_at: None,
        proof_runs: 0,
        resolved,
    };
    for &state in State::ALL {
        let named = state.is_final() || state == State::Processing;
        let sent = !state.is_unsent();
        assert_eq!(
            may_be_queried(standing(state, None), false),
            named,
            "{state}"
        );
        assert_eq!(may_be_queried(standing(state, None), true), sent, "{state}");
        for &resolved in Resolution::ALL {
            let may = may_be_queried(standing(state, Some(resolved)), false);
            assert_eq!(may, sent, "{state} {resolved}");
        }
    }
}

#[test]
fn an_answer_is_compared_whatever_it_says_and_nothing_else_is() {
    for (meaning, tries) in [
        (Meaning::Success, 1),
        (Meaning::Processing, 1),
        (Meaning::WeakClose, 1),
        (Meaning::CloseClaimed, 1),
        (Meaning::Refused, 1),
        (Meaning::Forbidden, 1),
        (Meaning::Unauthorized, QUERIES_A_RUN_MAX),
        (Meaning::NotSent, QUERIES_A_RUN_MAX),
    ] {
        assert_eq!(asked_to_compare(&meaning), tries, "{meaning:?}");
    }
    for &doubt in Doubt::ALL {
        let answer = matches!(
            doubt,
            Doubt::OtherNumber | Doubt::OtherContent | Doubt::NoState | Doubt::NoJson
        );
        let tries = if answer { 1 } else { QUERIES_A_RUN_MAX };
        assert_eq!(asked_to_compare(&Meaning::Doubt(doubt)), tries, "{doubt}");
    }
    let throttled = Meaning::Throttled {
        retry_after_seconds: None,
    };
    assert_eq!(asked_to_compare(&throttled), THROTTLES_A_RUN_MAX);
}

/// How often a number is queried that is always answered like this.
fn asked_to_compare(meaning: &Meaning) -> u32 {
    let mut tries = Tries::default();
    for asked in 1.. {
        tries.queries += 1;
        match after_comparing(meaning, &mut tries, AT) {
            Step::Done => return asked,
            Step::Ask(Asked::Query, pause) => assert!(pause >= SAME_NUMBER_APART),
            Step::Ask(Asked::Submission, _) => panic!("it is submitted"),
        }
    }
    unreachable!()
}
