use super::*;
use crate::order::{Account, Fen, Merchant, OrderNo, Reason, ReductionType, Resolution, SgnNo};

const ACCOUNT: &str = "8609cb22e1774a50a930e414cc71eca06121bc";

fn order() -> Order {
    Order {
        no: OrderNo::parse("N1").unwrap(),
        content: Content {
            merchant: Merchant::parse("1900016681").unwrap(),
            account: Account::parse(ACCOUNT).unwrap(),
            reduction_type: ReductionType::JudicialDeduction,
            amount: Fen::new(100).unwrap(),
            reason: Some(Reason::parse("(2025)粤0304执1号").unwrap()),
            card_no: Some(CardNo::parse("6222020200112233445").unwrap()),
            sgn_no: None,
            req_scene: None,
        },
    }
}

fn booked(state: State) -> Booked {
    Booked {
        order: order(),
        state,
        resolved: None,
        quota_change_no: Some("503000001".into()),
        success_time: Some("2026-03-02T10:00:30+08:00".into()),
        place: None,
    }
}

const ALL: Columns = Columns {
    content: [true; FIELDS.len()],
    outcome: [true; Outcome::ALL.len()],
};
const FEW: Columns = Columns {
    content: [true, true, true, true, false, false, false, false],
    outcome: [false; Outcome::ALL.len()],
};

fn cells(state: &str, change_no: &str, time: &str) -> Vec<String> {
    [state, change_no, time, ""].map(str::to_owned).to_vec()
}

fn agreeing() -> Vec<String> {
    cells("SUCCESS", "503000001", "2026-03-02T10:00:30+08:00")
}

#[test]
fn a_row_that_says_what_its_order_says_agrees() {
    let ours = booked(State::Success);
    assert_eq!(differences(&order(), &agreeing(), &ours, &ALL), []);
    assert_eq!(differences(&order(), &[], &ours, &FEW), []);
}

/// Changes a content.
type Change = fn(&mut Content);

#[test]
fn each_field_of_the_content_is_compared_where_the_list_has_it() {
    let account: Change =
        |c| c.account = Account::parse("8609cb22e1774a50a930e414cc71eca06129bc").unwrap();
    let table: [(Change, Kind, &str, &str, &str); 9] = [
        (
            |c| c.merchant = Merchant::parse("1900016682").unwrap(),
            Kind::Merchant,
            "mchid",
            "1900016681",
            "1900016682",
        ),
        (
            account,
            Kind::Account,
            "bal_account_no",
            "8609…21bc",
            "8609…29bc",
        ),
        (
            |c| c.reduction_type = ReductionType::FinancialPenalty,
            Kind::Type,
            "reduction_type",
            "JUDICIAL_DEDUCTION",
            "FINANCIAL_PENALTY",
        ),
        (
            |c| c.amount = Fen::new(200).unwrap(),
            Kind::Amount,
            "amount",
            "100",
            "200",
        ),
        (
            |c| c.reason = Some(Reason::parse("(2025)粤0304执2号").unwrap()),
            Kind::Content,
            "reason",
            "(2025)粤0304执1号",
            "(2025)粤0304执2号",
        ),
        (
            |c| c.reason = None,
            Kind::Content,
            "reason",
            "(2025)粤0304执1号",
            "",
        ),
        (
            |c| c.card_no = None,
            Kind::Content,
            "card_no",
            "6222…3445",
            "",
        ),
        (
            |c| c.sgn_no = Some(SgnNo::parse("S1").unwrap()),
            Kind::Content,
            "sgn_no",
            "",
            "S1",
        ),
        (
            |c| c.req_scene = Some(ReqScene::MicroMerchant),
            Kind::Content,
            "req_scene",
            "",
            "SJT_MICRO_MERCHANT",
        ),
    ];
    for (change, kind, field, ours, theirs) in table {
        let mut row = order();
        change(&mut row.content);
        let found = differences(&row, &agreeing(), &booked(State::Success), &ALL);
        assert_eq!(found.len(), 1, "{field}");
        let one = &found[0];
        assert_eq!((one.kind, one.field), (kind, field));
        assert_eq!((&*one.ours, &*one.theirs), (ours, theirs));
        assert_eq!((&*one.no, &*one.merchant), ("N1", "1900016681"));
        let needed = matches!(
            kind,
            Kind::Merchant | Kind::Account | Kind::Type | Kind::Amount
        );
        let found = differences(&row, &[], &booked(State::Success), &FEW);
        assert_eq!(found.is_empty(), !needed, "a column that is not there");
    }
}

#[test]
fn l8_no_account_is_shown_whole_whatever_column_it_came_in() {
    let mut row = order();
    row.content.account = Account::parse("8609cb22e1774a50a931e414cc71eca06121bc").unwrap();
    row.content.reason = Some(Reason::parse(&format!("of {ACCOUNT}")).unwrap());
    row.content.sgn_no = Some(SgnNo::parse(ACCOUNT).unwrap());
    row.content.card_no = Some(CardNo::parse("6222020200112233999").unwrap());
    let cells = cells(ACCOUNT, "6222020200112233999", ACCOUNT);
    let found = differences(&row, &cells, &booked(State::Success), &ALL);
    assert_eq!(found.len(), 7);
    for difference in &found {
        let text = format!("{difference:?}");
        for secret in ["e1774a50a93", "0202001122"] {
            assert!(!text.contains(secret), "{text}");
        }
    }
    // Masked they look alike, and it is said that they are not.
    assert_eq!(found[0].ours, found[0].theirs);
    assert!(found[0].note.contains("not shown"), "{}", found[0].note);
}

