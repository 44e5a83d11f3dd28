//! PostgreSQL from Debian's package, in a temporary directory, for this process alone. A shell keeps it: it
//! ends with the pipe that this process holds, however this process ends, and takes the directory with it.

use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// Where Debian puts the server.
const BIN: &str = "/usr/lib/postgresql/15/bin";
/// Time in which a server must answer.
const START_MAX: Duration = Duration::from_secs(60);
/// The password of levy's role: no output may have it.
pub const PASSWORD: &str = "geheim-4711";

pub struct Server {
    dir: PathBuf,
    port: u16,
    databases: AtomicU32,
    _kept: Child,
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
        let free = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = free.local_addr().unwrap().port();
        drop(free);
        let postgres = format!(
            "{who} {BIN}/postgres -D {at}/data -p {port} -c unix_socket_directories={at} \
             -c listen_addresses=127.0.0.1 -c max_connections=200"
        );
        let script = format!(
            "trap '' INT; {postgres} >{at}/log 2>&1 & server=$!; cat >/dev/null; kill -INT $server; \
             wait $server; rm -rf {}",
            dir.display()
        );
        let kept = Command::new("sh")
            .args(["-c", &script])
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let server = Self {
            dir: own,
            port,
            databases: AtomicU32::new(0),
            _kept: kept,
        };
        let began = Instant::now();
        while server.ask("postgres", "SELECT 1").is_none() {
            assert!(began.elapsed() < START_MAX, "no server answers");
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

fn run(command: &str) {
    let out = Command::new("sh")
        .args(["-c", command])
        .current_dir("/")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&out.stderr);
    assert!(out.status.success(), "{command}: {said}");
}
