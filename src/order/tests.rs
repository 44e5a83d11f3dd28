//! The tables of this room, whole: what a wildcard or a guard decides stands here as a cell.

use super::*;

/// One letter a state.
const LETTERS: [(char, State); 12] = [
    ('N', State::Pending),
    ('H', State::Held),
    ('C', State::Conflict),
    ('X', State::Cancelled),
    ('U', State::Unknown),
    ('P', State::Processing),
    ('L', State::Closed),
    ('R', State::Rejected),
    ('E', State::Expired),
    ('S', State::Success),
    ('F', State::Failed),
    ('K', State::ClosedProven),
];

fn letter(state: Option<State>) -> char {
    let Some(state) = state else { return '.' };
    LETTERS.iter().find(|(_, s)| *s == state).unwrap().0
}

#[test]
fn every_event_in_every_state_has_its_cell() {
    let events = [
        Event::Claimed(Asked::Submission),
        Event::Claimed(Asked::Query),
        Event::Succeeded,
        Event::Failed { closed: false },
        Event::Failed { closed: true },
        Event::Accepted,
        Event::CloseClaimed,
        Event::Refused,
        Event::Unsettled,
        Event::WindowPassed,
        Event::Frozen,
        Event::Released,
        Event::Withdrawn,
        Event::MaybeSent,
    ];
    for (state, want) in [
        (State::Pending, "U.........C.XU"),
        (State::Held, "..........CNX."),
        (State::Conflict, "..........C.X."),
        (State::Cancelled, ".............."),
        (State::Unknown, "UUSFKPLRUE...U"),
        (State::Processing, "PPSFKPLPPE...P"),
        (State::Closed, "LLSFKPLLLE...L"),
        (State::Rejected, "URSFKPLRRR...R"),
        (State::Expired, ".ESFKPEEEE...E"),
        (State::Success, ".SSSSSSSSS...."),
        (State::Failed, ".FFFFFFFFF...."),
        (State::ClosedProven, ".KKKKKKKKK...."),
    ] {
        let row: String = events.iter().map(|&e| letter(state.next(e))).collect();
        assert_eq!(row, want, "{state}");
    }
}

#[test]
fn l1_a_claim_that_was_not_sent_gives_back_where_the_order_stood() {
    for &state in State::ALL {
        for &before in State::ALL {
            let want = match (before, state) {
                (State::Pending | State::Rejected, State::Unknown) => Some(before),
                _ => (before == state).then_some(state),
            };
            assert_eq!(
                state.next(Event::NotSent { before }),
                want,
                "{before} {state}"
            );
        }
    }
}

#[test]
fn what_is_asked_of_a_state_is_answered_for_each() {
    let which = |of: fn(State) -> bool| -> String {
        let states = LETTERS.iter().filter(|(_, state)| of(*state));
        states.map(|(letter, _)| letter).collect()
    };
    assert_eq!(which(State::is_unsent), "NHCX");
    assert_eq!(which(State::is_unfinished), "NUPL");
    assert_eq!(which(State::is_final), "SFK");
    assert_eq!(which(State::is_proven_dead), "FK");
    assert_eq!(which(State::is_alive), "NHCUPLRES");
    assert_eq!(which(State::holds_others), "NUPLES");
}

#[test]
fn what_is_done_next_is_told_for_each_state_and_a_close_goes_to_a_person_after_three_runs() {
    use NextAction::*;
    for (state, action) in [
        (State::Pending, RunAgain),
        (State::Held, Review),
        (State::Conflict, Review),
        (State::Cancelled, None),
        (State::Unknown, RunAgain),
        (State::Processing, RunAgain),
        (State::Rejected, FixRow),
        (State::Expired, Review),
        (State::Success, None),
        (State::Failed, Reissue),
        (State::ClosedProven, Reissue),
    ] {
        assert_eq!(NextAction::of(state, 9), action, "{state}");
    }
    for (runs, action) in [(0, RunAgain), (2, RunAgain), (3, Review), (4, Review)] {
        assert_eq!(NextAction::of(State::Closed, runs), action, "{runs} runs");
    }
}

#[test]
fn l3_only_a_refusal_or_a_missing_connection_says_that_nothing_was_accepted() {
    let proof = Proof::of_failed(OrderNo::parse("N1").unwrap());
    for (meaning, word, may) in [
        (Meaning::Success, "SUCCESS", true),
        (
            Meaning::Failed {
                proof,
                closed: true,
            },
            "FAILED",
            true,
        ),
        (Meaning::Processing, "PROCESSING", true),
        (Meaning::CloseClaimed, "CLOSE_CLAIMED", true),
        (Meaning::WeakClose, "WEAK_CLOSE", true),
        (Meaning::Doubt(Doubt::TimedOut), "TIMED_OUT", true),
        (Meaning::Doubt(Doubt::ServerError), "SERVER_ERROR", true),
        (
            Meaning::Throttled {
                retry_after_seconds: None,
            },
            "THROTTLED",
            false,
        ),
        (Meaning::Unauthorized, "UNAUTHORIZED", false),
        (Meaning::Forbidden, "FORBIDDEN", false),
        (Meaning::Refused, "REFUSED", false),
        (Meaning::NotSent, "NOT_SENT", false),
    ] {
        assert_eq!(
            (meaning.word(), meaning.may_have_been_accepted()),
            (word, may)
        );
    }
}

