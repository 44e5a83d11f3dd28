//! The table of `docs/SPEC.md`, section 4, row by row.

use super::*;
use crate::clock::WallMs;
use crate::gateway::reply::Verified;
use crate::order::{Account, Content, Fen, Merchant, OrderNo, Reason, ReductionType};

fn order() -> Order {
    Order {
        no: OrderNo::parse("N1").unwrap(),
        content: Content {
            merchant: Merchant::parse("1900016681").unwrap(),
            account: Account::parse("8609cb22e1774a50a930e414cc71eca06121bc").unwrap(),
            reduction_type: ReductionType::JudicialDeduction,
            amount: Fen::new(1).unwrap(),
            reason: Some(Reason::parse("案件号7").unwrap()),
            card_no: None,
            sgn_no: None,
            req_scene: None,
        },
    }
}

fn ok(change: impl FnOnce(&mut OrderReply)) -> (u16, Body) {
    let mut fields = OrderReply {
        mchid: Some("1900016681".into()),
        out_request_no: Some("N1".into()),
        reduction_type: Some("JUDICIAL_DEDUCTION".into()),
        amount: Some(1),
        reason: Some("案件号7".into()),
        ..OrderReply::default()
    };
    change(&mut fields);
    (200, Body::Order(Box::new(fields)))
}

fn state(word: &str) -> (u16, Body) {
    ok(|f| f.state = Some(word.into()))
}

fn failed_for(reason: &str) -> (u16, Body) {
    ok(|f| {
        f.state = Some("FAILED".into());
        f.fail_reason = Some(reason.into());
    })
}

fn error(status: u16, code: &str) -> (u16, Body) {
    (
        status,
        Body::Error(ErrorReply {
            code: code.into(),
            ..ErrorReply::default()
        }),
    )
}

fn reply((status, body): (u16, Body)) -> Reply {
    Reply {
        status,
        request_id: None,
        retry_after_seconds: None,
        body,
    }
}

fn signed(r: (u16, Body)) -> Checked {
    Checked::Verified(Verified::new(reply(r), WallMs(0)))
}

fn unsigned_reply(r: (u16, Body)) -> Checked {
    Checked::Unsigned(reply(r))
}

fn ill_signed(r: (u16, Body), fault: SignatureFault) -> Checked {
    Checked::IllSigned {
        reply: reply(r),
        fault,
    }
}

/// One letter a state, for the table's sake.
fn letter(state: State) -> char {
    match state {
        State::Unknown => 'U',
        State::Processing => 'P',
        State::Closed => 'C',
        State::Rejected => 'R',
        State::Expired => 'E',
        State::Success => 'S',
        State::Failed => 'F',
        State::ClosedProven => 'K',
        State::Pending => 'N',
        State::Held | State::Conflict | State::Cancelled => '-',
    }
}

/// The states that an order can be in when a reply to a submission comes, then to a query.
const SUBMITTED: [State; 3] = [State::Unknown, State::Processing, State::Closed];
const QUERIED: [State; 8] = [
    State::Unknown,
    State::Processing,
    State::Closed,
    State::Rejected,
    State::Expired,
    State::Success,
    State::Failed,
    State::ClosedProven,
];

fn asking(order: &Order, asked: Asked, state: State) -> Asking<'_> {
    Asking {
        order,
        asked,
        before: state,
        state,
        earlier_sends: 0,
        weak: Weak::No,
        past_window: false,
    }
}

fn outcome(order: &Order, asked: Asked, checked: &Checked) -> String {
    let states: &[State] = match asked {
        Asked::Submission => &SUBMITTED,
        Asked::Query => &QUERIED,
    };
    let after = |&s: &State| letter(classify(&asking(order, asked, s), checked).state);
    states.iter().map(after).collect()
}

/// Nothing moves.
const STAYS: (&str, &str) = ("UPC", "UPCRESFK");

type Row = (
    &'static str,
    (u16, Body),
    (&'static str, &'static str),
    (&'static str, &'static str),
);

