//! What stays in the sandbox's directory, and who may use it.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use levy::sandbox::books;
use levy::sandbox::{Faults, Options, SandboxFault, material, start};
use serde_json::json;

use super::client::SUBMIT;
use super::{run, temp};

#[tokio::test]
async fn books_and_script_positions_survive_a_kill_in_the_middle_of_a_line() {
    let dir = temp();
    let script = "#sandbox post=drop-after,500,success";
    let (running, client) = run(dir.path(), |_| {}).await;
    assert!(client.post("R1", script).await.is_none());
    client
        .post("R2", "#sandbox post=processing")
        .await
        .expect("a reply");
    client.get("R3").await.expect("a reply");
    running.shutdown().await;
    let before = books::read(dir.path()).expect("books");
    for file in ["books.jsonl", "arrivals.log"] {
        let path = dir.path().join(file);
        let mut text = std::fs::read(&path).expect("a file");
        text.extend_from_slice(b"{\"event\":\"post\",\"no\":\"R1");
        std::fs::write(&path, text).expect("written");
    }
    assert_eq!(books::read(dir.path()).expect("books"), before);

    let (running, client) = run(dir.path(), |_| {}).await;
    assert_eq!(
        client.post("R1", script).await.expect("a reply").status,
        500
    );
    assert_eq!(
        client.post("R1", script).await.expect("a reply").word(),
        "SUCCESS"
    );
    assert_eq!(client.get("R2").await.expect("a reply").word(), "SUCCESS");
    assert_eq!(
        client.post("R3", "").await.expect("a reply").word(),
        "ALREADY_EXISTS"
    );
    running.shutdown().await;
    let after = books::read(dir.path()).expect("books");
    assert_eq!(after.orders["R1"].posts, 3);
    assert_eq!(after.debited_fen(), 2 * 123);
    assert_eq!(after.debited_twice(), Vec::<&str>::new());
    let arrivals = books::arrivals(dir.path()).expect("arrivals");
    assert_eq!(arrivals.len(), 7);
    assert!(arrivals.is_sorted_by_key(|arrival| arrival.at_us));
}

#[tokio::test]
async fn a_success_whose_debit_was_torn_off_is_debited_on_the_next_start() {
    let dir = temp();
    let (running, client) = run(dir.path(), |_| {}).await;
    client.post("T1", "").await.expect("a reply");
    running.shutdown().await;
    let path = dir.path().join("books.jsonl");
    let text = std::fs::read_to_string(&path).expect("a file");
    let torn: String = text
        .lines()
        .filter(|line| !line.contains("debit"))
        .fold(String::new(), |all, line| all + line + "\n");
    assert_ne!(torn, text);
    std::fs::write(&path, torn).expect("written");
    let (running, _client) = run(dir.path(), |_| {}).await;
    running.shutdown().await;
    assert_eq!(
        books::read(dir.path()).expect("books").orders["T1"].debits,
        1
    );
}

#[tokio::test]
async fn the_last_authentic_request_is_kept_where_asked() {
    let dir = temp();
    let kept = dir.path().join("request");
    let record = Some(kept.clone());
    let (running, client) = run(dir.path(), |options| options.record_request = record).await;
    let draft = client.submission("O1", json!({}));
    client.send(&draft).await.expect("a reply");
    running.shutdown().await;
    let message = std::fs::read_to_string(&kept).expect("the message");
    let expected = format!(
        "POST\n{SUBMIT}\n{}\n{}\n{}\n",
        draft.timestamp, draft.nonce, draft.body
    );
    assert_eq!(message, expected);
    assert_eq!(
        std::fs::read(dir.path().join("request.sig"))
            .expect("a signature")
            .len(),
        256
    );
}

#[tokio::test]
async fn private_keys_are_for_their_owner_and_stay_the_same() {
    let dir = temp();
    let root = dir.path().join("box");
    let made: Vec<_> = std::thread::scope(|scope| {
        let calls: Vec<_> = (0..3).map(|_| scope.spawn(|| material(&root))).collect();
        calls
            .into_iter()
            .map(|call| call.join().expect("no panic").expect("keys"))
            .collect()
    });
    assert!(made.iter().all(|one| *one == made[0]), "{made:?}");
    assert_eq!(material(&root).expect("keys"), made[0]);
    let mode = |path: &Path| std::fs::metadata(path).expect("there").permissions().mode() & 0o777;
    assert_eq!(mode(&root), 0o700);
    let keys = made[0].private_key.parent().expect("a directory");
    let mut private = 0;
    for entry in std::fs::read_dir(keys).expect("keys") {
        let path = entry.expect("an entry").path();
        if std::fs::read_to_string(&path)
            .expect("text")
            .contains("PRIVATE KEY")
        {
            assert_eq!(mode(&path), 0o600, "{}", path.display());
            private += 1;
        }
    }
    assert_eq!(private, 3);
    assert_eq!(made[0].serial_no.len(), 40);
    assert_eq!(made[0].public_key_id.len(), "PUB_KEY_ID_".len() + 28);
    let left = std::fs::read_dir(&root).expect("a directory").count();
    assert_eq!(left, 1, "nothing half-made is left");
}

#[tokio::test]
async fn a_sandbox_is_refused_that_others_could_reach_or_that_shares_its_books() {
    let dir = temp();
    let open = Options {
        dir: dir.path().to_owned(),
        listen: "0.0.0.0:0".parse().expect("an address"),
        ..Options::default()
    };
    assert!(matches!(
        start(open).await,
        Err(SandboxFault::NotLoopback(_))
    ));
    let faulty = Options {
        dir: dir.path().to_owned(),
        faults: Faults {
            throttle: 1.5,
            ..Faults::default()
        },
        ..Options::default()
    };
    assert!(matches!(
        start(faulty).await,
        Err(SandboxFault::Setting { name: "faults", .. })
    ));
    let (running, _client) = run(dir.path(), |_| {}).await;
    let second = Options {
        dir: dir.path().to_owned(),
        ..Options::default()
    };
    assert!(matches!(start(second).await, Err(SandboxFault::Busy(_))));
    running.shutdown().await;
    let (_running, _client) = run(dir.path(), |_| {}).await;
}
