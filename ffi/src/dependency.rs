//! Dependency: something this service calls, by name
//!
//! A policy and its live state, from a wall (full library only). It lives as long as its wall; any thread may call.

use core::ffi::c_char;

use seawall_core::{Misuse, Moment, Nanos, Status, policy};
use seawall_host::dependency::Dependency;
use seawall_host::policy::{Criticality, FallbackRule};

use crate::breaker::seawall_breaker_t;
use crate::bulkhead::seawall_bulkhead_t;
use crate::call::{begin, seawall_action_t, seawall_call_options_t, seawall_call_t};
use crate::guard::{When, guard};
use crate::limiter::seawall_limiter_t;
use crate::memory::{Versioned, place, write};
use crate::permit::{seawall_permit_t, transition_number};
use crate::retry_budget::seawall_retry_budget_t;
use crate::status::seawall_status_t;
use crate::text::fill;

/// Something this service calls. Opaque.
pub struct seawall_dependency_t {
    _opaque: [u8; 0],
}

/// The service cannot do without it.
pub const SEAWALL_CRITICALITY_CRITICAL: u32 = 0;
/// The service is worse without it.
pub const SEAWALL_CRITICALITY_IMPORTANT: u32 = 1;
/// The service does well without it.
pub const SEAWALL_CRITICALITY_OPTIONAL: u32 = 2;

/// A failure must be seen: nothing else may be served.
pub const SEAWALL_FALLBACK_FORBIDDEN: u32 = 0;
/// Something else may be served.
pub const SEAWALL_FALLBACK_ALLOWED: u32 = 1;
/// Something else should be served.
pub const SEAWALL_FALLBACK_EXPECTED: u32 = 2;

/// What drivers need to know of the policy in force. Set struct_bytes before asking.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct seawall_dependency_about_t {
    /// sizeof(seawall_dependency_about_t).
    pub struct_bytes: u32,
    /// SEAWALL_CRITICALITY_*.
    pub criticality: u32,
    /// SEAWALL_FALLBACK_*.
    pub fallback: u32,
    /// Attempts in all.
    pub attempts: u32,
    /// How many rate limits there are.
    pub limiters: u32,
    /// Places of the bulkhead; 0: no bulkhead.
    pub max_concurrent: u32,
    /// 1: adapters send the idempotency key.
    pub sends_key: u32,
    /// 1: what may have been carried out may be sent again.
    pub idempotent: u32,
    /// The time one attempt may take.
    pub timeout_ns: u64,
    /// The time connecting may take; 0: not given.
    pub connect_timeout_ns: u64,
    /// The time the whole call may take; SEAWALL_NEVER: no limit.
    pub deadline_ns: u64,
    /// How long to wait for a place of the bulkhead.
    pub max_wait_ns: u64,
}

// SAFETY: repr(C), the size comes first, all fields are integers.
unsafe impl Versioned for seawall_dependency_about_t {
    const DEFAULT: Self = Self {
        struct_bytes: size_of::<Self>() as u32,
        criticality: 0,
        fallback: 0,
        attempts: 0,
        limiters: 0,
        max_concurrent: 0,
        sends_key: 0,
        idempotent: 0,
        timeout_ns: 0,
        connect_timeout_ns: 0,
        deadline_ns: 0,
        max_wait_ns: 0,
    };
}

/// What became of the calls of a dependency, ever, and how long they took. For its gates see
/// seawall_dependency_breaker and the like. Set struct_bytes before asking.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct seawall_dependency_snapshot_t {
    /// sizeof(seawall_dependency_snapshot_t).
    pub struct_bytes: u32,
    /// Zero.
    pub unused: u32,
    /// Calls that ended, refused ones included.
    pub calls: u64,
    /// Calls that ended with a success.
    pub successes: u64,
    /// Calls that ended with a failure.
    pub failures: u64,
    /// Calls that say nothing about the dependency, cancelled ones included.
    pub ignored: u64,
    /// Calls that their caller gave up.
    pub cancelled: u64,
    /// Calls turned away before an attempt was made.
    pub refused: u64,
    /// Of those: by the breaker.
    pub refused_by_breaker: u64,
    /// Of those: by the bulkhead.
    pub refused_by_bulkhead: u64,
    /// Of those: by a rate limit.
    pub refused_by_rate_limit: u64,
    /// Of those: by their deadline.
    pub refused_by_deadline: u64,
    /// Second and further attempts.
    pub retries: u64,
    /// Attempts that ran out of time.
    pub timeouts: u64,
    /// Calls whose error another attempt might have helped against, but a gate said no.
    pub stopped_retries: u64,
    /// Of those: the retry budget was spent.
    pub stopped_by_budget: u64,
    /// Of those: the breaker was not closed any more.
    pub stopped_by_breaker: u64,
    /// Of those: the deadline was too near.
    pub stopped_by_deadline: u64,
    /// Results served by a fallback.
    pub fallbacks: u64,
    /// Results that came too late to count.
    pub late: u64,
    /// The time half of the calls took at most, within 3 %; 0 before the first.
    pub p50_ns: u64,
    /// The time 90 % of the calls took at most.
    pub p90_ns: u64,
    /// The time 99 % of the calls took at most.
    pub p99_ns: u64,
}

