//! What must hold of amounts, numbers, digests and hold keys, whatever they are made of.

use super::*;
use proptest::prelude::*;
use sha2::{Digest, Sha256};

/// A text as fen: digits alone, from 1 to the maximum; by arithmetic that cannot overflow.
fn fen_of(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let fen: u128 = digits.then(|| text.parse().ok())??;
    u64::try_from(fen)
        .ok()
        .filter(|fen| (1..=AMOUNT_FEN_MAX).contains(fen))
}

/// A text as yuan, with the point taken out and two places filled up.
fn fen_of_yuan(text: &str) -> Option<u64> {
    match text.split_once('.') {
        None => fen_of(&format!("{text}00")).filter(|_| !text.is_empty()),
        Some((whole, places)) if (1..=2).contains(&places.len()) && !whole.is_empty() => {
            fen_of(&format!("{whole}{places:0<2}"))
        }
        Some(_) => None,
    }
}

fn fen() -> impl Strategy<Value = u64> {
    prop_oneof![
        1..300_u64,
        1..=AMOUNT_FEN_MAX,
        AMOUNT_FEN_MAX - 3..=AMOUNT_FEN_MAX
    ]
}

/// Few letters, so that what moves from one field into the next meets its like.
fn text() -> impl Strategy<Value = String> {
    prop_oneof!["[1a]{1,3}", "[0-9a-zA-Z案]{1,8}"]
}

fn content() -> impl Strategy<Value = Content> {
    (
        prop_oneof!["1{1,3}", "[0-9]{1,32}"],
        text(),
        prop::sample::select(ReductionType::ALL),
        prop_oneof![1..12_u64, fen()],
        prop::option::of(text()),
        prop::option::of(text()),
        prop::option::of(text()),
        prop::option::of(prop::sample::select(ReqScene::ALL)),
    )
        .prop_map(
            |(merchant, account, kind, amount, reason, card, sgn, scene)| Content {
                merchant: Merchant::parse(&merchant).unwrap(),
                account: Account::parse(&account).unwrap(),
                reduction_type: kind,
                amount: Fen::new(amount).unwrap(),
                reason: reason.map(|text| Reason::parse(&text).unwrap()),
                card_no: card.map(|text| CardNo::parse(&text).unwrap()),
                sgn_no: sgn.map(|text| SgnNo::parse(&text).unwrap()),
                req_scene: scene,
            },
        )
}

/// The eight fields as texts, an absent one empty.
fn fields(content: &Content) -> [String; 8] {
    [
        content.merchant.as_str().into(),
        content.account.reveal().into(),
        content.reduction_type.as_str().into(),
        content.amount.get().to_string(),
        content.reason.as_ref().map_or("", Reason::as_str).into(),
        content.card_no.as_ref().map_or("", CardNo::reveal).into(),
        content.sgn_no.as_ref().map_or("", SgnNo::as_str).into(),
        content.req_scene.map_or("", ReqScene::as_str).into(),
    ]
}

/// The canonical encoding as `docs/SPEC.md` has it, written a second time.
fn encoded(fields: &[String; 8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for field in std::iter::once("levy/1").chain(fields.iter().map(String::as_str)) {
        bytes.extend((field.len() as u32).to_be_bytes());
        bytes.extend(field.as_bytes());
    }
    bytes
}

/// The fields out of their encoding: where this works, no two contents have one encoding.
fn decoded(mut bytes: &[u8]) -> Vec<String> {
    let mut fields = Vec::new();
    while let Some((length, rest)) = bytes.split_first_chunk::<4>() {
        let (field, rest) = rest.split_at(u32::from_be_bytes(*length) as usize);
        fields.push(String::from_utf8(field.to_vec()).unwrap());
        bytes = rest;
    }
    fields
}

proptest! {
    #[test]
    fn an_amount_comes_back_from_its_print_in_fen_and_in_yuan(fen in fen(), zeros in 0..4_usize) {
        let amount = Fen::new(fen).unwrap();
        let zeros = "0".repeat(zeros);
        prop_assert_eq!(Fen::parse(&format!("{zeros}{amount}")), Ok(amount));
        let shown = yuan(fen.into()).replace(',', "");
        prop_assert_eq!(&shown, &format!("{}.{:02}", fen / 100, fen % 100));
        prop_assert_eq!(Fen::parse_yuan(&format!("{zeros}{shown}")), Ok(amount));
        if let Some(shorter) = shown.strip_suffix('0') {
            prop_assert_eq!(Fen::parse_yuan(shorter), Ok(amount));
        }
        if let Some(whole) = shown.strip_suffix(".00") {
            prop_assert_eq!(Fen::parse_yuan(whole), Ok(amount));
        }
    }

    #[test]
    fn a_text_is_an_amount_exactly_if_integer_arithmetic_says_so(
        text in prop_oneof!["[0-9]{0,24}", "[0-9]{0,13}\\.[0-9]{0,3}", "[-+0-9.eE, １]{0,6}"],
    ) {
        prop_assert_eq!(Fen::parse(&text).ok().map(Fen::get), fen_of(&text));
        prop_assert_eq!(Fen::parse_yuan(&text).ok().map(Fen::get), fen_of_yuan(&text));
    }

    #[test]
    fn a_number_is_1_to_32_digits_and_letters_and_nothing_else(
        text in prop_oneof!["[0-9a-zA-Z]{0,40}", "[0-9A-Ee+._ -]{0,8}", "\\PC{0,6}"],
    ) {
        let plain = text.bytes().all(|b| b.is_ascii_alphanumeric());
        let number = OrderNo::parse(&text);
        prop_assert_eq!(number.is_ok(), plain && (1..=32).contains(&text.len()), "{:?}", number);
        prop_assert!(number.is_err() || number.unwrap().as_str() == text);
    }

    #[test]
    fn l2_the_digest_is_the_documented_encodings_and_no_two_contents_share_one(
        one in content(),
        two in content(),
    ) {
        let (these, those) = (fields(&one), fields(&two));
        let bytes = encoded(&these);
        prop_assert_eq!(one.digest().0, <[u8; 32]>::from(Sha256::digest(&bytes)));
        prop_assert_eq!(&decoded(&bytes)[1..], &these[..]);
        prop_assert_eq!(these == those, one.digest() == two.digest());
        prop_assert_eq!(these == those, one.difference(&two).is_none());
    }

    /// The neighbours of a content: the end of one field becomes the beginning of the next.
    #[test]
    fn l2_a_letter_that_moves_into_the_next_field_is_another_content(
        one in content(),
        from in 0..7_usize,
    ) {
        let these = fields(&one);
        let mut those = these.clone();
        if let Some(moved) = those[from].pop() {
            those[from + 1].insert(0, moved);
            prop_assert_eq!(these.concat(), those.concat());
            prop_assert_ne!(encoded(&these), encoded(&those));
            prop_assert_ne!(one.digest().0, <[u8; 32]>::from(Sha256::digest(encoded(&those))));
        }
    }

    #[test]
    fn a_derived_number_is_the_same_for_the_same_row_and_another_for_any_other(
        one in content(),
        two in content(),
        ordinals in (prop_oneof![1..4_u32, any::<u32>()], prop_oneof![1..4_u32, any::<u32>()]),
    ) {
        let number = one.digest().derived_no(ordinals.0);
        let base32 = |b: u8| matches!(b, b'A'..=b'Z' | b'2'..=b'7');
        let tail = number.as_str().strip_prefix("LV").unwrap();
        prop_assert!(tail.len() == 30 && tail.bytes().all(base32), "{}", number);
        prop_assert_eq!(&number, &one.clone().digest().derived_no(ordinals.0));
        let other = two.digest().derived_no(ordinals.1);
        prop_assert_eq!(one == two && ordinals.0 == ordinals.1, number == other);
        prop_assert_eq!(ordinals.0 == ordinals.1, number == one.digest().derived_no(ordinals.1));
    }
}

/// A reason by its parts.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Word(String),
    Number(u32),
}