/// Each reply of the table: what it makes of every state when signed, and when unsigned.
fn table() -> Vec<Row> {
    let win = ("SSS", "SSSSSSFK");
    let lose = ("FFF", "FFFFFSFK");
    let close = ("KKK", "KKKKKSFK");
    let claimed = ("CCC", STAYS.1);
    let refused = ("RPC", STAYS.1);
    vec![
        ("SUCCESS", state("SUCCESS"), win, STAYS),
        (
            "FAILED, no balance",
            failed_for("BALANCE_NOT_ENOUGH"),
            close,
            STAYS,
        ),
        (
            "FAILED, timed out",
            failed_for("TIME_OUT_CLOSED"),
            lose,
            STAYS,
        ),
        (
            "FAILED, unlisted reason",
            failed_for("NEW_REASON"),
            lose,
            STAYS,
        ),
        ("FAILED, no reason", state("FAILED"), lose, STAYS),
        (
            "FAILED, no receipt",
            failed_for("RECEIPT_NOT_EXIST_CLOSED"),
            ("FFF", STAYS.1),
            STAYS,
        ),
        ("PROCESSING", state("PROCESSING"), ("PPP", STAYS.1), STAYS),
        ("202", (202, Body::Unreadable), ("PPP", STAYS.1), STAYS),
        (
            "202, SUCCESS",
            (202, state("SUCCESS").1),
            ("PPP", STAYS.1),
            STAYS,
        ),
        (
            "another number",
            ok(|f| f.out_request_no = Some("N2".into())),
            STAYS,
            STAYS,
        ),
        ("no number", ok(|f| f.out_request_no = None), STAYS, STAYS),
        ("another amount", ok(|f| f.amount = Some(2)), STAYS, STAYS),
        ("another state", state("DONE"), STAYS, STAYS),
        ("success in small letters", state("success"), STAYS, STAYS),
        ("no state", ok(|_| ()), STAYS, STAYS),
        ("no JSON", (200, Body::Unreadable), STAYS, STAYS),
        ("204", (204, Body::Unreadable), STAYS, STAYS),
        ("201, SUCCESS", (201, state("SUCCESS").1), STAYS, STAYS),
        ("302", (302, Body::Unreadable), STAYS, STAYS),
        ("NOT_ENOUGH", error(403, "NOT_ENOUGH"), claimed, claimed),
        (
            "ALREADY_EXISTS",
            error(400, "ALREADY_EXISTS"),
            claimed,
            claimed,
        ),
        ("429", error(429, "RATELIMIT_EXCEEDED"), STAYS, STAYS),
        ("429 without a code", (429, Body::Unreadable), STAYS, STAYS),
        (
            "403 FREQUENCY_LIMITED",
            error(403, "FREQUENCY_LIMITED"),
            STAYS,
            STAYS,
        ),
        ("401", error(401, "SIGN_ERROR"), STAYS, STAYS),
        ("NO_AUTH", error(403, "NO_AUTH"), STAYS, STAYS),
        ("403 without a code", (403, Body::Unreadable), STAYS, STAYS),
        ("PARAM_ERROR", error(400, "PARAM_ERROR"), refused, refused),
        (
            "INVALID_REQUEST",
            error(400, "INVALID_REQUEST"),
            refused,
            refused,
        ),
        (
            "RESOURCE_NOT_EXISTS",
            error(404, "RESOURCE_NOT_EXISTS"),
            refused,
            refused,
        ),
        ("NOT_FOUND", error(404, "NOT_FOUND"), refused, refused),
        (
            "PARAM_ERROR with 500",
            error(500, "PARAM_ERROR"),
            STAYS,
            STAYS,
        ),
        ("500", error(500, "SYSTEM_ERROR"), STAYS, STAYS),
        ("502 in HTML", (502, Body::Unreadable), STAYS, STAYS),
        ("unlisted code", error(400, "SOMETHING_NEW"), STAYS, STAYS),
        ("404 without a code", (404, Body::Unreadable), STAYS, STAYS),
    ]
}

#[test]
fn l3_every_reply_of_the_table_moves_every_state_as_the_table_says() {
    let order = order();
    for (name, r, when_signed, when_unsigned) in table() {
        let check = |how: &str, checked: Checked, want: (&str, &str)| {
            let got = outcome(&order, Asked::Submission, &checked);
            assert_eq!(got, want.0, "{name}, {how}, to a submission");
            let got = outcome(&order, Asked::Query, &checked);
            assert_eq!(got, want.1, "{name}, {how}, to a query");
        };
        check("signed", signed(r.clone()), when_signed);
        check("unsigned", unsigned_reply(r.clone()), when_unsigned);
        for fault in [
            SignatureFault::Mismatch,
            SignatureFault::SeenBefore,
            SignatureFault::Stale(-301),
            SignatureFault::UnknownSerial {
                got: "X".into(),
                held: vec!["Y".into()],
            },
            SignatureFault::HeaderMissing("Wechatpay-Nonce"),
        ] {
            check("ill-signed", ill_signed(r.clone(), fault), STAYS);
        }
    }
}

#[test]
fn l3_silence_leaves_every_order_open() {
    let order = order();
    for lost in [Lost::TimedOut, Lost::Broken("reset".into())] {
        let checked = Checked::Lost(lost);
        assert_eq!(outcome(&order, Asked::Submission, &checked), STAYS.0);
        assert_eq!(outcome(&order, Asked::Query, &checked), STAYS.1);
    }
}

#[test]
fn what_was_never_connected_stands_as_before() {
    let order = order();
    for before in [State::Pending, State::Unknown, State::Rejected] {
        let mut asking = asking(&order, Asked::Submission, State::Unknown);
        asking.before = before;
        let verdict = classify(&asking, &Checked::NotSent("refused".into()));
        assert_eq!((verdict.state, verdict.meaning), (before, Meaning::NotSent));
    }
}

#[test]
fn a_refusal_rejects_only_where_no_earlier_send_can_have_been_accepted() {
    let order = order();
    let mut asking = asking(&order, Asked::Submission, State::Unknown);
    let refusal = signed(error(400, "PARAM_ERROR"));
    assert_eq!(classify(&asking, &refusal).state, State::Rejected);
    asking.earlier_sends = 1;
    assert_eq!(classify(&asking, &refusal).state, State::Unknown);
}

