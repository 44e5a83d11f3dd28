//! What replies mean where two meanings move an order alike: pace, brakes and alerts tell them apart.

use super::*;

fn two_hundred_two(change: impl FnOnce(&mut OrderReply)) -> Checked {
    signed((202, ok(change).1))
}

#[test]
fn each_reply_has_its_own_meaning_and_strange_signed_ones_an_alert() {
    let order = order();
    for (checked, word, alert) in [
        // The name of a 429 is not uniform, nor is its status.
        (unsigned_reply(error(429, "X")), "THROTTLED", false),
        (signed(error(403, "FREQUENCY_LIMITED")), "THROTTLED", false),
        (signed(error(400, "RULE_LIMIT")), "THROTTLED", false),
        (
            unsigned_reply(error(500, "RATELIMIT_EXCEEDED")),
            "THROTTLED",
            false,
        ),
        (signed(error(403, "NO_AUTH")), "FORBIDDEN", false),
        (signed(error(400, "SOMETHING")), "UNLISTED_CODE", false),
        (signed(error(502, "SYSTEM_ERROR")), "SERVER_ERROR", false),
        // A success of another kind than the document's.
        (signed((201, state("SUCCESS").1)), "NO_STATE", true),
        (signed((204, Body::Unreadable)), "NO_STATE", true),
        (signed((299, state("SUCCESS").1)), "NO_STATE", true),
        (signed((300, Body::Unreadable)), "UNLISTED_CODE", false),
        (unsigned_reply(state("SUCCESS")), "UNSIGNED", false),
        (unsigned_reply((204, Body::Unreadable)), "UNSIGNED", false),
        (signed((200, Body::Unreadable)), "NO_JSON", true),
        (
            signed(ok(|f| f.out_request_no = Some("N2".into()))),
            "OTHER_NUMBER",
            true,
        ),
        (
            signed(ok(|f| f.out_request_no = None)),
            "OTHER_NUMBER",
            true,
        ),
        (signed(ok(|f| f.amount = Some(2))), "OTHER_CONTENT", true),
        (signed(state("PAID")), "NO_STATE", true),
        // A 202 needs no body, but what it says must not contradict.
        (signed((202, Body::Unreadable)), "PROCESSING", false),
        (two_hundred_two(|_| {}), "PROCESSING", false),
        (
            two_hundred_two(|f| f.out_request_no = None),
            "PROCESSING",
            false,
        ),
        (
            two_hundred_two(|f| f.out_request_no = Some("N2".into())),
            "OTHER_NUMBER",
            true,
        ),
        (
            two_hundred_two(|f| f.amount = Some(2)),
            "OTHER_CONTENT",
            true,
        ),
    ] {
        let asking = asking(&order, Asked::Submission, State::Unknown);
        let verdict = classify(&asking, &checked);
        assert_eq!(
            (verdict.meaning.word(), verdict.alert.is_some()),
            (word, alert),
            "{checked:?}"
        );
    }
}

#[test]
fn a_success_that_comes_after_an_order_was_given_up_raises_an_alert() {
    let order = order();
    for (state, alert) in [
        (State::Unknown, false),
        (State::Processing, false),
        (State::Success, false),
        (State::Closed, true),
        (State::Rejected, true),
        (State::Expired, true),
        (State::Failed, true),
        (State::ClosedProven, true),
    ] {
        let checked = signed(self::state("SUCCESS"));
        let verdict = classify(&asking(&order, Asked::Query, state), &checked);
        assert_eq!(verdict.alert.is_some(), alert, "{state}");
    }
}

/// The order was PENDING before its intent. Once its bytes may have left it is UNKNOWN, and only a
/// connection that was never made gives PENDING back: a bug that takes a reset for one is seen here.
#[test]
fn l1_of_all_that_can_come_of_a_first_send_only_a_missing_connection_says_that_nothing_left() {
    let order = order();
    let first = Asking {
        before: State::Pending,
        ..asking(&order, Asked::Submission, State::Unknown)
    };
    for (checked, word, state) in [
        (Checked::Lost(Lost::TimedOut), "TIMED_OUT", State::Unknown),
        (
            Checked::Lost(Lost::Broken("x".into())),
            "RESET",
            State::Unknown,
        ),
        (
            ill_signed(state("SUCCESS"), SignatureFault::Mismatch),
            "ILL_SIGNED",
            State::Unknown,
        ),
        (
            ill_signed(state("SUCCESS"), SignatureFault::SeenBefore),
            "ILL_SIGNED",
            State::Unknown,
        ),
        (
            ill_signed(state("SUCCESS"), SignatureFault::Stale(900)),
            "STALE",
            State::Unknown,
        ),
        (
            unsigned_reply(error(502, "X")),
            "SERVER_ERROR",
            State::Unknown,
        ),
        (
            Checked::NotSent("refused".into()),
            "NOT_SENT",
            State::Pending,
        ),
    ] {
        let verdict = classify(&first, &checked);
        assert_eq!(
            (verdict.meaning.word(), verdict.state),
            (word, state),
            "{checked:?}"
        );
        assert_eq!(
            verdict.meaning.may_have_been_accepted(),
            state == State::Unknown
        );
    }
}

/// Signed, fresh and whole, but for somebody else: a gateway or a proxy that mixes replies up.
#[test]
fn l3_a_reply_that_names_another_number_settles_nothing_whatever_it_says() {
    let order = order();
    for word in ["SUCCESS", "FAILED", "PROCESSING"] {
        for named in [Some("N2"), Some("n1"), Some("N1 "), Some(""), None] {
            for asked in [Asked::Submission, Asked::Query] {
                let reply = ok(|f| {
                    f.out_request_no = named.map(Into::into);
                    f.state = Some(word.into());
                    f.fail_reason = Some("BALANCE_NOT_ENOUGH".into());
                });
                let asking = asking(&order, asked, State::Unknown);
                let verdict = classify(&asking, &signed(reply));
                let stays = (verdict.meaning.word(), verdict.state);
                assert_eq!(stays, ("OTHER_NUMBER", State::Unknown), "{word} {named:?}");
                assert!(verdict.alert.is_some(), "{word} {named:?}");
            }
        }
    }
}
