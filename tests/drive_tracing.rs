//! Events through `tracing`: what a log shows without a line of code.

use std::fmt::Debug;
use std::sync::{Arc, Mutex};

use seawall::breaker::State;
use seawall::testing::{self, FakeClock, Fault};
use seawall::{Fallback, Seawall, classify};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

/// Keeps each event as a line.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<String>>>);

struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        // How long a breaker stays open is chance.
        if field.name() != "retry_after" {
            self.0 += &format!(" {}={value:?}", field.name());
        }
    }
}

impl Subscriber for Log {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == "seawall"
    }

    fn event(&self, event: &Event<'_>) {
        let mut line = Line(event.metadata().level().to_string());
        event.record(&mut line);
        self.0.lock().expect("no panic").push(line.0);
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

#[test]
fn the_log_tells_the_story_of_an_outage() {
    let time = FakeClock::new();
    let wall = Seawall::options().clock(time.clock()).parse(
        "[dependency.profile]\ntimeout = '1s'\n\
         retry = { attempts = 2, jitter = 'none', base = '100ms' }\n\
         breaker = { consecutive_failures = 1 }\n",
        "seawall.toml",
    );
    let profile = wall
        .expect("a good file")
        .dependency("profile")
        .expect("defined");
    testing::no_waiting(&profile, &time);
    let reset = || std::io::Error::from(std::io::ErrorKind::ConnectionReset);
    testing::inject(&profile, Fault::error(reset));
    let calling = profile.calling().on(classify::io);
    let calling = calling.fallback(Fallback::value(())).expect("allowed");

    let log = Log::default();
    tracing::subscriber::with_default(log.clone(), || {
        let _ = calling.call(|_| Ok(()));
        let _ = calling.call(|_| Ok(()));
        profile.reset();
    });
    assert_eq!(
        *log.0.lock().expect("no panic"),
        [
            "INFO message=retry dependency=\"profile\" attempt=1 delay=100ms cause=Failure",
            "WARN message=state_change dependency=\"profile\" from=\"closed\" to=\"open\"",
            "INFO message=fallback dependency=\"profile\" step=0 source=\"value\" reason=AttemptsUsed",
            "DEBUG message=refusal dependency=\"profile\" reason=the circuit breaker is open",
            "INFO message=fallback dependency=\"profile\" step=0 source=\"value\" reason=Refused",
            "WARN message=state_change dependency=\"profile\" from=\"open\" to=\"closed\"",
        ]
    );
    assert_eq!(
        profile.snapshot().breaker.map(|breaker| breaker.state),
        Some(State::Closed)
    );
}
