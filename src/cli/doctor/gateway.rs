//! The way to the gateway: names, connections, TLS, the clock, and one signed request.

use std::sync::Arc;
use std::time::Duration;

use crate::cli::args::DoctorArgs;
use crate::cli::config::Config;
use crate::cli::{connect, run};
use crate::clock::{Clock, SystemClock, WallMs};
use crate::doctor::judge::{self, Asked};
use crate::doctor::{Area, Check, Findings};
use crate::gateway::reply::{Balance, Checked, SignatureFault};
use crate::gateway::{Carrier, Host};
use crate::order::{Account, Content, Fen, Merchant, Order, OrderNo, ReductionType};

const GATEWAY: Area = Area::Gateway;
/// How long a name may take to be resolved.
const DNS_TIMEOUT: Duration = Duration::from_secs(5);
/// Times that the signed request is tried: WeChat Pay sends wrong signatures on purpose now and then.
const TRIES_MAX: u32 = 3;
/// Addresses of a name that are told.
const ADDRESSES_TOLD_MAX: usize = 4;

/// Looks at it, unless nobody wants that.
pub fn look(config: &Config, args: &DoctorArgs, findings: &mut Findings) {
    if args.offline {
        return findings.push(Check::skip(GATEWAY, "all of it", "--offline"));
    }
    let carrier = match connect::carrier(config) {
        Ok(carrier) => carrier,
        Err(failure) => {
            // Settings that are missing were told with the settings.
            if config.connection().is_ok() {
                let check = Check::fail(GATEWAY, "settings", failure.to_string());
                findings.push(check.ours());
            }
            let found = "the settings of the connection do not hold";
            return findings.push(Check::skip(GATEWAY, "all of it", found));
        }
    };
    let runtime = match run::runtime() {
        Ok(runtime) => runtime,
        Err(failure) => {
            return findings.push(Check::fail(GATEWAY, "all of it", failure.to_string()));
        }
    };
    runtime.block_on(async {
        hosts(config, &carrier, findings).await;
        findings.push(signed_request(config, args).await);
    });
}

async fn hosts(config: &Config, carrier: &Carrier, findings: &mut Findings) {
    let clock = SystemClock::default();
    let by_proxy = config.connection().is_ok_and(|c| c.proxy.is_some());
    let mut seen: Option<(WallMs, WallMs, WallMs)> = None;
    for host in [Host::Main, Host::Standby] {
        let Some(address) = carrier.address(host) else {
            let found = "no standby host is set";
            findings.push(Check::ok(GATEWAY, "standby_url", found));
            continue;
        };
        let setting = match host {
            Host::Main => "base_url",
            Host::Standby => "standby_url",
        };
        let found = match by_proxy {
            true => Ok("by the proxy".into()),
            false => resolve(address).await,
        };
        let sent = clock.wall();
        let begun = clock.monotonic();
        let check = match (found, carrier.knock(host, &clock).await) {
            (Err(words), _) => unreached(host, setting, address, &words),
            (Ok(_), Err(words)) => unreached(host, setting, address, &words),
            (Ok(resolved), Ok(knock)) => {
                if let (None, Some(date)) = (seen, knock.date) {
                    seen = Some((sent, clock.wall(), date));
                }
                let ms = clock.monotonic().saturating_sub(begun).as_millis();
                let secured = match address.starts_with("https://") {
                    true => "TLS holds",
                    false => "no TLS, on this machine alone",
                };
                let found = format!(
                    "{address}: {resolved}; {secured}; answered {} in {ms} ms",
                    knock.status
                );
                Check::ok(GATEWAY, setting, found)
            }
        };
        findings.push(check);
    }
    findings.push(match seen {
        Some((sent, came, date)) => judge::clock(sent, came, date),
        None => Check::skip(GATEWAY, "clock", "no host has told its time"),
    });
}

fn unreached(host: Host, setting: &str, address: &str, words: &str) -> Check {
    // The words begin with the address where a connection was tried.
    let words = words.strip_prefix(address).unwrap_or(words);
    let found = format!("{address}: {}", words.trim_start_matches(": "));
    match host {
        Host::Main => Check::fail(GATEWAY, setting, found)
            .advise("see to name service, firewall, proxy and ca_file"),
        Host::Standby => Check::warn(GATEWAY, setting, found)
            .advise("a run goes on with base_url alone, and has nothing to fall back on"),
    }
}

