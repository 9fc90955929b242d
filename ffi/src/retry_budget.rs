//! Retry budget: retries stay a small share of calls
//!
//! Each call deposits a share of a token (deposit), each retry takes one out (try_withdraw): when a dependency is
//! down, retries end instead of multiplying the load.

use core::ffi::c_void;

use seawall_core::retry_budget::{Cause, Config, Profile, RetryBudget, Withdrawal};
use seawall_core::{ConfigError, Misuse, Moment as _, Nanos, Outcome, Status};

use crate::breaker::mode;
use crate::guard::{When, guard};
use crate::memory::{Versioned, object, place, read, storage, write};
use crate::permit::{check, number_of};
use crate::status::{explain, seawall_config_error_t, seawall_status_t};

/// A retry budget in the caller's storage. Any thread and any process that maps the storage may use it.
pub struct seawall_retry_budget_t {
    _opaque: [u8; 0],
}

/// The storage it needs, in bytes.
pub const SEAWALL_RETRY_BUDGET_BYTES: usize = 704;
const _: () = assert!(SEAWALL_RETRY_BUDGET_BYTES == size_of::<RetryBudget>());

/// Each call adds its share, time adds a floor, a retry takes one.
pub const SEAWALL_PROFILE_BUCKET: u32 = 0;
/// Finagle's RetryBudget.
pub const SEAWALL_PROFILE_FINAGLE: u32 = 1;
/// gRPC retry throttling (gRFC A6).
pub const SEAWALL_PROFILE_GRPC: u32 = 2;
/// The standard retry mode of the AWS SDKs, rules of 2026.
pub const SEAWALL_PROFILE_AWS_STANDARD: u32 = 3;
/// The same by the older rules.
pub const SEAWALL_PROFILE_AWS_LEGACY: u32 = 4;

/// The retry follows an ordinary failure.
pub const SEAWALL_CAUSE_FAILURE: u32 = 0;
/// The server asked for less.
pub const SEAWALL_CAUSE_THROTTLED: u32 = 1;
/// No answer in time.
pub const SEAWALL_CAUSE_TIMEOUT: u32 = 2;

/// Settings of a retry budget. Start from SEAWALL_RETRY_BUDGET_CONFIG_INIT, or from
/// seawall_retry_budget_profile for a published profile.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct seawall_retry_budget_config_t {
    /// sizeof(seawall_retry_budget_config_t).
    pub struct_bytes: u32,
    /// SEAWALL_PROFILE_*. Default bucket.
    pub profile: u32,
    /// What each call (bucket, finagle) or success (grpc) adds, in thousandths of a token, 0..10000. Default 100.
    pub ratio_permille: u32,
    /// Retries per second allowed whatever the traffic (bucket, finagle), 0..10000. Default 1.
    pub min_per_second: u32,
    /// The most tokens, 1..1000000 (grpc 1000); a bucket holds at least what the floor saves up. Default 100.
    pub cap: u32,
    /// Retries under way may be this share of the calls under way, in thousandths, 0..10000; 0 leaves the rule out.
    pub max_concurrent_retries_permille: u32,
    /// So many retries under way are always allowed by the rule above, 0..1000000. Default 3.
    pub min_concurrent_retries: u32,
    /// SEAWALL_MODE_*. Default enforce.
    pub mode: u32,
    /// How long a deposit counts (finagle), how much of the floor can be saved up (bucket), 1 s..1 h. Default 10 s.
    pub window_ns: u64,
}

impl seawall_retry_budget_config_t {
    const fn of(config: &Config) -> Self {
        Self {
            struct_bytes: size_of::<Self>() as u32,
            profile: config.profile as u32,
            ratio_permille: config.ratio_permille,
            min_per_second: config.min_per_second,
            cap: config.cap,
            max_concurrent_retries_permille: config.max_concurrent_retries_permille,
            min_concurrent_retries: config.min_concurrent_retries,
            mode: config.mode as u32,
            window_ns: config.window.0,
        }
    }