#[test]
fn a_receipt_that_does_not_exist_is_proof_only_after_one_more_refused_submission() {
    let order = order();
    let no_receipt = signed(failed_for("RECEIPT_NOT_EXIST_CLOSED"));
    let said = classify(&asking(&order, Asked::Query, State::Closed), &no_receipt);
    assert_eq!((said.state, said.weak), (State::Closed, Weak::Said));
    // Said again without a submission between: still no proof.
    let mut again = asking(&order, Asked::Query, State::Closed);
    again.weak = Weak::Said;
    assert_eq!(classify(&again, &no_receipt).state, State::Closed);
    let mut submitted = asking(&order, Asked::Submission, State::Closed);
    (submitted.weak, submitted.earlier_sends) = (Weak::Said, 1);
    for refusal in [
        error(400, "ALREADY_EXISTS"),
        error(403, "NOT_ENOUGH"),
        error(400, "PARAM_ERROR"),
    ] {
        assert_eq!(classify(&submitted, &signed(refusal)).weak, Weak::Refused);
    }
    let silence = classify(&submitted, &Checked::Lost(Lost::TimedOut));
    assert_eq!(silence.weak, Weak::Said, "silence is no refusal");
    let mut proof = asking(&order, Asked::Query, State::Closed);
    proof.weak = Weak::Refused;
    let proof = classify(&proof, &no_receipt);
    assert_eq!(proof.state, State::Failed);
    assert!(matches!(
        proof.meaning,
        Meaning::Failed { closed: false, .. }
    ));
}

#[test]
fn l4_past_the_window_a_query_that_settles_nothing_expires_the_order() {
    let order = order();
    let at = |state| Asking {
        past_window: true,
        ..asking(&order, Asked::Query, state)
    };
    for (name, checked, want) in [
        (
            "no receipt",
            signed(failed_for("RECEIPT_NOT_EXIST_CLOSED")),
            "EEE",
        ),
        ("not found", signed(error(404, "NOT_FOUND")), "EEE"),
        (
            "already exists",
            signed(error(400, "ALREADY_EXISTS")),
            "EEE",
        ),
        ("success", signed(state("SUCCESS")), "SSS"),
        ("failed", signed(failed_for("TIME_OUT_CLOSED")), "FFF"),
        ("silence", Checked::Lost(Lost::TimedOut), "UPC"),
        ("500", signed(error(500, "SYSTEM_ERROR")), "UPC"),
        ("429", signed(error(429, "X")), "UPC"),
        (
            "ill-signed",
            ill_signed(state("SUCCESS"), SignatureFault::Mismatch),
            "UPC",
        ),
    ] {
        let got: String = SUBMITTED
            .iter()
            .map(|&s| letter(classify(&at(s), &checked).state))
            .collect();
        assert_eq!(got, want, "{name}");
    }
}

#[test]
fn every_echoed_field_must_agree_where_it_is_present() {
    let order = order();
    type Change = fn(&mut OrderReply);
    let changes: [(&str, Change); 6] = [
        ("mchid", |f| f.mchid = Some("2".into())),
        ("type", |f| {
            f.reduction_type = Some("FINANCIAL_PENALTY".into())
        }),
        ("amount", |f| f.amount = Some(2)),
        ("reason", |f| f.reason = Some("else".into())),
        ("sgn_no", |f| f.sgn_no = Some("else".into())),
        ("req_scene", |f| {
            f.req_scene = Some("SJT_MICRO_MERCHANT".into())
        }),
    ];
    for (name, change) in changes {
        let (status, body) = ok(|f| {
            f.state = Some("SUCCESS".into());
            change(f);
        });
        let verdict = classify(
            &asking(&order, Asked::Submission, State::Unknown),
            &signed((status, body)),
        );
        assert_eq!(verdict.state, State::Unknown, "{name}");
        assert!(verdict.alert.is_some(), "{name}");
    }
    let bare = ok(|f| {
        *f = OrderReply {
            out_request_no: Some("N1".into()),
            state: Some("SUCCESS".into()),
            ..OrderReply::default()
        }
    });
    let verdict = classify(
        &asking(&order, Asked::Submission, State::Unknown),
        &signed(bare),
    );
    assert_eq!(verdict.state, State::Success);
}

#[test]
fn contradictions_and_strange_signed_answers_raise_an_alert() {
    let order = order();
    let alert = |state, r| {
        classify(&asking(&order, Asked::Query, state), &signed(r))
            .alert
            .is_some()
    };
    assert!(alert(State::Success, failed_for("TIME_OUT_CLOSED")));
    assert!(alert(State::Failed, state("SUCCESS")));
    assert!(alert(State::Closed, state("SUCCESS")));
    assert!(alert(State::Unknown, state("DONE")));
    assert!(!alert(State::Unknown, state("SUCCESS")));
    assert!(!alert(State::Success, state("SUCCESS")));
    assert!(!alert(State::Unknown, error(500, "SYSTEM_ERROR")));
}

mod meanings;
