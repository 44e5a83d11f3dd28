//! A PostgreSQL server in a temporary directory, for one test alone. It ends with the test, however that ends.

use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Where Debian puts the server.
const BIN: &str = "/usr/lib/postgresql/15/bin";
/// Time in which a server that was ended must be there again.
const START_MAX: Duration = Duration::from_secs(60);

pub struct Server {
    home: PathBuf,
    port: u16,
    settings: String,
    _kept: Child,
}

impl Server {
    #[allow(dead_code, reason = "a test's; the benchmark shares this file")]
    pub fn start() -> Self {
        Self::start_with("")
    }

    /// With settings of its own, as `postgres` takes them.
    pub fn start_with(settings: &str) -> Self {
        let home = tempfile::Builder::new()
            .prefix("levy-hosts")
            .tempdir()
            .unwrap()
            .keep();
        // The server's user goes through it.
        std::fs::set_permissions(&home, std::fs::Permissions::from_mode(0o755)).unwrap();
        let own = home.join("server");
        std::fs::create_dir(&own).unwrap();
        if std::fs::metadata("/proc/self").unwrap().uid() == 0 {
            run(&format!("chown nobody:nogroup {}", own.display()));
        }
        let port = free_port();
        let at = own.display();
        run(&format!(
            "{} {BIN}/initdb -D {at}/data -U levy -A trust -E UTF8 --locale=C.UTF-8 -N",
            who()
        ));
        let server = Self {
            _kept: kept(
                &home,
                &format!("{} {BIN}/pg_ctl -D {at}/data stop -m immediate", who()),
            ),
            home,
            port,
            settings: settings.to_owned(),
        };
        server.control("start");
        server
    }

    /// Ended at once, as by a power cut, and started again; a test does.
    #[allow(dead_code, reason = "a test's; the benchmark shares this file")]
    pub fn restart(&self) {
        // For a moment the last processes of the one that ended, or somebody on its port, may be in the way.
        let began = Instant::now();
        while !done(&self.controlled("restart -m immediate")) {
            assert!(began.elapsed() < START_MAX, "it does not start again");
            std::thread::yield_now();
        }
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// The first value that a statement gives; the benchmark asks.
    #[allow(dead_code, reason = "the benchmark's, which shares this file")]
    pub fn ask(&self, statement: &str) -> String {
        let out = Command::new(format!("{BIN}/psql"))
            .args([
                "-h",
                "127.0.0.1",
                "-p",
                &self.port.to_string(),
                "-U",
                "levy",
            ])
            .args(["-d", "postgres", "-qAtc", statement])
            .output()
            .unwrap();
        assert!(out.status.success(), "{statement}: {out:?}");
        String::from_utf8(out.stdout).unwrap().trim().to_owned()
    }

    fn control(&self, what: &str) {
        run(&self.controlled(what));
    }

    fn controlled(&self, what: &str) -> String {
        let at = self.home.join("server");
        let at = at.display();
        format!(
            "{} {BIN}/pg_ctl -D {at}/data -l {at}/log -w -t 60 -o '-p {} -c unix_socket_directories={at} \
             -c listen_addresses=127.0.0.1 -c max_connections=100 {}' {what}",
            who(),
            self.port,
            self.settings
        )
    }
}

/// Never as root: then as nobody.
fn who() -> &'static str {
    match std::fs::metadata("/proc/self").unwrap().uid() {
        0 => "setpriv --reuid=nobody --regid=nogroup --clear-groups",
        _ => "",
    }
}

pub fn free_port() -> u16 {
    let free = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    free.local_addr().unwrap().port()
}

fn run(command: &str) {
    assert!(done(command), "{command}");
}

fn done(command: &str) -> bool {
    let status = Command::new("sh")
        .args(["-c", command])
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .unwrap();
    status.success()
}

/// A shell that waits for the end of this process, then does something and takes the directory away.
fn kept(home: &std::path::Path, command: &str) -> Child {
    let script = format!(
        "trap '' INT; cat >/dev/null; {command}; rm -rf {}",
        home.display()
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
