//! PostgreSQL and PgBouncer from Debian's packages, in a temporary directory, for this process alone. A
//! shell keeps each: it ends with the pipe that this process holds, however this process ends, and takes
//! the directory with it.

use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use crate::ledger::postgres::tests::binding;
use crate::ledger::postgres::url::Url;
use crate::ledger::postgres::wire::{Fault, Wire};
use crate::ledger::postgres::{Isolation, PostgresLedger, PostgresOptions, Trouble};

/// Where Debian puts the server.
const BIN: &str = "/usr/lib/postgresql/15/bin";
/// A database with an empty ledger, that others are copies of.
pub(super) const TEMPLATE: &str = "template_levy";
/// Time in which a server must answer.
const START_MAX: Duration = Duration::from_secs(60);

/// How the database is reached.
#[derive(Clone, Copy, Debug)]
pub(in crate::ledger::postgres) enum Route {
    /// By the socket.
    Direct,
    /// By PgBouncer in transaction mode, which gives each transaction another connection.
    Pooled,
}

pub(super) struct Server {
    pub dir: PathBuf,
    port: u16,
    pooled_port: u16,
    _kept: [Child; 2],
}

impl Server {
    /// The server of this process, started by whoever asks first.
    pub(super) fn get() -> &'static Self {
        static SERVER: OnceLock<Server> = OnceLock::new();
        SERVER.get_or_init(Self::start)
    }

    fn start() -> Self {
        let dir = tempfile::Builder::new()
            .prefix("levy-postgres")
            .tempdir()
            .unwrap()
            .keep();
        // The server's user goes through it.
        std::fs::set_permissions(&dir, std::fs::Permissions::from_mode(0o755)).unwrap();
        let own = dir.join("server");
        std::fs::create_dir(&own).unwrap();
        let who = unprivileged(&own);
        let (port, pooled_port) = (free_port(), free_port());
        let at = own.display();
        run(&format!(
            "{who} {BIN}/initdb -D {at}/data -U levy -A trust -E UTF8 --locale=C.UTF-8 -N"
        ));
        let postgres = format!(
            "{who} {BIN}/postgres -D {at}/data -p {port} -c unix_socket_directories={at} -c fsync=on \
             -c listen_addresses=127.0.0.1 -c max_connections=400"
        );
        std::fs::write(own.join("pgbouncer.ini"), pooling(&own, port, pooled_port)).unwrap();
        let pooler = format!("{who} /usr/sbin/pgbouncer -q {at}/pgbouncer.ini");
        let server = Self {
            _kept: [
                keep(
                    &dir,
                    "postgres",
                    &postgres,
                    "INT",
                    &format!("; rm -rf {}", dir.display()),
                ),
                keep(&dir, "pgbouncer", &pooler, "TERM", ""),
            ],
            dir: own,
            port,
            pooled_port,
        };
        for route in [Route::Direct, Route::Pooled] {
            server.wait_for(route);
        }
        server.make_database(TEMPLATE, None);
        let options = PostgresOptions {
            url: server.url(Route::Direct, TEMPLATE),
            binding: binding(),
            create: true,
            who: "the template".into(),
            lease_ms: super::LEASE_MS,
            patience: None,
            isolation: Isolation::ReadCommitted,
        };
        drop(PostgresLedger::open(&options).unwrap());
        server
    }

    pub(super) fn url(&self, route: Route, database: &str) -> String {
        let (host, port) = match route {
            Route::Direct => (
                self.dir.display().to_string().replace('/', "%2F"),
                self.port,
            ),
            Route::Pooled => ("127.0.0.1".into(), self.pooled_port),
        };
        format!("postgres://levy@{host}:{port}/{database}")
    }

    pub(super) fn wire(&self, route: Route, database: &str) -> Result<Wire, Fault> {
        Wire::connect(Url::parse(&self.url(route, database)).unwrap().dial(None))
    }

    /// Executes something as who administers the server; the first value that comes back.
    pub(super) fn try_execute(&self, database: &str, text: &str) -> Result<String, String> {
        let wire = self.wire(Route::Direct, database);
        let done = wire.and_then(|wire| wire.script(text.into()));
        let rows = done.map_err(|fault| Trouble::of(&fault).words)?;
        let value = rows.first().and_then(|row| row.get(0));
        Ok(value.unwrap_or_default().to_owned())
    }

    pub(super) fn ask(&self, database: &str, text: &str) -> String {
        let asked = self.try_execute(database, text);
        asked.unwrap_or_else(|words| panic!("{text}: {words}"))
    }

    pub(super) fn execute(&self, database: &str, text: &str) {
        self.ask(database, text);
    }

    pub(super) fn make_database(&self, name: &str, template: Option<&str>) {
        let template = template.unwrap_or("template1");
        self.execute(
            "postgres",
            &format!("CREATE DATABASE {name} TEMPLATE {template}"),
        );
    }

    pub(super) fn drop_database(&self, name: &str) {
        self.execute("postgres", &format!("DROP DATABASE {name} WITH (FORCE)"));
    }

    /// Cuts every connection to a database, and waits until none is left.
    pub(super) fn cut(&self, name: &str) {
        let cut = format!(
            "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE datname = '{name}'"
        );
        self.execute("postgres", &cut);
    }

    /// Waits until somebody waits for a lock in a database.
    pub(super) fn wait_for_a_waiter(&self, name: &str) {
        let waiting = format!(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = '{name}' AND wait_event_type = 'Lock'"
        );
        let began = Instant::now();
        while self.ask("postgres", &waiting) == "0" {
            assert!(began.elapsed() < START_MAX, "nobody waits");
            std::thread::yield_now();
        }
    }

    fn wait_for(&self, route: Route) {
        let began = Instant::now();
        while self.wire(route, "postgres").is_err() {
            assert!(began.elapsed() < START_MAX, "no server answers: {route:?}");
            std::thread::yield_now();
        }
    }
}

/// Neither server runs as root: then it is nobody's.
fn unprivileged(dir: &Path) -> &'static str {
    if std::fs::metadata("/proc/self").unwrap().uid() != 0 {
        return "";
    }
    run(&format!("chown nobody:nogroup {}", dir.display()));
    "setpriv --reuid=nobody --regid=nogroup --clear-groups"
}

fn pooling(dir: &Path, port: u16, pooled_port: u16) -> String {
    format!(
        "[databases]\n* = host={0} port={port} user=levy\n[pgbouncer]\nlisten_addr = 127.0.0.1\n\
         listen_port = {pooled_port}\nunix_socket_dir =\nauth_type = any\npool_mode = transaction\n\
         default_pool_size = 3\nserver_round_robin = 1\nmax_client_conn = 400\n\
         server_idle_timeout = 5\nlogfile = {0}/pgbouncer.log\npidfile = {0}/pgbouncer.pid\n",
        dir.display()
    )
}

fn free_port() -> u16 {
    let free = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    free.local_addr().unwrap().port()
}

fn run(command: &str) {
    let out = Command::new("sh")
        .args(["-c", command])
        .current_dir("/")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&out.stderr);
    assert!(out.status.success(), "{command}: {said}");
}

/// A shell that runs a server until its input ends, and cleans up after it.
fn keep(dir: &Path, name: &str, command: &str, signal: &str, after: &str) -> Child {
    let at = dir.display();
    let script = format!(
        "trap '' INT; {command} >{at}/{name}.log 2>&1 & server=$!; cat >/dev/null; kill -{signal} $server; \
         wait $server{after}"
    );
    Command::new("sh")
        .args(["-c", &script])
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}
