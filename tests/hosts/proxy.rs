//! A way between a process and a server, that counts what goes over it, or is cut at the worst moment.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Instant;

/// Bytes that are read at once.
const CHUNK: usize = 64 * 1024;

/// Requests that went over a way, and when.
#[derive(Clone, Default)]
pub struct Seen(Arc<Mutex<Vec<Instant>>>);

impl Seen {
    pub fn count(&self) -> usize {
        self.0.lock().unwrap().len()
    }

    pub fn since(&self, moment: Instant) -> usize {
        self.0
            .lock()
            .unwrap()
            .iter()
            .filter(|at| **at > moment)
            .count()
    }
}

/// How a way is.
#[derive(Clone)]
pub enum Way {
    /// HTTP requests are counted.
    Counted(Seen),
    /// After every so many commits of a connection it is cut, before the answer to the last one.
    CutAtCommit(u64, Arc<AtomicU64>),
}

/// Opens a way to a port of this machine; the port that leads there. Its threads end with the process.
pub fn open(to: u16, way: Way) -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for near in listener.incoming().flatten() {
            let Ok(far) = TcpStream::connect(("127.0.0.1", to)) else {
                continue;
            };
            near.set_nodelay(true).unwrap();
            far.set_nodelay(true).unwrap();
            let deaf = Arc::new(AtomicU64::new(0));
            let back = (
                far.try_clone().unwrap(),
                near.try_clone().unwrap(),
                deaf.clone(),
            );
            let way = way.clone();
            std::thread::spawn(move || there(near, far, &way, &deaf));
            std::thread::spawn(move || home(back.0, back.1, &back.2));
        }
    });
    port
}

fn there(mut near: TcpStream, mut far: TcpStream, way: &Way, deaf: &AtomicU64) {
    let mut chunk = vec![0; CHUNK];
    let mut commits = 0;
    while let Ok(bytes @ 1..) = near.read(&mut chunk) {
        let sent = &chunk[..bytes];
        match way {
            Way::Counted(seen) => {
                let requests = times(sent, b"POST /v3/") + times(sent, b"GET /v3/");
                let mut all = seen.0.lock().unwrap();
                all.extend(std::iter::repeat_n(Instant::now(), requests));
            }
            Way::CutAtCommit(every, cuts) => {
                commits += times(sent, b"; COMMIT") as u64;
                if commits >= *every {
                    // Its answer goes nowhere.
                    deaf.store(1, Ordering::SeqCst);
                    cuts.fetch_add(1, Ordering::SeqCst);
                }
            }
        }
        if far.write_all(sent).is_err() {
            break;
        }
    }
    let _ = far.shutdown(Shutdown::Both);
    let _ = near.shutdown(Shutdown::Both);
}

fn home(mut far: TcpStream, mut near: TcpStream, deaf: &AtomicU64) {
    let mut chunk = vec![0; CHUNK];
    while let Ok(bytes @ 1..) = far.read(&mut chunk) {
        if deaf.load(Ordering::SeqCst) == 1 || near.write_all(&chunk[..bytes]).is_err() {
            break;
        }
    }
    let _ = near.shutdown(Shutdown::Both);
    let _ = far.shutdown(Shutdown::Both);
}

fn times(text: &[u8], word: &[u8]) -> usize {
    text.windows(word.len())
        .filter(|part| *part == word)
        .count()
}
