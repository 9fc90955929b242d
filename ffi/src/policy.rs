//! Policy: the rules for calling one dependency
//!
//! A policy binds rules (timeout, deadline, attempts, backoff, scopes) to the gates that a call passes: deadline,
//! bulkhead, breaker, retry with its budget, rate limits, timeout, in this order. Programs with the full library
//! take theirs from a wall (seawall_wall_open); this is for those that bring their own memory and settings.

use core::ffi::c_void;
use core::mem::MaybeUninit;

use seawall_core::policy::{Bound, Config, Gates, Scope};
use seawall_core::{ConfigError, Misuse, Nanos, Owner, Status};

use crate::backoff::seawall_backoff_config_t;
use crate::breaker::seawall_breaker_t;
use crate::bulkhead::seawall_bulkhead_t;
use crate::guard::guard;
use crate::histogram::seawall_histogram_t;
use crate::limiter::seawall_limiter_t;
use crate::memory::{Versioned, object, place, read, storage};
use crate::permit::SEAWALL_OWNER_PRIVATE;
use crate::retry_budget::seawall_retry_budget_t;
use crate::status::{explain, seawall_config_error_t, seawall_status_t};

/// Counts a call once, whatever its attempts.
pub const SEAWALL_SCOPE_CALL: u32 = 0;
/// Counts each attempt by itself; nothing is held through a backoff.
pub const SEAWALL_SCOPE_ATTEMPT: u32 = 1;

/// The most rate limits on one dependency.
pub const SEAWALL_LIMITERS_MAX: usize = 4;

/// The storage of a policy.
pub const SEAWALL_POLICY_BYTES: usize = 320;

/// Rules and gates in the caller's storage. Does not change; any thread may call by it.
pub struct seawall_policy_t {
    _opaque: [u8; 0],
}

/// Rules. Start from SEAWALL_POLICY_CONFIG_INIT and set timeout_ns.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct seawall_policy_config_t {
    /// sizeof(seawall_policy_config_t).
    pub struct_bytes: u32,
    /// Attempts in all, 1..100. Default 1.
    pub attempts: u32,
    /// The time one attempt may take, 1 ms to 24 h. No default on purpose.
    pub timeout_ns: u64,
    /// The time the whole call may take, timeout_ns to 24 h; SEAWALL_NEVER: no limit but the caller's. Default that.
    pub deadline_ns: u64,
    /// A retry that would leave an attempt less time than this is not made, 0..timeout_ns. Default 0.
    pub useful_ns: u64,
    /// How long to wait for a place of the bulkhead, 0..24 h. Default 0.
    pub max_wait_ns: u64,
    /// How long to wait for the rate limits, 0..24 h. Default 0.
    pub max_rate_wait_ns: u64,
    /// The wait between attempts; null: all defaults.
    pub backoff: *const seawall_backoff_config_t,
    /// Share of the caller's deadline that is kept for the caller, 0..1000. Default 0.
    pub reserve_permille: u32,
    /// 0: only what was certainly not sent may be sent again. Default 1.
    pub idempotent: u32,
    /// 1: its calls may take reserved permits. Default 0.
    pub critical: u32,
    /// 0: nothing else may be served when a call fails. Default 1.
    pub may_fall_back: u32,
    /// SEAWALL_SCOPE_*, of the breaker. Default call.
    pub breaker_scope: u32,
    /// SEAWALL_SCOPE_*, of the bulkhead. Default call.
    pub bulkhead_scope: u32,
}

// SAFETY: repr(C), the size comes first, all fields are integers or a pointer that is checked before use.
unsafe impl Versioned for seawall_policy_config_t {
    const DEFAULT: Self = Self {
        struct_bytes: size_of::<Self>() as u32,
        attempts: 1,
        timeout_ns: 0,
        deadline_ns: u64::MAX,
        useful_ns: 0,
        max_wait_ns: 0,
        max_rate_wait_ns: 0,
        backoff: core::ptr::null(),
        reserve_permille: 0,
        idempotent: 1,
        critical: 0,
        may_fall_back: 1,
        breaker_scope: SEAWALL_SCOPE_CALL,
        bulkhead_scope: SEAWALL_SCOPE_CALL,
    };
}

