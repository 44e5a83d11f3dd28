//! The parts of an order that are names: checked texts, each with its own rule.
//!
//! Every one is built by `parse` from text that is already trimmed, and says in words what is
//! wrong. Account and card numbers print masked; only [`Account::reveal`] gives them away.

use std::fmt;

/// Bytes that RSAES-OAEP with SHA-1 can seal under a 2048-bit key: 256 - 2·20 - 2.
pub const SEALED_BYTES_MAX: usize = 214;
/// Characters of a reason (the interface's own limit).
pub const REASON_CHARS_MAX: usize = 512;
/// Characters of an agreement number.
pub const SGN_NO_CHARS_MAX: usize = 64;

/// What is wrong with a text, as the rest of a sentence that begins with the column's name.
pub type NameFault = &'static str;

macro_rules! text {
    ($(#[$doc:meta])* $name:ident, $check:expr) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Box<str>);

        impl $name {
            /// Checks a text that has been trimmed already.
            pub fn parse(text: &str) -> Result<Self, NameFault> {
                let check: fn(&str) -> Result<(), NameFault> = $check;
                check(text).map(|()| Self(text.into()))
            }
        }
    };
}

macro_rules! plain {
    ($name:ident) => {
        impl $name {
            /// The text itself.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&self.0, f)
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

macro_rules! masked {
    ($name:ident) => {
        impl $name {
            /// The number itself: for the ledger, the result and the sealing, nowhere else.
            pub fn reveal(&self) -> &str {
                &self.0
            }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&mask(&self.0))
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&mask(&self.0))
            }
        }
    };
}

text! {
    /// The target merchant's number: 1 to 32 digits. One merchant is one lane.
    Merchant, |t| {
        if t.is_empty() { return Err("must be given"); }
        if looks_like_excel_damage(t) {
            return Err("is a number that a spreadsheet has rounded; take it from its source, as text");
        }
        if t.len() > 32 || !t.bytes().all(|b| b.is_ascii_digit()) {
            return Err("must be 1 to 32 digits");
        }
        Ok(())
    }
}
plain!(Merchant);

text! {
    /// The balance-ledger account (额度台账号) that is deducted from; at most 214 bytes, since it is
    /// sealed. Prints masked.
    Account, |t| sealed_text(t)
}
masked!(Account);

text! {
    /// A card number; sealed like the account. Prints masked.
    CardNo, |t| sealed_text(t)
}
masked!(CardNo);

text! {
    /// `out_request_no`: 1 to 32 ASCII digits and letters; case counts.
    OrderNo, |t| {
        if t.is_empty() { return Err("must be given"); }
        if looks_like_excel_damage(t) {
            return Err("is a number that a spreadsheet has rounded; take it from its source, as text");
        }
        if t.len() > 32 { return Err("must have at most 32 characters"); }
        if !t.bytes().all(|b| b.is_ascii_alphanumeric()) {
            return Err("must be digits and letters only (0-9, a-z, A-Z)");
        }
        Ok(())
    }
}
plain!(OrderNo);

text! {
    /// The case number or the reason of the penalty: at most 512 visible characters, each of at
    /// most three bytes in UTF-8.
    Reason, |t| {
        if t.is_empty() { return Err("must be given"); }
        if t.chars().count() > REASON_CHARS_MAX { return Err("must have at most 512 characters"); }
        visible(t)
    }
}
plain!(Reason);

text! {
    /// The agreement number of a merchant's (sub-)account (商户(子)账户协议号).
    SgnNo, |t| {
        if t.is_empty() { return Err("must be given"); }
        if looks_like_excel_damage(t) {
            return Err("is a number that a spreadsheet has rounded; take it from its source, as text");
        }
        if t.chars().count() > SGN_NO_CHARS_MAX { return Err("must have at most 64 characters"); }
        visible(t)
    }
}
plain!(SgnNo);

fn sealed_text(t: &str) -> Result<(), NameFault> {
    if t.is_empty() {
        return Err("must be given");
    }
    if looks_like_excel_damage(t) {
        return Err("is a number that a spreadsheet has rounded; take it from its source, as text");
    }
    if t.len() > SEALED_BYTES_MAX {
        return Err("must have at most 214 bytes");
    }
    visible(t)
}

/// Control and format characters, zero-width and right-to-left marks among them: nobody sees that
/// they are there.
pub(crate) fn is_invisible(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}')
}

