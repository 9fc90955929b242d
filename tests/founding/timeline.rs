//! 2:47 PM: payments become slow, and the shop must not go down with them.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

use seawall::core::breaker::State;
use seawall::core::chance::{mix, pick};
use seawall::core::policy::{Action, End};
use seawall::{Dependency, Ended, HeldCall, Nanos, Options, Seawall};

use crate::world::{MILLI, SECOND, SEED, TIMED_OUT, dependency, wall};

/// Payments take 200 ms, and 5 s from the first moment of the story until they are repaired.
const HEALTHY: u64 = 200 * MILLI;
const SLOW: u64 = 5 * SECOND;
const REPAIRED: u64 = 60 * SECOND;
/// A thousand requests a second, every fifth of which pays; the others take 20 ms.
const EVERY: u64 = MILLI;
const PAYS: u64 = 5;
const OTHER: u64 = 20 * MILLI;
const THREADS: u64 = 200;
/// A request that finds no thread waits for one, up to so long.
const PATIENCE: u64 = 4 * SECOND;
const BULKHEAD: u64 = 50;
/// The story begins after this much of good weather, and is told for so long.
const START: u64 = 30 * SECOND;
const LENGTH: u64 = 120 * SECOND;

const POLICY: &str = r#"
    timeout = "2s"
    fallback = "expected"
    breaker = { open_for = "30s", open_backoff = 1.0, open_jitter = "0%" }
    bulkhead = { max_concurrent = 50 }
"#;

/// What a thread of the shop is at.
enum Work {
    Other,
    /// A payment that ends so; with its call where there is a wall.
    Payment(Option<Box<HeldCall>>, Ended),
}

#[derive(Default)]
struct Seen {
    paid: u64,
    pending: u64,
    served: u64,
    /// Requests to other routes that gave up waiting for a thread.
    turned_away: u64,
    most_held: u64,
    opened: Option<u64>,
    probes: Vec<u64>,
    failed_probes: Vec<u64>,
    closed: Option<u64>,
    last_pending: u64,
}

/// The shop, with the payments behind a wall or without.
struct Shop {
    payment: Option<Dependency>,
    busy: u64,
    held: u64,
    /// Who waits for a thread: since when, until when, and whether to pay.
    queue: VecDeque<(u64, u64, bool)>,
    /// When which work ends; the number keeps those of one moment in order.
    ends: BinaryHeap<Reverse<(u64, usize)>>,
    works: Vec<Option<(Work, bool)>>,
    seen: Seen,
}

/// A moment of the story; before it is `None`.
fn since(now: u64) -> u64 {
    now - START
}

impl Shop {
    fn new(wall: Option<&Seawall>) -> Self {
        Shop {
            payment: wall.map(|wall| dependency(wall, "payment", POLICY)),
            busy: 0,
            held: 0,
            queue: VecDeque::new(),
            ends: BinaryHeap::new(),
            works: Vec::new(),
            seen: Seen::default(),
        }
    }

    fn is_story(now: u64) -> bool {
        now >= START
    }

    fn begin(&mut self, now: u64, takes: u64, work: Work, counts: bool) {
        self.busy += 1;
        self.held += u64::from(matches!(work, Work::Payment(..)));
        self.seen.most_held = self.seen.most_held.max(self.held);
        self.ends.push(Reverse((now + takes, self.works.len())));
        self.works.push(Some((work, counts)));
    }

    fn state(&self) -> Option<State> {
        let payment = self.payment.as_ref()?;
        payment.bound().gates.breaker.map(|breaker| breaker.state())
    }

    /// A request takes a thread, or queues for one.
    fn arrive(&mut self, now: u64, pays: bool) {
        if self.busy >= THREADS {
            let until = now + pick(mix(SEED ^ now), PATIENCE);
            self.queue.push_back((now, until, pays));
        } else {
            self.serve(now, pays, Self::is_story(now));
        }
    }

    /// `counts`: the request came within the story.
    fn serve(&mut self, now: u64, pays: bool, counts: bool) {
        if !pays {
            return self.begin(now, OTHER, Work::Other, counts);
        }
        let is_slow = Self::is_story(now) && since(now) < REPAIRED;
        let takes = if is_slow { SLOW } else { HEALTHY };
        let Some(payment) = &self.payment else {
            return self.begin(now, takes, Work::Payment(None, Ended::SUCCESS), counts);
        };
        let before = self.state();
        let (call, step) = payment
            .begin_held(&Options::DEFAULT, Nanos(now))
            .expect("a call of one token");
        match step.action {
            Action::Run { timeout, .. } => {
                if before == Some(State::Open) {
                    self.seen.probes.push(since(now));
                }
                let ended = if takes > timeout.0 {
                    TIMED_OUT
                } else {
                    Ended::SUCCESS
                };
                let work = Work::Payment(Some(Box::new(call)), ended);
                self.begin(now, takes.min(timeout.0), work, counts);
            }
            Action::Finish(finish) if finish.may_fall_back => {
                assert!(matches!(finish.end, End::Refused(_)));
                self.pending(now);
            }
            other => panic!("{other:?}"),
        }
    }

