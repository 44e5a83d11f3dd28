//! `levy init`: an example of the settings where there are none; else the ledger, once settings and
//! keys hold together. Nothing that exists is overwritten.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;

use super::args::InitArgs;
use super::config::CONFIG_FILE_DEFAULT;
use super::connect;
use super::failure::{Exit, Failure};
use super::store::Store;
use crate::clock::SystemClock;
use crate::ledger::{Address, LedgerError};
use crate::report::progress::say;

/// The example that is written.
const EXAMPLE: &str = include_str!("../../fixtures/levy.example.toml");

/// Does the next of the two steps.
pub fn init(args: &InitArgs) -> Result<Exit, Failure> {
    let default = || PathBuf::from(CONFIG_FILE_DEFAULT);
    let file = args.at.config.clone().unwrap_or_else(default);
    if write_example(&file)? {
        say(&format!(
            "{file}: an example, written just now, with a comment at each setting. To fill in:\n  \
             [merchant] mchid         your merchant number\n  \
             [merchant] certificate   apiclient_cert.pem, from your API certificate's archive\n  \
             [merchant] private_key   apiclient_key.pem, from there too; chmod 600\n  \
             [platform] public_key_id, public_key\n                           \
             WeChat Pay's public key and its id, from the merchant platform; or, with\n                           \
             api_v3_key_file set and both taken out, `levy keys fetch` downloads certificates\n\
             Then give `levy init` again: it checks them and makes the ledger.",
            file = file.display()
        ));
        return Ok(Exit::Done);
    }
    let store = match ready(args) {
        Ok(store) => store,
        Err(failure) => {
            say(&format!("error: {failure}"));
            say("`levy doctor --offline` lists all that is wrong at once");
            return Ok(failure.exit());
        }
    };
    let existed = exists(&store)?;
    let _hold = store.hold()?;
    store.open(true)?;
    let (ledger, caller) = (&store.address, store.config.caller()?);
    say(&format!(
        "{}: settings and keys hold together",
        file.display()
    ));
    match existed {
        true => say(&format!(
            "{ledger}: the ledger was there already, and is merchant {caller}'s"
        )),
        false => say(&format!(
            "{ledger}: the ledger, made for merchant {caller}. It remembers what was sent: back it \
             up, and put no copy back without `levy ledger restored`."
        )),
    }
    say("next: levy doctor, then levy check FILE, then levy run FILE --limit 10 for a first night");
    Ok(Exit::Done)
}

/// Settings and keys hold together.
fn ready(args: &InitArgs) -> Result<Store, Failure> {
    let store = Store::real(&args.at)?;
    connect::client(&store.config, Arc::new(SystemClock::default()))?;
    Ok(store)
}

fn exists(store: &Store) -> Result<bool, Failure> {
    match &store.address {
        Address::File(path) => Ok(path.exists()),
        Address::Postgres(_) => match store.look() {
            Ok(_) => Ok(true),
            Err(Failure::Ledger(LedgerError::Missing(_))) => Ok(false),
            Err(failure) => Err(failure),
        },
    }
}

/// Whether there was none, and one was written.
fn write_example(file: &Path) -> Result<bool, Failure> {
    let mut new = OpenOptions::new();
    match new.write(true).create_new(true).mode(0o600).open(file) {
        Err(e) if e.kind() == ErrorKind::AlreadyExists => Ok(false),
        Err(e) => Err(anyhow::Error::new(e)
            .context(file.display().to_string())
            .into()),
        Ok(mut new) => {
            new.write_all(EXAMPLE.as_bytes())
                .and_then(|()| new.sync_all())
                .with_context(|| file.display().to_string())?;
            Ok(true)
        }
    }
}
