//! Servers that say nothing, or no more.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::mpsc::channel;

use super::*;
use crate::ledger::postgres::fault::Trouble;

/// A server that welcomes whoever comes, and says nothing to the first statement until it is told to.
fn silent() -> (Config, std::sync::mpsc::Sender<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let (end, ends) = channel::<()>();
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut asked = [0; 1024];
        assert!(stream.read(&mut asked).unwrap() > 0, "who it is");
        // Welcome, and ready for a statement.
        stream
            .write_all(b"R\0\0\0\x08\0\0\0\0Z\0\0\0\x05I")
            .unwrap();
        assert!(stream.read(&mut asked).unwrap() > 0, "the statement");
        let _ = ends.recv();
    });
    let mut config = Config::new();
    config.host("127.0.0.1").port(port).user("levy");
    (config, end)
}

/// As a server does that is stopped: the connection stands.
#[test]
fn who_has_waited_long_enough_is_told_and_asks_no_more() {
    let (config, _end) = silent();
    let wire = Wire::connect(Dial {
        config,
        tls: None,
        patience: Some(Duration::from_secs(1)),
    });
    let wire = wire.unwrap_or_else(|_| panic!("not connected"));
    let first = wire.query("SELECT 1", &[]).and_then(|it| it.next());
    assert!(matches!(first, Err(Fault::Silent)));
    assert!(matches!(wire.script("ROLLBACK".into()), Err(Fault::Gone)));
    // Its thread ends, though the server still has to answer.
    drop(wire);
}

/// It listens, and that is all.
#[test]
fn a_server_that_welcomes_nobody_is_not_waited_for() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut config = Config::new();
    config
        .host("127.0.0.1")
        .port(listener.local_addr().unwrap().port());
    config.user("levy");
    let wire = Wire::connect(Dial {
        config,
        tls: None,
        patience: Some(Duration::from_millis(100)),
    });
    assert!(matches!(wire, Err(Fault::Silent)));
}

/// As a server does whose power goes in the middle of a statement: it says nothing more.
#[test]
fn who_waits_for_an_answer_is_told_when_the_connection_is_lost() {
    let (config, end) = silent();
    let wire = Wire::connect(Dial {
        config,
        tls: None,
        patience: None,
    });
    let wire = wire.unwrap_or_else(|_| panic!("not connected"));
    let (tell, told) = channel();
    std::thread::spawn(move || tell.send(wire.script("SELECT 1".into()).is_err()));
    drop(end);
    assert_eq!(told.recv_timeout(Duration::from_secs(60)), Ok(true));
}

/// Connects, and says nothing whatever it is asked.
#[test]
fn a_server_that_never_answers_is_given_up_and_said_to_be_silent() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let (tell, told) = channel();
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut asked = Vec::new();
        // Until whoever waits for an answer goes away.
        let _ = stream.read_to_end(&mut asked);
        tell.send(asked.len()).unwrap();
    });
    let mut config = Config::new();
    config.host("127.0.0.1").port(port).user("levy");
    config.connect_timeout(Duration::from_millis(50));
    let Err(fault) = Wire::connect(Dial {
        config,
        tls: None,
        patience: None,
    }) else {
        panic!("connected");
    };
    assert!(matches!(fault, Fault::Unreached(None)));
    let words = Trouble::of(&fault).words;
    assert!(words.contains("did not answer"), "{words}");
    assert!(told.recv().unwrap() > 0, "who it is, and nothing more");
}