fn parts() -> impl Strategy<Value = Vec<Part>> {
    let part = prop_oneof![
        "[a-c案号]{1,2}".prop_map(Part::Word),
        (0..13_u32).prop_map(Part::Number),
        any::<u32>().prop_map(Part::Number),
    ];
    prop::collection::vec(part, 1..5)
}

/// Another way to write a reason: which punctuation, how many zeros, which case and width.
type Hand = (Vec<(usize, usize, bool, bool)>, bool);

fn hand() -> impl Strategy<Value = Hand> {
    let stroke = (0..8_usize, 0..3_usize, any::<bool>(), any::<bool>());
    (prop::collection::vec(stroke, 5), any::<bool>())
}

fn written(parts: &[Part], hand: &Hand) -> String {
    const BETWEEN: [&str; 8] = ["-", "/", " ", "（", "）：", "、", "_", ". "];
    let mut reason = String::new();
    let mut before_number = false;
    for (part, (between, zeros, upper, wide)) in parts.iter().zip(&hand.0) {
        let is_number = matches!(part, Part::Number(_));
        // Two numbers are kept apart by something; elsewhere punctuation comes and goes.
        if (before_number && is_number) || hand.1 {
            reason.push_str(BETWEEN[*between]);
        }
        before_number = is_number;
        let plain = match part {
            Part::Word(word) if *upper => word.to_uppercase(),
            Part::Word(word) => word.clone(),
            Part::Number(number) => format!("{}{number}", "0".repeat(*zeros)),
        };
        let full_width = |c: char| match c {
            '!'..='~' if *wide => char::from_u32(c as u32 + 0xfee0).unwrap(),
            _ => c,
        };
        reason.extend(plain.chars().map(full_width));
    }
    reason
}

/// What is left of a reason: words run together, numbers apart.
fn essence(parts: &[Part]) -> Vec<Part> {
    let mut essence: Vec<Part> = Vec::new();
    for part in parts {
        match (essence.last_mut(), part) {
            (Some(Part::Word(before)), Part::Word(word)) => before.push_str(word),
            _ => essence.push(part.clone()),
        }
    }
    essence
}

proptest! {
    #[test]
    fn reasons_hold_each_other_exactly_if_their_words_and_numbers_are_the_same(
        content in content(),
        one in parts(),
        two in prop::option::of(parts()),
        hands in (hand(), hand()),
    ) {
        let two = two.unwrap_or_else(|| one.clone());
        let key = |parts: &[Part], hand: &Hand| {
            let reason = Reason::parse(written(parts, hand).trim()).unwrap();
            Content { reason: Some(reason), ..content.clone() }.hold_key()
        };
        let same = essence(&one) == essence(&two);
        prop_assert_eq!(same, key(&one, &hands.0) == key(&two, &hands.1));
    }

    #[test]
    fn a_hold_key_is_of_merchant_account_type_and_amount_and_of_nothing_else_but_the_reason(
        one in content(),
        two in content(),
    ) {
        let two = Content { reason: one.reason.clone(), ..two };
        let same = one.merchant == two.merchant
            && one.account == two.account
            && one.reduction_type == two.reduction_type
            && one.amount == two.amount;
        prop_assert_eq!(same, one.hold_key() == two.hold_key());
        let twin = Content {
            card_no: two.card_no.clone(),
            sgn_no: two.sgn_no.clone(),
            req_scene: two.req_scene,
            ..one.clone()
        };
        prop_assert_eq!(one.hold_key(), twin.hold_key());
    }
}
