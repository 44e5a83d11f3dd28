//! One connection, on a thread of its own with a small runtime: a ledger is called without `await`, also
//! from a thread that belongs to another runtime.
//!
//! Statements are unnamed, and their parameters' types are told: PgBouncer in transaction mode may give
//! each transaction another connection, which knows no statement that was prepared before. A COPY is prepared, and
//! forgotten again, within one transaction.

use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::task::Poll;
use std::thread::JoinHandle;
use std::time::Duration;

use futures_util::stream::FuturesUnordered;
use futures_util::{StreamExt, TryStreamExt};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::oneshot;
use tokio::time::timeout;
use tokio_postgres::binary_copy::BinaryCopyInWriter;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Config, Error, NoTls, Row, SimpleQueryMessage, SimpleQueryRow};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::url::CONNECT_S;
use crate::ledger::database::Value;

/// Rows that are handed over at once.
const ROWS_AT_ONCE: usize = 256;
/// Such pieces that wait to be taken.
const PIECES_WAITING_MAX: usize = 2;

/// A value that travels.
type Boxed = Box<dyn ToSql + Sync + Send>;
/// A parameter with its type.
type Parameter = (Boxed, Type);

enum Request {
    /// Several statements without parameters; the rows of all.
    Script(String, SyncSender<Result<Vec<SimpleQueryRow>, Error>>),
    /// One statement.
    Query(String, Vec<Parameter>, SyncSender<Result<Piece, Error>>),
    /// One that changes rows and gives none; how many it changed.
    Change(String, Vec<Parameter>, SyncSender<Result<u64, Error>>),
    /// A COPY in binary, its columns' types and its rows; how many there were.
    Copy(
        String,
        Vec<Type>,
        Vec<Vec<Boxed>>,
        SyncSender<Result<u64, Error>>,
    ),
}

/// What comes back to a statement, in pieces.
pub(super) enum Piece {
    Rows(Vec<Row>),
    /// The end; how many rows it changed or gave.
    Done(u64),
}

/// How to connect.
pub(super) struct Dial {
    pub config: Config,
    /// None: without TLS, as the URL allows.
    pub tls: Option<MakeRustlsConnect>,
    /// How long each answer is waited for; none: for as long as the connection stands.
    pub patience: Option<Duration>,
}

/// Why nothing came back.
pub(super) enum Fault {
    /// The database, or the way to it, says why.
    Said(Error),
    /// No connection came about; why, or none where nobody answered in time.
    Unreached(Option<Error>),
    /// The connection's thread is gone.
    Gone,
    /// No answer came in time, on a connection that stands.
    Silent,
}

/// A connection.
#[derive(Debug)]
pub(super) struct Wire {
    requests: Option<UnboundedSender<Request>>,
    thread: Option<JoinHandle<()>>,
    /// Dropped, it ends the thread whatever that waits for.
    given_up: Option<oneshot::Sender<()>>,
    patience: Patience,
}

/// How long answers are waited for. Once one was not in time, no other is asked for.
#[derive(Clone, Debug)]
struct Patience {
    most: Option<Duration>,
    is_over: Arc<AtomicBool>,
}

impl Patience {
    fn await_one<T>(&self, answer: &Receiver<T>) -> Result<T, Fault> {
        let Some(most) = self.most else {
            return answer.recv().map_err(|_| Fault::Gone);
        };
        if self.is_over.load(Ordering::SeqCst) {
            return Err(Fault::Gone);
        }
        answer.recv_timeout(most).map_err(|e| match e {
            RecvTimeoutError::Disconnected => Fault::Gone,
            RecvTimeoutError::Timeout => {
                self.is_over.store(true, Ordering::SeqCst);
                Fault::Silent
            }
        })
    }
}

impl Wire {
    /// Connects.
    pub(super) fn connect(dial: Dial) -> Result<Self, Fault> {
        let (requests, asked) = unbounded_channel();
        let (connected, answer) = sync_channel(1);
        let (given_up, gives_up) = oneshot::channel();
        let patience = Patience {
            most: dial.patience,
            is_over: Arc::default(),
        };
        let thread = std::thread::Builder::new()
            .name("ledger-postgres".into())
            .spawn(move || serve(&dial, asked, &connected, gives_up))
            .map_err(|_| Fault::Gone)?;
        let wire = Self {
            requests: Some(requests),
            thread: Some(thread),
            given_up: Some(given_up),
            patience,
        };
        match wire.patience.await_one(&answer) {
            Ok(Ok(())) => Ok(wire),
            Ok(Err(e)) => Err(Fault::Unreached(Some(e))),
            Err(Fault::Silent) => Err(Fault::Silent),
            // Nothing came of it in its own time.
            Err(_) => Err(Fault::Unreached(None)),
        }
    }

