//! PostgreSQL and PgBouncer from Debian's packages, in a temporary directory, for this process alone. A shell
//! keeps each: it ends with the pipe that this process holds, however this process ends, and takes the
//! directory with it.

use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// Where Debian puts the server.
const BIN: &str = "/usr/lib/postgresql/15/bin";
/// The host that the server's certificate names.
pub const HOST: &str = "db.bank.example";
/// A database that lets nobody in whose way to it is not encrypted.
pub const TLS_ONLY: &str = "tls_only";
/// Time in which a server must answer.
const START_MAX: Duration = Duration::from_secs(60);
/// The password of levy's role: no output may have it.
pub const PASSWORD: &str = "geheim-4711";

pub struct Server {
    dir: PathBuf,
    port: u16,
    pooled_port: u16,
    databases: AtomicU32,
    _kept: [Child; 2],
}

impl Server {
    /// The server of this process, started by whoever asks first.
    pub fn get() -> &'static Self {
        static SERVER: OnceLock<Server> = OnceLock::new();
        SERVER.get_or_init(Self::start)
    }

    /// One of its own, for who stops it.
    pub fn own() -> &'static Self {
        Box::leak(Box::new(Self::start()))
    }

    /// Stops all of its processes, or lets them go on: connections stand meanwhile.
    pub fn signal(&self, signal: &str) {
        let pids = std::fs::read_to_string(self.dir.join("data/postmaster.pid")).unwrap();
        let first = pids.lines().next().unwrap().trim();
        run(&format!("kill -s {signal} {first}"));
        let children = format!("/proc/{first}/task/{first}/children");
        let children = std::fs::read_to_string(children).unwrap();
        // One of them may have ended by now.
        run(&format!(
            "for child in {children}; do kill -s {signal} $child || true; done"
        ));
    }

    fn start() -> Self {
        let dir = tempfile::Builder::new()
            .prefix("levy-shared")
            .tempdir()
            .unwrap()
            .keep();
        // The server's user goes through it.
        std::fs::set_permissions(&dir, std::fs::Permissions::from_mode(0o755)).unwrap();
        let own = dir.join("server");
        std::fs::create_dir(&own).unwrap();
        let secret = own.join("password");
        std::fs::write(&secret, PASSWORD).unwrap();
        certificates(&own);
        let at = own.display();
        // The server does not run as root: then it is nobody's.
        let who = match std::fs::metadata("/proc/self").unwrap().uid() {
            0 => {
                run(&format!("chown -R nobody:nogroup {at}"));
                "setpriv --reuid=nobody --regid=nogroup --clear-groups"
            }
            _ => "",
        };
        run(&format!(
            "{who} {BIN}/initdb -D {at}/data -U levy -A scram-sha-256 --pwfile={at}/password -E UTF8 \
             --locale=C.UTF-8 -N"
        ));
        let (port, pooled_port) = (free_port(), free_port());
        let hba = own.join("data/pg_hba.conf");
        let rest = std::fs::read_to_string(&hba).unwrap();
        let rules = format!("hostnossl {TLS_ONLY} all 127.0.0.1/32 reject\n{rest}");
        std::fs::write(&hba, rules).unwrap();
        let postgres = format!(
            "{who} {BIN}/postgres -D {at}/data -p {port} -c unix_socket_directories={at} -c ssl=on \
             -c ssl_cert_file={at}/server.pem -c ssl_key_file={at}/server.key -c listen_addresses=127.0.0.1 \
             -c max_connections=200"
        );
        let pooling = format!(
            "[databases]\n* = host=127.0.0.1 port={port} user=levy password={PASSWORD}\n[pgbouncer]\n\
             listen_addr = 127.0.0.1\nlisten_port = {pooled_port}\nunix_socket_dir =\nauth_type = any\n\
             pool_mode = transaction\ndefault_pool_size = 4\nserver_round_robin = 1\nmax_client_conn = 200\n\
             server_idle_timeout = 5\nlogfile = {at}/pgbouncer.log\npidfile = {at}/pgbouncer.pid\n"
        );
        std::fs::write(own.join("pgbouncer.ini"), pooling).unwrap();
        let pooler = format!("{who} /usr/sbin/pgbouncer -q {at}/pgbouncer.ini");
        let kept = [
            keep(
                &own,
                "postgres",
                &postgres,
                "INT",
                &format!("; rm -rf {}", dir.display()),
            ),
            keep(&own, "pooler", &pooler, "TERM", ""),
        ];
        let server = Self {
            dir: own,
            port,
            pooled_port,
            databases: AtomicU32::new(0),
            _kept: kept,
        };
        let began = Instant::now();
        while server.ask("postgres", "SELECT 1").is_none() {
            assert!(began.elapsed() < START_MAX, "no server answers");
            std::thread::yield_now();
        }
        while TcpStream::connect(("127.0.0.1", pooled_port)).is_err() {
            assert!(began.elapsed() < START_MAX, "no pooler answers");
            std::thread::yield_now();
        }
        server
    }

    /// A database of its own; its name.
    pub fn database(&self) -> String {
        let name = format!("books{}", self.databases.fetch_add(1, Ordering::Relaxed));
        self.ask("postgres", &format!("CREATE DATABASE {name}"))
            .unwrap();
        name
    }

    /// How levy names a database: without the password.
    pub fn url(&self, database: &str) -> String {
        format!("postgres://levy@127.0.0.1:{}/{database}", self.port)
    }

    /// The same by PgBouncer, which gives each transaction another connection, and knows the password itself.
    pub fn pooled_url(&self, database: &str) -> String {
        format!("postgres://levy@127.0.0.1:{}/{database}", self.pooled_port)
    }

    /// Encrypted, as on another host: a name, and where that is.
    pub fn tls_url(&self, host: &str, authority: &str) -> String {
        let root = self.dir.join(authority).display().to_string();
        format!(
            "postgres://levy@{host}:{}/{TLS_ONLY}?hostaddr=127.0.0.1&sslrootcert={root}",
            self.port
        )
    }

    /// The same at a port where nobody speaks TLS.
    pub fn plain_url_of_another_host(&self) -> String {
        let url = self.tls_url(HOST, "ca.pem");
        let (port, pooled) = (self.port, self.pooled_port);
        url.replace(&format!(":{port}/"), &format!(":{pooled}/"))
    }

    /// All rows of a database's ledger but those of the tables that are named, as the server's own tool has them.
    pub fn dump(&self, database: &str, but: &[&str]) -> String {
        let but = but
            .iter()
            .map(|table| format!("--exclude-table=levy.{table}"));
        let out = Command::new(format!("{BIN}/pg_dump"))
            .args(["-a", "--inserts", "--disable-triggers", "-n", "levy", "-h"])
            .arg(&self.dir)
            .args(["-p", &self.port.to_string(), "-U", "levy", "-d", database])
            .args(but)
            .env("PGPASSWORD", PASSWORD)
            .output()
            .unwrap();
        assert!(out.status.success(), "{out:?}");
        String::from_utf8(out.stdout).unwrap()
    }

    /// Has the server's own client do what such a dump says.
    pub fn fill(&self, database: &str, dump: &str) {
        let file = self.dir.join(format!("{database}.sql"));
        std::fs::write(&file, dump).unwrap();
        let out = Command::new(format!("{BIN}/psql"))
            .args(["-qX", "-v", "ON_ERROR_STOP=1", "-h"])
            .arg(&self.dir)
            .args([
                "-p",
                &self.port.to_string(),
                "-U",
                "levy",
                "-d",
                database,
                "-f",
            ])
            .arg(&file)
            .env("PGPASSWORD", PASSWORD)
            .output()
            .unwrap();
        assert!(out.status.success(), "{out:?}");
    }

    /// What the server's own client prints, if it does what it is told.
    pub fn ask(&self, database: &str, text: &str) -> Option<String> {
        let out = Command::new(format!("{BIN}/psql"))
            .args(["-qAtX", "-h", self.dir.to_str().unwrap(), "-p"])
            .arg(self.port.to_string())
            .args(["-U", "levy", "-d", database, "-c", text])
            .env("PGPASSWORD", PASSWORD)
            .output()
            .unwrap();
        let said = String::from_utf8(out.stdout).unwrap();
        out.status.success().then(|| said.trim().to_owned())
    }
}

/// Two authorities, and a certificate of the first for the server.
fn certificates(own: &Path) {
    let at = own.display();
    let new = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2";
    for name in ["ca", "other"] {
        run(&format!(
            "{new} -subj '/CN=authority {name}' -keyout {at}/{name}.key -out {at}/{name}.pem"
        ));
    }
    run(&format!(
        "{new} -subj /CN={HOST} -CA {at}/ca.pem -CAkey {at}/ca.key -addext subjectAltName=DNS:{HOST} \
         -addext basicConstraints=critical,CA:FALSE -keyout {at}/server.key -out {at}/server.pem"
    ));
    // The server takes no key that others may read.
    let key = own.join("server.key");
    std::fs::set_permissions(key, std::fs::Permissions::from_mode(0o600)).unwrap();
}

fn free_port() -> u16 {
    let free = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    free.local_addr().unwrap().port()
}

/// A shell that runs a server until its input ends, and cleans up after it.
fn keep(own: &Path, name: &str, command: &str, signal: &str, after: &str) -> Child {
    let at = own.display();
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

fn run(command: &str) {
    let out = Command::new("sh")
        .args(["-c", command])
        .current_dir("/")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&out.stderr);
    assert!(out.status.success(), "{command}: {said}");
}
