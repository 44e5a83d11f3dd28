//! Where two brakes or two replies are easily confounded.

use super::*;
use crate::clock::WallMs;
use crate::gateway::reply::{ErrorReply, Verified};

fn error(status: u16, code: &str) -> Reply {
    Reply {
        status,
        request_id: None,
        retry_after_seconds: None,
        body: Body::Error(ErrorReply {
            code: code.into(),
            message: "no".into(),
            sign_information: None,
        }),
    }
}

fn verified(status: u16, code: &str) -> Checked {
    Checked::Verified(Verified::for_test(error(status, code), WallMs(0)))
}

fn tell(brakes: &mut Brakes, at: Mono, checked: &Checked, meaning: &Meaning) -> Option<Stop> {
    brakes
        .reply(at, Asked::Submission, checked, meaning, None)
        .0
}

fn seconds(n: u64) -> Mono {
    Duration::from_secs(n)
}

#[test]
fn the_canary_is_over_with_a_verified_reply_that_is_no_refusal() {
    let unlisted = Meaning::Doubt(Doubt::UnlistedCode);
    let throttled = Meaning::Throttled {
        retry_after_seconds: None,
    };
    for (checked, meaning, gate) in [
        (verified(400, "X"), unlisted.clone(), Gate::Open),
        (Checked::Unsigned(error(400, "X")), unlisted, Gate::Canary),
        (
            verified(403, "NOT_ENOUGH"),
            Meaning::CloseClaimed,
            Gate::Open,
        ),
        (verified(400, "PARAM_ERROR"), Meaning::Refused, Gate::Canary),
        (verified(403, "NO_AUTH"), Meaning::Forbidden, Gate::Canary),
        (
            verified(401, "SIGN_ERROR"),
            Meaning::Unauthorized,
            Gate::Canary,
        ),
        (verified(429, "X"), throttled, Gate::Canary),
    ] {
        let mut brakes = Brakes::new(false, Duration::ZERO);
        tell(&mut brakes, Mono::ZERO, &checked, &meaning);
        assert_eq!(brakes.gate(), gate, "{checked:?}");
    }
    // What is only asked about may be unknown there with every setting right.
    for (checked, gate) in [
        (verified(404, "RESOURCE_NOT_EXISTS"), Gate::Open),
        (verified(404, "NOT_FOUND"), Gate::Open),
        (verified(400, "PARAM_ERROR"), Gate::Canary),
        (Checked::Unsigned(error(404, "NOT_FOUND")), Gate::Canary),
    ] {
        let mut brakes = Brakes::new(false, Duration::ZERO);
        tell(&mut brakes, Mono::ZERO, &checked, &Meaning::Refused);
        assert_eq!(brakes.gate(), Gate::Canary, "it submits: {checked:?}");
        let mut brakes = brakes.comparing();
        tell(&mut brakes, Mono::ZERO, &checked, &Meaning::Refused);
        assert_eq!(brakes.gate(), gate, "{checked:?}");
    }
}

#[test]
fn in_an_outage_the_next_probe_goes_thirty_seconds_after_the_last() {
    let mut brakes = Brakes::new(false, seconds(600));
    let lost = Checked::Lost(Lost::TimedOut);
    let doubt = Meaning::Doubt(Doubt::TimedOut);
    for _ in 0..20 {
        tell(&mut brakes, seconds(5), &lost, &doubt);
    }
    assert_eq!(brakes.gate(), Gate::Probe(seconds(35)));
    brakes.probing(seconds(40));
    assert_eq!(brakes.gate(), Gate::Probe(seconds(70)));
}

#[test]
fn where_the_standby_cannot_be_reached_either_the_main_host_is_tried_again() {
    let mut brakes = Brakes::new(true, seconds(600));
    let refused = Checked::NotSent("refused".into());
    // Three connections that were never made, at a time; then the host of the next one.
    for (at, host) in [
        (0, Host::Standby),
        (30, Host::Main),
        (40, Host::Standby),
        // The minute of the standby was over: the three went to the main host.
        (100, Host::Standby),
        (159, Host::Main),
    ] {
        for _ in 0..3 {
            tell(&mut brakes, seconds(at), &refused, &Meaning::NotSent);
        }
        assert_eq!(brakes.host(seconds(at)), host, "{at} s");
    }
}

#[test]
fn ten_merchants_that_are_forbidden_stop_a_run_and_nine_do_not() {
    let mut brakes = Brakes::new(false, Duration::ZERO);
    let checked = verified(403, "NO_AUTH");
    for n in 1..=10 {
        let stop = tell(&mut brakes, Mono::ZERO, &checked, &Meaning::Forbidden);
        assert_eq!(stop.is_some(), n == 10, "{n}");
    }
}

#[test]
fn what_came_is_told_in_words() {
    let ill = |fault| Checked::IllSigned {
        reply: error(200, "X"),
        fault,
    };
    let doubt = Meaning::Doubt(Doubt::NoState);
    for (checked, want) in [
        (verified(400, "PARAM_ERROR"), "400 PARAM_ERROR: no"),
        (
            Checked::Unsigned(error(400, "PARAM_ERROR")),
            "400 PARAM_ERROR: no (unsigned)",
        ),
        (
            ill(SignatureFault::Mismatch),
            "200 (its signature does not match)",
        ),
        (
            ill(SignatureFault::SeenBefore),
            "200 (its signature was seen before)",
        ),
        (Checked::Lost(Lost::TimedOut), "no reply in time"),
        (
            Checked::Lost(Lost::Broken("reset".into())),
            "the connection broke: reset",
        ),
        (Checked::NotSent("refused".into()), "no connection: refused"),
    ] {
        assert_eq!(words(&checked, &doubt), want);
    }
}
