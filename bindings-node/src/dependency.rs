//! Dependencies: what a service calls, by name; a policy and its live state.

use napi::Env;
use napi_derive::napi;
use seawall::core::bulkhead::Permit;
use seawall::core::policy::Counts;
use seawall::testing::{self, State};
use seawall::{Dependency, Misuse, Moment, Nanos, Owner, Status};

use crate::answer::{changed, misused};
use crate::bulkhead::everyday;
use crate::slots::{Slots, free, make, with};
use crate::time::{at, millis, moment, word};

thread_local! {
    static DEPENDENCIES: Slots<Dependency> = const { Slots::new() };
}

/// Takes a dependency in and answers its handle.
pub fn keep(env: &Env, dependency: Dependency) -> f64 {
    make(env, &DEPENDENCIES, Ok(Box::new(dependency)))
}

/// Uses a dependency, or says that the handle means none.
#[inline]
pub fn with_dependency<R>(handle: u32, use_it: impl FnOnce(&Dependency) -> R) -> Result<R, Misuse> {
    with(&DEPENDENCIES, handle, use_it)
}

/// Facts of the policy in force; a time that nobody set is absent.
#[napi(object)]
pub struct DependencyFacts {
    pub name: String,
    pub timeout_ms: f64,
    pub deadline_ms: Option<f64>,
    pub connect_timeout_ms: Option<f64>,
    pub useful_ms: f64,
    pub attempts: u32,
    /// 0 critical, 1 important, 2 optional
    pub criticality: u32,
    /// 0 forbidden, 1 allowed, 2 expected
    pub fallback: u32,
    pub mode: u32,
    pub idempotent: bool,
    pub sends_key: bool,
    pub limits: Vec<String>,
    /// The policy as text, every setting written out.
    pub text: String,
}

/// What became of the calls.
#[napi(object)]
pub struct CallCounts {
    /// Calls that have ended.
    pub calls: f64,
    /// Calls that ended with a success.
    pub successes: f64,
    /// Calls that ended with a failure.
    pub failures: f64,
    /// Calls that ended and say nothing about the dependency; those that their caller gave up included.
    pub ignored: f64,
    /// Calls that their caller gave up.
    pub cancelled: f64,
    /// Calls turned away before an attempt was made, by whatever.
    pub refused: f64,
    /// Of those: by the breaker.
    pub refused_by_breaker: f64,
    /// Of those: by the bulkhead.
    pub refused_by_bulkhead: f64,
    /// Of those: by a rate limit.
    pub refused_by_rate_limit: f64,
    /// Of those: their deadline had passed.
    pub refused_by_deadline: f64,
    /// Second and further attempts.
    pub retries: f64,
    /// Attempts that ran out of time.
    pub timeouts: f64,
    /// Calls whose last error another attempt might have helped against, but a gate said no.
    pub stopped_retries: f64,
    /// Of those: the retry budget was spent.
    pub stopped_by_budget: f64,
    /// Of those: the breaker was not closed any more.
    pub stopped_by_breaker: f64,
    /// Of those: the deadline was too near.
    pub stopped_by_deadline: f64,
    /// Results served by a fallback.
    pub fallbacks: f64,
    /// Results that came when nobody took notice of them any more.
    pub late: f64,
}

/// A look at a breaker.
#[napi(object)]
pub struct BreakerLook {
    /// The state.
    pub state: u32,
    /// How many changes of state there were, modulo 65,536.
    pub generation: u32,
    /// Results in the window.
    pub calls: f64,
    /// Failures in the window.
    pub failures: f64,
    /// Slow results in the window.
    pub slow: f64,
    /// Failures in a row.
    pub streak: f64,
    /// Calls that test recovery.
    pub probes_in_flight: u32,
    /// Milliseconds until somebody may go; 0 when now, or when nobody knows.
    pub retry_after_ms: f64,
    /// How often it opened.
    pub opened: f64,
    /// Askers turned away.
    pub refused: f64,
    /// Askers that would have been turned away in mode enforce.
    pub shadow_refused: f64,
}

/// A look at a bulkhead.
#[napi(object)]
pub struct BulkheadLook {
    /// Places in all.
    pub limit: u32,
    /// Of those: for critical calls only.
    pub reserved: u32,
    /// Places taken.
    pub in_use: u32,
    /// Calls that wait for one.
    pub waiting: u32,
    /// Calls turned away.
    pub rejected: f64,
    /// Calls that would have been turned away in mode enforce.
    pub shadow_refused: f64,
    /// Places given back twice.
    pub stale: f64,
    /// How long the oldest place has been held, in milliseconds.
    pub longest_hold_ms: f64,
}

