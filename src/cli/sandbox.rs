//! `levy sandbox`: the gateway in a box by itself, until Ctrl-C.

use std::fs;
use std::io::Write;
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use anyhow::Context;

use super::args::{RotationStep, SandboxArgs, SandboxLimit, SandboxTuning};
use super::failure::{Exit, Failure};
use super::signals;
use super::store::SANDBOX_CALLER;
use crate::ledger::LedgerError;
use crate::report::progress::say;
use crate::sandbox::{self, Material, Rotation, SandboxFault};

/// The first line of the settings that `levy sandbox` writes, and writes over.
const MARK: &str = "# Written by levy sandbox; written anew at its every start.";

/// Runs it.
pub fn sandbox(args: &SandboxArgs) -> Result<Exit, Failure> {
    let options = sandbox::Options {
        record_request: args.record.clone(),
        rotation: match args.rotation {
            None => Rotation::Off,
            Some(RotationStep::Announced) => Rotation::Announced,
            Some(RotationStep::Signing) => Rotation::Signing,
        },
        ..options(&args.dir, Some(args.listen), &args.tuning)?
    };
    let runtime = super::run::runtime()?;
    let mut stop = signals::listen(&runtime)?;
    runtime.block_on(async {
        let running = sandbox::start(options).await.map_err(fault)?;
        let material = sandbox::material(&args.dir).map_err(fault)?;
        let settings = settings(&material, &running.base_url())?;
        let file = args.dir.join("levy.toml");
        let written = write_settings(&file, &settings)?;
        say("no real money moves: this is a gateway in a box");
        say(&format!("listening  {}", running.base_url()));
        say(&format!("keys       {}", args.dir.display()));
        match written {
            true => say(&format!("settings   {}:\n", file.display())),
            false => say(&format!(
                "settings   {} is not levy's and was left alone; these would do:\n",
                file.display()
            )),
        }
        say(&settings);
        let _ = stop.wait_for(|stopped| *stopped).await;
        running.shutdown().await;
        Ok(Exit::Done)
    })
}

/// Options of the gateway in a box, from what was typed.
pub fn options(
    dir: &Path,
    listen: Option<SocketAddr>,
    tuning: &SandboxTuning,
) -> Result<sandbox::Options, Failure> {
    let mut options = sandbox::Options {
        dir: dir.to_path_buf(),
        caller_mchid: SANDBOX_CALLER.into(),
        ..sandbox::Options::default()
    };
    if let Some(listen) = listen {
        options.listen = listen;
    }
    if let Some((low, high)) = tuning.sandbox_latency_ms {
        options.latency_ms = low..=high;
    }
    if let Some(limit) = tuning.sandbox_limit {
        options.per_merchant_per_second = match limit {
            SandboxLimit::PerSecond(requests) => Some(requests),
            SandboxLimit::Off => None,
        };
    }
    if let Some(seed) = tuning.sandbox_seed {
        options.seed = seed;
    }
    if let Some(text) = &tuning.sandbox_faults {
        options.faults = faults(text)
            .map_err(|words| Failure::Usage(format!("--sandbox-faults {text}: {words}")))?;
    }
    Ok(options)
}

/// Reads `lose-after=0.2,error-500=0.1`.
fn faults(text: &str) -> Result<sandbox::Faults, String> {
    let mut faults = sandbox::Faults::default();
    for part in text.split(',') {
        let (name, chance) = part
            .split_once('=')
            .ok_or_else(|| format!("{part:?} is not FAULT=CHANCE"))?;
        let slot = match name {
            "lose-before" => &mut faults.lose_before,
            "lose-after" => &mut faults.lose_after,
            "error-500" => &mut faults.error_500,
            "throttle" => &mut faults.throttle,
            "ill-signed" => &mut faults.ill_signed,
            _ => {
                return Err(format!(
                    "{name:?} is no fault; there are lose-before, lose-after, error-500, throttle \
                     and ill-signed"
                ));
            }
        };
        *slot = match chance.parse() {
            Ok(chance) if (0.0..=1.0).contains(&chance) => chance,
            _ => return Err(format!("{name}: {chance:?} is no chance from 0 to 1")),
        };
    }
    Ok(faults)
}

