//! What is deducted from whom, and the three names that follow from it: the digest, the derived
//! order number and the hold key. Their encodings are pinned by vectors and never change.

use std::hash::Hasher;

use sha2::{Digest, Sha256};
use unicode_normalization::UnicodeNormalization;

use super::amount::Fen;
use super::name::{Account, CardNo, Merchant, OrderNo, Reason, SgnNo};

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $word:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum $name { $($(#[$vdoc])* $variant,)+ }

        impl $name {
            /// Every value, in the order of the interface's document.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The word on the wire and in the ledger.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)+ }
            }

            /// The value of a word, if it is one.
            pub fn from_word(word: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|v| v.as_str() == word)
            }
        }
        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}
pub(crate) use words;

words! {
    /// `reduction_type`: why the amount is taken.
    ReductionType {
        /// 金融惩戒: a penalty by the regulator.
        FinancialPenalty = "FINANCIAL_PENALTY",
        /// 司法扣划: a deduction by court order.
        JudicialDeduction = "JUDICIAL_DEDUCTION",
    }
}

words! {
    /// `req_scene`: the scheme of a target merchant that has sub-accounts.
    ReqScene {
        /// A service merchant of the 便捷结算 scheme.
        ConvenientSettlementServiceMerchant = "SJT_CONVENIENT_SETTLEMENT_SERVICE_MERCHANT",
        /// A 小微 (micro) merchant.
        MicroMerchant = "SJT_MICRO_MERCHANT",
        /// A service merchant of 微信小店.
        WxShopConvenientSettlementServiceMerchant = "WX_SHOP_CONVENIENT_SETTLEMENT_SERVICE_MERCHANT",
    }
}

/// What one deduction is: everything that the gateway is asked, but for the number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Content {
    /// The target merchant.
    pub merchant: Merchant,
    /// The account that is deducted from.
    pub account: Account,
    /// Court or penalty.
    pub reduction_type: ReductionType,
    /// How much.
    pub amount: Fen,
    /// The case number or the reason of the penalty.
    pub reason: Option<Reason>,
    /// Card number of a sub-account.
    pub card_no: Option<CardNo>,
    /// Agreement number of a sub-account.
    pub sgn_no: Option<SgnNo>,
    /// Scheme of a sub-account.
    pub req_scene: Option<ReqScene>,
}

/// A field of [`Content`], by its column's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// `mchid`
    Merchant,
    /// `bal_account_no`
    Account,
    /// `reduction_type`
    ReductionType,
    /// `amount`
    Amount,
    /// `reason`
    Reason,
    /// `card_no`
    CardNo,
    /// `sgn_no`
    SgnNo,
    /// `req_scene`
    ReqScene,
}

impl Field {
    /// The column's name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Merchant => "mchid",
            Self::Account => "bal_account_no",
            Self::ReductionType => "reduction_type",
            Self::Amount => "amount",
            Self::Reason => "reason",
            Self::CardNo => "card_no",
            Self::SgnNo => "sgn_no",
            Self::ReqScene => "req_scene",
        }
    }
}

/// SHA-256 over a [`Content`] in levy's canonical encoding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ContentDigest(pub [u8; 32]);

/// Two orders with one hold key may be one deduction that was asked for twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct HoldKey(pub [u8; 16]);

impl Content {
    /// The canonical digest: SHA-256 over `levy/1` and the eight fields in their fixed order, each
    /// of the nine as its length in bytes (32 bits, big-endian) and its UTF-8; an absent field is
    /// empty.
    pub fn digest(&self) -> ContentDigest {
        let amount = self.amount.to_string();
        let mut hash = Sha256::new();
        for field in [
            "levy/1",
            self.merchant.as_str(),
            self.account.reveal(),
            self.reduction_type.as_str(),
            &amount,
            self.reason.as_ref().map_or("", Reason::as_str),
            self.card_no.as_ref().map_or("", CardNo::reveal),
            self.sgn_no.as_ref().map_or("", SgnNo::as_str),
            self.req_scene.map_or("", ReqScene::as_str),
        ] {
            update_counted(&mut hash, field);
        }
        ContentDigest(hash.finalize().into())
    }