/// A look at a retry budget.
#[napi(object)]
pub struct BudgetLook {
    /// Tokens now; a retry needs one.
    pub tokens: f64,
    /// The most there can be.
    pub cap: f64,
    /// Calls under way.
    pub calls_in_flight: u32,
    /// Retries under way.
    pub retries_in_flight: u32,
    /// Calls that deposited.
    pub deposited: f64,
    /// Retries that were granted.
    pub withdrawn: f64,
    /// Retries that were not.
    pub refused: f64,
    /// Retries that would not have been in mode enforce.
    pub shadow_refused: f64,
}

/// A look at a rate limit.
#[napi(object)]
pub struct RateLook {
    /// What is counted.
    pub name: String,
    /// Tokens at once.
    pub limit: f64,
    /// Whole tokens left.
    pub remaining: f64,
    /// Milliseconds until it is full.
    pub reset_ms: f64,
    /// Milliseconds until one token is there.
    pub retry_after_ms: f64,
    /// Askers let through.
    pub allowed: f64,
    /// Askers turned away.
    pub refused: f64,
    /// Askers that would have been turned away in mode enforce.
    pub shadow_refused: f64,
}

/// A look at everything.
#[napi(object)]
pub struct DependencyLook {
    pub criticality: u32,
    pub counts: CallCounts,
    pub p50_ms: f64,
    pub p90_ms: f64,
    pub p99_ms: f64,
    pub breaker: Option<BreakerLook>,
    pub bulkhead: Option<BulkheadLook>,
    pub retry_budget: Option<BudgetLook>,
    pub rate_limits: Vec<RateLook>,
}

#[napi(catch_unwind)]
pub fn dependency_free(env: Env, handle: u32) -> bool {
    free(&env, &DEPENDENCIES, handle)
}

/// Facts of the policy in force.
#[napi(catch_unwind)]
pub fn dependency_facts(handle: u32) -> Option<DependencyFacts> {
    with_dependency(handle, |dependency| {
        let policy = dependency.policy();
        let set = |span: Nanos| (span != Nanos::MAX).then(|| millis(span));
        DependencyFacts {
            name: dependency.name().to_owned(),
            timeout_ms: millis(policy.call.timeout),
            deadline_ms: set(policy.call.deadline),
            connect_timeout_ms: policy.connect_timeout.map(millis),
            useful_ms: millis(policy.call.useful),
            attempts: policy.call.attempts,
            criticality: policy.criticality as u32,
            fallback: policy.fallback as u32,
            mode: policy.mode as u32,
            idempotent: policy.call.idempotent,
            sends_key: policy.sends_key,
            limits: policy
                .rate_limits
                .iter()
                .map(|limit| limit.name.clone())
                .collect(),
            text: policy.to_toml(),
        }
    })
    .ok()
}

fn of_counts(counts: &Counts) -> CallCounts {
    CallCounts {
        calls: counts.calls() as f64,
        successes: counts.successes as f64,
        failures: counts.failures as f64,
        ignored: counts.ignored as f64,
        cancelled: counts.cancelled as f64,
        refused: counts.refused() as f64,
        refused_by_breaker: counts.refused_by_breaker as f64,
        refused_by_bulkhead: counts.refused_by_bulkhead as f64,
        refused_by_rate_limit: counts.refused_by_rate_limit as f64,
        refused_by_deadline: counts.refused_by_deadline as f64,
        retries: counts.retries as f64,
        timeouts: counts.timeouts as f64,
        stopped_retries: counts.stopped_retries as f64,
        stopped_by_budget: counts.stopped_by_budget as f64,
        stopped_by_breaker: counts.stopped_by_breaker as f64,
        stopped_by_deadline: counts.stopped_by_deadline as f64,
        fallbacks: counts.fallbacks as f64,
        late: counts.late as f64,
    }
}

