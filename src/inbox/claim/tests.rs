//! A claim that is cut off at any of its steps, and names that are taken.

use super::*;
use crate::inbox::{Listing, Terms, Verdict};

struct Bench {
    dir: tempfile::TempDir,
    folder: Folder,
}

impl Bench {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let folder = Folder::open(dir.path(), "SANDBOX 1").unwrap();
        Self { dir, folder }
    }

    fn put(&self, name: &str, text: &str) {
        fs::write(self.dir.path().join(name), text).unwrap();
    }

    fn read(&self, name: &str) -> Option<String> {
        fs::read_to_string(self.dir.path().join(name)).ok()
    }

    fn find(&mut self, name: &str) -> Found {
        let listing: Listing = self.folder.listing().unwrap();
        let terms = Terms {
            quiet_seconds: 0,
            require_ok: false,
            now_ns: self.folder.now_ns().unwrap(),
        };
        let found = self.folder.judge(OsStr::new(name), &listing, &terms);
        let found = found.unwrap().unwrap();
        assert_eq!(found.verdict, Verdict::Take);
        found
    }

    fn claim(&mut self, name: &str) -> Slot {
        let found = self.find(name);
        self.folder.claim(&found).unwrap()
    }

    fn stages(&self) -> Vec<Stage> {
        let slots = self.folder.slots().unwrap();
        slots.iter().map(|slot| slot.stage().unwrap()).collect()
    }
}

#[test]
fn a_file_goes_through_with_its_totals_and_overwrites_nothing() {
    let mut bench = Bench::new();
    for (round, key) in ["a", "a.2", "a.3"].into_iter().enumerate() {
        bench.put("a.csv", &round.to_string());
        bench.put("a.ok", "rows = 1");
        let slot = bench.claim("a.csv");
        assert_eq!(slot.key, key);
        let name = OsString::from("a.csv");
        assert_eq!(slot.stage().unwrap(), Stage::Claimed(name.clone()));
        for begun in [
            Begun::default(),
            Begun {
                again: true,
                digests: vec![[7; 32], [255; 32]],
            },
        ] {
            slot.begin(&bench.folder, &name, &begun).unwrap();
            assert_eq!(slot.stage().unwrap(), Stage::Begun(name.clone(), begun));
        }
        for (file, text) in [("a.result.csv", "result"), ("a.receipt.txt", "receipt")] {
            fs::write(slot.path.join(file), text).unwrap();
        }
        bench.folder.leave(&slot, &name, Shelf::Done).unwrap();
        let outside = slot.name_outside(&name, OsStr::new("a.result.csv"));
        assert_eq!(outside.to_str(), Some(&*format!("{key}.result.csv")));
        let there = |end: &str| bench.read(&format!("done/{key}{end}"));
        assert_eq!(there(".csv"), Some(round.to_string()));
        assert_eq!(there(".csv.ok").as_deref(), Some("rows = 1"));
        assert_eq!(there(".result.csv").as_deref(), Some("result"));
        assert_eq!(there(".receipt.txt").as_deref(), Some("receipt"));
        assert_eq!(bench.stages(), []);
        assert_eq!((bench.read("a.csv"), bench.read("a.ok")), (None, None));
    }
}

#[test]
fn l9_a_claim_that_was_cut_off_brings_the_totals_back_to_their_file() {
    let mut bench = Bench::new();
    bench.put("a.csv", "data");
    bench.put("a.csv.ok", "rows = 1");
    let slot = bench.claim("a.csv");
    // As if it had been killed before the second rename.
    fs::rename(slot.path.join("a.csv"), bench.dir.path().join("a.csv")).unwrap();
    let Stage::Unclaimed(name) = slot.stage().unwrap() else {
        panic!("{:?}", slot.stage());
    };
    bench.folder.unclaim(&slot, &name).unwrap();
    assert_eq!(bench.stages(), []);
    assert_eq!(bench.read("a.csv.ok").as_deref(), Some("rows = 1"));
    // Before the first one, and before its state was written.
    let slot = bench.claim("a.csv");
    bench.folder.unclaim(&slot, &name).unwrap();
    let slot = Slot::new(&bench.folder, "a".into());
    fs::create_dir(&slot.path).unwrap();
    assert_eq!(bench.stages(), [Stage::Empty]);
    bench.folder.remove(&slot).unwrap();
    assert_eq!(bench.read("a.csv").as_deref(), Some("data"));
    assert_eq!(bench.read("a.csv.ok").as_deref(), Some("rows = 1"));
}

