//! What a reply echoes otherwise than it was asked: kept in the journal, so that both sides can be
//! shown.

use std::collections::BTreeMap;

/// How it begins in the journal's message.
const BEGINS: &str = "echoed ";

/// The interface's field names, with what the reply has there; fields that agree are not in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Echo {
    fields: BTreeMap<String, String>,
}

impl Echo {
    /// From names and the reply's values.
    pub fn of(fields: impl IntoIterator<Item = (&'static str, String)>) -> Self {
        let fields = fields.into_iter();
        Self {
            fields: fields.map(|(name, said)| (name.into(), said)).collect(),
        }
    }

    /// What the reply has in this field, if it differs.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.fields.get(name).map(String::as_str)
    }

    /// For the journal: `echoed {"amount":"101"}`.
    pub fn words(&self) -> String {
        let json = serde_json::to_string(&self.fields).expect("texts are JSON");
        format!("{BEGINS}{json}")
    }

    /// Out of the journal; `None` of any other message.
    pub fn read(words: &str) -> Option<Self> {
        let fields = serde_json::from_str(words.strip_prefix(BEGINS)?).ok()?;
        Some(Self { fields })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_echo_comes_out_of_the_journal_as_it_went_in() {
        let echo = Echo::of([("amount", "101".into()), ("reason", "a \"b\"\n".into())]);
        assert_eq!(
            echo.words(),
            r#"echoed {"amount":"101","reason":"a \"b\"\n"}"#
        );
        assert_eq!(Echo::read(&echo.words()), Some(echo));
        for other in ["", "echoed", "echoed 1", "a message"] {
            assert_eq!(Echo::read(other), None, "{other}");
        }
    }
}
