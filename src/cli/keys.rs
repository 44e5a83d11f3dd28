//! `levy keys fetch`: the platform's certificates, downloaded, believed for a reason, and stored.
//!
//! What opens under the APIv3 key was written by WeChat Pay, or by somebody who has that key. The
//! answer's signature must hold too: under a key that is held already, or, where it names one that is
//! not, under one of the certificates that were just opened. A key that is held is never replaced by
//! another one of the same serial.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;

use super::args::{FetchArgs, KeysArgs, KeysCommand};
use super::config::{self, Config};
use super::connect;
use super::failure::{Exit, Failure};
use super::status::print;
use super::store::variables;
use crate::clock::{Clock, SystemClock, WallMs};
use crate::gateway::reply::{Body, Checked, Lost, Reply};
use crate::gateway::{
    ApiV3Key, CertificateAnswer, CertificateDesk, Host, KeyPart, PlatformCertificate, PlatformKeys,
    certificate, open_certificates,
};
use crate::report::log;
use crate::report::progress::say;

/// Platform certificates are public: whoever runs levy may read what somebody else has fetched.
const CERTIFICATE_MODE: u32 = 0o644;
/// Times that a host is asked: a reply may be a probe, whose signature is wrong on purpose.
const TRIES_MAX: u32 = 3;

/// Does what is asked about keys.
pub fn keys(args: &KeysArgs) -> Result<Exit, Failure> {
    match &args.command {
        KeysCommand::Fetch(args) => fetch(args),
    }
}

fn fetch(args: &FetchArgs) -> Result<Exit, Failure> {
    let config = config::load(args.config.as_deref(), variables())?;
    log::settle(config.log);
    let Some(key) = connect::api_v3_key(&config)? else {
        let words = "must name a file with the APIv3 key: platform certificates are encrypted \
                     under it";
        return Err(config.fault("merchant.api_v3_key_file", words).into());
    };
    let held = match config.has_platform_keys() {
        true => Some(connect::platform_keys(&config).map_err(|failure| {
            Failure::Keys(format!(
                "{failure}; for a first download leave [platform] empty"
            ))
        })?),
        false => None,
    };
    let clock = Arc::new(SystemClock::default());
    let desk = connect::certificate_desk(&config, clock.clone())?;
    let runtime = super::run::runtime()?;
    let found = runtime.block_on(believed(&desk, held.as_ref(), &key, &*clock))?;
    let dir = match &args.dir {
        Some(dir) => dir.clone(),
        None => config.base().to_path_buf(),
    };
    store(&config, held.as_ref(), &found, &dir, clock.wall())
}

/// The certificates of an answer that is believed. It is asked for again where a signature does not
/// hold: WeChat Pay sends such replies on purpose now and then.
async fn believed(
    desk: &CertificateDesk,
    held: Option<&PlatformKeys>,
    key: &ApiV3Key,
    clock: &dyn Clock,
) -> Result<Vec<PlatformCertificate>, Failure> {
    let mut tries = 1;
    loop {
        let answer = answer(desk, held).await?;
        let found = open_certificates(&answer.body, key)
            .map_err(|fault| Failure::Keys(format!("GET /v3/certificates: {fault}")))?;
        match believe(&answer, held, &found, clock.wall()) {
            Ok(()) => return Ok(found),
            Err(Failure::Stopped(_)) if tries < TRIES_MAX => tries += 1,
            Err(failure) => return Err(failure),
        }
    }
}

/// The first 200 of either host; the standby is asked where the main one cannot be reached.
async fn answer(
    desk: &CertificateDesk,
    held: Option<&PlatformKeys>,
) -> Result<CertificateAnswer, Failure> {
    let serial = held.map(|held| held.first().id().to_owned());
    let mut last = String::new();
    for host in [Host::Main, Host::Standby] {
        match desk.ask(serial.as_deref(), host).await {
            Ok(answer) if answer.status == 200 => return Ok(answer),
            Ok(answer) => return Err(refused(&answer)),
            Err(lost) => last = words(&lost),
        }
    }
    Err(Failure::Stopped(format!("GET /v3/certificates: {last}")))
}

