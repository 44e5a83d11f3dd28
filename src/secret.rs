//! A value that prints `[redacted]`, whoever prints it (law L8).
//!
//! It does not know what it holds, and does not keep it from anybody who asks with [`Secret::reveal`].

use std::fmt;

/// Key material, a password, or anything else that no log, error or debug print may show.
#[derive(Clone)]
pub struct Secret<T>(T);

impl<T> Secret<T> {
    /// Wraps a value.
    pub fn new(value: T) -> Self {
        Self(value)
    }

    /// The value itself: for the one place that uses it.
    pub fn reveal(&self) -> &T {
        &self.0
    }
}

impl<T> From<T> for Secret<T> {
    fn from(value: T) -> Self {
        Self(value)
    }
}

impl<T> fmt::Debug for Secret<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

impl<T> fmt::Display for Secret<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn l8_a_secret_prints_redacted_in_every_form() {
        let secret = Secret::new("hunter2");
        assert_eq!(
            format!("{secret} {secret:?} {secret:#?}"),
            ["[redacted]"; 3].join(" ")
        );
        assert_eq!(*secret.reveal(), "hunter2");
    }
}
