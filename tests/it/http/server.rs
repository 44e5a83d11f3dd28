//! A server of raw bytes: it reads requests as they come and does one thing with each.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

/// What to do with a request, and with its connection.
#[derive(Clone)]
pub enum Act {
    /// Reply, and keep the connection.
    Answer(Vec<u8>),
    /// Reply and close, saying nothing of it before.
    AnswerAndClose(Vec<u8>),
    /// Reply in part, and wait for the client to go.
    AnswerAndHold(Vec<u8>),
    /// Reply; close a moment later, when the connection idles in the pool.
    AnswerThenClose(Vec<u8>),
    /// The same with a reset.
    AnswerThenReset(Vec<u8>),
    /// Reply; close as soon as something of the next request comes.
    AnswerThenCloseAtNextByte(Vec<u8>),
    /// Reply; read the next request whole and close without a reply.
    AnswerThenSwallowNext(Vec<u8>),
    /// Read the request and close.
    Close,
    /// Close before anything is read.
    CloseUnread,
    /// Read the request, and wait for the client to go.
    Silence,
}

/// A request as it arrived.
#[derive(Clone)]
pub struct Arrived {
    pub method: String,
    pub target: String,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    /// It got no reply.
    pub swallowed: bool,
}

impl Arrived {
    /// The one header of this name.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.iter().filter(|(n, _)| n == name);
        let value = values.next().map(|(_, value)| &**value);
        assert!(values.next().is_none(), "{name} came twice");
        value
    }
}

#[derive(Default)]
struct Log {
    arrived: Mutex<Vec<Arrived>>,
    connections: AtomicUsize,
    open: AtomicUsize,
    closed: Notify,
}

pub struct Server {
    pub port: u16,
    log: Arc<Log>,
    accepting: tokio::task::JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl Server {
    /// `act` says what to do with the n-th request, from 0.
    pub async fn start(act: impl Fn(usize) -> Act + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let log = Arc::new(Log::default());
        let kept = Arc::clone(&log);
        let act = Arc::new(act);
        let accepting = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (log, act) = (Arc::clone(&kept), Arc::clone(&act));
                log.connections.fetch_add(1, Ordering::SeqCst);
                log.open.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(async move {
                    // A client that went away is no fault of the server's.
                    let _ = serve(stream, &log, &*act).await;
                    log.open.fetch_sub(1, Ordering::SeqCst);
                    log.closed.notify_waiters();
                });
            }
        });
        Self {
            port,
            log,
            accepting,
        }
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    pub fn arrived(&self) -> Vec<Arrived> {
        self.log.arrived.lock().unwrap().clone()
    }

    pub fn connections(&self) -> usize {
        self.log.connections.load(Ordering::SeqCst)
    }

    /// Waits until every connection has ended; the client's keeping one open fails the test.
    pub async fn wait_until_all_closed(&self) {
        let all_closed = async {
            loop {
                let closed = self.log.closed.notified();
                tokio::pin!(closed);
                closed.as_mut().enable();
                if self.log.open.load(Ordering::SeqCst) == 0 {
                    return;
                }
                closed.await;
            }
        };
        tokio::time::timeout(Duration::from_secs(5), all_closed)
            .await
            .expect("the client closes a connection that it has given up");
    }
}

/// A port of loopback where nobody listens.
pub async fn refused_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    listener.local_addr().unwrap().port()
}

/// A reply with a length.
pub fn answer(status: u16, headers: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!("HTTP/1.1 {status} X\r\nContent-Length: {length}\r\n{headers}\r\n{body}").into_bytes()
}

async fn serve(
    stream: TcpStream,
    log: &Log,
    act: &(dyn Fn(usize) -> Act + Send + Sync),
) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    let first = act(log.arrived.lock().unwrap().len());
    if matches!(first, Act::CloseUnread) {
        return Ok(());
    }
    while let Some(arrived) = read_request(&mut stream).await? {
        let number = keep(log, arrived);
        match act(number) {
            Act::Answer(bytes) => stream.write_all(&bytes).await?,
            Act::AnswerAndClose(bytes) => {
                stream.write_all(&bytes).await?;
                return stream.shutdown().await;
            }
            Act::AnswerAndHold(bytes) => {
                stream.write_all(&bytes).await?;
                return gone(&mut stream).await;
            }
            Act::AnswerThenClose(bytes) => {
                stream.write_all(&bytes).await?;
                tokio::task::yield_now().await;
                return Ok(());
            }
            Act::AnswerThenReset(bytes) => {
                stream.write_all(&bytes).await?;
                tokio::task::yield_now().await;
                return stream.get_ref().set_zero_linger();
            }
            Act::AnswerThenCloseAtNextByte(bytes) => {
                stream.write_all(&bytes).await?;
                stream.get_ref().readable().await?;
                return Ok(());
            }
            Act::AnswerThenSwallowNext(bytes) => {
                stream.write_all(&bytes).await?;
                if let Some(mut arrived) = read_request(&mut stream).await? {
                    arrived.swallowed = true;
                    keep(log, arrived);
                }
                return Ok(());
            }
            Act::Close | Act::CloseUnread => return Ok(()),
            Act::Silence => return gone(&mut stream).await,
        }
    }
    Ok(())
}

/// Returns when the client has closed its side.
async fn gone(stream: &mut BufReader<TcpStream>) -> std::io::Result<()> {
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).await.map(|_| ())
}

fn keep(log: &Log, arrived: Arrived) -> usize {
    let mut kept = log.arrived.lock().unwrap();
    kept.push(arrived);
    kept.len() - 1
}

/// A request, or nothing where the client closed; also nothing where no HTTP comes (TLS).
async fn read_request(stream: &mut BufReader<TcpStream>) -> std::io::Result<Option<Arrived>> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        if stream.read_until(b'\n', &mut head).await? == 0 {
            return Ok(None);
        }
    }
    let head = String::from_utf8(head).map_err(std::io::Error::other)?;
    let mut lines = head.trim_end().split("\r\n");
    let mut line = lines.next().unwrap_or_default().split(' ');
    let method = line.next().unwrap_or_default().to_owned();
    let target = line.next().unwrap_or_default().to_owned();
    assert_eq!(line.next(), Some("HTTP/1.1"));
    let headers = lines.filter_map(|line| line.split_once(": "));
    let headers: Vec<(String, String)> = headers
        .map(|(name, value)| (name.to_ascii_lowercase(), value.into()))
        .collect();
    let length = headers.iter().find(|(name, _)| name == "content-length");
    let length = length.map_or(0, |(_, value)| value.parse().unwrap());
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await?;
    Ok(Some(Arrived {
        method,
        target,
        headers,
        body,
        swallowed: false,
    }))
}