    /// The first field in which two contents differ.
    pub fn difference(&self, other: &Content) -> Option<Field> {
        let differs = [
            (Field::Merchant, self.merchant != other.merchant),
            (Field::Account, self.account != other.account),
            (
                Field::ReductionType,
                self.reduction_type != other.reduction_type,
            ),
            (Field::Amount, self.amount != other.amount),
            (Field::Reason, self.reason != other.reason),
            (Field::CardNo, self.card_no != other.card_no),
            (Field::SgnNo, self.sgn_no != other.sgn_no),
            (Field::ReqScene, self.req_scene != other.req_scene),
        ];
        differs
            .iter()
            .find(|(_, differs)| *differs)
            .map(|(field, _)| *field)
    }

    /// The key under which a second order for the same debt is held: merchant, account, type,
    /// amount, and the reason by its words and numbers.
    pub fn hold_key(&self) -> HoldKey {
        let amount = self.amount.to_string();
        let mut reason = String::new();
        reason_words(self.reason.as_ref().map_or("", Reason::as_str), &mut reason);
        let mut hash = Sha256::new();
        for field in [
            "levy/hold/1",
            self.merchant.as_str(),
            self.account.reveal(),
            self.reduction_type.as_str(),
            &amount,
            &reason,
        ] {
            update_counted(&mut hash, field);
        }
        let digest: [u8; 32] = hash.finalize().into();
        let mut key = [0; 16];
        key.copy_from_slice(&digest[..16]);
        HoldKey(key)
    }

    /// What [`Content::hold_key`] is made of, to a hash that is thrown away: whatever has one hold key has
    /// one such hash, and what has one hash is looked at again. `words` is room that is used again.
    pub fn hash_debt(&self, hash: &mut impl Hasher, words: &mut String) {
        words.clear();
        for text in [self.merchant.as_str(), "\n", self.account.reveal(), "\n"] {
            words.push_str(text);
        }
        reason_words(self.reason.as_ref().map_or("", Reason::as_str), words);
        // At once: each piece by itself costs as much as its bytes.
        hash.write(words.as_bytes());
        hash.write_u64(self.amount.get() << 1 | self.reduction_type as u64);
    }
}

impl ContentDigest {
    /// The number of a row that came without one: `LV` and the first 30 characters of base32 of
    /// SHA-256 over this digest and the row's ordinal, from 1, among the file's identical
    /// blank-number rows. Changing this would deduct twice.
    pub fn derived_no(&self, ordinal: u32) -> OrderNo {
        let mut hash = Sha256::new();
        hash.update(self.0);
        hash.update(ordinal.to_be_bytes());
        let base32 = data_encoding::BASE32_NOPAD.encode(&hash.finalize());
        OrderNo::parse(&format!("LV{}", &base32[..30])).expect("32 letters and digits")
    }
}

impl OrderNo {
    /// The number under which a deduction is issued again: that of the order of this `generation`
    /// (2 is the first reissue), whose parent has this number. `LV` and the first 30 characters of
    /// base32 of SHA-256 over `levy/reissue/1` and the parent's number, each as its length in bytes
    /// (32 bits, big-endian) and its text, and the generation (32 bits, big-endian). A rerun that is
    /// repeated after a crash is the same rerun; changing this would deduct twice.
    pub fn reissued(&self, generation: u32) -> OrderNo {
        let mut hash = Sha256::new();
        update_counted(&mut hash, "levy/reissue/1");
        update_counted(&mut hash, self.as_str());
        hash.update(generation.to_be_bytes());
        let base32 = data_encoding::BASE32_NOPAD.encode(&hash.finalize());
        OrderNo::parse(&format!("LV{}", &base32[..30])).expect("32 letters and digits")
    }
}

