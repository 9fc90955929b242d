//! A policy of the model, with the gates of the core that it asks for, and what both look like.
#![allow(dead_code, reason = "each test takes what it needs of it")]

use seawall_core::bulkhead::Sized;
use seawall_core::policy::{Action, Config, End, Ended, Gates, Notes, Options, Scope, Stop, Tally};
use seawall_core::retry_budget::{Cause, Profile};
use seawall_core::{
    Backoff, Breaker, Bulkhead, Deadline, Limiter, Mode, Nanos, Outcome, Owner, RetryBudget,
    backoff, breaker, bulkhead, limiter, retry_budget,
};
use seawall_model::policy as model;
use seawall_model::retry_budget::Class;

/// Room for the largest bulkhead of these tests.
pub const ROOM: usize = 4;

/// The core's gates of one policy.
pub struct Wall {
    pub config: Config,
    pub breaker: Option<Breaker>,
    pub places: Option<Sized<ROOM>>,
    pub limiters: Vec<Limiter>,
    pub budget: Option<RetryBudget>,
    pub tally: Tally,
}

impl Wall {
    pub fn new(policy: &model::Policy, now: Nanos) -> Self {
        let config = config_of(policy);
        config.validate().expect("a valid policy");
        let limiter = |of: &seawall_model::limiter::Config| {
            let config = limiter::Config {
                permits: of.permits,
                period: Nanos(of.period_ns),
                burst: of.burst,
                mode: mode_of(of.mode),
            };
            Limiter::new(&config).expect("a valid rate")
        };
        Wall {
            config,
            breaker: policy
                .breaker
                .map(|of| Breaker::new(&breaker_of(&of)).expect("a valid breaker")),
            places: policy.bulkhead.map(|of| {
                let config = bulkhead::Config {
                    max_concurrent: of.max_concurrent,
                    reserved: of.reserved,
                    max_waiting: of.max_waiting,
                    mode: mode_of(of.mode),
                };
                Sized::new(&config).expect("a valid bulkhead")
            }),
            limiters: policy.limiters.iter().map(limiter).collect(),
            budget: policy
                .budget
                .map(|of| RetryBudget::new(&budget_of(&of), now).expect("a valid budget")),
            tally: Tally::new(),
        }
    }

    pub fn bulkhead(&self) -> Option<&Bulkhead> {
        self.places.as_ref().map(|places| places as &Bulkhead)
    }

    pub fn gates(&self) -> Gates<'_> {
        Gates {
            breaker: self.breaker.as_ref(),
            bulkhead: self.bulkhead(),
            limiters: std::array::from_fn(|index| self.limiters.get(index)),
            budget: self.budget.as_ref(),
            latency: None,
            tally: Some(&self.tally),
            owner: Owner::PRIVATE,
        }
    }
}

pub fn mode_of(mode: seawall_model::Mode) -> Mode {
    match mode {
        seawall_model::Mode::Enforce => Mode::Enforce,
        seawall_model::Mode::Shadow => Mode::Shadow,
        seawall_model::Mode::Off => Mode::Off,
    }
}

pub fn outcome_of(outcome: seawall_model::Outcome) -> Outcome {
    match outcome {
        seawall_model::Outcome::Success => Outcome::Success,
        seawall_model::Outcome::Failure => Outcome::Failure,
        seawall_model::Outcome::Ignored => Outcome::Ignored,
    }
}

pub fn ended_of(ended: &model::Ended) -> Ended {
    Ended {
        outcome: outcome_of(ended.outcome),
        is_retryable: ended.retryable,
        was_not_sent: ended.not_sent,
        cause: match ended.cause {
            Class::Normal => Cause::Failure,
            Class::Throttled => Cause::Throttled,
            Class::Timeout => Cause::Timeout,
        },
        retry_after: Nanos(ended.retry_after_ns),
    }
}