// SAFETY: repr(C), the size comes first, all fields are integers.
unsafe impl Versioned for seawall_dependency_snapshot_t {
    const DEFAULT: Self = Self {
        struct_bytes: size_of::<Self>() as u32,
        unused: 0,
        calls: 0,
        successes: 0,
        failures: 0,
        ignored: 0,
        cancelled: 0,
        refused: 0,
        refused_by_breaker: 0,
        refused_by_bulkhead: 0,
        refused_by_rate_limit: 0,
        refused_by_deadline: 0,
        retries: 0,
        timeouts: 0,
        stopped_retries: 0,
        stopped_by_budget: 0,
        stopped_by_breaker: 0,
        stopped_by_deadline: 0,
        fallbacks: 0,
        late: 0,
        p50_ns: 0,
        p90_ns: 0,
        p99_ns: 0,
    };
}

/// The dependency that a call came from; none for a call by a policy alone.
pub(crate) fn behind(pointer: *const ()) -> Option<Borrowed> {
    // SAFETY: calls keep only what `seawall_dependency_begin` put there, and a wall outlives its calls.
    (!pointer.is_null()).then(|| Borrowed(core::mem::ManuallyDrop::new(unsafe { lent(pointer) })))
}

/// A dependency whose handle belongs to its wall.
pub(crate) struct Borrowed(core::mem::ManuallyDrop<Dependency>);

impl core::ops::Deref for Borrowed {
    type Target = Dependency;

    fn deref(&self) -> &Dependency {
        &self.0
    }
}

/// # Safety
/// The pointer came from a wall that lives; the answer must not be dropped.
unsafe fn lent(pointer: *const ()) -> Dependency {
    // SAFETY: the caller's promise.
    unsafe { Dependency::borrow_ptr(pointer) }
}

/// # Safety
/// A pointer that is not null came from a wall that lives.
pub(crate) unsafe fn dependency(pointer: *const seawall_dependency_t) -> Result<Borrowed, Misuse> {
    behind(pointer.cast()).ok_or(Misuse::Null)
}

/// Begins a call under the policy in force; `options` may be null. Errors as for seawall_call_begin. Never blocks,
/// never allocates.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn seawall_dependency_begin(
    dependency: *const seawall_dependency_t,
    options: *const seawall_call_options_t,
    now_ns: u64,
    call: *mut seawall_call_t,
    action: *mut seawall_action_t,
) -> seawall_status_t {
    guard(|| {
        // SAFETY: the header asks for a dependency of a wall that lives.
        let this = unsafe { self::dependency(dependency) }?;
        let bound = (&raw const *this.bound()).cast::<policy::Bound<'static>>();
        // SAFETY: the header asks for valid pointers and for a wall that outlives its calls; the policy in force is
        // kept as long as the dependency.
        unsafe { begin(bound, dependency.cast(), options, now_ns, call, action) }
    })
}

/// What drivers need to know of the policy in force.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn seawall_dependency_about(
    dependency: *const seawall_dependency_t,
    about: *mut seawall_dependency_about_t,
) -> seawall_status_t {
    guard(|| {
        // SAFETY: the header asks for a dependency of a wall that lives.
        let this = unsafe { self::dependency(dependency) }?;
        let policy = this.policy();
        let known = seawall_dependency_about_t {
            criticality: match policy.criticality {
                Criticality::Critical => SEAWALL_CRITICALITY_CRITICAL,
                Criticality::Important => SEAWALL_CRITICALITY_IMPORTANT,
                Criticality::Optional => SEAWALL_CRITICALITY_OPTIONAL,
            },
            fallback: match policy.fallback {
                FallbackRule::Forbidden => SEAWALL_FALLBACK_FORBIDDEN,
                FallbackRule::Allowed => SEAWALL_FALLBACK_ALLOWED,
                FallbackRule::Expected => SEAWALL_FALLBACK_EXPECTED,
            },
            attempts: policy.call.attempts,
            limiters: u32::try_from(policy.rate_limits.len()).unwrap_or(u32::MAX),
            max_concurrent: policy
                .bulkhead
                .map_or(0, |bulkhead| bulkhead.max_concurrent),
            sends_key: u32::from(policy.sends_key),
            idempotent: u32::from(policy.call.idempotent),
            timeout_ns: policy.call.timeout.0,
            connect_timeout_ns: policy.connect_timeout.map_or(0, |span| span.0),
            deadline_ns: policy.call.deadline.0,
            max_wait_ns: policy.call.max_wait.0,
            ..seawall_dependency_about_t::DEFAULT
        };
        // SAFETY: the header asks for a place with struct_bytes set.
        unsafe { write(about, &known) }?;
        Ok(Status::OK)
    })
}