/// The gates of a policy; a null one lets everything pass. Start from SEAWALL_GATES_INIT.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct seawall_gates_t {
    /// sizeof(seawall_gates_t).
    pub struct_bytes: u32,
    /// In whose name permits are held, 1..1048575. Default SEAWALL_OWNER_PRIVATE.
    pub owner: u32,
    /// Stops calling what keeps failing.
    pub breaker: *const seawall_breaker_t,
    /// Holds a place for each call.
    pub bulkhead: *const seawall_bulkhead_t,
    /// Rates, all of which must agree.
    pub limiters: [*const seawall_limiter_t; SEAWALL_LIMITERS_MAX],
    /// What retries may cost.
    pub retry_budget: *const seawall_retry_budget_t,
    /// Gets the duration of every call.
    pub latency: *const seawall_histogram_t,
}

// SAFETY: repr(C), the size comes first, the rest are integers or pointers that are checked before use.
unsafe impl Versioned for seawall_gates_t {
    const DEFAULT: Self = Self {
        struct_bytes: size_of::<Self>() as u32,
        owner: SEAWALL_OWNER_PRIVATE,
        breaker: core::ptr::null(),
        bulkhead: core::ptr::null(),
        limiters: [core::ptr::null(); SEAWALL_LIMITERS_MAX],
        retry_budget: core::ptr::null(),
        latency: core::ptr::null(),
    };
}

/// What stands in the caller's storage.
struct Inside {
    mark: u64,
    bound: Bound<'static>,
}

const _: () = assert!(size_of::<Inside>() <= SEAWALL_POLICY_BYTES);
const MARK: u64 = 0x5ea3_a119_0119_0e6a;

/// A yes or no; any other number may be a mistake.
fn flag(field: &'static str, number: u32) -> Result<bool, ConfigError> {
    ConfigError::check(field, u64::from(number), 0, 1)?;
    Ok(number == 1)
}

fn scope(field: &'static str, number: u32) -> Result<Scope, ConfigError> {
    ConfigError::check(field, u64::from(number), 0, 1)?;
    Ok(if number == SEAWALL_SCOPE_CALL {
        Scope::Call
    } else {
        Scope::Attempt
    })
}

impl seawall_policy_config_t {
    /// # Safety
    /// The pointer to the backoff is null or readable.
    unsafe fn core(&self) -> Result<Result<Config, ConfigError>, Misuse> {
        // SAFETY: the caller's promise.
        let backoff = unsafe { read(self.backoff) }?;
        let build = || {
            let config = Config {
                deadline: Nanos(self.deadline_ns),
                reserve_permille: u16::try_from(self.reserve_permille).unwrap_or(u16::MAX),
                attempts: self.attempts,
                backoff: backoff.core()?,
                useful: Nanos(self.useful_ns),
                idempotent: flag("idempotent", self.idempotent)?,
                critical: flag("critical", self.critical)?,
                max_wait: Nanos(self.max_wait_ns),
                max_rate_wait: Nanos(self.max_rate_wait_ns),
                may_fall_back: flag("may_fall_back", self.may_fall_back)?,
                breaker_scope: scope("breaker.scope", self.breaker_scope)?,
                bulkhead_scope: scope("bulkhead.scope", self.bulkhead_scope)?,
                ..Config::with_timeout(Nanos(self.timeout_ns))
            };
            config.validate()?;
            Ok(config)
        };
        Ok(build())
    }
}

/// # Safety
/// A pointer that is neither null nor misaligned must point to an object of ours.
unsafe fn gate<'a, T, P>(pointer: *const P) -> Result<Option<&'a T>, Misuse> {
    if pointer.is_null() {
        return Ok(None);
    }
    // SAFETY: the caller's promise.
    unsafe { object(pointer) }.map(Some)
}