/// Where a name leads, in words; or why it leads nowhere.
async fn resolve(address: &str) -> Result<String, String> {
    let bare = address.split_once("://").map_or(address, |(_, host)| host);
    let default = match address.starts_with("https://") {
        true => 443,
        false => 80,
    };
    let has_port = bare
        .rsplit_once(':')
        .is_some_and(|(_, port)| port.bytes().all(|b| b.is_ascii_digit()));
    let target = match has_port {
        true => bare.to_owned(),
        false => format!("{bare}:{default}"),
    };
    let found = tokio::time::timeout(DNS_TIMEOUT, tokio::net::lookup_host(target)).await;
    let addresses: Vec<String> = match found {
        Ok(Ok(addresses)) => addresses.map(|a| a.ip().to_string()).collect(),
        Ok(Err(e)) => return Err(format!("the name does not resolve: {e}")),
        Err(_) => return Err("the name was not resolved in time".into()),
    };
    let told = &addresses[..addresses.len().min(ADDRESSES_TOLD_MAX)];
    Ok(format!("is {}", told.join(", ")))
}

async fn signed_request(config: &Config, args: &DoctorArgs) -> Check {
    const NAME: &str = "signed request";
    let probe = match args.probe.as_ref().map(|text| probe(text.reveal())) {
        None => None,
        Some(Ok(order)) => Some(order),
        Some(Err(words)) => {
            return Check::fail(GATEWAY, NAME, format!("--probe: {words}"))
                .ours()
                .advise("give it as MCHID:ACCOUNT, such as 1900016681:8609cb22e177");
        }
    };
    let clock = Arc::new(SystemClock::default());
    let client = match connect::client(config, clock.clone()) {
        Ok(client) => client,
        Err(_) => return Check::skip(GATEWAY, NAME, "settings or keys do not hold, as told above"),
    };
    let Some(order) = probe else {
        return certificates(config, clock).await;
    };
    let mut tries = 1;
    loop {
        let (exchange, balance) = client.balance(&order, Host::Main).await;
        if is_mismatch(&exchange.checked) && tries < TRIES_MAX {
            tries += 1;
            continue;
        }
        let hint = exchange.signed_message_hint.as_deref();
        let mut check = judge::signed_request(Asked::Balance, &exchange.checked, hint);
        if let Some(Balance { fen, .. }) = balance {
            check.found.push_str(&format!(" ({fen} fen)"));
        }
        return check;
    }
}

async fn certificates(config: &Config, clock: Arc<SystemClock>) -> Check {
    const NAME: &str = "signed request";
    let desk = connect::certificate_desk(config, clock.clone());
    let (Ok(desk), Ok(keys)) = (desk, connect::platform_keys(config)) else {
        return Check::skip(GATEWAY, NAME, "settings or keys do not hold, as told above");
    };
    let mut tries = 1;
    loop {
        let (checked, hint) = match desk.ask(Some(keys.first().id()), Host::Main).await {
            Ok(answer) => {
                let hint = (answer.status == 401).then(|| answer.signed_message_hint().to_owned());
                (answer.checked(&keys, clock.wall()), hint)
            }
            Err(lost) => (lost, None),
        };
        if is_mismatch(&checked) && tries < TRIES_MAX {
            tries += 1;
            continue;
        }
        return judge::signed_request(Asked::Certificates, &checked, hint.as_deref());
    }
}

fn is_mismatch(checked: &Checked) -> bool {
    matches!(
        checked,
        Checked::IllSigned {
            fault: SignatureFault::Mismatch,
            ..
        }
    )
}

/// An order that is never claimed and never sent: the balance is asked for by what it names.
fn probe(text: &str) -> Result<Order, String> {
    let (merchant, account) = text
        .split_once(':')
        .ok_or("there is no colon between a merchant number and an account")?;
    let no = OrderNo::parse("PROBE").map_err(|e| e.to_string())?;
    Ok(Order {
        no,
        content: Content {
            merchant: Merchant::parse(merchant.trim())
                .map_err(|e| format!("the merchant number {e}"))?,
            account: Account::parse(account.trim()).map_err(|e| format!("the account {e}"))?,
            reduction_type: ReductionType::JudicialDeduction,
            amount: Fen::new(1).map_err(|e| e.to_string())?,
            reason: None,
            card_no: None,
            sgn_no: None,
            req_scene: None,
        },
    })
}
