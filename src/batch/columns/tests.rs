use super::*;

fn columns(header: &[&str]) -> Result<Columns, FileFaultKind> {
    Columns::read(&StringRecord::from(header.to_vec()), false)
}

#[test]
fn every_name_of_a_column_finds_it_in_any_order_case_and_width() {
    for (i, header) in [
        ["mchid", "bal_account_no", "reduction_type", "amount"],
        [
            "ＭＣＨＩＤ",
            " Bal_Account_No\u{3000}",
            "REDUCTION_TYPE",
            "Amount",
        ],
        ["目标商户号", "额度台账号", "特殊减额类型", "减额金额(分)"],
        ["商户号", "额度台账号", "类型", "减额金额（分）"],
    ]
    .into_iter()
    .enumerate()
    {
        let forward = columns(&header).unwrap();
        assert_eq!(forward.place(Name::Mchid), Some(0), "{i}");
        assert_eq!(forward.place(Name::BalAccountNo), Some(1), "{i}");
        assert_eq!(forward.place(Name::ReductionType), Some(2), "{i}");
        assert_eq!(forward.amount(), Some(Name::Amount), "{i}");
        assert_eq!(forward.warnings, Vec::<String>::new(), "{i}");
        let mut back = header;
        back.reverse();
        assert_eq!(columns(&back).unwrap().place(Name::Amount), Some(0), "{i}");
    }
    for name in Name::ALL {
        for word in name.words() {
            assert_eq!(Name::of(&folded(word), true), Some(name), "{word}");
            let here = Name::of(&folded(word), false);
            assert_eq!(here.is_some(), !name.is_of_history(), "{word}");
        }
    }
}

#[test]
fn a_name_that_is_nearly_known_is_warned_about_and_another_is_not() {
    let with = |extra: &str| {
        let header = ["mchid", "bal_account_no", "reduction_type", "amount", extra];
        columns(&header).unwrap().warnings
    };
    for (near, known) in [
        ("resaon", "reason"),
        ("Card-No", "card_no"),
        ("out request no", "out_request_no"),
        ("特殊减额单", "特殊减额单号"),
        ("levy_statu", "levy_status"),
    ] {
        let warnings = with(near);
        assert_eq!(warnings.len(), 1, "{near}");
        assert!(warnings[0].starts_with("column 5 "), "{warnings:?}");
        assert!(warnings[0].ends_with(known), "{warnings:?}");
    }
    for other in [
        "",
        "商户名",
        "客户姓名",
        "remark",
        "id",
        "备注",
        &"x".repeat(5000),
    ] {
        assert_eq!(with(other), Vec::<String>::new(), "{other}");
    }
}

#[test]
fn levys_own_columns_are_known_in_both_languages_and_never_carried() {
    for language in [Language::English, Language::Chinese] {
        let own = levy_columns(language);
        let mut header = vec!["mchid", "bal_account_no", "reduction_type", "amount"];
        header.push(reissue_column(language));
        header.extend(own);
        let read = columns(&header).unwrap();
        assert!(read.returned && read.failed());
        assert_eq!(read.carried, [0, 1, 2, 3]);
        assert_eq!(read.place(Name::LevyOutRequestNo), Some(8));
        for name in own {
            assert_eq!(folded(name), name, "as it is compared");
        }
        header.remove(8);
        let lacks = columns(&header).err();
        assert!(matches!(lacks, Some(FileFaultKind::MissingColumns { .. })));
    }
    let twice = ["mchid", "levy_status", "levy状态", "levy单号"];
    let twice = columns(&twice).err();
    assert!(matches!(
        twice,
        Some(FileFaultKind::DoubleColumn {
            name: "levy_status",
            ..
        })
    ));
}

#[test]
fn ascii_is_folded_on_the_short_way_as_on_the_long_one() {
    for c in (0..128).map(char::from) {
        let cell = format!("{c}Ab {c}C{c}");
        let long: String = cell.nfkc().flat_map(char::to_lowercase).nfkc().collect();
        assert_eq!(folded(&cell), long.trim(), "{cell:?}");
    }
}

#[test]
fn distance_counts_edits() {
    for (a, b, want) in [
        ("", "", 0),
        ("", "abc", 3),
        ("kitten", "sitting", 3),
        ("mhcid", "mchid", 2),
        ("案件", "案", 1),
    ] {
        assert_eq!(distance(a, b), want, "{a} {b}");
        assert_eq!(distance(b, a), want, "{b} {a}");
    }
}
