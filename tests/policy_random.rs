//! Policies that chance wrote: what is written reads back, and no text makes the reader panic.

use proptest::prelude::*;
use seawall::core::backoff::Jitter;
use seawall::core::policy::Scope;
use seawall::policy::{Criticality, FallbackRule, units};
use seawall::{File, Mode, Nanos, Policy};
use std::time::Duration;

/// A setting or nothing.
fn maybe<T: std::fmt::Debug + Clone + 'static>(
    setting: impl Strategy<Value = T> + 'static,
) -> BoxedStrategy<Option<T>> {
    proptest::option::of(setting).boxed()
}

fn duration(millis: std::ops::RangeInclusive<u64>) -> impl Strategy<Value = Duration> {
    (millis, 0..2u64)
        .prop_map(|(millis, odd)| Duration::from_millis(millis) + Duration::from_nanos(odd))
}

fn any_policy() -> impl Strategy<Value = Policy> {
    let own = (
        duration(1..=10_000),
        maybe(duration(1_000_000..=80_000_000)),
        maybe(0.0..=1.0f64),
        any::<(bool, bool)>(),
        prop_oneof![
            Just(Criticality::Critical),
            Just(Criticality::Important),
            Just(Criticality::Optional)
        ],
        maybe(prop_oneof![
            Just(FallbackRule::Forbidden),
            Just(FallbackRule::Allowed),
            Just(FallbackRule::Expected)
        ]),
        prop_oneof![Just(Mode::Enforce), Just(Mode::Shadow), Just(Mode::Off)],
        maybe(1..=1_000_000u32),
    );
    let retry = maybe((
        1..=20u32,
        duration(0..=1_000),
        1.0..=10.0f64,
        0..3u8,
        maybe(0.001..=10.0f64),
    ));
    let breaker = maybe((
        0..=1_000_000u32,
        0..=1_024u32,
        duration(1..=80_000),
        1..=32u32,
        any::<bool>(),
    ));
    let bulkhead = maybe((2..=4_096u32, maybe(duration(1..=1_000))));
    let rates = proptest::collection::vec((1..=1_000_000u32, 1..=1_000_000_000u64), 0..=4);
    (own, retry, breaker, bulkhead, rates).prop_map(|(own, retry, breaker, bulkhead, rates)| {
        let (timeout, deadline, reserve, (idempotent, key), criticality, fallback, mode, pool) =
            own;
        let mut built = Policy::builder()
            .timeout(timeout)
            .criticality(criticality)
            .mode(mode)
            .idempotent(idempotent)
            .idempotency_key(key);
        if let Some(deadline) = deadline {
            built = built.deadline(deadline);
        }
        if let Some(reserve) = reserve {
            built = built.reserve((reserve * 1_000.0).round() / 1_000.0);
        }
        if let Some(fallback) = fallback {
            built = built.fallback(fallback);
        }
        if let Some(pool) = pool {
            built = built.pool(pool);
        }
        if let Some((attempts, base, factor, jitter, ratio)) = retry {
            built = built.retry(|retry| {
                let jitter =
                    [Jitter::Full, Jitter::Equal, Jitter::Decorrelated][usize::from(jitter)];
                let retry = retry
                    .attempts(attempts)
                    .base(base)
                    .factor(factor)
                    .jitter(jitter);
                match ratio {
                    Some(ratio) => retry.budget(|budget| budget.ratio(ratio)),
                    None => retry.without_budget(),
                }
            });
        }
        if let Some((consecutive, calls, open_for, probes, is_attempt)) = breaker {
            built = built.breaker(|breaker| {
                let scope = if is_attempt {
                    Scope::Attempt
                } else {
                    Scope::Call
                };
                breaker
                    .consecutive_failures(consecutive)
                    .window_calls(calls)
                    .open_for(open_for)
                    .probes(probes)
                    .scope(scope)
            });
        }
        if let Some((permits, wait)) = bulkhead {
            built = built.bulkhead(|bulkhead| {
                let bulkhead = bulkhead.max_concurrent(permits).reserved(permits / 2);
                match wait {
                    Some(wait) => bulkhead.max_wait(wait),
                    None => bulkhead,
                }
            });
        }
        for (index, (permits, period)) in rates.iter().enumerate() {
            // At most one call per nanosecond.
            let rate = units::show_rate(u64::from(*permits), Nanos(period + u64::from(*permits)));
            let name = format!("limit-{index}");
            built = built.rate_limit(|limit| limit.rate(&rate).name(&name));
        }
        built.build().unwrap_or_else(|error| panic!("{error}"))
    })
}