    /// Executes statements without parameters, in one message; the rows of all of them.
    pub(super) fn script(&self, text: String) -> Result<Vec<SimpleQueryRow>, Fault> {
        let (reply, answer) = sync_channel(1);
        self.ask(Request::Script(text, reply))?;
        self.patience.await_one(&answer)?.map_err(Fault::Said)
    }

    /// Executes one statement; its rows come in pieces, and the last piece says how many.
    pub(super) fn query(&self, text: &str, values: &[Value<'_>]) -> Result<Pieces, Fault> {
        let (reply, answer) = sync_channel(PIECES_WAITING_MAX);
        let parameters = values.iter().map(parameter).collect();
        self.ask(Request::Query(text.to_owned(), parameters, reply))?;
        Ok(Pieces(answer, self.patience.clone()))
    }

    /// Sends one statement that gives no rows, and does not wait for what becomes of it. They are executed in the order in which
    /// they are sent, before all that is asked later.
    pub(super) fn change(&self, text: &str, values: &[Value<'_>]) -> Result<Changed, Fault> {
        let (reply, answer) = sync_channel(1);
        let parameters = values.iter().map(parameter).collect();
        self.ask(Request::Change(text.to_owned(), parameters, reply))?;
        Ok(Changed(answer, self.patience.clone()))
    }

    /// Copies rows in, in a transaction: the one statement that has a name, for that long. Every row has the first
    /// one's types. How many there were.
    pub(super) fn copy<'v, R>(
        &self,
        text: &str,
        rows: impl Iterator<Item = R>,
    ) -> Result<u64, Fault>
    where
        R: Iterator<Item = Value<'v>>,
    {
        let rows = rows.map(|row| row.map(|value| parameter(&value)).unzip());
        let (rows, mut types): (Vec<Vec<Boxed>>, Vec<Vec<Type>>) = rows.unzip();
        let (reply, answer) = sync_channel(1);
        let types = types.pop().unwrap_or_default();
        self.ask(Request::Copy(text.to_owned(), types, rows, reply))?;
        self.patience.await_one(&answer)?.map_err(Fault::Said)
    }

    fn ask(&self, request: Request) -> Result<(), Fault> {
        if self.patience.is_over.load(Ordering::SeqCst) {
            return Err(Fault::Gone);
        }
        let requests = self.requests.as_ref().ok_or(Fault::Gone)?;
        requests.send(request).map_err(|_| Fault::Gone)
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        drop(self.requests.take());
        if self.patience.is_over.load(Ordering::SeqCst) {
            // Nobody waits for its answer any more; the server undoes what was open.
            drop(self.given_up.take());
            return;
        }
        if let Some(thread) = self.thread.take() {
            // It ends with its last request.
            let _ = thread.join();
        }
    }
}

/// What comes back, piece by piece. Dropped early, the rest is read and thrown away.
pub(super) struct Pieces(Receiver<Result<Piece, Error>>, Patience);

impl Pieces {
    pub(super) fn next(&self) -> Result<Piece, Fault> {
        self.1.await_one(&self.0)?.map_err(Fault::Said)
    }
}

/// What becomes of a statement that was sent.
pub(super) struct Changed(Receiver<Result<u64, Error>>, Patience);

impl Changed {
    /// How many rows it changed.
    pub(super) fn rows(&self) -> Result<u64, Fault> {
        self.1.await_one(&self.0)?.map_err(Fault::Said)
    }
}

fn parameter(value: &Value<'_>) -> Parameter {
    match *value {
        Value::Int(it) => (Box::new(it), Type::INT8),
        Value::Text(it) => (Box::new(it.map(str::to_owned)), Type::TEXT),
        Value::Blob(it) => (Box::new(it.map(<[u8]>::to_vec)), Type::BYTEA),
    }
}

fn serve(
    dial: &Dial,
    asked: UnboundedReceiver<Request>,
    connected: &SyncSender<Result<(), Error>>,
    gives_up: oneshot::Receiver<()>,
) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let Ok(runtime) = runtime else {
        return;
    };
    runtime.block_on(async {
        tokio::select! {
            () = converse(dial, asked, connected) => {}
            _ = gives_up => {}
        }
    });
}