    fn core(&self) -> Result<Config, ConfigError> {
        let unknown = ConfigError {
            field: "profile",
            value: u64::from(self.profile),
            min: 0,
            max: 4,
        };
        Ok(Config {
            profile: Profile::from_number(self.profile).ok_or(unknown)?,
            ratio_permille: self.ratio_permille,
            min_per_second: self.min_per_second,
            window: Nanos(self.window_ns),
            cap: self.cap,
            max_concurrent_retries_permille: self.max_concurrent_retries_permille,
            min_concurrent_retries: self.min_concurrent_retries,
            mode: mode(self.mode)?,
        })
    }
}

// SAFETY: repr(C), the size comes first, all fields are integers.
unsafe impl Versioned for seawall_retry_budget_config_t {
    const DEFAULT: Self = Self::of(&Config::of(Profile::Bucket));
}

/// Leave for one retry, on the caller's stack. Not to be copied: a used one is marked in place.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct seawall_withdrawal_t {
    /// What the library knows it by; 0: none, or a spent one.
    pub token: u64,
    /// The object that gave it.
    pub object: u64,
    /// After a refusal: how long until asking again can help, in nanoseconds; 0: nobody knows.
    pub retry_after_ns: u64,
}

impl seawall_withdrawal_t {
    const SPENT: Self = Self {
        token: 0,
        object: 0,
        retry_after_ns: 0,
    };
}

/// What a budget looked like at one moment. Set struct_bytes before asking.
#[repr(C)]
#[derive(Clone, Copy, Default)]
pub struct seawall_retry_budget_snapshot_t {
    /// sizeof(seawall_retry_budget_snapshot_t).
    pub struct_bytes: u32,
    /// Calls under way, where the in-flight rule is on.
    pub calls_in_flight: u32,
    /// Retries under way, where the in-flight rule is on.
    pub retries_in_flight: u32,
    /// Zero.
    pub unused: u32,
    /// What is left, in thousandths of a token.
    pub tokens_milli: u64,
    /// The most there can be, in thousandths of a token; 0 where the profile has no such bound.
    pub cap_milli: u64,
    /// Deposits that added something, ever: a full bucket takes none.
    pub deposited: u64,
    /// Retries granted, ever.
    pub withdrawn: u64,
    /// Retries refused, ever.
    pub refused: u64,
    /// Retries that would have been refused in enforce mode, ever.
    pub shadow_refused: u64,
}

// SAFETY: repr(C), the size comes first, all fields are integers.
unsafe impl Versioned for seawall_retry_budget_snapshot_t {
    const DEFAULT: Self = Self {
        struct_bytes: size_of::<Self>() as u32,
        calls_in_flight: 0,
        retries_in_flight: 0,
        unused: 0,
        tokens_milli: 0,
        cap_milli: 0,
        deposited: 0,
        withdrawn: 0,
        refused: 0,
        shadow_refused: 0,
    };
}

/// # Safety
/// As for `object`.
unsafe fn budget<'a>(pointer: *const seawall_retry_budget_t) -> Result<&'a RetryBudget, Misuse> {
    // SAFETY: the caller's promise is passed on.
    let budget = unsafe { object::<RetryBudget, _>(pointer) }?;
    if budget.is_initialised() {
        Ok(budget)
    } else {
        Err(Misuse::Uninitialised)
    }
}

/// The storage a retry budget needs, in bytes; equals SEAWALL_RETRY_BUDGET_BYTES.
#[unsafe(no_mangle)]
pub extern "C" fn seawall_retry_budget_bytes() -> usize {
    SEAWALL_RETRY_BUDGET_BYTES
}

/// Fills `*config` with the published settings of a profile (SEAWALL_PROFILE_*).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn seawall_retry_budget_profile(
    profile: u32,
    config: *mut seawall_retry_budget_config_t,
) -> seawall_status_t {
    guard(|| {
        let profile = Profile::from_number(profile).ok_or(Misuse::Argument)?;
        // SAFETY: the header asks for a valid place.
        *unsafe { place(config) }? = seawall_retry_budget_config_t::of(&Config::of(profile));
        Ok(Status::OK)
    })
}