/// What became of the calls. Changes nothing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn seawall_dependency_snapshot(
    dependency: *const seawall_dependency_t,
    snapshot: *mut seawall_dependency_snapshot_t,
) -> seawall_status_t {
    guard(|| {
        // SAFETY: the header asks for a dependency of a wall that lives.
        let this = unsafe { self::dependency(dependency) }?;
        let gates = &this.bound().gates;
        let counts = gates.tally.map(policy::Tally::counts).unwrap_or_default();
        let quantile = |ppm| gates.latency.map_or(0, |latency| latency.quantile(ppm).0);
        let seen = seawall_dependency_snapshot_t {
            calls: counts.calls(),
            successes: counts.successes,
            failures: counts.failures,
            ignored: counts.ignored,
            cancelled: counts.cancelled,
            refused: counts.refused(),
            refused_by_breaker: counts.refused_by_breaker,
            refused_by_bulkhead: counts.refused_by_bulkhead,
            refused_by_rate_limit: counts.refused_by_rate_limit,
            refused_by_deadline: counts.refused_by_deadline,
            retries: counts.retries,
            timeouts: counts.timeouts,
            stopped_retries: counts.stopped_retries,
            stopped_by_budget: counts.stopped_by_budget,
            stopped_by_breaker: counts.stopped_by_breaker,
            stopped_by_deadline: counts.stopped_by_deadline,
            fallbacks: counts.fallbacks,
            late: counts.late,
            p50_ns: quantile(500_000),
            p90_ns: quantile(900_000),
            p99_ns: quantile(990_000),
            ..seawall_dependency_snapshot_t::DEFAULT
        };
        // SAFETY: the header asks for a place with struct_bytes set.
        unsafe { write(snapshot, &seen) }?;
        Ok(Status::OK)
    })
}

/// The breaker of the policy in force, to look at or to steer; null: it has none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn seawall_dependency_breaker(
    dependency: *const seawall_dependency_t,
) -> *const seawall_breaker_t {
    // SAFETY: the header asks for a dependency of a wall that lives.
    let Ok(this) = (unsafe { self::dependency(dependency) }) else {
        return core::ptr::null();
    };
    let gate = this.bound().gates.breaker;
    gate.map_or(core::ptr::null(), |gate| (&raw const *gate).cast())
}

/// The bulkhead of the policy in force; null: it has none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn seawall_dependency_bulkhead(
    dependency: *const seawall_dependency_t,
) -> *const seawall_bulkhead_t {
    // SAFETY: the header asks for a dependency of a wall that lives.
    let Ok(this) = (unsafe { self::dependency(dependency) }) else {
        return core::ptr::null();
    };
    let gate = this.bound().gates.bulkhead;
    gate.map_or(core::ptr::null(), |gate| (&raw const *gate).cast())
}

/// The retry budget of the policy in force; null: it has none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn seawall_dependency_retry_budget(
    dependency: *const seawall_dependency_t,
) -> *const seawall_retry_budget_t {
    // SAFETY: the header asks for a dependency of a wall that lives.
    let Ok(this) = (unsafe { self::dependency(dependency) }) else {
        return core::ptr::null();
    };
    let gate = this.bound().gates.budget;
    gate.map_or(core::ptr::null(), |gate| (&raw const *gate).cast())
}

/// The rate limit of this number (from 0) of the policy in force; null: it has none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn seawall_dependency_limiter(
    dependency: *const seawall_dependency_t,
    limiter: u32,
) -> *const seawall_limiter_t {
    // SAFETY: the header asks for a dependency of a wall that lives.
    let Ok(this) = (unsafe { self::dependency(dependency) }) else {
        return core::ptr::null();
    };
    let gates = &this.bound().gates;
    let gate = gates.limiters.get(limiter as usize).copied().flatten();
    gate.map_or(core::ptr::null(), |gate| (&raw const *gate).cast())
}