/// The gateway's refusal, in its own words; nothing of it is believed.
fn refused(answer: &CertificateAnswer) -> Failure {
    let said = said(&answer.reply());
    match answer.status {
        401 => Failure::Keys(format!(
            "GET /v3/certificates: {said}: merchant number, serial number and private key do not \
             belong together, or the clock is wrong; signed was {}",
            answer.signed_message_hint()
        )),
        404 => Failure::Keys(format!(
            "GET /v3/certificates: {said}: this merchant has no platform certificate; download the \
             public key and its id from the merchant platform, and give them as [platform] \
             public_key and public_key_id"
        )),
        _ => Failure::Stopped(format!("GET /v3/certificates: {said}: try again later")),
    }
}

fn said(reply: &Reply) -> String {
    match &reply.body {
        Body::Error(error) => format!("{} {}: {}", reply.status, error.code, error.message),
        Body::Order(_) | Body::Unreadable => format!("HTTP {}", reply.status),
    }
}

fn words(checked: &Checked) -> String {
    match checked {
        Checked::Lost(Lost::TimedOut) => "no answer in time".into(),
        Checked::Lost(Lost::Broken(why)) => format!("the connection broke: {why}"),
        Checked::NotSent(why) => format!("no connection: {why}"),
        Checked::Verified(reply) => said(reply),
        Checked::Unsigned(reply) => format!("{}, unsigned", said(reply)),
        Checked::IllSigned { reply, fault } => format!("{} ({fault})", said(reply)),
    }
}

/// Whether the answer is signed as it must be, and contradicts no key that is held.
fn believe(
    answer: &CertificateAnswer,
    held: Option<&PlatformKeys>,
    found: &[PlatformCertificate],
    now: WallMs,
) -> Result<(), Failure> {
    for new in found {
        let known = held.and_then(|held| held.find(new.key.id()));
        if known.is_some_and(|known| !known.is_same_key(&new.key)) {
            return Err(Failure::Keys(format!(
                "the certificate {} that was sent has another key than the one that is configured: \
                 nothing was stored; find out which of them is WeChat Pay's",
                new.key.id()
            )));
        }
    }
    let serial = answer.serial();
    let is_held = |held: &&PlatformKeys| serial.as_ref().is_some_and(|s| held.find(s).is_some());
    if let Some(held) = held.filter(is_held) {
        return signed(&answer.checked(held, now), "a key that is configured");
    }
    let mut keys = found.iter().map(|new| new.key.clone());
    let Some(first) = keys.next() else {
        let words = "GET /v3/certificates: the answer has no certificate";
        return Err(Failure::Stopped(words.into()));
    };
    let mut opened = PlatformKeys::new(first);
    for key in keys {
        opened
            .add(key)
            .map_err(|fault| Failure::Keys(format!("GET /v3/certificates: {fault}")))?;
    }
    signed(
        &answer.checked(&opened, now),
        "a certificate of its own, opened under the APIv3 key",
    )
}

fn signed(checked: &Checked, by: &str) -> Result<(), Failure> {
    match checked {
        Checked::Verified(_) => {
            say(&format!("the answer is signed, and verifies under {by}"));
            Ok(())
        }
        other => Err(Failure::Stopped(format!(
            "GET /v3/certificates: not believed, and nothing stored: {}",
            words(other)
        ))),
    }
}