/// Makes a budget in `memory`, which must be aligned to SEAWALL_ALIGN and hold SEAWALL_RETRY_BUDGET_BYTES. A
/// null `config` means all defaults. On SEAWALL_ERROR_CONFIG fills `*error` (may be null) and leaves
/// `memory` as it was.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn seawall_retry_budget_init(
    memory: *mut c_void,
    memory_bytes: usize,
    config: *const seawall_retry_budget_config_t,
    now_ns: u64,
    error: *mut seawall_config_error_t,
    budget: *mut *mut seawall_retry_budget_t,
) -> seawall_status_t {
    guard(|| {
        // SAFETY: the header asks for a valid place.
        let out = unsafe { place(budget) }?;
        let memory = storage(memory, memory_bytes, size_of::<RetryBudget>())?;
        // SAFETY: the header asks for a valid configuration.
        let config = unsafe { read(config) }?;
        let made = config
            .core()
            .and_then(|config| RetryBudget::new(&config, When(now_ns).now()));
        let made = made.map_err(|cause| explain(&cause, error))?;
        // SAFETY: aligned and large enough, see `storage`; the caller gives memory that can be written.
        unsafe { memory.cast::<RetryBudget>().write(made) };
        *out = memory.as_ptr().cast();
        Ok(Status::OK)
    })
}

/// The budget that seawall_retry_budget_init made in `memory`, for another process that maps it. Changes nothing.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn seawall_retry_budget_attach(
    memory: *mut c_void,
    memory_bytes: usize,
    budget: *mut *mut seawall_retry_budget_t,
) -> seawall_status_t {
    guard(|| {
        // SAFETY: the header asks for a valid place.
        let out = unsafe { place(budget) }?;
        let pointer = storage(memory, memory_bytes, size_of::<RetryBudget>())?
            .as_ptr()
            .cast::<seawall_retry_budget_t>();
        // SAFETY: aligned and large enough; all its fields are integers, so any bytes may be looked at.
        unsafe { self::budget(pointer) }?;
        *out = pointer;
        Ok(Status::OK)
    })
}

/// Changes the settings of a live budget; tokens stay, within the new cap. The profile cannot change.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn seawall_retry_budget_reconfigure(
    budget: *const seawall_retry_budget_t,
    config: *const seawall_retry_budget_config_t,
    error: *mut seawall_config_error_t,
) -> seawall_status_t {
    guard(|| {
        // SAFETY: the header asks for a budget of ours.
        let budget = unsafe { self::budget(budget) }?;
        // SAFETY: the header asks for a valid configuration.
        let config = unsafe { read(config) }?;
        config
            .core()
            .and_then(|config| budget.reconfigure(&config))
            .map_err(|cause| explain(&cause, error))?;
        Ok(Status::OK)
    })
}

/// Says that a call begins, once per call whatever its attempts. Writes nothing when the budget is full.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn seawall_retry_budget_deposit(
    budget: *const seawall_retry_budget_t,
    now_ns: u64,
) -> seawall_status_t {
    guard(|| {
        // SAFETY: the header asks for a budget of ours.
        unsafe { self::budget(budget) }?.deposit(&When(now_ns));
        Ok(Status::OK)
    })
}

/// Asks for leave to send one more retry; `cause` is SEAWALL_CAUSE_*. On 0 fills `*withdrawal`: say how the
/// retry ended with seawall_retry_budget_record. On SEAWALL_REFUSED_BUDGET_EXHAUSTED end the call with its
/// last real error.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn seawall_retry_budget_try_withdraw(
    budget: *const seawall_retry_budget_t,
    cause: u32,
    now_ns: u64,
    withdrawal: *mut seawall_withdrawal_t,
) -> seawall_status_t {
    guard(|| {
        // SAFETY: the header asks for a budget of ours.
        let budget = unsafe { self::budget(budget) }?;
        // SAFETY: the header asks for a valid place.
        let withdrawal = unsafe { place(withdrawal) }?;
        let cause = Cause::from_number(cause).ok_or(Misuse::Argument)?;
        match budget.try_withdraw(cause, &When(now_ns)) {
            Ok(granted) => {
                let (token, object) = (granted.into_raw(), number_of(budget));
                *withdrawal = seawall_withdrawal_t {
                    token,
                    object,
                    retry_after_ns: 0,
                };
                Ok(Status::OK)
            }
            Err(refusal) => {
                *withdrawal = seawall_withdrawal_t {
                    retry_after_ns: refusal.retry_after.0,
                    ..seawall_withdrawal_t::SPENT
                };
                Ok(refusal.reason.into())
            }
        }
    })
}

