//! `[notify]`: who is told how a command ended. Addresses and secrets are kept from every print; those
//! in files are read where they are used, so that a missing one fails a message and no run.

use std::fs;
use std::path::PathBuf;

use super::raw::RawNotify;
use super::{Result, Source};
use crate::herald::message::Form;
use crate::herald::post::Address;
use crate::order::words;
use crate::secret::Secret;

/// Bytes of a file with an address or a secret.
const FILE_BYTES_MAX: u64 = 4_096;

words! {
    /// When a message is sent.
    When {
        /// After every command.
        Always = "always",
        /// After a command that did not end with exit 0.
        Trouble = "trouble",
    }
}

/// A text that nobody is shown, or the file that has it.
#[derive(Clone, Debug)]
enum Hidden {
    Text(Secret<String>),
    File(PathBuf),
}

/// The settings, checked as far as that is possible without their files.
#[derive(Clone, Debug)]
pub struct Notify {
    /// When.
    pub when: When,
    form: Option<Form>,
    webhook: Option<Hidden>,
    secret: Option<Hidden>,
    ping: Option<Hidden>,
    proxy: Option<Secret<String>>,
}

/// Where a message goes, complete.
#[derive(Debug)]
pub struct Webhook {
    /// The address.
    pub address: Address,
    /// The form of its robot.
    pub form: Form,
    /// What signs the message, if the robot wants that.
    pub secret: Option<Secret<String>>,
}

pub(super) fn checked(source: &Source, raw: RawNotify) -> Result<Notify> {
    let fault = |name: &str, words: &str| source.fault("notify", name, words);
    let one = |name: &str, text: Option<String>, file: Option<String>| match (text, file) {
        (Some(_), Some(_)) => Err(fault(name, &format!("or {name}_file, not both"))),
        (Some(text), None) => Ok(Some(Hidden::Text(Secret::new(text)))),
        (None, file) => Ok(file.map(|file| Hidden::File(source.key_file(&file).path))),
    };
    let notify = Notify {
        when: match raw.on.as_deref() {
            None => When::Trouble,
            Some(word) => {
                When::from_word(word).ok_or_else(|| fault("on", "must be trouble or always"))?
            }
        },
        form: match raw.form.as_deref() {
            None => None,
            Some(word) => Some(
                Form::from_word(word)
                    .ok_or_else(|| fault("form", "must be json, wecom, feishu or dingtalk"))?,
            ),
        },
        webhook: one("webhook", raw.webhook, raw.webhook_file)?,
        secret: one("secret", raw.secret, raw.secret_file)?,
        ping: one("ping", raw.ping, raw.ping_file)?,
        proxy: raw.proxy.map(Secret::new),
    };
    for (name, hidden) in [("webhook", &notify.webhook), ("ping", &notify.ping)] {
        if let Some(Hidden::Text(text)) = hidden {
            Address::parse(text.reveal()).map_err(|words| fault(name, words))?;
        }
    }
    if notify.webhook.is_none() && (notify.secret.is_some() || notify.form.is_some()) {
        return Err(fault(
            "webhook",
            "or webhook_file must be given, or neither form nor secret",
        ));
    }
    Ok(notify)
}

impl Notify {
    /// Nobody is told.
    pub fn is_empty(&self) -> bool {
        self.webhook.is_none() && self.ping.is_none()
    }

    /// The proxy that messages go through, if there is one.
    pub fn proxy(&self) -> Option<&str> {
        self.proxy.as_ref().map(|proxy| proxy.reveal().as_str())
    }

    /// Where messages go; none if nowhere. The fault names a file, never what is in it.
    pub fn webhook(&self) -> std::result::Result<Option<Webhook>, String> {
        let Some(hidden) = &self.webhook else {
            return Ok(None);
        };
        let text = read("webhook", hidden)?;
        let secret = match &self.secret {
            Some(hidden) => Some(read("secret", hidden)?),
            None => None,
        };
        Ok(Some(Webhook {
            address: address("webhook", &text)?,
            form: self.form.unwrap_or_else(|| guessed(text.reveal())),
            secret,
        }))
    }

    /// Which watchdog is pinged, if any.
    pub fn ping(&self) -> std::result::Result<Option<Address>, String> {
        let Some(hidden) = &self.ping else {
            return Ok(None);
        };
        address("ping", &read("ping", hidden)?).map(Some)
    }
}

fn address(name: &str, text: &Secret<String>) -> std::result::Result<Address, String> {
    Address::parse(text.reveal()).map_err(|words| format!("[notify] {name}: {words}"))
}

fn read(name: &str, hidden: &Hidden) -> std::result::Result<Secret<String>, String> {
    let file = match hidden {
        Hidden::Text(text) => return Ok(text.clone()),
        Hidden::File(file) => file,
    };
    let fault = |words: String| format!("[notify] {name}_file: {}: {words}", file.display());
    let meta = fs::metadata(file).map_err(|e| fault(e.to_string()))?;
    if !meta.is_file() || meta.len() > FILE_BYTES_MAX {
        return Err(fault("is no file with one line".into()));
    }
    let text = fs::read_to_string(file).map_err(|e| fault(e.to_string()))?;
    match text.trim() {
        "" => Err(fault("is empty".into())),
        text => Ok(Secret::new(text.to_owned())),
    }
}

/// The robots' own hosts tell whose they are.
fn guessed(address: &str) -> Form {
    let host = |host: &str| {
        address.trim().strip_prefix("https://").is_some_and(|rest| {
            rest.strip_prefix(host)
                .is_some_and(|rest| rest.starts_with(['/', ':']))
        })
    };
    if host("qyapi.weixin.qq.com") {
        return Form::WeCom;
    }
    if host("open.feishu.cn") || host("open.larksuite.com") {
        return Form::Feishu;
    }
    if host("oapi.dingtalk.com") {
        return Form::DingTalk;
    }
    Form::Json
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_robots_are_known_by_their_hosts() {
        for (address, form) in [
            (
                "https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=k",
                Form::WeCom,
            ),
            (
                "https://open.feishu.cn/open-apis/bot/v2/hook/k",
                Form::Feishu,
            ),
            (
                "https://oapi.dingtalk.com/robot/send?access_token=k",
                Form::DingTalk,
            ),
            ("https://hooks.bank.example/levy", Form::Json),
            ("https://oapi.dingtalk.com.evil.example/x", Form::Json),
        ] {
            assert_eq!(guessed(address), form, "{address}");
        }
    }
}