impl seawall_gates_t {
    /// # Safety
    /// The pointers are null or point to objects that outlive the policy.
    unsafe fn core(&self) -> Result<Gates<'static>, Misuse> {
        let mut gates = Gates {
            owner: Owner::from_raw(self.owner).ok_or(Misuse::Argument)?,
            // SAFETY: the caller's promise, here and below.
            breaker: unsafe { gate(self.breaker) }?,
            // SAFETY: likewise.
            budget: unsafe { gate(self.retry_budget) }?,
            // SAFETY: likewise.
            latency: unsafe { gate(self.latency) }?,
            ..Gates::NONE
        };
        if !self.bulkhead.is_null() {
            // SAFETY: likewise.
            gates.bulkhead = Some(unsafe { crate::bulkhead::bulkhead(self.bulkhead) }?);
        }
        for (place, limiter) in gates.limiters.iter_mut().zip(self.limiters) {
            // SAFETY: likewise.
            *place = unsafe { gate(limiter) }?;
        }
        if gates
            .breaker
            .is_some_and(|breaker| !breaker.is_initialised())
            || gates.budget.is_some_and(|budget| !budget.is_initialised())
            || gates
                .limiters
                .iter()
                .flatten()
                .any(|limiter| !limiter.is_initialised())
        {
            return Err(Misuse::Uninitialised);
        }
        Ok(gates)
    }
}

/// The bound policy in storage that seawall_policy_init made.
///
/// # Safety
/// A pointer that is neither null nor misaligned must be readable for SEAWALL_POLICY_BYTES.
pub(crate) unsafe fn bound(
    policy: *const seawall_policy_t,
) -> Result<*const Bound<'static>, Misuse> {
    // SAFETY: the caller's promise; any bytes are a valid `MaybeUninit`.
    let memory: &MaybeUninit<Inside> = unsafe { object(policy) }?;
    // SAFETY: a plain integer at the start of readable memory.
    let mark = unsafe { (&raw const (*memory.as_ptr()).mark).read() };
    if mark != MARK {
        return Err(Misuse::Uninitialised);
    }
    // SAFETY: the mark says that the rest was written.
    Ok(unsafe { &raw const (*memory.as_ptr()).bound })
}

/// Makes a policy in `memory`, which must be aligned to SEAWALL_ALIGN and hold SEAWALL_POLICY_BYTES. The gates must
/// outlive it, and it its calls. On SEAWALL_ERROR_CONFIG fills `*error` (may be null) and leaves `memory` as it was.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn seawall_policy_init(
    memory: *mut c_void,
    memory_bytes: usize,
    config: *const seawall_policy_config_t,
    gates: *const seawall_gates_t,
    error: *mut seawall_config_error_t,
    policy: *mut *mut seawall_policy_t,
) -> seawall_status_t {
    guard(|| {
        // SAFETY: the header asks for a valid place.
        let out = unsafe { place(policy) }?;
        let memory = storage(memory, memory_bytes, SEAWALL_POLICY_BYTES)?;
        // SAFETY: the header asks for a valid configuration.
        let given = unsafe { read(config) }?;
        // SAFETY: the header asks for a valid backoff.
        let config = unsafe { given.core() }?.map_err(|cause| explain(&cause, error))?;
        // SAFETY: the header asks for valid gates.
        let gates = unsafe { read(gates) }?;
        // SAFETY: the header asks for gates that outlive the policy.
        let gates = unsafe { gates.core() }?;
        let inside = Inside {
            mark: MARK,
            bound: Bound { config, gates },
        };
        // SAFETY: aligned and large enough, see `storage`; the caller gives memory that can be written.
        unsafe { memory.cast::<Inside>().write(inside) };
        *out = memory.as_ptr().cast();
        Ok(Status::OK)
    })
}
