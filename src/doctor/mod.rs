//! What is well and what is not before a night: checks, each with a level, what was found and what to
//! do; and the exit that they come to.
//!
//! It looks at nothing itself: `cli/doctor` gathers, `judge` says what a thing found means, and here it
//! is put into lines.

pub mod judge;

use std::fmt::Write;

use serde_json::{Value, json};

/// What a check is about; the heading under which it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Area {
    /// The settings.
    Settings,
    /// Keys and certificates.
    Keys,
    /// The ledger and where it lies.
    Ledger,
    /// The way to the gateway, its answer, and this machine's clock beside it.
    Gateway,
}

impl Area {
    /// In the order in which they are told.
    pub const ALL: [Self; 4] = [Self::Settings, Self::Keys, Self::Ledger, Self::Gateway];

    /// Its heading.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Settings => "settings",
            Self::Keys => "keys",
            Self::Ledger => "ledger",
            Self::Gateway => "gateway",
        }
    }
}

/// How a check ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// As it should be.
    Ok,
    /// A night can run, but somebody should see to it soon.
    Warn,
    /// Somebody must see to it before the night.
    Fail,
    /// Not looked at, because of another check or because nobody asked for it.
    Skip,
}

impl Level {
    /// Its word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warn => "warn",
            Self::Fail => "fail",
            Self::Skip => "skip",
        }
    }
}

/// Whose fault a failed check is; it tells the exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blame {
    /// Settings, keys, clock or ledger: this side.
    Ours,
    /// The gateway could not be reached, or not be judged.
    Gateway,
}

/// One line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// The heading.
    pub area: Area,
    /// What was looked at.
    pub name: String,
    /// How it ended.
    pub level: Level,
    /// What was found.
    pub found: String,
    /// What to do.
    pub advice: Option<String>,
    /// Counts where the level is [`Level::Fail`].
    pub blame: Blame,
}

impl Check {
    fn new(area: Area, name: impl Into<String>, level: Level, found: impl Into<String>) -> Self {
        Self {
            area,
            name: name.into(),
            level,
            found: found.into(),
            advice: None,
            blame: match area {
                Area::Gateway => Blame::Gateway,
                Area::Settings | Area::Keys | Area::Ledger => Blame::Ours,
            },
        }
    }

    /// All is well.
    pub fn ok(area: Area, name: impl Into<String>, found: impl Into<String>) -> Self {
        Self::new(area, name, Level::Ok, found)
    }

    /// It will do for this night.
    pub fn warn(area: Area, name: impl Into<String>, found: impl Into<String>) -> Self {
        Self::new(area, name, Level::Warn, found)
    }

    /// It will not do.
    pub fn fail(area: Area, name: impl Into<String>, found: impl Into<String>) -> Self {
        Self::new(area, name, Level::Fail, found)
    }

    /// It was not looked at; `found` says why.
    pub fn skip(area: Area, name: impl Into<String>, found: impl Into<String>) -> Self {
        Self::new(area, name, Level::Skip, found)
    }

    /// Somebody must see to it, soon or before the night.
    fn is_trouble(&self) -> bool {
        matches!(self.level, Level::Warn | Level::Fail)
    }

    /// What to do about it.
    pub fn advise(mut self, advice: impl Into<String>) -> Self {
        self.advice = Some(advice.into());
        self
    }

    /// It is this side's fault, whatever its heading.
    pub fn ours(mut self) -> Self {
        self.blame = Blame::Ours;
        self
    }
}

/// A setting, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettingLine {
    /// `section.name`.
    pub key: String,
    /// What holds, or that it is secret or absent.
    pub value: String,
    /// File and line, variable, or default.
    pub origin: String,
    /// Somebody gave it.
    pub given: bool,
}

/// What was found, whole.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Findings {
    /// In the order in which they were made.
    pub checks: Vec<Check>,
    /// Every setting.
    pub settings: Vec<SettingLine>,
}

/// What all of it comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Nothing failed.
    Well,
    /// Settings, keys, clock or ledger are wrong.
    Wrong,
    /// Only the gateway could not be reached or judged.
    Unreached,
}

impl Findings {
    /// One more.
    pub fn push(&mut self, check: Check) {
        self.checks.push(check);
    }

    fn count(&self, level: Level) -> usize {
        self.checks.iter().filter(|c| c.level == level).count()
    }

