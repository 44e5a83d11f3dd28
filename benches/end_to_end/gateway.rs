//! A gateway that costs next to nothing: replies that were signed beforehand, or are signed as they
//! are asked for; it counts what arrives. It believes whatever it is sent: to be measured against,
//! not to be tested against.

use std::cell::RefCell;
use std::collections::HashMap;
use std::io::{Read, Write};
use std::rc::Rc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use levy::gateway::Signer;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::LocalSet;

use super::keys::{self, PLATFORM_KEY_ID};
use super::rows::Shape;

/// Requests of one merchant that the interface takes in a second.
const LIMIT: usize = 100;

/// How it behaves.
pub struct Behaviour {
    /// Replies to all of these are signed before it listens.
    pub signed_beforehand: Option<Shape>,
    /// Held back before each reply.
    pub latency: Duration,
}

struct Desk {
    signer: Signer,
    ready: HashMap<String, Vec<u8>>,
    latency: Duration,
    arrivals: RefCell<Vec<(u64, Instant)>>,
}

/// Serves until its standard input ends; then tells what arrived, as JSON.
pub fn serve(behaviour: &Behaviour) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let mut desk = Desk {
        signer: keys::platform(),
        ready: HashMap::new(),
        latency: behaviour.latency,
        arrivals: RefCell::default(),
    };
    if let Some(shape) = behaviour.signed_beforehand {
        for n in 0..shape.rows {
            let row = shape.row(n);
            let asked = json!({
                "mchid": row.merchant.to_string(), "out_request_no": row.no,
                "reduction_type": "JUDICIAL_DEDUCTION", "amount": row.amount_fen,
                "reason": row.reason,
            });
            let reply = desk.reply(&asked);
            desk.ready.insert(row.no, reply);
        }
    }
    let (ended, end) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || {
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        let _ = ended.send(());
    });
    let desk = Rc::new(desk);
    let local = LocalSet::new();
    let serving = desk.clone();
    local.block_on(&runtime, async move {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        println!("{}", listener.local_addr().expect("an address").port());
        std::io::stdout().flush().expect("a reader");
        tokio::pin!(end);
        loop {
            tokio::select! {
                _ = &mut end => break,
                accepted = listener.accept() => {
                    let Ok((stream, _)) = accepted else { continue };
                    tokio::task::spawn_local(serving.clone().connection(stream));
                }
            }
        }
    });
    println!("{}", desk.told());
}

impl Desk {
    fn reply(&self, asked: &Value) -> Vec<u8> {
        let no = asked["out_request_no"].as_str().expect("a number");
        let mut body = asked.clone();
        let object = body.as_object_mut().expect("an object");
        object.remove("bal_account_no");
        object.insert("state".into(), json!("SUCCESS"));
        object.insert("quota_change_no".into(), json!(format!("Q{no}")));
        object.insert("success_time".into(), json!("2026-01-31T08:00:00+08:00"));
        let body = body.to_string();
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let timestamp = now.expect("after 1970").as_secs();
        let message = format!("{timestamp}\n{no}\n{body}\n");
        let signature = self.signer.signature(message.as_bytes());
        format!(
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nRequest-ID: {no}\r\n\
             Wechatpay-Timestamp: {timestamp}\r\nWechatpay-Nonce: {no}\r\n\
             Wechatpay-Signature: {signature}\r\nWechatpay-Serial: {PLATFORM_KEY_ID}\r\n\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        )
        .into_bytes()
    }

    async fn connection(self: Rc<Self>, mut stream: TcpStream) {
        let _ = stream.set_nodelay(true);
        let mut held = Vec::with_capacity(8192);
        loop {
            let Some((head, whole)) = lengths(&held) else {
                match stream.read_buf(&mut held).await {
                    Ok(0) | Err(_) => return,
                    Ok(_) => continue,
                }
            };
            if held.len() < whole {
                match stream.read_buf(&mut held).await {
                    Ok(0) | Err(_) => return,
                    Ok(_) => continue,
                }
            }
            let arrived = Instant::now();
            let body = &held[head..whole];
            let merchant = text_of(body, "mchid").and_then(|m| m.parse().ok());
            self.arrivals
                .borrow_mut()
                .push((merchant.unwrap_or(0), arrived));
            let ready = text_of(body, "out_request_no").and_then(|no| self.ready.get(no));
            let made;
            let reply = match ready {
                Some(reply) => reply,
                None => {
                    let asked = serde_json::from_slice(body).expect("a submission");
                    made = self.reply(&asked);
                    &made
                }
            };
            if !self.latency.is_zero() {
                tokio::time::sleep_until((arrived + self.latency).into()).await;
            }
            if stream.write_all(reply).await.is_err() {
                return;
            }
            held.drain(..whole);
        }
    }

    /// What arrived: how many, the most of one merchant in any second, and the pace of the whole
    /// after its first hundred.
    fn told(&self) -> Value {
        let mut arrivals = self.arrivals.borrow().clone();
        arrivals.sort_by_key(|(_, at)| *at);
        let paced = match (arrivals.get(LIMIT - 1), arrivals.last()) {
            (Some((_, first)), Some((_, last))) if last > first => {
                (arrivals.len() - LIMIT) as f64 / (*last - *first).as_secs_f64()
            }
            _ => 0.0,
        };
        arrivals.sort();
        let mut most = 0;
        let mut oldest = 0;
        for (i, (merchant, at)) in arrivals.iter().enumerate() {
            while arrivals[oldest].0 != *merchant
                || *at - arrivals[oldest].1 >= Duration::from_secs(1)
            {
                oldest += 1;
            }
            most = most.max(i - oldest + 1);
        }
        json!({"arrived": arrivals.len(), "most_in_a_second": most, "paced": paced})
    }
}

/// Bytes of the head, and of the request as a whole, once the head is there.
fn lengths(held: &[u8]) -> Option<(usize, usize)> {
    let head = held.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
    let text = std::str::from_utf8(&held[..head]).expect("a head is ASCII");
    let length = text.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        let is = name.eq_ignore_ascii_case("content-length");
        is.then(|| value.trim().parse::<usize>().ok()).flatten()
    });
    Some((head, head + length.unwrap_or(0)))
}

/// A text field of a body of plain JSON.
fn text_of<'a>(body: &'a [u8], name: &str) -> Option<&'a str> {
    let body = std::str::from_utf8(body).ok()?;
    let at = body.find(&format!("\"{name}\":\""))? + name.len() + 4;
    body[at..].split('"').next()
}
