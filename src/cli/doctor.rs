//! `levy doctor`: looks at everything that a night needs, goes on after what is wrong, and changes
//! nothing. The gateway is asked one harmless thing; nothing is submitted, and no order asked for.

mod gateway;
mod keys;
mod ledger;

use super::args::DoctorArgs;
use super::config::{self, Config};
use super::failure::Exit;
use super::status::print;
use super::store::variables;
use crate::doctor::{Area, Check, Findings, Outcome, SettingLine};

/// Looks, tells, and ends by what was found.
pub fn doctor(args: &DoctorArgs) -> Exit {
    let mut findings = Findings::default();
    match config::load(args.at.config.as_deref(), variables()) {
        Ok(config) => {
            settings(&config, &mut findings);
            keys::look(&config, &mut findings);
            ledger::look(&config, args, &mut findings);
            gateway::look(&config, args, &mut findings);
        }
        Err(fault) => {
            let check = Check::fail(Area::Settings, "file", fault.to_string())
                .advise("mend that; nothing else can be looked at without settings");
            findings.push(check);
            for area in [Area::Keys, Area::Ledger, Area::Gateway] {
                findings.push(Check::skip(
                    area,
                    "all of it",
                    "the settings cannot be read",
                ));
            }
        }
    }
    let exit = match findings.outcome() {
        Outcome::Well => Exit::Done,
        Outcome::Wrong => Exit::Usage,
        Outcome::Unreached => Exit::NotFinished,
    };
    match args.json {
        true => print(&findings.json(exit.code()).to_string()),
        false => match findings.human(args.quiet) {
            said if said.is_empty() => {}
            said => print(&said),
        },
    }
    exit
}

fn settings(config: &Config, findings: &mut Findings) {
    let given = config
        .settings
        .iter()
        .filter(|setting| setting.origin != config::Origin::Default)
        .count();
    let from = match &config.file {
        Some(file) => file.display().to_string(),
        None => "no file; the environment".into(),
    };
    let found = format!(
        "{from}: {given} settings are given, {} are as by default",
        config.settings.len() - given
    );
    findings.push(match (&config.file, given) {
        (None, 0) => Check::fail(Area::Settings, "file", "there is no levy.toml here")
            .advise("`levy init` writes an example; --config names one elsewhere"),
        _ => Check::ok(Area::Settings, "file", found),
    });
    if let Err(fault) = config.connection() {
        findings.push(Check::fail(Area::Settings, "merchant", fault.to_string()));
    }
    findings.settings = config
        .settings
        .iter()
        .map(|setting| SettingLine {
            key: setting.key.clone(),
            value: setting.value.to_string(),
            origin: setting.origin.to_string(),
            given: setting.origin != config::Origin::Default,
        })
        .collect();
}