proptest! {
    #[test]
    fn a_policy_reads_back_as_it_was(policy in any_policy()) {
        let text = policy.to_toml();
        prop_assert_eq!(&Policy::parse(&text).expect("its own text"), &policy);
        prop_assert_eq!(policy.validate(), Ok(()));
        let below = text.lines().map(|line| match line.strip_prefix('[') {
            Some(rest) if rest.starts_with('[') => format!("[[dependency.x.{}\n", &rest[1..]),
            Some(rest) => format!("[dependency.x.{rest}\n"),
            None => format!("{line}\n"),
        });
        let file = File::parse(&format!("[dependency.x]\n{}", below.collect::<String>()), "f").expect("the same in a file");
        prop_assert_eq!(file.policy("x"), Some(&policy));
    }

    #[test]
    fn no_text_makes_it_panic(text in "\\PC{0,200}") {
        let _ = File::parse(&text, "t");
        let _ = Policy::parse(&text);
    }

    #[test]
    fn no_almost_right_text_makes_it_panic(
        lines in proptest::collection::vec(
            (
                prop_oneof![
                    "timeout|deadline|retry|breaker|bulkhead|rate_limit|called_by|pool|useful|mode|[a-z]{0,8}",
                    "retry\\.(base|budget|budget\\.cap|factor)|breaker\\.(window|probes|slow_rate)|\"[^\"\\\\]{0,6}\"",
                ],
                prop_oneof![
                    "\"[-+0-9.a-z/%]{0,12}\"",
                    "-?[0-9_]{1,25}(\\.[0-9]{1,4})?(e[0-9]{1,3})?",
                    "\\{ ?(attempts|budget|rate|max_wait|window_calls) = [\"0-9a-z%.]{1,6} ?\\}",
                    "\\[[\"a-z,{}= ]{0,12}\\]|nan|-inf|true|1979-05-27",
                ],
            ),
            0..8,
        ),
        header in "(\\[dependency\\.[a-z\".]{0,6}\\]|\\[\\[dependency\\]\\]|\\[dependency\\]|dependency = 3)?",
    ) {
        let body: String = lines.iter().map(|(key, value)| format!("{key} = {value}\n")).collect();
        if let Err(error) = File::parse(&format!("{header}\n{body}"), "t") {
            prop_assert!(!error.problems.is_empty());
            prop_assert!(error.problems.iter().all(|problem| !problem.message.is_empty()));
        }
        if let Ok(policy) = Policy::parse(&body) {
            prop_assert_eq!(Policy::parse(&policy.to_toml()), Ok(policy));
        }
    }

    #[test]
    fn no_heap_of_tables_makes_it_panic(
        lines in proptest::collection::vec(
            "\\[[ab](\\.[ab]){0,2}\\]|\\[\\[[ab](\\.[ab]){0,2}\\]\\]|[ab](\\.[ab]){0,2} = (1|\\{\\}|\\[\\]|\\{ ?[ab](\\.[ab])? = 1 ?\\}|\\[\\{\\}\\]|\\[\\{ a = 1 \\}, 1\\])",
            0..12,
        ),
        is_dependency in any::<bool>(),
    ) {
        let text = lines.join("\n");
        let text = if is_dependency { text.replace("a", "dependency") } else { text };
        let _ = File::parse(&text, "t");
        let _ = Policy::parse(&text);
    }

    #[test]
    fn spans_and_rates_read_back(nanos in any::<u64>(), permits in any::<u64>()) {
        prop_assert_eq!(units::span(&units::show_span(Nanos(nanos))), Ok(Nanos(nanos)));
        prop_assert_eq!(units::rate(&units::show_rate(permits, Nanos(nanos))), Ok((permits, Nanos(nanos))));
    }
}