#[test]
fn a_row_without_a_state_stands_for_a_deduction_and_each_word_for_what_it_says() {
    use Resolution::{Failed as People, Success as Paid};
    // The list's word, the order, whether they agree.
    for (word, state, resolved, same) in [
        ("", State::Success, None, true),
        ("", State::Unknown, Some(Paid), true),
        ("", State::Unknown, Some(People), false),
        ("", State::Pending, None, false),
        ("", State::Held, None, false),
        ("", State::Conflict, None, false),
        ("", State::Cancelled, None, false),
        ("", State::Rejected, None, false),
        ("", State::Unknown, None, false),
        ("", State::Expired, None, false),
        ("", State::Failed, None, false),
        ("成功", State::Success, None, true),
        ("Success", State::Success, None, true),
        ("成功", State::Failed, None, false),
        ("FAILED", State::Failed, None, true),
        ("失败", State::ClosedProven, None, true),
        ("FAILED", State::Closed, None, false),
        ("FAILED", State::Unknown, Some(People), true),
        ("FAILED", State::Rejected, None, false),
        ("FAILED", State::Success, None, false),
        ("PROCESSING", State::Processing, None, true),
        ("处理中", State::Processing, None, true),
        ("处理中", State::Success, None, false),
        ("CLOSED", State::Closed, None, true),
        ("CLOSED", State::ClosedProven, None, true),
        ("CANCELLED", State::Cancelled, None, true),
        ("HELD", State::Held, None, true),
        ("PENDING", State::Unknown, None, false),
        ("支付成功", State::Success, None, false),
    ] {
        let ours = Booked {
            resolved,
            ..booked(state)
        };
        let found = differences(&order(), &cells(word, "", ""), &ours, &FEW);
        assert_eq!(found.is_empty(), same, "{word} {state} {resolved:?}");
        for difference in found {
            assert_eq!((difference.kind, difference.field), (Kind::State, "state"));
            assert_eq!(difference.ours, ours.status().as_str());
            assert!(!difference.theirs.is_empty() && !difference.note.is_empty());
        }
    }
}

#[test]
fn change_numbers_and_times_are_compared_in_every_row_where_there_is_a_column() {
    let none = Booked {
        quota_change_no: None,
        success_time: None,
        ..booked(State::Success)
    };
    let found = |change_no: &str, time: &str, ours: &Booked| -> Vec<(Kind, String)> {
        let found = differences(&order(), &cells("", change_no, time), ours, &ALL);
        found.into_iter().map(|d| (d.kind, d.theirs)).collect()
    };
    let ours = booked(State::Success);
    let same = "2026-03-02T10:00:30+08:00";
    assert_eq!(
        found("503000002", same, &ours),
        [(Kind::ChangeNo, "503000002".into())]
    );
    assert_eq!(found("", same, &ours), [(Kind::ChangeNo, String::new())]);
    assert_eq!(found("503000001", "", &ours), [(Kind::Time, String::new())]);
    assert_eq!(found("", "", &none), []);
    assert_eq!(
        found("1", "2026-03-02", &none),
        [
            (Kind::ChangeNo, "1".into()),
            (Kind::Time, "2026-03-02".into())
        ]
    );
}

#[test]
fn where_the_states_differ_what_only_one_side_has_is_no_further_difference() {
    let paid = booked(State::Success);
    let open = Booked {
        quota_change_no: None,
        success_time: None,
        ..booked(State::Unknown)
    };
    for (cells, ours, want) in [
        (cells("FAILED", "", ""), &paid, &[Kind::State][..]),
        (agreeing(), &open, &[Kind::State]),
        (
            cells("FAILED", "503000002", "2026-03-02"),
            &paid,
            &[Kind::State, Kind::ChangeNo],
        ),
    ] {
        let found = differences(&order(), &cells, ours, &ALL);
        let kinds: Vec<Kind> = found.iter().map(|d| d.kind).collect();
        assert_eq!(kinds, want, "{cells:?}");
    }
}

#[test]
fn a_time_is_the_same_however_a_spreadsheet_writes_it() {
    for (theirs, same) in [
        ("2026-03-02T02:00:30Z", true),
        ("2026-03-02T10:00:30.250+08:00", true),
        ("2026-03-02 10:00:30", true),
        ("2026/3/2 10:00:30", true),
        ("2026/3/2 10:00", true),
        ("2026-03-02", true),
        ("2026-03-02 10:00:31", false),
        ("2026/3/2 10:01", false),
        ("2026-03-01", false),
        ("2026-03-02T02:00:30", false),
        ("2.3.2026", false),
        ("soon", false),
    ] {
        let found = time(theirs, &booked(State::Success));
        assert_eq!(found.is_none(), same, "{theirs}: {found:?}");
    }
    // What was written late in the evening in London was the next day in China.
    let ours = Booked {
        success_time: Some("2026-03-02T00:30:00+08:00".into()),
        ..booked(State::Success)
    };
    assert!(time("2026-03-02", &ours).is_none());
    assert!(time("2026-03-01", &ours).is_some());
}

#[test]
fn a_row_that_names_an_earlier_order_of_the_chain_says_so() {
    let mut row = order();
    row.no = OrderNo::parse("N0").unwrap();
    row.content.amount = Fen::new(7).unwrap();
    let found = differences(&row, &agreeing(), &booked(State::Success), &ALL);
    assert_eq!((&*found[0].no, &*found[0].note), ("N1", "the row says N0"));
}
