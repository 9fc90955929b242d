//! A dependency: its calls, its state by hand, and what there is to see of it.

use pyo3::PyTraverseError;
use pyo3::exceptions::PyValueError;
use pyo3::gc::PyVisit;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use seawall::core::breaker::{State, Transition};
use seawall::core::policy::{MOST_LIMITERS, Options};
use seawall::core::{Mode, Status};
use seawall::policy::{Criticality, FallbackRule};
use seawall::{Deadline, Nanos, Owner, testing};

use crate::call::Call;
use crate::clock::Clock;
use crate::settings::raised;
use crate::wall::{Seawall, moment};

/// The dependency below `seawall.Dependency`.
#[pyclass(frozen, subclass, module = "seawall._native")]
pub struct Dependency {
    pub dependency: seawall::Dependency,
    pub clock: Clock,
}

/// As the policy says, yes, no.
const fn choice(number: u8) -> Option<bool> {
    match number {
        1 => Some(true),
        2 => Some(false),
        _ => None,
    }
}

/// How a change of state is told: from where to where.
pub fn states(transition: Option<Transition>) -> Option<(&'static str, &'static str)> {
    transition.map(|change| (change.from.name(), change.to.name()))
}

const fn mode(mode: Mode) -> &'static str {
    match mode {
        Mode::Enforce => "enforce",
        Mode::Shadow => "shadow",
        Mode::Off => "off",
    }
}

const fn criticality(criticality: Criticality) -> &'static str {
    match criticality {
        Criticality::Critical => "critical",
        Criticality::Important => "important",
        Criticality::Optional => "optional",
    }
}

impl Dependency {
    /// Says which limit can never hold what an attempt costs.
    #[cold]
    fn too_much(slf: &Bound<'_, Self>, costs: [u32; MOST_LIMITERS]) -> PyErr {
        let gates = slf.get().dependency.bound().gates;
        let (cost, burst) = gates
            .limiters
            .iter()
            .zip(costs)
            .filter_map(|(limiter, cost)| {
                limiter.map(|limiter| (u64::from(cost), limiter.config().burst))
            })
            .find(|(cost, burst)| cost > burst)
            .unwrap_or_default();
        raised(slf.call_method1("_exceeds", (cost, burst)))
    }
}

#[pymethods]
impl Dependency {
    #[new]
    fn new(py: Python<'_>, wall: &Bound<'_, Seawall>, name: &str) -> PyResult<Self> {
        let wall = wall.get();
        Ok(Self {
            dependency: wall.find(py, name)?,
            clock: wall.clock(py),
        })
    }

    /// The name that the policy has in the file or in code.
    #[getter]
    fn name(&self) -> &str {
        self.dependency.name()
    }

    /// Begins a call; what to do next stands in it.
    #[pyo3(signature = (deadline, critical=0, idempotent=0, costs=None, now=None))]
    fn _begin(
        slf: &Bound<'_, Self>,
        deadline: u64,
        critical: u8,
        idempotent: u8,
        costs: Option<[u32; MOST_LIMITERS]>,
        now: Option<u64>,
    ) -> PyResult<Call> {
        let this = slf.get();
        let now = moment(slf.py(), &this.clock, now)?;
        let costs = costs.unwrap_or([1; MOST_LIMITERS]);
        let options = Options {
            deadline: Deadline::at(Nanos(deadline)),
            critical: choice(critical),
            idempotent: choice(idempotent),
            costs,
            ..Options::DEFAULT
        };
        match this.dependency.begin_held(&options, now) {
            Ok((held, step)) => Ok(Call::new(slf.clone().unbind(), held, step, now)),
            Err(_) => Err(Self::too_much(slf, costs)),
        }
    }

    /// Refuses every call until reset; the change of state this was.
    fn _force_open(&self) -> Option<(&'static str, &'static str)> {
        states(self.dependency.force_open())
    }

    /// Admits every call and records nothing until reset; the change of state this was.
    fn _disable(&self) -> Option<(&'static str, &'static str)> {
        states(self.dependency.disable())
    }

    /// The breaker closed and without memory; the change of state this was.
    fn _reset(&self) -> Option<(&'static str, &'static str)> {
        states(self.dependency.reset())
    }

    /// For tests: the breaker in the state of this number. False when failures do not bring it there.
    fn _force(&self, state: u8) -> bool {
        let state = match state {
            0 => State::Closed,
            1 => State::Open,
            2 => State::HalfOpen,
            3 => State::ForcedOpen,
            _ => State::Disabled,
        };
        testing::force(&self.dependency, state).is_ok()
    }

    /// Takes more tokens of a limit, or gives some back. False when there is no limit of this number.
    #[pyo3(signature = (limit, tokens, now=None))]
    fn _adjust(
        &self,
        py: Python<'_>,
        limit: usize,
        tokens: i64,
        now: Option<u64>,
    ) -> PyResult<bool> {
        let now = moment(py, &self.clock, now)?;
        Ok(self.dependency.adjust(limit, tokens, now).is_ok())
    }

    fn _count_fallback(&self) {
        self.dependency.count_fallback();
    }

    fn _count_late(&self) {
        self.dependency.count_late();
    }

    /// Sixty-four random bits of the wall.
    fn _random(&self) -> u64 {
        self.dependency.random()
    }

    /// The time of the wall's clock in nanoseconds.
    fn _now(&self, py: Python<'_>) -> PyResult<u64> {
        self.clock.now(py).map(|now| now.0)
    }