    /// What is wrong on this side goes before what the gateway did not answer.
    pub fn outcome(&self) -> Outcome {
        let failed = |blame| {
            let mut checks = self.checks.iter();
            checks.any(|c| c.level == Level::Fail && c.blame == blame)
        };
        match (failed(Blame::Ours), failed(Blame::Gateway)) {
            (true, _) => Outcome::Wrong,
            (false, true) => Outcome::Unreached,
            (false, false) => Outcome::Well,
        }
    }

    /// For people; `quiet` leaves out what is well and what was not looked at.
    pub fn human(&self, quiet: bool) -> String {
        let mut text = String::new();
        for area in Area::ALL {
            let told: Vec<&Check> = self
                .checks
                .iter()
                .filter(|c| c.area == area && (!quiet || c.is_trouble()))
                .collect();
            if told.is_empty() {
                continue;
            }
            let _ = writeln!(text, "{}", area.as_str());
            for check in told {
                let level = check.level.as_str();
                let _ = writeln!(text, "  {level:<5} {}: {}", check.name, check.found);
                if let Some(advice) = &check.advice {
                    let _ = writeln!(text, "        -> {advice}");
                }
            }
            if area == Area::Settings && !quiet {
                self.tell_settings(&mut text);
            }
        }
        if !quiet || self.checks.iter().any(Check::is_trouble) {
            let _ = writeln!(text, "{}", self.summary());
        }
        text
    }

    /// What was given, with where it came from; then what nobody gave: a line of it fits any terminal.
    fn tell_settings(&self, text: &mut String) {
        let given = |s: &&SettingLine| s.given;
        let width = |of: fn(&SettingLine) -> &String| {
            let widths = self.settings.iter().filter(given);
            let widths = widths.map(|s| of(s).chars().count());
            widths.max().unwrap_or(0).min(SETTING_CHARS_ALIGNED_MAX)
        };
        let (keys, values) = (width(|s| &s.key), width(|s| &s.value));
        for SettingLine {
            key, value, origin, ..
        } in self.settings.iter().filter(given)
        {
            // A path that is too wide has a line of its own, so that origins stand in one column.
            let end = match value.chars().count() > values {
                true => format!("\n{:1$}", "", 8 + keys + 2 + values),
                false => String::new(),
            };
            let _ = writeln!(
                text,
                "        {key:<keys$}  {value:<values$}{end}  {origin}"
            );
        }
        let mut left = self.settings.iter().filter(|s| !s.given).peekable();
        if left.peek().is_some() {
            let _ = writeln!(text, "        as by default:");
        }
        for SettingLine { key, value, .. } in left {
            let _ = writeln!(text, "          {key} = {value}");
        }
    }

    fn summary(&self) -> String {
        let many = |n: usize, one: &str, more: &str| match n {
            1 => format!("1 {one}"),
            n => format!("{n} {more}"),
        };
        let warned = many(self.count(Level::Warn), "warning", "warnings");
        match (self.outcome(), self.count(Level::Fail)) {
            (Outcome::Well, _) if self.count(Level::Warn) > 0 => format!("ready, with {warned}"),
            (Outcome::Well, _) if self.count(Level::Skip) > 0 => {
                "all is well that was looked at".into()
            }
            (Outcome::Well, _) => "all is well".into(),
            (_, failed) => {
                let failed = many(failed, "thing is", "things are");
                format!("not ready: {failed} wrong, {warned}")
            }
        }
    }

    /// One object.
    pub fn json(&self, exit_code: u8) -> Value {
        let checks: Vec<Value> = self
            .checks
            .iter()
            .map(|c| {
                json!({
                    "area": c.area.as_str(),
                    "check": c.name,
                    "level": c.level.as_str(),
                    "found": c.found,
                    "advice": c.advice,
                })
            })
            .collect();
        let settings: Vec<Value> = self
            .settings
            .iter()
            .map(|s| json!({"key": s.key, "value": s.value, "from": s.origin}))
            .collect();
        json!({
            "checks": checks,
            "settings": settings,
            "ok": self.count(Level::Ok),
            "warn": self.count(Level::Warn),
            "fail": self.count(Level::Fail),
            "skip": self.count(Level::Skip),
            "exit_code": exit_code,
        })
    }
}

/// Characters to which columns of settings are aligned; what stands behind a longer one goes below it.
const SETTING_CHARS_ALIGNED_MAX: usize = 40;

#[cfg(test)]
mod tests;