/// Takes the withdrawal out of the caller's struct.
fn spend(held: &mut seawall_withdrawal_t, budget: &RetryBudget) -> Result<Withdrawal, Misuse> {
    check(held.token, held.object, budget)?;
    let withdrawal = Withdrawal::from_raw(held.token).ok_or(Misuse::Spent)?;
    *held = seawall_withdrawal_t::SPENT;
    Ok(withdrawal)
}

/// Says how an attempt ended (SEAWALL_OUTCOME_*): with the withdrawal for a retry, with null for a first
/// attempt. The withdrawal is spent.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn seawall_retry_budget_record(
    budget: *const seawall_retry_budget_t,
    outcome: u32,
    withdrawal: *mut seawall_withdrawal_t,
) -> seawall_status_t {
    guard(|| {
        // SAFETY: the header asks for a budget of ours.
        let budget = unsafe { self::budget(budget) }?;
        let outcome = Outcome::from_number(outcome).ok_or(Misuse::Argument)?;
        let withdrawal = if withdrawal.is_null() {
            None
        } else {
            // SAFETY: the header asks for a withdrawal of the caller's.
            Some(spend(unsafe { place(withdrawal) }?, budget)?)
        };
        budget.record(outcome, withdrawal);
        Ok(Status::OK)
    })
}

/// Gives leave back that was not used: what it cost is there again. The withdrawal is spent.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn seawall_retry_budget_cancel(
    budget: *const seawall_retry_budget_t,
    withdrawal: *mut seawall_withdrawal_t,
    now_ns: u64,
) -> seawall_status_t {
    guard(|| {
        // SAFETY: the header asks for a budget of ours.
        let budget = unsafe { self::budget(budget) }?;
        // SAFETY: the header asks for a withdrawal of the caller's.
        let held = spend(unsafe { place(withdrawal) }?, budget)?;
        budget.cancel(held, &When(now_ns));
        Ok(Status::OK)
    })
}

/// Says that a call has ended, for the in-flight rule; once for each deposit.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn seawall_retry_budget_finish(
    budget: *const seawall_retry_budget_t,
) -> seawall_status_t {
    guard(|| {
        // SAFETY: the header asks for a budget of ours.
        unsafe { self::budget(budget) }?.finish();
        Ok(Status::OK)
    })
}

/// Fills `*snapshot` as far as its struct_bytes reach. Changes nothing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn seawall_retry_budget_snapshot(
    budget: *const seawall_retry_budget_t,
    now_ns: u64,
    snapshot: *mut seawall_retry_budget_snapshot_t,
) -> seawall_status_t {
    guard(|| {
        // SAFETY: the header asks for a budget of ours.
        let seen = unsafe { self::budget(budget) }?.snapshot(When(now_ns).now());
        let value = seawall_retry_budget_snapshot_t {
            calls_in_flight: seen.calls_in_flight,
            retries_in_flight: seen.retries_in_flight,
            tokens_milli: seen.tokens_milli,
            cap_milli: seen.cap_milli,
            deposited: seen.deposited,
            withdrawn: seen.withdrawn,
            refused: seen.refused,
            shadow_refused: seen.shadow_refused,
            ..seawall_retry_budget_snapshot_t::DEFAULT
        };
        // SAFETY: the header asks for a place with its size in the first field.
        unsafe { write(snapshot, &value) }?;
        Ok(Status::OK)
    })
}