/// Connects, and answers what is asked.
async fn converse(
    dial: &Dial,
    asked: UnboundedReceiver<Request>,
    connected: &SyncSender<Result<(), Error>>,
) {
    // Whoever asked is told by the end of this where nothing comes of it in time: the setting in the URL is
    // for one host's socket alone, and a server may be silent behind it.
    let one = dial.config.get_connect_timeout().copied();
    let one = one.unwrap_or(Duration::from_secs(CONNECT_S));
    let hosts = u32::try_from(dial.config.get_hosts().len()).unwrap_or(1);
    let in_time = one * (hosts + 1);
    match &dial.tls {
        Some(tls) => match timeout(in_time, dial.config.connect(tls.clone())).await {
            Ok(Ok((client, connection))) => {
                let _ = connected.send(Ok(()));
                drive(client, connection, asked).await;
            }
            Ok(Err(e)) => drop(connected.send(Err(e))),
            Err(_) => {}
        },
        None => match timeout(in_time, dial.config.connect(NoTls)).await {
            Ok(Ok((client, connection))) => {
                let _ = connected.send(Ok(()));
                drive(client, connection, asked).await;
            }
            Ok(Err(e)) => drop(connected.send(Err(e))),
            Err(_) => {}
        },
    }
}

/// Answers what is asked, in its order, until nobody asks any more or the connection is lost. What is asked while an
/// answer is still on its way is sent at once.
async fn drive(
    client: Client,
    connection: impl Future<Output = Result<(), Error>>,
    mut asked: UnboundedReceiver<Request>,
) {
    let mut connection = Box::pin(connection);
    let answers = async {
        let mut under_way = FuturesUnordered::new();
        let mut more = true;
        while more || !under_way.is_empty() {
            tokio::select! {
                biased;
                request = asked.recv(), if more => match request {
                    Some(request) => {
                        let mut answering = Box::pin(answer(&client, request));
                        // With the first look at it, it is sent: in the order in which it was asked. Not so a COPY, which
                        // is prepared first; who asks for one waits for its end.
                        let sent = poll_fn(|cx| Poll::Ready(answering.as_mut().poll(cx)));
                        if sent.await.is_pending() {
                            under_way.push(answering);
                        }
                    }
                    None => more = false,
                },
                _ = under_way.next(), if !under_way.is_empty() => {}
            }
        }
        // The connection ends with its client.
        drop(under_way);
        drop(client);
    };
    let mut answers = std::pin::pin!(answers);
    tokio::select! {
        () = &mut answers => drop(connection.await),
        // Lost. Who waits for an answer is told so by its end, and that comes only with the connection's.
        _ = &mut connection => {
            drop(connection);
            answers.await;
        }
    }
}

async fn answer(client: &Client, request: Request) {
    match request {
        Request::Script(text, reply) => {
            let _ = reply.send(script(client, &text).await);
        }
        Request::Query(text, parameters, reply) => {
            if let Err(e) = query(client, &text, parameters, &reply).await {
                let _ = reply.send(Err(e));
            }
        }
        Request::Change(text, parameters, reply) => {
            let _ = reply.send(change(client, &text, parameters).await);
        }
        Request::Copy(text, types, rows, reply) => {
            let _ = reply.send(copy(client, &text, &types, rows).await);
        }
    }
}

async fn script(client: &Client, text: &str) -> Result<Vec<SimpleQueryRow>, Error> {
    let messages = client.simple_query(text).await?;
    let rows = messages.into_iter().filter_map(|message| match message {
        SimpleQueryMessage::Row(row) => Some(row),
        _ => None,
    });
    Ok(rows.collect())
}

async fn change(client: &Client, text: &str, parameters: Vec<Parameter>) -> Result<u64, Error> {
    let mut rows = std::pin::pin!(client.query_typed_raw(text, parameters).await?);
    while rows.try_next().await?.is_some() {}
    Ok(rows.rows_affected().unwrap_or(0))
}

async fn copy(
    client: &Client,
    text: &str,
    types: &[Type],
    rows: Vec<Vec<Boxed>>,
) -> Result<u64, Error> {
    let sink = client.copy_in(text).await?;
    let mut writer = std::pin::pin!(BinaryCopyInWriter::new(sink, types));
    for row in rows {
        writer.as_mut().write_raw(row).await?;
    }
    writer.finish().await
}

async fn query(
    client: &Client,
    text: &str,
    parameters: Vec<Parameter>,
    reply: &SyncSender<Result<Piece, Error>>,
) -> Result<(), Error> {
    let mut rows = std::pin::pin!(client.query_typed_raw(text, parameters).await?);
    let mut piece = Vec::new();
    while let Some(row) = rows.try_next().await? {
        piece.push(row);
        if piece.len() == ROWS_AT_ONCE
            && reply
                .send(Ok(Piece::Rows(std::mem::take(&mut piece))))
                .is_err()
        {
            return Ok(());
        }
    }
    if !piece.is_empty() && reply.send(Ok(Piece::Rows(piece))).is_err() {
        return Ok(());
    }
    let _ = reply.send(Ok(Piece::Done(rows.rows_affected().unwrap_or(0))));
    Ok(())
}

#[cfg(test)]
mod tests;
