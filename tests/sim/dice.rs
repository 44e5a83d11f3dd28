//! Chance from one seed, and the weather of a night: which faults are on, and how often they strike.
//!
//! Swarm style: each knob is off in half of the seeds, so that seeds differ in kind and not only in
//! degree, and a fault is also met without the others that might hide it.

/// SplitMix64.
#[derive(Clone, Debug)]
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Self {
        let mut dice = Self(seed ^ 0x6C65_7679);
        dice.next();
        dice
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// From 0 to `sides` - 1.
    pub fn below(&mut self, sides: u64) -> u64 {
        (self.next() >> 11) % sides.max(1)
    }

    /// From `from` to `to`, both of them possible.
    pub fn between(&mut self, from: u64, to: u64) -> u64 {
        from + self.below(to - from + 1)
    }

    pub fn strikes(&mut self, permille: u32) -> bool {
        permille > 0 && self.below(1000) < u64::from(permille)
    }

    pub fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len() as u64) as usize]
    }

    /// Another stream, so that what one part of the night draws does not move the rest.
    pub fn fork(&mut self) -> Self {
        Self(self.next())
    }
}

macro_rules! knobs {
    ($($(#[$doc:meta])* $name:ident: $($permille:literal)+;)+) => {
        /// Probabilities in 1/1000. 0 is off.
        #[derive(Clone, Debug, Default)]
        pub struct Knobs { $($(#[$doc])* pub $name: u32,)+ }

        impl Knobs {
            /// A night's weather.
            pub fn drawn(dice: &mut Dice) -> Self {
                Self { $($name: if dice.below(2) == 0 { 0 } else { dice.pick(&[$($permille),+]) },)+ }
            }

            /// Every knob with its name, for the trace.
            pub fn named(&self) -> Vec<(&'static str, u32)> {
                vec![$((stringify!($name), self.$name),)+]
            }
        }
    };
}

knobs! {
    // The network.
    /// The connection is never made.
    unconnected: 5 20 60 200;
    /// For a while the main host takes no connection; the standby does.
    main_host_down: 100 300;
    /// The request is lost on its way.
    lost_before: 5 20 60 150;
    /// The reply is lost on its way.
    lost_after: 5 20 60 150;
    /// A long way, so that requests overtake each other.
    slow: 20 100 400;
    /// It arrives after it was given up.
    late: 20 60 200;
    /// What a process had on the wire when it died arrives long after.
    lingers: 200 1000;
    /// It arrives twice.
    twice: 10 50 200;

    // The gateway.
    /// 5xx, nothing was done.
    error_before: 5 20 60 200;
    /// 5xx, and yet it was done.
    error_after: 5 20 60 200;
    /// 429 for no reason.
    throttles: 5 20 100;
    /// Its own limit is less than what levy thinks.
    stingy: 200;
    /// 401.
    unauthorized: 2 10;
    /// A lane is forbidden for a while: 403 NO_AUTH.
    forbids: 100 300;
    /// A number that it does not know is refused: PARAM_ERROR and its like.
    refuses: 30 100 300;
    /// A deduction that it refuses until somebody mends it.
    cursed: 10 50;
    /// Codes that nobody has listed.
    unlisted: 5 20 60;
    /// An error carries no signature.
    unsigned_errors: 100 500 1000;
    /// NOT_ENOUGH and ALREADY_EXISTS that nobody signed, whatever was done.
    forged_closes: 5 20 60;
    /// A close that was never in the books.
    not_enough: 20 100 300;
    /// PROCESSING at first.
    processing: 50 200 500;
    /// FAILED in the end.
    fails: 20 100 300;
    /// 202 instead of 200 while it is PROCESSING.
    accepted_202: 100 500;
    /// A query of a number that it does not know is a 404, and closes nothing.
    query_is_404: 300 1000;
    /// A query too soon after the submission is told that there is no such number.
    lags: 100 500;
    /// Requests that are signed more than five minutes off are a 401.
    strict_time: 1000;
    /// A signed reply that is for another number, another content, or no sense at all.
    nonsense: 3 10 30;
    /// Its words to people have the whole account in them.
    blabs: 200 1000;

    // Signatures.
    bad_signature: 5 20 60;
    header_missing: 5 20;
    unsigned_success: 5 20 60;
    /// A success for which nothing was done, unsigned or under a key that nobody knows.
    forged_success: 5 20 60;
    stale: 3 10;
    replayed: 5 20 60;
    probe: 5 20 60;
    unknown_serial: 5 20;

    // Clocks.
    /// The wall clock steps by seconds or minutes.
    clock_steps: 50 200;
    /// The wall clock is hours off for a while.
    clock_wrong: 50 150;
    /// The clocks run fast or slow.
    drift: 1000;
    /// Days pass before the next command.
    days: 100 300 500;

    // Disk and process.
    /// The process dies at an operation of the ledger: before it, or after it was done.
    dies_at_ledger: 200 400 600;
    /// The process dies at a step of its loop.
    dies_at_step: 200 400 600;
    /// An operation of the ledger fails, done or not, and every one after it.
    disk_fails: 50 200;
    /// The disk takes its time.
    slow_disk: 50 300;
    /// The process stands still for seconds.
    stalls: 1 5;
    /// A signal comes.
    signals: 100 300;
    /// `--limit`.
    limits: 100 300;
    /// `--until`.
    untils: 100 200;
    /// Never-sent orders are withdrawn.
    cancels: 50 100;

    // People.
    /// A command is a rerun.
    reruns: 300 500;
    /// It is one of a result that came back, with rows deleted and amounts corrected.
    comes_back: 300 600;
    /// It dies, or its disk fails, at the very reissue, release or decision, before it or after its
    /// commit.
    dies_at_the_deed: 300 800;
    /// The same command is given by a second person, at once.
    given_twice: 100 500;
    /// Held orders are released by name.
    releases: 100 300;
    /// Two people find out what became of an order.
    resolves: 100 300;
    /// All sending is stopped for a while.
    freezes: 50 150;
    /// People decide while a run goes on.
    meanwhile: 50 200;
}

impl Knobs {
    /// The weather after the storm.
    pub fn calm() -> Self {
        Self::default()
    }
}