pub fn options_of(options: &model::Options) -> Options {
    let cost = |limit: usize| options.costs.get(limit).copied().unwrap_or(1) as u32;
    Options {
        deadline: options
            .deadline_ns
            .map_or(Deadline::NEVER, |at| Deadline::at(Nanos(at))),
        critical: options.critical,
        idempotent: options.idempotent,
        costs: std::array::from_fn(cost),
        ..Options::DEFAULT
    }
}

fn config_of(policy: &model::Policy) -> Config {
    let scope = |per_attempt: bool| {
        if per_attempt {
            Scope::Attempt
        } else {
            Scope::Call
        }
    };
    Config {
        timeout: Nanos(policy.timeout_ns),
        deadline: policy.deadline_ns.map_or(Nanos::MAX, Nanos),
        reserve_permille: policy.reserve_permille,
        attempts: policy.attempts,
        backoff: Backoff {
            base: Nanos(policy.backoff.base_ns),
            factor_permille: policy.backoff.factor_permille,
            cap: Nanos(policy.backoff.cap_ns),
            jitter: match policy.backoff.jitter {
                seawall_model::backoff::Jitter::Full => backoff::Jitter::Full,
                seawall_model::backoff::Jitter::Equal => backoff::Jitter::Equal,
                seawall_model::backoff::Jitter::Decorrelated => backoff::Jitter::Decorrelated,
                seawall_model::backoff::Jitter::None => backoff::Jitter::None,
            },
            retry_after_margin: Nanos(policy.backoff.retry_after_margin_ns),
        },
        useful: Nanos(policy.useful_ns),
        idempotent: policy.idempotent,
        critical: policy.critical,
        max_wait: Nanos(policy.max_wait_ns),
        max_rate_wait: Nanos(policy.max_rate_wait_ns),
        may_fall_back: policy.may_fall_back,
        breaker_scope: scope(policy.breaker_per_attempt),
        bulkhead_scope: scope(policy.bulkhead_per_attempt),
    }
}

fn breaker_of(of: &seawall_model::breaker::Config) -> breaker::Config {
    breaker::Config {
        consecutive_failures: of.consecutive_failures,
        consecutive_always: of.consecutive_always,
        failure_permille: of.failure_permille,
        slow_permille: of.slow_permille,
        slow_after: Nanos(of.slow_after_ns),
        window_calls: of.window_calls,
        window: Nanos(of.window_ns),
        min_calls: of.min_calls,
        open_for: Nanos(of.open_for_ns),
        open_backoff_permille: of.open_backoff_permille,
        open_max: Nanos(of.open_max_ns),
        open_jitter_permille: of.open_jitter_permille,
        probes: of.probes,
        probe_lease: Nanos(of.probe_lease_ns),
        min_witnesses: of.min_witnesses,
        mode: mode_of(of.mode),
        seed: of.seed,
    }
}

fn budget_of(of: &seawall_model::retry_budget::Config) -> retry_budget::Config {
    use seawall_model::retry_budget::Profile as Told;
    retry_budget::Config {
        profile: match of.profile {
            Told::Bucket => Profile::Bucket,
            Told::Finagle => Profile::Finagle,
            Told::Grpc => Profile::Grpc,
            Told::AwsStandard => Profile::AwsStandard,
            Told::AwsLegacy => Profile::AwsLegacy,
        },
        ratio_permille: of.ratio_permille,
        min_per_second: of.min_per_second,
        window: Nanos(of.window_ns),
        cap: of.cap,
        max_concurrent_retries_permille: of.max_concurrent_retries_permille,
        min_concurrent_retries: of.min_concurrent_retries,
        mode: mode_of(of.mode),
    }
}