/// The gateway takes UTF-8 of one to three bytes a character.
fn visible(t: &str) -> Result<(), NameFault> {
    // Nearly all texts are these characters and no others.
    let usual = |c: char| matches!(c, ' '..='~' | '\u{4e00}'..='\u{9fff}');
    if t.bytes().all(|b| matches!(b, b' '..=b'~')) || t.chars().all(usual) {
        return Ok(());
    }
    for c in t.chars() {
        // U+FFFD stands where something could not be read.
        if is_invisible(c) || c == '\u{fffd}' {
            return Err("must not contain control or invisible characters");
        }
        if c.len_utf8() > 3 {
            return Err("must not contain characters of four bytes (emoji, rare ideographs)");
        }
    }
    Ok(())
}

/// `1.9E+09`: what a spreadsheet makes of a long number.
pub(crate) fn looks_like_excel_damage(t: &str) -> bool {
    // It has a point or a plus, which few identifiers have.
    if !t.bytes().any(|b| b == b'.' || b == b'+') {
        return false;
    }
    let Some((mantissa, exponent)) = t.split_once(['e', 'E']) else {
        return false;
    };
    let exponent = exponent
        .strip_prefix('+')
        .map(|e| (e, true))
        .unwrap_or((exponent, false));
    let digits = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit());
    let has_point = mantissa.contains('.');
    let mantissa_is_number = match mantissa.split_once('.') {
        Some((whole, places)) => digits(whole) && digits(places),
        None => digits(mantissa),
    };
    mantissa_is_number && digits(exponent.0) && (has_point || exponent.1)
}

/// `8609…21bc`: enough to recognise, too little to use. Short texts show nothing.
pub fn mask(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    if chars.len() < 12 {
        return "…".into();
    }
    let head: String = chars[..4].iter().collect();
    let tail: String = chars[chars.len() - 4..].iter().collect();
    format!("{head}…{tail}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_checked_where_they_are_built() {
        assert!(Merchant::parse("1900016681").is_ok());
        for bad in [
            "",
            "19 00",
            "1.9E+09",
            "1900016681a",
            &"1".repeat(33),
            "１９",
        ] {
            assert!(Merchant::parse(bad).is_err(), "{bad}");
        }
        assert!(
            OrderNo::parse("1E5").is_ok(),
            "a number may look like that by chance"
        );
        assert!(OrderNo::parse(&"a".repeat(32)).is_ok());
        for bad in [
            "",
            "a-b",
            "a_b",
            &"a".repeat(33),
            "单号",
            "1.9E+09",
            "1E+09",
        ] {
            assert!(OrderNo::parse(bad).is_err(), "{bad}");
        }
        assert!(Account::parse(&"a".repeat(214)).is_ok());
        assert!(Account::parse(&"a".repeat(215)).is_err());
        assert!(Reason::parse(&"案".repeat(512)).is_ok());
        for bad in [
            &*"案".repeat(513),
            "a\tb",
            "a\u{200e}b",
            "𠮷",
            "😀",
            "a\nb",
            "\u{0}",
        ] {
            assert!(Reason::parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn accounts_and_cards_print_masked_in_every_form() {
        let account = Account::parse("8609cb22e1774a50a930e414cc71eca06121bc").unwrap();
        assert_eq!(account.to_string(), "8609…21bc");
        assert_eq!(format!("{account:?}"), "8609…21bc");
        assert_eq!(CardNo::parse("6222021").unwrap().to_string(), "…");
    }
}
