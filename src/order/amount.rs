//! Money, in fen. One fen is 0.01 yuan; there are no fractions of it and no floats anywhere.

use std::fmt;
use std::num::NonZeroU64;

/// The largest amount that a row may carry, in fen (100 billion yuan).
pub const AMOUNT_FEN_MAX: u64 = 10_000_000_000_000;

/// An amount in fen, from 1 to [`AMOUNT_FEN_MAX`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fen(NonZeroU64);

/// Why a text or a number is no amount.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AmountFault {
    /// Nothing there.
    Empty,
    /// Something other than the digits 0 to 9 (a sign, a point, an exponent, a letter).
    NotDigits,
    /// Zero is nothing to deduct.
    Zero,
    /// Above [`AMOUNT_FEN_MAX`].
    TooLarge,
    /// Yuan with more than two places behind the point.
    TooFine,
}

impl fmt::Display for AmountFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "must be given",
            Self::NotDigits => "must be a whole number in plain digits",
            Self::Zero => "must be above zero",
            Self::TooLarge => "must be at most 10000000000000 fen (100 billion yuan)",
            Self::TooFine => "must be yuan with at most two places, such as 12.34",
        })
    }
}

impl Fen {
    /// Checks a number of fen.
    pub fn new(fen: u64) -> Result<Self, AmountFault> {
        let fen = NonZeroU64::new(fen).ok_or(AmountFault::Zero)?;
        if fen.get() > AMOUNT_FEN_MAX {
            return Err(AmountFault::TooLarge);
        }
        Ok(Self(fen))
    }

    /// Reads fen from plain decimal digits: no sign, no point, no exponent, no grouping.
    pub fn parse(text: &str) -> Result<Self, AmountFault> {
        Self::new(digits(text)?)
    }

    /// Reads yuan with at most two decimal places (`12`, `12.3`, `12.34`) by integer arithmetic.
    pub fn parse_yuan(text: &str) -> Result<Self, AmountFault> {
        let (whole, places) = match text.split_once('.') {
            Some((_, "")) => return Err(AmountFault::NotDigits),
            Some(parts) => parts,
            None => (text, ""),
        };
        let yuan = digits(whole)?;
        if !places.bytes().all(|b| b.is_ascii_digit()) {
            return Err(AmountFault::NotDigits);
        }
        let fen = match places.len() {
            0 => 0,
            1 => digits(places)? * 10,
            2 => digits(places)?,
            _ => return Err(AmountFault::TooFine),
        };
        let total = yuan.checked_mul(100).and_then(|y| y.checked_add(fen));
        Self::new(total.ok_or(AmountFault::TooLarge)?)
    }

    /// The number of fen.
    pub fn get(self) -> u64 {
        self.0.get()
    }
}

impl fmt::Display for Fen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Plain digits to a number; too many of them are `TooLarge`, never a wrapped value.
fn digits(text: &str) -> Result<u64, AmountFault> {
    if text.is_empty() {
        return Err(AmountFault::Empty);
    }
    if !text.bytes().all(|b| b.is_ascii_digit()) {
        return Err(AmountFault::NotDigits);
    }
    text.parse().map_err(|_| AmountFault::TooLarge)
}

/// Shows fen as yuan for people: `1234567` is `12,345.67`.
pub fn yuan(fen: u128) -> String {
    let whole = (fen / 100).to_string();
    let mut grouped = String::with_capacity(whole.len() + whole.len() / 3 + 3);
    for (i, digit) in whole.chars().enumerate() {
        if i > 0 && (whole.len() - i).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    format!("{grouped}.{:02}", fen % 100)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_read_by_integer_arithmetic_or_refused_with_the_reason() {
        use AmountFault::*;
        let fen = |t| Fen::parse(t).map(Fen::get);
        for (text, want) in [
            ("1", Ok(1)),
            ("0123", Ok(123)),
            ("10000000000000", Ok(AMOUNT_FEN_MAX)),
            ("10000000000001", Err(TooLarge)),
            ("99999999999999999999", Err(TooLarge)),
            ("", Err(Empty)),
            ("0", Err(Zero)),
            ("-1", Err(NotDigits)),
            ("+1", Err(NotDigits)),
            ("1.5", Err(NotDigits)),
            ("1e3", Err(NotDigits)),
            ("１", Err(NotDigits)),
        ] {
            assert_eq!(fen(text), want, "{text}");
        }
        let yuan = |t| Fen::parse_yuan(t).map(Fen::get);
        for (text, want) in [
            ("1", Ok(100)),
            ("1.5", Ok(150)),
            ("0.01", Ok(1)),
            ("12.34", Ok(1234)),
            ("100000000000", Ok(AMOUNT_FEN_MAX)),
            ("100000000000.01", Err(TooLarge)),
            ("184467440737095516.16", Err(TooLarge)),
            ("0.00", Err(Zero)),
            ("1.234", Err(TooFine)),
            ("1.", Err(NotDigits)),
            (".5", Err(Empty)),
            ("1.-5", Err(NotDigits)),
            ("1.2.3", Err(NotDigits)),
        ] {
            assert_eq!(yuan(text), want, "{text}");
        }
    }

    #[test]
    fn yuan_is_shown_with_groups_and_two_places() {
        assert_eq!(yuan(0), "0.00");
        assert_eq!(yuan(5), "0.05");
        assert_eq!(yuan(123_456_789), "1,234,567.89");
    }
}