/// The name of the rate limit of this number, NUL-terminated and cut to the buffer. Returns the bytes the name
/// needs with its NUL; 0: there is no such limit.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn seawall_dependency_limiter_name(
    dependency: *const seawall_dependency_t,
    limiter: u32,
    buffer: *mut c_char,
    buffer_bytes: usize,
) -> usize {
    // SAFETY: the header asks for a dependency of a wall that lives.
    let Ok(this) = (unsafe { self::dependency(dependency) }) else {
        return 0;
    };
    let limits = &this.policy().rate_limits;
    limits.get(limiter as usize).map_or(0, |limit| {
        // SAFETY: the header asks for a buffer of that size.
        unsafe { fill(&limit.name, buffer, buffer_bytes) }
    })
}

/// Refuses every call until seawall_dependency_reset. `transition` (may be null) gets the state change, as in
/// seawall_action_t.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn seawall_dependency_force_open(
    dependency: *const seawall_dependency_t,
    transition: *mut u32,
) -> seawall_status_t {
    // SAFETY: the same promises.
    unsafe { steer(dependency, transition, Dependency::force_open) }
}

/// Admits every call and records nothing until seawall_dependency_reset.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn seawall_dependency_disable(
    dependency: *const seawall_dependency_t,
    transition: *mut u32,
) -> seawall_status_t {
    // SAFETY: the same promises.
    unsafe { steer(dependency, transition, Dependency::disable) }
}

/// The breaker closed and without memory.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn seawall_dependency_reset(
    dependency: *const seawall_dependency_t,
    transition: *mut u32,
) -> seawall_status_t {
    // SAFETY: the same promises.
    unsafe { steer(dependency, transition, Dependency::reset) }
}

unsafe fn steer(
    dependency: *const seawall_dependency_t,
    transition: *mut u32,
    verb: fn(&Dependency) -> Option<seawall_core::breaker::Transition>,
) -> seawall_status_t {
    guard(|| {
        // SAFETY: the header asks for a dependency of a wall that lives.
        let this = unsafe { self::dependency(dependency) }?;
        let change = transition_number(verb(&this));
        if !transition.is_null() {
            // SAFETY: the header asks for a valid place.
            *unsafe { place(transition) }? = change;
        }
        Ok(Status::OK)
    })
}

/// Corrects the cost of a call after the fact: takes `tokens` more from the rate limit of this number, or gives
/// back when negative. SEAWALL_ERROR_ARGUMENT: there is no such limit.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn seawall_dependency_adjust(
    dependency: *const seawall_dependency_t,
    limiter: u32,
    tokens: i64,
    now_ns: u64,
) -> seawall_status_t {
    guard(|| {
        // SAFETY: the header asks for a dependency of a wall that lives.
        let this = unsafe { self::dependency(dependency) }?;
        let now: Nanos = When(now_ns).now();
        this.adjust(limiter as usize, tokens, now)?;
        Ok(Status::OK)
    })
}

/// Gives back a place that seawall_call_keep took out of a call. As seawall_bulkhead_release, whatever the policy
/// in force has become meanwhile.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn seawall_dependency_release(
    dependency: *const seawall_dependency_t,
    kept: *mut seawall_permit_t,
) -> seawall_status_t {
    // SAFETY: the header asks for a dependency of a wall that lives.
    let Ok(this) = (unsafe { self::dependency(dependency) }) else {
        return Misuse::Null as i32;
    };
    let bulkhead = (&raw const *this.bulkhead()).cast();
    // SAFETY: the same promises.
    unsafe { crate::bulkhead::seawall_bulkhead_release(bulkhead, kept) }
}

/// Counts a result that a fallback served, for snapshots.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn seawall_dependency_fell_back(
    dependency: *const seawall_dependency_t,
) -> seawall_status_t {
    guard(|| {
        // SAFETY: the header asks for a dependency of a wall that lives.
        unsafe { self::dependency(dependency) }?.count_fallback();
        Ok(Status::OK)
    })
}

/// Counts a result that came when its call had ended, for snapshots.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn seawall_dependency_came_late(
    dependency: *const seawall_dependency_t,
) -> seawall_status_t {
    guard(|| {
        // SAFETY: the header asks for a dependency of a wall that lives.
        unsafe { self::dependency(dependency) }?.count_late();
        Ok(Status::OK)
    })
}