/// A fault of the gateway in a box, as a failure of levy.
pub fn fault(fault: SandboxFault) -> Failure {
    match fault {
        SandboxFault::NotLoopback(_) | SandboxFault::Setting { .. } => {
            Failure::Usage(fault.to_string())
        }
        SandboxFault::Listen { .. } => Failure::Usage(fault.to_string()),
        SandboxFault::Busy(_) => Failure::Ledger(LedgerError::Held(fault.to_string())),
        SandboxFault::File { .. } | SandboxFault::Key { .. } | SandboxFault::Books { .. } => {
            Failure::Other(anyhow::anyhow!("the gateway in a box: {fault}"))
        }
    }
}

/// Settings that lead to it. Paths are absolute, so that the file can be copied.
fn settings(material: &Material, base_url: &str) -> Result<String, Failure> {
    let path = |path: &PathBuf| {
        let whole = fs::canonicalize(path).with_context(|| path.display().to_string())?;
        Ok::<_, anyhow::Error>(toml::Value::from(whole.to_string_lossy().into_owned()))
    };
    Ok(format!(
        "{MARK}
[merchant]
mchid = {mchid}
certificate = {certificate}
private_key = {private_key}
api_v3_key_file = {api_v3_key}
[platform]
public_key_id = {public_key_id}
public_key = {public_key}
[gateway]
base_url = {base_url}
[ledger]
url = \"levy.db\"
",
        mchid = toml::Value::from(material.mchid.as_str()),
        certificate = path(&material.certificate)?,
        private_key = path(&material.private_key)?,
        api_v3_key = path(&material.api_v3_key)?,
        public_key_id = toml::Value::from(material.public_key_id.as_str()),
        public_key = path(&material.public_key)?,
        base_url = toml::Value::from(base_url),
    ))
}

/// Writes over what `levy sandbox` itself wrote, and nothing else.
fn write_settings(file: &Path, text: &str) -> Result<bool, Failure> {
    let ours = match fs::read_to_string(file) {
        Ok(old) => old.starts_with(MARK),
        Err(e) => e.kind() == std::io::ErrorKind::NotFound,
    };
    if !ours {
        return Ok(false);
    }
    fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(file)
        .and_then(|mut out| out.write_all(text.as_bytes()))
        .with_context(|| file.display().to_string())?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_by_chance_are_read_or_refused_in_words() {
        let read = faults("lose-after=0.2,error-500=0.1,throttle=0.05,ill-signed=1").unwrap();
        let want = sandbox::Faults {
            lose_after: 0.2,
            error_500: 0.1,
            throttle: 0.05,
            ill_signed: 1.0,
            ..sandbox::Faults::default()
        };
        assert_eq!(read, want);
        for (text, says) in [
            ("lose-after", "is not FAULT=CHANCE"),
            ("lost=0.1", "\"lost\" is no fault"),
            ("throttle=2", "no chance from 0 to 1"),
            ("throttle=NaN", "no chance from 0 to 1"),
            ("throttle=-0.1", "no chance from 0 to 1"),
            ("", "is not FAULT=CHANCE"),
        ] {
            let words = faults(text).unwrap_err();
            assert!(words.contains(says), "{text}: {words}");
        }
    }

    #[test]
    fn settings_of_others_are_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("levy.toml");
        let ours = format!("{MARK}\n[merchant]\n");
        assert!(write_settings(&file, &ours).unwrap());
        assert!(write_settings(&file, &ours).unwrap(), "ours again");
        fs::write(&file, "[merchant]\n").unwrap();
        assert!(!write_settings(&file, &ours).unwrap());
        assert_eq!(fs::read_to_string(&file).unwrap(), "[merchant]\n");
    }
}