/// An action of the core, in the words of the model.
pub fn action_of(action: Action) -> model::Action {
    match action {
        Action::Run { attempt, timeout } => model::Action::Run {
            attempt,
            timeout_ns: timeout.0,
        },
        Action::Sleep { span } => model::Action::Sleep { span_ns: span.0 },
        Action::Wait { at_most } => model::Action::Wait { span_ns: at_most.0 },
        Action::Finish(finish) => model::Action::Finish {
            end: match finish.end {
                End::Success => model::End::Success,
                End::Failure => model::End::Failure,
                End::Ignored => model::End::Ignored,
                End::Refused(refusal) => model::End::Refused {
                    status: seawall_core::Status::from(refusal.reason).name(),
                    retry_after_ns: refusal.retry_after.0,
                },
            },
            stop: stop_of(finish.stop),
            attempts: finish.attempts,
            may_fall_back: finish.may_fall_back,
        },
    }
}

fn stop_of(stop: Stop) -> model::Stop {
    match stop {
        Stop::Done => model::Stop::Done,
        Stop::Cancelled => model::Stop::Cancelled,
        Stop::Refused => model::Stop::Refused,
        Stop::AttemptsUsed => model::Stop::AttemptsUsed,
        Stop::NotRetryable => model::Stop::NotRetryable,
        Stop::BreakerOpen => model::Stop::BreakerOpen,
        Stop::BulkheadFull => model::Stop::BulkheadFull,
        Stop::BudgetExhausted => model::Stop::BudgetExhausted,
        Stop::RateLimited => model::Stop::RateLimited,
        Stop::DeadlineTooNear => model::Stop::DeadlineTooNear,
    }
}

/// The notes of an event: the transition by name, and the rest.
pub type Noted = (
    Option<(&'static str, &'static str)>,
    bool,
    bool,
    Option<usize>,
);

pub fn notes_of(notes: Notes) -> Noted {
    let change = notes
        .transition
        .map(|change| (change.from.name(), change.to.name()));
    let limiter = notes.limiter.map(usize::from);
    (change, notes.freed, notes.is_late, limiter)
}

pub fn notes_told(notes: model::Notes) -> Noted {
    let change = notes.transition.map(|(from, to)| (from.name(), to.name()));
    (change, notes.freed, notes.late, notes.limiter)
}

/// Everything that can be seen of the gates, as numbers and words.
pub fn sight(wall: &Wall, now: Nanos) -> Vec<(String, u64)> {
    let mut seen = Vec::new();
    let mut put = |name: &str, value: u64| seen.push((name.to_owned(), value));
    if let Some(breaker) = &wall.breaker {
        let breaker = breaker.snapshot(now);
        put(breaker.state.name(), u64::from(breaker.generation));
        put("window", breaker.window.calls);
        put("window failures", breaker.window.failures);
        put("window slow", breaker.window.slow);
        put("streak", breaker.streak);
        put("probes", u64::from(breaker.probes_in_flight));
        put("open for", breaker.retry_after.0);
        put("recorded success", breaker.success);
        put("recorded failure", breaker.failure);
        put("recorded ignored", breaker.ignored);
        put("breaker refused", breaker.refused);
        put("breaker shadow", breaker.shadow_refused);
        put("breaker late", breaker.late);
        put("opened", breaker.opened);
    }
    if let Some(bulkhead) = wall.bulkhead() {
        let bulkhead = bulkhead.snapshot(now);
        put("in use", u64::from(bulkhead.in_use));
        put("waiting", u64::from(bulkhead.waiting));
        put("rejected", bulkhead.rejected);
        put("bulkhead shadow", bulkhead.shadow_refused);
        put("stale", bulkhead.stale);
    }
    for limiter in &wall.limiters {
        let limiter = limiter.snapshot(now);
        put("remaining", limiter.remaining);
        put("reset", limiter.reset.0);
        put("allowed", limiter.allowed);
        put("rate refused", limiter.refused);
        put("rate shadow", limiter.shadow_refused);
    }
    if let Some(budget) = &wall.budget {
        let budget = budget.snapshot(now);
        put("tokens", budget.tokens_milli);
        put("calls in flight", u64::from(budget.calls_in_flight));
        put("retries in flight", u64::from(budget.retries_in_flight));
        put("deposited", budget.deposited);
        put("withdrawn", budget.withdrawn);
        put("budget refused", budget.refused);
        put("budget shadow", budget.shadow_refused);
    }
    let counts = wall.tally.counts();
    put("successes", counts.successes);
    put("failures", counts.failures);
    put("ignored", counts.ignored);
    put("cancelled", counts.cancelled);
    put("retries", counts.retries);
    put("timeouts", counts.timeouts);
    put("stopped retries", counts.stopped_retries);
    put("stopped by budget", counts.stopped_by_budget);
    put("stopped by breaker", counts.stopped_by_breaker);
    put("stopped by deadline", counts.stopped_by_deadline);
    put("late", counts.late);
    put("refused by breaker", counts.refused_by_breaker);
    put("refused by bulkhead", counts.refused_by_bulkhead);
    put("refused by rate", counts.refused_by_rate_limit);
    put("refused by deadline", counts.refused_by_deadline);
    seen
}