fn update_counted(hash: &mut Sha256, field: &str) {
    let length = u32::try_from(field.len()).expect("checked names are short");
    hash.update(length.to_be_bytes());
    hash.update(field);
}

/// A reason by its words and numbers, behind what is in `words`: NFKC, lower case, punctuation, blanks and
/// leading zeros dropped; numbers stay apart from each other. `2025-08-08` and `2025/8/8` are the same.
///
/// Letters are run together, so that blanks between words do not count either: a needless hold
/// costs a person a minute, a missed one a second deduction.
fn reason_words(reason: &str, words: &mut String) {
    words.reserve(reason.len());
    if reason.chars().all(is_simple) {
        return push_words(reason.chars().map(simply_folded), words);
    }
    let lower: String = reason.nfkc().flat_map(char::to_lowercase).collect();
    push_words(lower.nfkc(), words);
}

/// Characters that [`simply_folded`] folds as the whole of Unicode's rules would, whatever stands beside
/// them: ASCII, its full-width forms, and the ideographs of the first block.
fn is_simple(c: char) -> bool {
    matches!(c, '\0'..='\x7f' | '\u{4e00}'..='\u{9fff}' | '\u{ff01}'..='\u{ff5e}')
}

fn simply_folded(c: char) -> char {
    let narrow = match c {
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(c as u32 - 0xfee0).unwrap_or(c),
        c => c,
    };
    narrow.to_ascii_lowercase()
}

