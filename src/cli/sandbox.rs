//! `levy sandbox`: the gateway in a box by itself, until Ctrl-C.

use std::fs;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use anyhow::Context;

use super::args::{SandboxArgs, SandboxLimit, SandboxTuning};
use super::failure::{Exit, Failure};
use super::signals;
use super::store::SANDBOX_CALLER;
use crate::report::progress::say;
use crate::sandbox::{self, Material};

/// The first line of the settings that `levy sandbox` writes, and writes over.
const MARK: &str = "# Written by levy sandbox; written anew at its every start.";

/// Runs it.
pub fn sandbox(args: &SandboxArgs) -> Result<Exit, Failure> {
    if !args.listen.ip().is_loopback() {
        return Err(Failure::Usage(format!(
            "--listen {}: the gateway in a box listens on this machine alone (127.0.0.1)",
            args.listen
        )));
    }
    let options = options(&args.dir, Some(args.listen), &args.tuning)?;
    let runtime = super::run::runtime()?;
    let mut stop = signals::listen(&runtime)?;
    runtime.block_on(async {
        let running = sandbox::start(options).await.map_err(fault)?;
        let material = sandbox::material(&args.dir).map_err(fault)?;
        let settings = settings(&material, running.base_url())?;
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
    listen: Option<std::net::SocketAddr>,
    tuning: &SandboxTuning,
) -> Result<sandbox::Options, Failure> {
    let _ = (dir, listen, tuning, SandboxLimit::Off, SANDBOX_CALLER);
    todo!()
}

/// A fault of the gateway in a box, as a failure of levy.
pub fn fault(fault: sandbox::SandboxFault) -> Failure {
    Failure::Other(anyhow::anyhow!("the gateway in a box: {fault}"))
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