/// What it looks like; changes nothing.
#[napi(catch_unwind)]
pub fn dependency_snapshot(handle: u32, now_ms: f64) -> Option<DependencyLook> {
    let seen = with_dependency(handle, |dependency| {
        dependency.snapshot_at(moment(now_ms).now())
    })
    .ok()?;
    Some(DependencyLook {
        criticality: seen.criticality as u32,
        counts: of_counts(&seen.counts),
        p50_ms: millis(seen.p50),
        p90_ms: millis(seen.p90),
        p99_ms: millis(seen.p99),
        breaker: seen.breaker.map(|breaker| BreakerLook {
            state: breaker.state as u32,
            generation: u32::from(breaker.generation),
            calls: breaker.window.calls as f64,
            failures: breaker.window.failures as f64,
            slow: breaker.window.slow as f64,
            streak: breaker.streak as f64,
            probes_in_flight: breaker.probes_in_flight,
            retry_after_ms: millis(breaker.retry_after),
            opened: breaker.opened as f64,
            refused: breaker.refused as f64,
            shadow_refused: breaker.shadow_refused as f64,
        }),
        bulkhead: seen.bulkhead.map(|bulkhead| BulkheadLook {
            limit: bulkhead.limit,
            reserved: bulkhead.reserved,
            in_use: bulkhead.in_use,
            waiting: bulkhead.waiting,
            rejected: bulkhead.rejected as f64,
            shadow_refused: bulkhead.shadow_refused as f64,
            stale: bulkhead.stale as f64,
            longest_hold_ms: millis(bulkhead.longest_hold),
        }),
        retry_budget: seen.retry_budget.map(|budget| BudgetLook {
            tokens: budget.tokens_milli as f64 / 1000.0,
            cap: budget.cap_milli as f64 / 1000.0,
            calls_in_flight: budget.calls_in_flight,
            retries_in_flight: budget.retries_in_flight,
            deposited: budget.deposited as f64,
            withdrawn: budget.withdrawn as f64,
            refused: budget.refused as f64,
            shadow_refused: budget.shadow_refused as f64,
        }),
        rate_limits: seen
            .rate_limits
            .iter()
            .map(|(name, limit)| RateLook {
                name: name.clone(),
                limit: limit.limit as f64,
                remaining: limit.remaining as f64,
                reset_ms: millis(limit.reset),
                retry_after_ms: millis(limit.retry_after),
                allowed: limit.allowed as f64,
                refused: limit.refused as f64,
                shadow_refused: limit.shadow_refused as f64,
            })
            .collect(),
    })
}

/// By hand: 0 closed and fresh, 3 held open, 4 disabled. A change is in the details.
#[napi(catch_unwind)]
pub fn dependency_set(handle: u32, state: u32) -> i32 {
    let answer = with_dependency(handle, |dependency| match state {
        3 => dependency.force_open(),
        4 => dependency.disable(),
        _ => dependency.reset(),
    });
    answer.map_or_else(|misuse| misused(misuse) as i32, changed)
}

/// For tests: the breaker in the state of this number, 0 closed, 1 open, 2 half-open, 3 held open, 4 disabled. False when
/// failures do not bring it there.
#[napi(catch_unwind)]
pub fn dependency_force(handle: u32, state: u32, now_ms: f64) -> bool {
    let state = match state {
        0 => State::Closed,
        1 => State::Open,
        2 => State::HalfOpen,
        3 => State::ForcedOpen,
        _ => State::Disabled,
    };
    let forced = with_dependency(handle, |dependency| {
        at(moment(now_ms).now(), || testing::force(dependency, state))
    });
    matches!(forced, Ok(Ok(())))
}

/// Takes tokens from the limit of this number after the fact, or gives back.
#[napi(catch_unwind)]
pub fn dependency_adjust(handle: u32, limit: u32, tokens: f64, now_ms: f64) -> f64 {
    let answer = with_dependency(handle, |dependency| {
        dependency.adjust(limit as usize, tokens as i64, moment(now_ms).now())
    });
    answer
        .and_then(|adjusted| adjusted)
        .map_or_else(misused, |()| 0.0)
}

/// Gives back a place that was kept, if it crossed as a number.
#[napi(catch_unwind)]
pub fn dependency_release(handle: u32, token: f64) -> i32 {
    release(handle, everyday(token))
}

/// Gives back a place that was kept, if it crossed in two halves.
#[napi(catch_unwind)]
pub fn dependency_release_whole(handle: u32, token_low: u32, token_high: u32) -> i32 {
    release(handle, word(token_low, token_high))
}

fn release(handle: u32, token: u64) -> i32 {
    let Some(permit) = Permit::from_raw(token, Owner::PRIVATE.raw()) else {
        return misused(Misuse::Spent) as i32;
    };
    match with_dependency(handle, |dependency| dependency.release(permit)) {
        Ok(true) => 0,
        Ok(false) => Status::STALE.0,
        Err(misuse) => misused(misuse) as i32,
    }
}

/// Counts a result that a fallback served (0), or one that came too late (1).
#[napi(catch_unwind)]
pub fn dependency_count(handle: u32, what: u32) {
    // A dependency that was disposed of counts nothing any more.
    let _ = with_dependency(handle, |dependency| {
        if what == 0 {
            dependency.count_fallback();
        } else {
            dependency.count_late();
        }
    });
}
