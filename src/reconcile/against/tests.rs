use super::*;
use crate::order::{Account, Content, Fen, Merchant, OrderNo, ReductionType, State};
use crate::report::result::Place;

const ACCOUNT: &str = "8609cb22e1774a50a930e414cc71eca06121bc";

fn order(no: &str, fen: u64) -> Box<Order> {
    Box::new(Order {
        no: OrderNo::parse(no).unwrap(),
        content: Content {
            merchant: Merchant::parse("1900016681").unwrap(),
            account: Account::parse(ACCOUNT).unwrap(),
            reduction_type: ReductionType::JudicialDeduction,
            amount: Fen::new(fen).unwrap(),
            reason: None,
            card_no: None,
            sgn_no: None,
            req_scene: None,
        },
    })
}

fn booked(no: &str, fen: u64, state: State) -> Booked {
    Booked {
        order: *order(no, fen),
        state,
        resolved: None,
        quota_change_no: None,
        success_time: None,
        place: Some("night.csv:9".into()),
    }
}

fn row(line: u64, duplicate_of: &str, found: Found) -> Beside {
    let cells = ["", "", "", duplicate_of, ""].map(str::to_owned).to_vec();
    Beside::Row(Box::new(ListedRow { line, cells, found }))
}

fn found(fen: u64, state: State, first_line: Option<u64>, twins: Vec<Booked>) -> Found {
    Found::Order {
        row: order("N1", fen),
        booked: Box::new(booked("N1", 100, state)),
        first_line,
        twins,
    }
}

/// What the ledger says, as `court.csv` would have it; what came of it and the CSV of differences.
fn told(besides: Vec<Beside>) -> (Told, String) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("court.diff.csv");
    let mut paper = Paper::begin(&Place::look(&path, &[]).unwrap()).unwrap();
    let header = "mchid,bal_account_no,reduction_type,amount\n";
    let list = dir.path().join("court.csv");
    std::fs::write(&list, header).unwrap();
    let mut desk = Desk {
        name: "court.csv".into(),
        columns: Columns::of(&ListReader::open(&list).unwrap()),
        told: Told {
            rows: besides.len() as u64,
            ..Told::default()
        },
        paper: &mut paper,
        failed: None,
    };
    for beside in besides {
        desk.tell(beside).unwrap();
    }
    let told = desk.told;
    paper.finish().unwrap();
    (told, std::fs::read_to_string(path).unwrap())
}

#[test]
fn each_kind_has_its_line_with_the_place_and_both_sides() {
    let nothing = |same_debt| Found::Nothing {
        row: order("N2", 5),
        same_debt,
    };
    let twin = || booked("N9", 100, State::Success);
    let say = "1900016681,8609…21bc";
    for (beside, want) in [
        (row(2, "", found(100, State::Success, None, vec![])), vec![]),
        (
            row(2, "", Found::Faulty("amount: must be given".into())),
            vec!["INVALID,,,,,,,court.csv:2,amount: must be given".to_owned()],
        ),
        (
            row(2, "", nothing(None)),
            vec![format!(
                "MISSING,N2,{say},amount,,5,court.csv:2,the ledger has no order for this row"
            )],
        ),
        (
            row(2, "", nothing(Some(Box::new(twin())))),
            vec![format!(
                "MISSING,N2,{say},amount,,5,court.csv:2,\"the ledger does not have this number, \
                 but the same debt under N9 (SUCCESS) of night.csv:9\""
            )],
        ),
        (
            row(2, "", found(7, State::Held, None, vec![])),
            vec![
                format!("AMOUNT,N1,{say},amount,100,7,court.csv:2,"),
                format!(
                    "STATE,N1,{say},state,HELD,SUCCESS,court.csv:2,it was never sent; a row \
                     without a state stands for a deduction"
                ),
            ],
        ),
        (
            row(3, "", found(100, State::Success, Some(2), vec![])),
            vec![format!(
                "DOUBLE,N1,{say},,,,court.csv:3,row 2 of the list names this order too"
            )],
        ),
        (
            row(
                3,
                "court.csv:2",
                found(100, State::Success, Some(2), vec![]),
            ),
            vec![],
        ),
        (
            row(2, "", found(100, State::Success, None, vec![twin()])),
            vec![format!(
                "DOUBLE,N9,{say},amount,100,,court.csv:2,\"the ledger has the debt of this row \
                 twice: N1 (SUCCESS) and N9 (SUCCESS) of night.csv:9, which no row names\""
            )],
        ),
        (
            Beside::Extra(Box::new(twin())),
            vec![format!(
                "EXTRA,N9,{say},amount,100,,night.csv:9,\"SUCCESS, and no row of court.csv names it\""
            )],
        ),
    ] {
        let words = format!("{beside:?}");
        assert!(!words.contains("e1774a50"), "{words}");
        let (told, csv) = told(vec![beside]);
        let lines: Vec<&str> = csv.lines().skip(1).collect();
        assert_eq!(lines, want);
        assert_eq!(told.counts.differences(), want.len() as u64);
        assert_eq!(told.first.len(), want.len());
    }
}

#[test]
fn l7_each_row_is_counted_once_and_each_order_adds_its_money_once() {
    let success = State::Success;
    let twin = |no: &str| booked(no, 1000, success);
    let besides = vec![
        row(2, "", found(100, success, None, vec![])),
        row(3, "", found(7, success, Some(2), vec![])),
        row(4, "x.csv:1", found(100, success, Some(2), vec![])),
        row(
            5,
            "",
            found(7, State::Failed, None, vec![twin("N8"), twin("N9")]),
        ),
        row(6, "", found(7, State::Unknown, None, vec![])),
        row(7, "", Found::Faulty("x".into())),
        row(
            8,
            "",
            Found::Nothing {
                row: order("N3", 1),
                same_debt: Some(Box::new(twin("N7"))),
            },
        ),
    ];
    let rows = besides.len() as u64;
    let extra = Beside::Extra(Box::new(booked("N6", 20_000, success)));
    let (told, csv) = told(besides.into_iter().chain([extra]).collect());
    let each = [
        told.agreed,
        told.no_order,
        told.missing,
        told.different,
        told.double,
        told.invalid,
    ];
    assert_eq!(each, [2, 0, 1, 1, 2, 1]);
    assert_eq!(each.iter().sum::<u64>(), rows);
    assert_eq!(told.agreed_by.iter().sum::<u64>(), told.agreed);
    // Lines 2, 5 and 6, two twins, the same debt, the extra one.
    assert_eq!(told.orders, 7);
    assert_eq!(told.ledger_deducted_fen, 100 + 2 * 1000 + 1000 + 20_000);
    assert_eq!(csv.lines().count() as u64, 1 + told.counts.differences());
    assert!(told.first.len() <= SHOWN_MAX);
}