    /// The fallback: the order is taken, the payment comes later.
    fn pending(&mut self, now: u64) {
        self.seen.pending += 1;
        self.seen.last_pending = since(now);
    }

    fn end(&mut self, now: u64, work: usize) {
        self.busy -= 1;
        let (work, counts) = self.works[work].take().expect("work that goes on");
        match work {
            Work::Other => self.seen.served += u64::from(counts),
            Work::Payment(None, _) => {
                self.held -= 1;
                self.seen.paid += u64::from(counts);
            }
            Work::Payment(Some(mut call), ended) => {
                self.held -= 1;
                let step = call.ended(ended, None, Nanos(now)).expect("its turn");
                let Action::Finish(finish) = step.action else {
                    panic!("a retry that nobody asked for: {step:?}");
                };
                if finish.end == End::Success {
                    self.seen.paid += u64::from(counts);
                } else {
                    assert!(finish.may_fall_back);
                    self.pending(now);
                }
                match step.notes.transition.map(|change| (change.from, change.to)) {
                    Some((State::Closed, State::Open)) => self.seen.opened = Some(since(now)),
                    Some((State::HalfOpen, State::Open)) => {
                        self.seen.failed_probes.push(since(now));
                    }
                    Some((State::HalfOpen, State::Closed)) => self.seen.closed = Some(since(now)),
                    _ => {}
                }
            }
        }
        while self.busy < THREADS
            && let Some((since, until, pays)) = self.queue.pop_front()
        {
            if now > until {
                self.seen.turned_away += u64::from(!pays);
            } else {
                self.serve(now, pays, Self::is_story(since));
            }
        }
    }

    /// Tells the story; ends of work come before arrivals of the same moment.
    fn tell(mut self) -> Seen {
        let end = START + LENGTH;
        for tick in (0..end).step_by(EVERY as usize) {
            while let Some(Reverse((at, work))) = self.ends.peek().copied()
                && at <= tick
            {
                self.ends.pop();
                self.end(at, work);
            }
            self.arrive(tick, (tick / EVERY).is_multiple_of(PAYS));
        }
        // Nobody new comes, and whoever is inside gets to the end.
        while let Some(Reverse((at, work))) = self.ends.pop() {
            self.end(at, work);
        }
        assert_eq!((self.busy, self.held), (0, 0));
        if let Some(payment) = &self.payment {
            let seen = payment.snapshot_at(Nanos(end + SLOW));
            assert_eq!(seen.bulkhead.map(|bulkhead| bulkhead.in_use), Some(0));
        }
        self.seen
    }
}

fn at(moment: u64) -> String {
    format!("+{:.3} s", moment as f64 / SECOND as f64)
}

#[test]
fn at_2_47_the_breaker_opens_and_the_shop_stays_up() {
    let wall = wall();
    let told = Shop::new(Some(&wall)).tell();
    let bare = Shop::new(None).tell();

    let others = LENGTH / EVERY * (PAYS - 1) / PAYS;
    let opened = told.opened.expect("it opened");
    let closed = told.closed.expect("it closed");
    println!("2:47 PM, 1,000 requests a second, 200 of them payments, {THREADS} threads:");
    println!(
        "  open {}, repaired {}, closed {}",
        at(opened),
        at(REPAIRED),
        at(closed)
    );
    for (probe, failed) in told
        .probes
        .iter()
        .zip(told.failed_probes.iter().map(Some).chain([None]))
    {
        match failed {
            Some(failed) => println!("  probe {} failed {}", at(*probe), at(*failed)),
            None => println!("  probe {} succeeded", at(*probe)),
        }
    }
    println!(
        "  other routes: {} of {others} served, {} turned away",
        told.served, told.turned_away
    );
    println!(
        "  payments: {} paid, {} pending, the last of them {}",
        told.paid,
        told.pending,
        at(told.last_pending)
    );
    println!(
        "  held by payment at most: {} of {THREADS} threads",
        told.most_held
    );
    println!(
        "  without a wall: {} of {others} other requests served, {} turned away, {} threads held at most",
        bare.served, bare.turned_away, bare.most_held
    );

    assert!(opened <= 10 * SECOND, "open by +10 s");
    let near = |moment: u64, wanted: u64| moment.abs_diff(wanted) <= 2 * SECOND;
    assert_eq!(told.probes.len(), 2, "probes {:?}", told.probes);
    assert!(
        near(told.probes[0], 40 * SECOND),
        "the first probe {}",
        at(told.probes[0])
    );
    assert!(
        near(told.probes[1], 72 * SECOND),
        "the second probe {}",
        at(told.probes[1])
    );
    assert!(near(told.failed_probes[0], 42 * SECOND));
    assert!(closed <= 90 * SECOND, "recovered {}", at(closed));
    assert_eq!(told.turned_away, 0, "the other routes know nothing of it");
    assert_eq!(told.served, others, "every one of them is served");
    assert!(
        told.most_held <= BULKHEAD,
        "payment held {}",
        told.most_held
    );
    assert!(
        told.last_pending <= closed,
        "nobody is pending after the recovery"
    );
    assert!(
        bare.turned_away > others / 4 && bare.served < others * 3 / 4,
        "without a wall the shop goes down"
    );
    assert!(bare.most_held > THREADS * 9 / 10);
}