#[test]
fn totals_that_were_dropped_anew_are_not_overwritten_by_those_of_a_claim_that_was_cut_off() {
    let mut bench = Bench::new();
    bench.put("a.csv", "data");
    bench.put("a.csv.ok", "rows = 1");
    let slot = bench.claim("a.csv");
    fs::rename(slot.path.join("a.csv"), bench.dir.path().join("a.csv")).unwrap();
    bench.put("a.csv.ok", "rows = 2");
    let fault = bench
        .folder
        .unclaim(&slot, OsStr::new("a.csv"))
        .unwrap_err();
    assert!(
        fault.to_string().contains("nothing is overwritten"),
        "{fault}"
    );
    assert_eq!(bench.read("a.csv.ok").as_deref(), Some("rows = 2"));
    assert_eq!(bench.stages(), [Stage::Unclaimed("a.csv".into())]);
}

#[test]
fn l9_what_was_cut_off_on_its_way_out_goes_on_to_the_same_names() {
    for moved in 0..=3 {
        let mut bench = Bench::new();
        bench.put("a.csv", "data");
        bench.put("a.csv.ok", "rows = 1");
        bench.put("done/a.csv", "of before");
        let slot = bench.claim("a.csv");
        let name = OsString::from("a.csv");
        fs::write(slot.path.join("a.result.csv"), "result").unwrap();
        fs::write(slot.path.join("a.receipt.txt"), "receipt").unwrap();
        slot.write_state(&bench.folder, "rejected", &name).unwrap();
        for end in [".csv", ".csv.ok", ".result.csv"].iter().take(moved) {
            let to = bench.dir.path().join(format!("rejected/a.2{end}"));
            fs::rename(slot.path.join(format!("a{end}")), to).unwrap();
        }
        let stage = slot.stage().unwrap();
        assert_eq!(stage, Stage::Leaving(name.clone(), Shelf::Rejected));
        bench.folder.leave(&slot, &name, Shelf::Rejected).unwrap();
        for end in [".csv", ".csv.ok", ".result.csv", ".receipt.txt"] {
            assert!(
                bench.read(&format!("rejected/a.2{end}")).is_some(),
                "{moved} {end}"
            );
        }
        assert_eq!(bench.stages(), [], "{moved}");
        assert_eq!(bench.read("done/a.csv").as_deref(), Some("of before"));
    }
}

#[test]
fn two_files_whose_results_would_have_one_name_get_names_of_their_own() {
    let mut bench = Bench::new();
    bench.put("a.result.csv", "1");
    bench.put("a.csv", "2");
    bench.put("a.xlsx", "3");
    let keys: Vec<OsString> = ["a.csv", "a.result.csv", "a.xlsx"]
        .into_iter()
        .map(|name| bench.claim(name).key)
        .collect();
    assert_eq!(keys, ["a", "a.result.2", "a.2"]);
}

#[test]
fn a_file_that_changed_or_went_after_it_was_looked_at_stays_where_it_is() {
    let mut bench = Bench::new();
    bench.put("a.csv", "data");
    bench.put("a.csv.ok", "rows = 1");
    let found = bench.find("a.csv");
    bench.put("a.csv", "data and more");
    assert!(matches!(bench.folder.claim(&found), Err(Missed::Changed)));
    fs::remove_file(bench.dir.path().join("a.csv")).unwrap();
    assert!(matches!(bench.folder.claim(&found), Err(Missed::Gone)));
    assert_eq!(bench.stages(), []);
    assert!(bench.read("a.csv.ok").is_some());
}

#[test]
fn what_levy_did_not_put_into_a_slot_is_left_alone_and_named() {
    let mut bench = Bench::new();
    bench.put("processing/x.csv", "not a slot");
    bench.put("a.csv", "data");
    let slot = bench.claim("a.csv");
    bench.put("processing/a/theirs.txt", "?");
    let fault = bench.folder.leave(&slot, OsStr::new("a.csv"), Shelf::Done);
    let fault = fault.unwrap_err();
    assert!(fault.to_string().contains("theirs.txt"), "{fault}");
    assert!(matches!(slot.stage().unwrap(), Stage::Claimed(_)));
}

#[test]
fn a_state_that_leads_out_of_its_slot_moves_nothing() {
    let mut bench = Bench::new();
    bench.put("a.csv", "data");
    bench.put("theirs.csv", "not dropped");
    let slot = bench.claim("a.csv");
    for state in [
        "claimed\n../../theirs.csv",
        "done\n..",
        "new\n",
        "what\na.csv",
        "",
    ] {
        fs::write(slot.path.join(STATE), state).unwrap();
        let stage = slot.stage().unwrap();
        assert!(matches!(stage, Stage::Strange(_)), "{state}: {stage:?}");
    }
}