/// The same of the model, in the same order.
pub fn sight_told(told: &model::Dependency, now_ns: u64) -> Vec<(String, u64)> {
    let mut seen = Vec::new();
    let mut put = |name: &str, value: u64| seen.push((name.to_owned(), value));
    if let Some(breaker) = &told.breaker {
        let breaker = breaker.snapshot(now_ns);
        put(breaker.state.name(), u64::from(breaker.generation));
        put("window", breaker.window_calls);
        put("window failures", breaker.window_failures);
        put("window slow", breaker.window_slow);
        put("streak", breaker.streak);
        put("probes", breaker.probes_in_flight);
        put("open for", breaker.retry_after_ns);
        put("recorded success", breaker.counters.success);
        put("recorded failure", breaker.counters.failure);
        put("recorded ignored", breaker.counters.ignored);
        put("breaker refused", breaker.counters.refused);
        put("breaker shadow", breaker.counters.shadow_refused);
        put("breaker late", breaker.counters.late);
        put("opened", breaker.counters.opened);
    }
    if let Some(bulkhead) = &told.bulkhead {
        let bulkhead = bulkhead.snapshot(now_ns);
        put("in use", bulkhead.in_use);
        put("waiting", bulkhead.waiting);
        put("rejected", bulkhead.rejected);
        put("bulkhead shadow", bulkhead.shadow_refused);
        put("stale", bulkhead.stale);
    }
    for limiter in &told.limiters {
        let limiter = limiter.snapshot(now_ns);
        put("remaining", limiter.remaining);
        put("reset", limiter.reset_ns);
        put("allowed", limiter.allowed);
        put("rate refused", limiter.refused);
        put("rate shadow", limiter.shadow_refused);
    }
    if let Some(budget) = &told.budget {
        let budget = budget.snapshot(now_ns);
        put("tokens", budget.tokens_milli as u64);
        put("calls in flight", budget.calls_in_flight);
        put("retries in flight", budget.retries_in_flight);
        put("deposited", budget.deposited);
        put("withdrawn", budget.withdrawn);
        put("budget refused", budget.refused);
        put("budget shadow", budget.shadow_refused);
    }
    let counts = &told.counts;
    let stopped = counts.stopped_by_budget
        + counts.stopped_by_breaker
        + counts.stopped_by_deadline
        + counts.stopped_by_others;
    put("successes", counts.successes);
    put("failures", counts.failures);
    put("ignored", counts.ignored);
    put("cancelled", counts.cancelled);
    put("retries", counts.retries);
    put("timeouts", counts.timeouts);
    put("stopped retries", stopped);
    put("stopped by budget", counts.stopped_by_budget);
    put("stopped by breaker", counts.stopped_by_breaker);
    put("stopped by deadline", counts.stopped_by_deadline);
    put("late", counts.late);
    put("refused by breaker", counts.refused_by_breaker);
    put("refused by bulkhead", counts.refused_by_bulkhead);
    put("refused by rate", counts.refused_by_rate_limit);
    put("refused by deadline", counts.refused_by_deadline);
    seen
}