fn push_words(folded: impl Iterator<Item = char>, words: &mut String) {
    let (mut in_number, mut significant) = (false, false);
    for c in folded {
        if c.is_ascii_digit() {
            if !in_number {
                words.push('#');
                (in_number, significant) = (true, false);
            }
            significant |= c != '0';
            if significant {
                words.push(c);
            }
            continue;
        }
        if in_number {
            words.push('#');
            in_number = false;
        }
        if matches!(c, '\u{4e00}'..='\u{9fff}') || c.is_alphanumeric() {
            words.push(c);
        }
    }
    if in_number {
        words.push('#');
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn content(kind: ReductionType, fen: u64, reason: Option<&str>) -> Content {
        Content {
            merchant: Merchant::parse("1900016681").unwrap(),
            account: Account::parse("8609cb22e1774a50a930e414cc71eca06121bc").unwrap(),
            reduction_type: kind,
            amount: Fen::new(fen).unwrap(),
            reason: reason.map(|r| Reason::parse(r).unwrap()),
            card_no: None,
            sgn_no: None,
            req_scene: None,
        }
    }

    #[test]
    fn derived_numbers_equal_the_published_vectors() {
        let court = content(
            ReductionType::JudicialDeduction,
            1,
            Some("司法案件号:202508080009"),
        )
        .digest();
        assert_eq!(
            court.derived_no(1).as_str(),
            "LVHKGPSOXG2KP64TSZXQ32VK7ULEMSAH"
        );
        assert_eq!(
            court.derived_no(2).as_str(),
            "LV5GBCSKSBCLMOMTV5UEQ2FAOPYAEGKX"
        );
        let penalty = content(ReductionType::FinancialPenalty, 123_456, None).digest();
        assert_eq!(
            penalty.derived_no(1).as_str(),
            "LVEXUEPV4Y4PGEOOG3WGTCW2R54XM222"
        );
        let mut flipped = court;
        flipped.0[31] ^= 1;
        assert_ne!(flipped.derived_no(1), court.derived_no(1));
    }

    #[test]
    fn l5_reissued_numbers_equal_the_published_vectors() {
        let parent = OrderNo::parse("N2025080801").unwrap();
        let child = parent.reissued(2);
        assert_eq!(child.as_str(), "LVXYN4AGQALWOF7FUABQBVPHCODTEJCC");
        assert_eq!(
            child.reissued(3).as_str(),
            "LVAKAP4GFJRS665ZBAKCKVTCYPUDRIVM"
        );
        // The generation counts: a chain never meets its own numbers again.
        assert_ne!(parent.reissued(3), child);
    }

    #[test]
    fn a_difference_names_its_field() {
        let one = content(ReductionType::JudicialDeduction, 1, None);
        let mut two = one.clone();
        assert_eq!(one.difference(&two), None);
        two.sgn_no = Some(SgnNo::parse("x").unwrap());
        assert_eq!(one.difference(&two), Some(Field::SgnNo));
        two.amount = Fen::new(2).unwrap();
        assert_eq!(one.difference(&two), Some(Field::Amount));
    }

    #[test]
    fn reasons_are_held_by_words_and_numbers() {
        let key = |r: &str| {
            content(
                ReductionType::JudicialDeduction,
                1,
                (!r.is_empty()).then_some(r),
            )
            .hold_key()
        };
        for (one, two) in [
            ("2025-08-08", "2025/8/8"),
            ("案件号:007", "案件号 7"),
            ("Case A-7", "ＣＡＳＥ a７"),
            ("(2025)京01执123号", "（2025）京1执123号"),
        ] {
            assert_eq!(key(one), key(two), "{one} {two}");
        }
        for (one, two) in [
            ("2025-08-08", "20250808"),
            ("1 23", "12 3"),
            ("", "7"),
            ("70", "7"),
        ] {
            assert_ne!(key(one), key(two), "{one} {two}");
        }
    }

    /// The encoding of the hold key before it was made fast: it is in ledgers.
    fn words_by_the_whole_of_unicode(reason: &str) -> String {
        let mut words = String::new();
        let mut number: Option<String> = None;
        let lower: String = reason.nfkc().flat_map(char::to_lowercase).collect();
        for c in lower.nfkc().chain(['\n']) {
            if c.is_ascii_digit() {
                number.get_or_insert_default().push(c);
                continue;
            }
            if let Some(digits) = number.take() {
                words.push_str(&format!("#{}#", digits.trim_start_matches('0')));
            }
            if c.is_alphanumeric() {
                words.push(c);
            }
        }
        words
    }

    #[test]
    fn every_simple_character_is_folded_as_unicode_does_it() {
        for c in ('\0'..=char::MAX).filter(|c| is_simple(*c)) {
            let lower: String = [c]
                .into_iter()
                .nfkc()
                .flat_map(char::to_lowercase)
                .collect();
            let folded: Vec<char> = lower.nfkc().collect();
            assert_eq!(folded, [simply_folded(c)], "{c:?}");
        }
    }

    proptest! {
        #[test]
        fn words_are_those_of_unicode_by_the_short_way_too(
            reason in "[ -~案件号执（）：／０-９Ａ-Ｚａ-ｚ0-2]{0,24}|[ -~案Ａ①é\u{301}İß々００-０9]{0,16}",
        ) {
            let mut words = String::new();
            reason_words(&reason, &mut words);
            prop_assert_eq!(words, words_by_the_whole_of_unicode(&reason));
        }

        #[test]
        fn one_hold_key_has_one_hash(
            one in "[-/ 0-2案Ａa（]{0,4}",
            two in "[-/ 0-2案Ａa（]{0,4}",
        ) {
            let hash = |reason: &str| {
                let reason = reason.trim();
                let content = content(
                    ReductionType::JudicialDeduction,
                    1,
                    (!reason.is_empty()).then_some(reason),
                );
                let mut hash = std::hash::DefaultHasher::new();
                content.hash_debt(&mut hash, &mut "left over".into());
                (content.hold_key(), hash.finish())
            };
            let (one, two) = (hash(&one), hash(&two));
            prop_assert_eq!(one.0 == two.0, one.1 == two.1);
        }
    }
}