    /// Whether declaring a fallback is an error.
    #[getter]
    fn _forbids_fallback(&self) -> bool {
        self.dependency.policy().fallback == FallbackRule::Forbidden
    }

    /// The policy in force as the body of a table.
    #[getter]
    fn _toml(&self) -> String {
        self.dependency.policy().to_toml()
    }

    /// The names of the rate limits, in order.
    #[getter]
    fn _limits(&self) -> Vec<String> {
        let limits = &self.dependency.policy().rate_limits;
        limits.iter().map(|limit| limit.name.clone()).collect()
    }

    /// What the policy in force says, in nanoseconds and thousandths.
    fn _facts<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let policy = self.dependency.policy();
        let call = &policy.call;
        let dict = PyDict::new(py);
        dict.set_item("criticality", criticality(policy.criticality))?;
        let fallback = match policy.fallback {
            FallbackRule::Forbidden => "forbidden",
            FallbackRule::Allowed => "allowed",
            FallbackRule::Expected => "expected",
        };
        dict.set_item("fallback", fallback)?;
        dict.set_item("timeout", call.timeout.0)?;
        dict.set_item("connect_timeout", policy.connect_timeout.map(|span| span.0))?;
        let deadline = (call.deadline != Nanos::MAX).then_some(call.deadline.0);
        dict.set_item("deadline", deadline)?;
        dict.set_item("attempts", call.attempts)?;
        dict.set_item("idempotent", call.idempotent)?;
        dict.set_item("idempotency_key", policy.sends_key)?;
        dict.set_item("mode", mode(policy.mode))?;
        dict.set_item(
            "max_concurrent",
            policy.bulkhead.map(|places| places.max_concurrent),
        )?;
        Ok(dict)
    }

    /// Everything there is to see at one moment; durations in nanoseconds.
    #[pyo3(signature = (now=None))]
    fn _look<'py>(&self, py: Python<'py>, now: Option<u64>) -> PyResult<Bound<'py, PyDict>> {
        let seen = self.dependency.snapshot_at(moment(py, &self.clock, now)?);
        let dict = PyDict::new(py);
        dict.set_item("criticality", criticality(seen.criticality))?;
        let counts = seen.counts;
        let all = [
            counts.calls(),
            counts.successes,
            counts.failures,
            counts.ignored,
            counts.cancelled,
            counts.retries,
            counts.timeouts,
            counts.stopped_retries,
            counts.stopped_by_budget,
            counts.stopped_by_breaker,
            counts.stopped_by_deadline,
            counts.fallbacks,
            counts.late,
            counts.refused(),
            counts.refused_by_breaker,
            counts.refused_by_bulkhead,
            counts.refused_by_rate_limit,
            counts.refused_by_deadline,
        ];
        dict.set_item("counts", all)?;
        dict.set_item("latency", [seen.p50.0, seen.p90.0, seen.p99.0])?;
        if let Some(breaker) = seen.breaker {
            let numbers = [
                u64::from(breaker.generation),
                breaker.streak,
                breaker.window.calls,
                breaker.window.failures,
                breaker.window.slow,
                u64::from(breaker.probes_in_flight),
                breaker.retry_after.0,
                breaker.success,
                breaker.failure,
                breaker.ignored,
                breaker.slow,
                breaker.refused,
                breaker.shadow_refused,
                breaker.late,
                breaker.opened,
            ];
            dict.set_item("breaker", (breaker.state.name(), numbers))?;
        }
        if let Some(places) = seen.bulkhead {
            let numbers = [
                u64::from(places.limit),
                u64::from(places.reserved),
                u64::from(places.in_use),
                u64::from(places.waiting),
                places.rejected,
                places.shadow_refused,
                places.stale,
                places.longest_hold.0,
            ];
            dict.set_item("bulkhead", numbers)?;
        }
        if let Some(budget) = seen.retry_budget {
            let numbers = [
                budget.tokens_milli,
                budget.cap_milli,
                u64::from(budget.calls_in_flight),
                u64::from(budget.retries_in_flight),
                budget.deposited,
                budget.withdrawn,
                budget.refused,
                budget.shadow_refused,
            ];
            dict.set_item("retry_budget", numbers)?;
        }
        let limits = PyDict::new(py);
        for (name, limit) in seen.rate_limits {
            let numbers = [
                limit.limit,
                limit.remaining,
                limit.reset.0,
                limit.retry_after.0,
                limit.allowed,
                limit.refused,
                limit.shadow_refused,
            ];
            limits.set_item(name, numbers)?;
        }
        dict.set_item("rate_limits", limits)?;
        Ok(dict)
    }

    /// In a forked child: frees what threads hold or wait for that exist in the parent only.
    fn _forked(&self) {
        let places = self.dependency.bulkhead();
        for _ in 0..places.waiting() {
            places.end_wait();
        }
        places.reclaim(Owner::PRIVATE);
        if let Some(breaker) = self.dependency.bound().gates.breaker {
            breaker.reclaim(Owner::PRIVATE);
        }
        if let Some(budget) = self.dependency.bound().gates.budget {
            // Calls under way in the parent are not under way here.
            for _ in 0..budget.snapshot(Nanos::ZERO).calls_in_flight {
                budget.finish();
            }
        }
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.clock.visit(&visit)
    }
}

/// The name of a status number, for messages and vectors.
pub fn status_name(number: i32) -> &'static str {
    Status(number).name()
}

/// An event that came out of turn.
#[cold]
pub fn out_of_turn() -> PyErr {
    PyValueError::new_err("this call does not wait for that")
}