fn content() -> Content {
    Content {
        merchant: Merchant::parse("1900016681").unwrap(),
        account: Account::parse("8609cb22e1774a50a930e414cc71eca06121bc").unwrap(),
        reduction_type: ReductionType::JudicialDeduction,
        amount: Fen::new(1).unwrap(),
        reason: Some(Reason::parse("case 7").unwrap()),
        card_no: Some(CardNo::parse("6222021001112223334").unwrap()),
        sgn_no: Some(SgnNo::parse("S7").unwrap()),
        req_scene: Some(ReqScene::MicroMerchant),
    }
}

type Change = fn(&mut Content);

/// The eight changes, each of one field.
const CHANGES: [(Field, &str, Change); 8] = [
    (Field::Merchant, "mchid", |c| {
        c.merchant = Merchant::parse("1900016682").unwrap();
    }),
    (Field::Account, "bal_account_no", |c| {
        c.account = Account::parse("8609cb22e1774a50a930e414cc71eca06121bd").unwrap();
    }),
    (Field::ReductionType, "reduction_type", |c| {
        c.reduction_type = ReductionType::FinancialPenalty;
    }),
    (Field::Amount, "amount", |c| c.amount = Fen::new(2).unwrap()),
    (Field::Reason, "reason", |c| c.reason = None),
    (Field::CardNo, "card_no", |c| c.card_no = None),
    (Field::SgnNo, "sgn_no", |c| c.sgn_no = None),
    (Field::ReqScene, "req_scene", |c| c.req_scene = None),
];

#[test]
fn l2_every_field_of_a_content_changes_its_digest_and_the_number_that_is_derived() {
    let one = content();
    let mut seen = vec![one.digest()];
    for (field, name, change) in CHANGES {
        let mut two = one.clone();
        change(&mut two);
        assert_eq!(one.difference(&two), Some(field));
        assert_eq!(field.as_str(), name);
        assert!(!seen.contains(&two.digest()), "{name}");
        assert_ne!(
            one.digest().derived_no(1),
            two.digest().derived_no(1),
            "{name}"
        );
        seen.push(two.digest());
    }
}

/// A field that moves into its neighbour is another content: each is written with its length.
#[test]
fn l2_fields_do_not_run_into_each_other() {
    let mut one = content();
    one.reason = Some(Reason::parse("7").unwrap());
    one.sgn_no = None;
    let mut two = one.clone();
    two.sgn_no = Some(SgnNo::parse("7").unwrap());
    two.reason = None;
    assert_ne!(one.digest(), two.digest());
}

#[test]
fn a_debt_is_merchant_account_type_amount_and_reason() {
    let one = content();
    for (field, name, change) in CHANGES {
        let mut two = one.clone();
        change(&mut two);
        let other_debt = !matches!(field, Field::CardNo | Field::SgnNo | Field::ReqScene);
        assert_eq!(one.hold_key() != two.hold_key(), other_debt, "{name}");
    }
}

#[test]
fn what_a_spreadsheet_made_of_a_long_number_is_told_apart_from_a_name() {
    for (text, damaged) in [
        ("1.9E+09", true),
        ("1.9e09", true),
        ("1E+09", true),
        ("1E09", false),
        ("E+09", false),
        (".5E+09", false),
        ("1.E+09", false),
        ("1.9E+", false),
        ("1.9E", false),
        ("1x9E+09", false),
        ("1.9E+0x", false),
        ("19", false),
    ] {
        let words = Merchant::parse(text).map_err(|fault| fault.to_string());
        let said = words.is_err_and(|words| words.contains("spreadsheet"));
        assert_eq!(said, damaged, "{text}");
    }
}

#[test]
fn l8_a_text_of_less_than_12_characters_shows_nothing() {
    assert_eq!(mask("12345678901"), "…");
    assert_eq!(mask("123456789012"), "1234…9012");
}

#[test]
fn faults_of_amounts_read_as_sentences() {
    for (fault, words) in [
        (AmountFault::Empty, "must be given"),
        (AmountFault::NotDigits, "plain digits"),
        (AmountFault::Zero, "above zero"),
        (AmountFault::TooLarge, "at most"),
        (AmountFault::TooFine, "two places"),
    ] {
        assert!(fault.to_string().contains(words), "{fault:?}");
    }
    assert_eq!(yuan(12_345_600), "123,456.00");
}

/// 0.29, 1.13 and 4.35 times a hundred are 28.99…, 112.99… and 434.99… in floating point.
#[test]
fn every_amount_in_yuan_is_the_fen_that_it_says() {
    let exact = |fen: u64| {
        let text = format!("{}.{:02}", fen / 100, fen % 100);
        assert_eq!(Fen::parse_yuan(&text).map(Fen::get), Ok(fen), "{text}");
    };
    (1..=10_000).for_each(exact);
    (AMOUNT_FEN_MAX - 200..=AMOUNT_FEN_MAX).for_each(exact);
}