/// Stores what is not past, and prints the lines for the settings.
fn store(
    config: &Config,
    held: Option<&PlatformKeys>,
    found: &[PlatformCertificate],
    dir: &Path,
    now: WallMs,
) -> Result<Exit, Failure> {
    let mut usable: Vec<&PlatformCertificate> = Vec::new();
    for new in found {
        match new.certificate.until < now {
            true => say(&format!(
                "{}: expired on {}, and is not stored",
                new.key.id(),
                new.certificate.until.rfc3339()
            )),
            false => usable.push(new),
        }
    }
    if usable.is_empty() {
        let words = "GET /v3/certificates: every certificate of the answer has expired";
        return Err(Failure::Stopped(words.into()));
    }
    let files: Vec<PathBuf> = usable
        .iter()
        .map(|new| dir.join(format!("wechatpay_{}.pem", new.key.id())))
        .collect();
    for (new, file) in usable.iter().zip(&files) {
        let done = match keep(new, file)? {
            true => "stored",
            false => "was there already",
        };
        say(&format!(
            "{}: {done}; valid from {} to {}",
            file.display(),
            new.certificate.from.rfc3339(),
            new.certificate.until.rfc3339()
        ));
    }
    let new: Vec<(&PlatformCertificate, &PathBuf)> = usable
        .iter()
        .zip(&files)
        .filter(|(new, _)| held.is_none_or(|held| held.find(new.key.id()).is_none()))
        .map(|(new, file)| (*new, file))
        .collect();
    print_lines(config, held.is_some(), new);
    Ok(Exit::Done)
}

/// What to write into the settings, on stdout.
fn print_lines(config: &Config, has_first: bool, mut new: Vec<(&PlatformCertificate, &PathBuf)>) {
    if new.is_empty() {
        say("every one of them is configured: there is nothing to do");
        return;
    }
    // The one that is valid already and for longest seals.
    new.sort_by_key(|(it, _)| std::cmp::Reverse(it.certificate.until));
    let settings = match &config.file {
        Some(file) => file.display().to_string(),
        None => "the settings".into(),
    };
    say(&format!("add to {settings}:\n"));
    let lines = new.iter().enumerate().map(|(i, (_, file))| {
        let table = match i == 0 && !has_first {
            true => "[platform]",
            false => "[[platform.keys]]",
        };
        let shown = relative(config.base(), file);
        format!("{table}\ncertificate = {}", toml::Value::from(shown))
    });
    print(&lines.collect::<Vec<_>>().join("\n"));
}

/// A path as the settings may have it: beside them by its name.
fn relative(base: &Path, file: &Path) -> String {
    let inside = file.strip_prefix(base).unwrap_or(file);
    let shown = match inside.is_absolute() || base.as_os_str().is_empty() || inside != file {
        true => inside.to_path_buf(),
        false => std::path::absolute(inside).unwrap_or_else(|_| inside.to_path_buf()),
    };
    shown.to_string_lossy().into_owned()
}

/// Whether it was stored now. A file of its name is left alone: it is this certificate, or the
/// command ends.
fn keep(new: &PlatformCertificate, file: &Path) -> Result<bool, Failure> {
    let place = || file.display().to_string();
    match fs::read(file) {
        Ok(old) => match certificate(KeyPart::PlatformCertificate, &old) {
            Ok(old) if old == new.certificate => return Ok(false),
            Ok(_) | Err(_) => {
                return Err(Failure::Keys(format!(
                    "{}: is there, and is another thing than the certificate that was sent; it was \
                     left alone: move it away, and give the command again",
                    place()
                )));
            }
        },
        Err(e) if e.kind() == io::ErrorKind::NotFound => {}
        Err(e) => return Err(anyhow::Error::new(e).context(place()).into()),
    }
    write_whole(file, &new.pem).with_context(place)?;
    Ok(true)
}

/// Written beside its place, synced, and linked to its name: a reader sees a whole file or none, and
/// one that appeared in the meantime is not overwritten.
fn write_whole(file: &Path, bytes: &[u8]) -> io::Result<()> {
    let dir = match file.parent() {
        Some(dir) if !dir.as_os_str().is_empty() => dir,
        Some(_) | None => Path::new("."),
    };
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    let aside = dir.join(format!(".{name}.{}.tmp", std::process::id()));
    let written = (|| {
        let mut out = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(CERTIFICATE_MODE)
            .open(&aside)?;
        out.write_all(bytes)?;
        out.sync_all()?;
        fs::hard_link(&aside, file)?;
        File::open(dir)?.sync_all()
    })();
    let removed = fs::remove_file(&aside);
    written.and(removed)
}
