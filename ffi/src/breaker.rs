//! Breaker: stop calling what keeps failing
//!
//! ```text
//!          failures in a row, ratio of failures, ratio of slow calls
//!   CLOSED ---------------------------------------------------------> OPEN  (refuses; opens longer each time)
//!     ^                                                               |  ^
//!     |  enough probes succeed                     open time is over  |  |  too many probes fail
//!     +------------------------------- HALF_OPEN <--------------------+  |
//!                                          +-----------------------------+
//! ```
//!
//! Ask with seawall_breaker_try_acquire, make the call, say how it ended with seawall_breaker_record. Every state
//! change raises the generation; a result whose permit is of another generation is counted as late and changes
//! nothing. A probe is a lease: one that never reports cannot keep the breaker half-open. Nobody needs a timer.

use core::ffi::c_void;

use seawall_core::breaker::{Breaker, Config, Permit, Recorded, Transition};
use seawall_core::{ConfigError, Misuse, Mode, Nanos, Outcome, Owner, Status};

use crate::guard::{When, guard};
use crate::memory::{Versioned, object, place, read, storage, write};
use crate::permit::{SEAWALL_OWNER_PRIVATE, number_of, seawall_permit_t, transition_number};
use crate::status::{explain, seawall_config_error_t, seawall_status_t};

/// A circuit breaker in the caller's storage. Any thread and any process that maps the storage may use it.
pub struct seawall_breaker_t {
    _opaque: [u8; 0],
}

/// The storage it needs, in bytes.
pub const SEAWALL_BREAKER_BYTES: usize = 1344;
const _: () = assert!(SEAWALL_BREAKER_BYTES == size_of::<Breaker>());

/// Everybody may call.
pub const SEAWALL_STATE_CLOSED: u32 = 0;
/// Nobody may call until the open time is over.
pub const SEAWALL_STATE_OPEN: u32 = 1;
/// A few probes may call.
pub const SEAWALL_STATE_HALF_OPEN: u32 = 2;
/// Nobody may call until a reset by hand.
pub const SEAWALL_STATE_FORCED_OPEN: u32 = 3;
/// Everybody may call, nothing is recorded.
pub const SEAWALL_STATE_DISABLED: u32 = 4;

/// Settings of a breaker. Start from SEAWALL_BREAKER_CONFIG_INIT.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct seawall_breaker_config_t {
    /// sizeof(seawall_breaker_config_t): lets fields be appended.
    pub struct_bytes: u32,
    /// Open after so many failures in a row, 0..1000000; 0 leaves the rule out. Default 5.
    pub consecutive_failures: u32,
    /// 1: apply the rule above also when the window holds enough calls for a ratio. Default 0.
    pub consecutive_always: u32,
    /// Open at or above this ratio of failures, in thousandths, 0..1000; 0 leaves the rule out. Default 500.
    pub failure_permille: u32,
    /// Open at or above this ratio of slow calls, in thousandths, 0..1000; 0 leaves the rule out. Default 0.
    pub slow_permille: u32,
    /// Look at the last so many calls, 0..1024; 0 looks at window_ns instead. Default 0.
    pub window_calls: u32,
    /// No ratio counts before so many calls, 1..1000000, at most window_calls if that is set. Default 20.
    pub min_calls: u32,
    /// Growth of the open time at each opening without a close between, thousandths, 1000..10000. Default 2000.
    pub open_backoff_permille: u32,
    /// How far the open time may stray either way, in thousandths, 0..500. Default 100.
    pub open_jitter_permille: u32,
    /// Calls let through in a half-open round, 1..32. Default 1.
    pub probes: u32,
    /// A ratio counts only when failures come from so many owners, 1..8. Default 1.
    pub min_witnesses: u32,
    /// SEAWALL_MODE_*. Default enforce.
    pub mode: u32,
    /// A call that took longer is slow, 1 ns..24 h when the rule is on. Default 0.
    pub slow_after_ns: u64,
    /// Look at the calls of this time, in ten rolling buckets, 10 ms..24 h. Default 10 s.
    pub window_ns: u64,
    /// How long to stay open the first time, 1 ms..24 h. Default 30 s.
    pub open_for_ns: u64,
    /// The longest open time before jitter, open_for_ns..24 h. Default 5 min.
    pub open_max_ns: u64,
    /// After this time without a verdict a probe's seat can be taken again, 1 ms..24 h. Default 30 s.
    pub probe_lease_ns: u64,
    /// Where the jitter starts from: give each breaker another one (seawall_random()). Default 0.
    pub seed: u64,
}

// SAFETY: repr(C), the size comes first, all fields are integers.
unsafe impl Versioned for seawall_breaker_config_t {
    const DEFAULT: Self = Self {
        struct_bytes: size_of::<Self>() as u32,
        consecutive_failures: 5,
        consecutive_always: 0,
        failure_permille: 500,
        slow_permille: 0,
        window_calls: 0,
        min_calls: 20,
        open_backoff_permille: 2_000,
        open_jitter_permille: 100,
        probes: 1,
        min_witnesses: 1,
        mode: 0,
        slow_after_ns: 0,
        window_ns: 10_000_000_000,
        open_for_ns: 30_000_000_000,
        open_max_ns: 300_000_000_000,
        probe_lease_ns: 30_000_000_000,
        seed: 0,
    };
}

impl seawall_breaker_config_t {
    fn core(&self) -> Result<Config, ConfigError> {
        ConfigError::check("failure_rate", u64::from(self.failure_permille), 0, 1_000)?;
        ConfigError::check("slow_rate", u64::from(self.slow_permille), 0, 1_000)?;
        ConfigError::check("open_jitter", u64::from(self.open_jitter_permille), 0, 500)?;
        ConfigError::check(
            "consecutive_always",
            u64::from(self.consecutive_always),
            0,
            1,
        )?;
        Ok(Config {
            consecutive_failures: self.consecutive_failures,
            consecutive_always: self.consecutive_always == 1,
            failure_permille: self.failure_permille as u16,
            slow_permille: self.slow_permille as u16,
            slow_after: Nanos(self.slow_after_ns),
            window_calls: self.window_calls,
            window: Nanos(self.window_ns),
            min_calls: self.min_calls,
            open_for: Nanos(self.open_for_ns),
            open_backoff_permille: self.open_backoff_permille,
            open_max: Nanos(self.open_max_ns),
            open_jitter_permille: self.open_jitter_permille as u16,
            probes: self.probes,
            probe_lease: Nanos(self.probe_lease_ns),
            min_witnesses: self.min_witnesses,
            mode: mode(self.mode)?,
            seed: self.seed,
        })
    }
}

pub(crate) fn mode(number: u32) -> Result<Mode, ConfigError> {
    Mode::from_number(number).ok_or(ConfigError {
        field: "mode",
        value: u64::from(number),
        min: 0,
        max: 2,
    })
}

/// What a breaker looked like at one moment. Set struct_bytes before asking.
#[repr(C)]
#[derive(Clone, Copy, Default)]
pub struct seawall_breaker_snapshot_t {
    /// sizeof(seawall_breaker_snapshot_t).
    pub struct_bytes: u32,
    /// SEAWALL_STATE_*.
    pub state: u32,
    /// State changes so far, modulo 65536.
    pub generation: u32,
    /// Probes under way.
    pub probes_in_flight: u32,
    /// Failures in a row; 0 unless closed.
    pub streak: u64,
    /// Calls in the window; 0 unless closed.
    pub window_calls: u64,
    /// Failures in the window.
    pub window_failures: u64,
    /// Slow calls in the window.
    pub window_slow: u64,
    /// How long until somebody may go; 0 when now, or when nobody knows.
    pub retry_after_ns: u64,
    /// Calls recorded as success, ever. This and all counters below only grow.
    pub success: u64,
    /// Calls recorded as failure.
    pub failure: u64,
    /// Calls recorded as ignored.
    pub ignored: u64,
    /// Slow calls.
    pub slow: u64,
    /// Calls refused.
    pub refused: u64,
    /// Calls that would have been refused in enforce mode.
    pub shadow_refused: u64,
    /// Results that came too late to count.
    pub late: u64,
    /// How often it opened.
    pub opened: u64,
}

// SAFETY: repr(C), the size comes first, all fields are integers.
unsafe impl Versioned for seawall_breaker_snapshot_t {
    const DEFAULT: Self = Self {
        struct_bytes: size_of::<Self>() as u32,
        state: 0,
        generation: 0,
        probes_in_flight: 0,
        streak: 0,
        window_calls: 0,
        window_failures: 0,
        window_slow: 0,
        retry_after_ns: 0,
        success: 0,
        failure: 0,
        ignored: 0,
        slow: 0,
        refused: 0,
        shadow_refused: 0,
        late: 0,
        opened: 0,
    };
}

/// # Safety
/// As for `object`.
unsafe fn breaker<'a>(pointer: *const seawall_breaker_t) -> Result<&'a Breaker, Misuse> {
    // SAFETY: the caller's promise is passed on.
    let breaker = unsafe { object::<Breaker, _>(pointer) }?;
    if breaker.is_initialised() {
        Ok(breaker)
    } else {
        Err(Misuse::Uninitialised)
    }
}

/// The storage a breaker needs, in bytes; equals SEAWALL_BREAKER_BYTES.
#[unsafe(no_mangle)]
pub extern "C" fn seawall_breaker_bytes() -> usize {
    SEAWALL_BREAKER_BYTES
}

/// Makes a closed breaker in `memory`, which must be aligned to SEAWALL_ALIGN and hold at least
/// SEAWALL_BREAKER_BYTES. A null `config` means all defaults. On SEAWALL_ERROR_CONFIG fills `*error`
/// (may be null) and leaves `memory` as it was. There is nothing to free but the storage itself.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn seawall_breaker_init(
    memory: *mut c_void,
    memory_bytes: usize,
    config: *const seawall_breaker_config_t,
    error: *mut seawall_config_error_t,
    breaker: *mut *mut seawall_breaker_t,
) -> seawall_status_t {
    guard(|| {
        // SAFETY: the header asks for a valid place.
        let out = unsafe { place(breaker) }?;
        let memory = storage(memory, memory_bytes, size_of::<Breaker>())?;
        // SAFETY: the header asks for a valid configuration.
        let config = unsafe { read(config) }?;
        let made = config
            .core()
            .and_then(|config| Breaker::new(&config))
            .map_err(|cause| explain(&cause, error))?;
        // SAFETY: aligned and large enough, see `storage`; the caller gives memory that can be written.
        unsafe { memory.cast::<Breaker>().write(made) };
        *out = memory.as_ptr().cast();
        Ok(Status::OK)
    })
}

/// The breaker that seawall_breaker_init made in `memory`, for another process that maps it.
/// SEAWALL_ERROR_UNINITIALISED if there is none of this layout. Changes nothing.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn seawall_breaker_attach(
    memory: *mut c_void,
    memory_bytes: usize,
    breaker: *mut *mut seawall_breaker_t,
) -> seawall_status_t {
    guard(|| {
        // SAFETY: the header asks for a valid place.
        let out = unsafe { place(breaker) }?;
        let memory = storage(memory, memory_bytes, size_of::<Breaker>())?;
        let pointer = memory.as_ptr().cast::<seawall_breaker_t>();
        // SAFETY: aligned and large enough; all its fields are integers, so any bytes may be looked at.
        unsafe { self::breaker(pointer) }?;
        *out = pointer;
        Ok(Status::OK)
    })
}

/// Changes the settings of a live breaker; state, counters and window stay. Not for two threads at once.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn seawall_breaker_reconfigure(
    breaker: *const seawall_breaker_t,
    config: *const seawall_breaker_config_t,
    error: *mut seawall_config_error_t,
) -> seawall_status_t {
    guard(|| {
        // SAFETY: the header asks for a breaker of ours.
        let breaker = unsafe { self::breaker(breaker) }?;
        // SAFETY: the header asks for a valid configuration.
        let config = unsafe { read(config) }?;
        config
            .core()
            .and_then(|config| breaker.reconfigure(&config))
            .map_err(|cause| explain(&cause, error))?;
        Ok(Status::OK)
    })
}

/// Asks the breaker for leave to make one call.
///
/// On 0 fills `*permit`: give it back with seawall_breaker_record or seawall_breaker_cancel. On a refusal
/// (SEAWALL_REFUSED_BREAKER_*) permit->retry_after_ns says when asking again can help. permit->transition
/// tells of a state change that this call made. `now_ns` 0 reads the clock, only if the answer needs it.
/// Any thread, any process that maps the storage. Never blocks, never allocates.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn seawall_breaker_try_acquire(
    breaker: *const seawall_breaker_t,
    now_ns: u64,
    permit: *mut seawall_permit_t,
) -> seawall_status_t {
    // SAFETY: the same promises.
    unsafe { seawall_breaker_try_acquire_as(breaker, SEAWALL_OWNER_PRIVATE, now_ns, permit) }
}

/// As seawall_breaker_try_acquire, in the name of `owner` (1..1048575), for breakers that several processes
/// share: what a dead owner held is taken back with seawall_breaker_reclaim.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn seawall_breaker_try_acquire_as(
    breaker: *const seawall_breaker_t,
    owner: u32,
    now_ns: u64,
    permit: *mut seawall_permit_t,
) -> seawall_status_t {
    guard(|| {
        // SAFETY: the header asks for a breaker of ours.
        let breaker = unsafe { self::breaker(breaker) }?;
        // SAFETY: the header asks for a valid place.
        let permit = unsafe { place(permit) }?;
        let owner = Owner::from_raw(owner).ok_or(Misuse::Argument)?;
        match breaker.try_acquire(owner, &When(now_ns)) {
            Ok(admission) => {
                let (token, started_ns, owner) = admission.permit.into_raw();
                *permit = seawall_permit_t {
                    token,
                    started_ns,
                    object: number_of(breaker),
                    retry_after_ns: 0,
                    owner,
                    transition: transition_number(admission.transition),
                };
                Ok(Status::OK)
            }
            Err(refusal) => {
                permit.refuse(refusal.retry_after);
                Ok(refusal.reason.into())
            }
        }
    })
}

/// Says how the call ended (SEAWALL_OUTCOME_*). `retry_after_ns` is what the server asked for with a failure,
/// 0 for nothing: if this failure opens the breaker it stays open at least that long, up to a day.
///
/// 0, or SEAWALL_NOTE_LATE when the breaker has changed its state since: counted, nothing else changes.
/// Either way the permit is spent; a second use is SEAWALL_ERROR_SPENT. permit->transition tells of a state
/// change that this result made; exactly one of the racing threads gets it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn seawall_breaker_record(
    breaker: *const seawall_breaker_t,
    permit: *mut seawall_permit_t,
    outcome: u32,
    retry_after_ns: u64,
    now_ns: u64,
) -> seawall_status_t {
    guard(|| {
        // SAFETY: the header asks for a breaker of ours.
        let breaker = unsafe { self::breaker(breaker) }?;
        // SAFETY: the header asks for a permit of the caller's.
        let permit = unsafe { place(permit) }?;
        permit.check(breaker)?;
        let outcome = Outcome::from_number(outcome).ok_or(Misuse::Argument)?;
        let held =
            Permit::from_raw(permit.token, permit.started_ns, permit.owner).ok_or(Misuse::Spent)?;
        Ok(finish(
            permit,
            breaker.record(held, outcome, Nanos(retry_after_ns), &When(now_ns)),
        ))
    })
}

/// Gives a permit back unused: neither success nor failure, and a probe's seat is free again. Returns as
/// seawall_breaker_record does.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn seawall_breaker_cancel(
    breaker: *const seawall_breaker_t,
    permit: *mut seawall_permit_t,
) -> seawall_status_t {
    guard(|| {
        // SAFETY: the header asks for a breaker of ours.
        let breaker = unsafe { self::breaker(breaker) }?;
        // SAFETY: the header asks for a permit of the caller's.
        let permit = unsafe { place(permit) }?;
        permit.check(breaker)?;
        let held =
            Permit::from_raw(permit.token, permit.started_ns, permit.owner).ok_or(Misuse::Spent)?;
        Ok(finish(permit, breaker.cancel(held)))
    })
}

fn finish(permit: &mut seawall_permit_t, recorded: Recorded) -> Status {
    *permit = seawall_permit_t {
        transition: transition_number(recorded.transition),
        ..seawall_permit_t::SPENT
    };
    if recorded.late {
        Status::LATE
    } else {
        Status::OK
    }
}

/// # Safety
/// As for `breaker` and `place`.
unsafe fn by_hand(
    breaker: *const seawall_breaker_t,
    transition: *mut u32,
    change: impl FnOnce(&Breaker) -> Option<Transition>,
) -> seawall_status_t {
    guard(|| {
        // SAFETY: the caller's promise is passed on.
        let breaker = unsafe { self::breaker(breaker) }?;
        let changed = transition_number(change(breaker));
        if !transition.is_null() {
            // SAFETY: as above.
            *unsafe { place(transition) }? = changed;
        }
        Ok(Status::OK)
    })
}

/// Refuses every call until seawall_breaker_reset. `transition` (may be null) gets the state change as in
/// seawall_permit_t, 0 for none.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn seawall_breaker_force_open(
    breaker: *const seawall_breaker_t,
    transition: *mut u32,
) -> seawall_status_t {
    // SAFETY: the header asks for a breaker of ours and a valid place or null.
    unsafe { by_hand(breaker, transition, Breaker::force_open) }
}

/// Admits every call and records nothing until seawall_breaker_reset. `transition` as above.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn seawall_breaker_disable(
    breaker: *const seawall_breaker_t,
    transition: *mut u32,
) -> seawall_status_t {
    // SAFETY: the header asks for a breaker of ours and a valid place or null.
    unsafe { by_hand(breaker, transition, Breaker::disable) }
}

/// Closes the breaker with an empty window, whatever its state. `transition` as above.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn seawall_breaker_reset(
    breaker: *const seawall_breaker_t,
    transition: *mut u32,
) -> seawall_status_t {
    // SAFETY: the header asks for a breaker of ours and a valid place or null.
    unsafe { by_hand(breaker, transition, Breaker::reset) }
}

/// Frees the probe seats of an owner that is gone; `freed` (may be null) gets how many.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn seawall_breaker_reclaim(
    breaker: *const seawall_breaker_t,
    owner: u32,
    freed: *mut u32,
) -> seawall_status_t {
    guard(|| {
        // SAFETY: the header asks for a breaker of ours.
        let breaker = unsafe { self::breaker(breaker) }?;
        let count = breaker.reclaim(Owner::from_raw(owner).ok_or(Misuse::Argument)?);
        if !freed.is_null() {
            // SAFETY: the header asks for a valid place.
            *unsafe { place(freed) }? = count;
        }
        Ok(Status::OK)
    })
}

/// The state right now (SEAWALL_STATE_*), or an error below 0.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn seawall_breaker_state(
    breaker: *const seawall_breaker_t,
) -> seawall_status_t {
    // SAFETY: the header asks for a breaker of ours.
    guard(|| Ok(Status(unsafe { self::breaker(breaker) }?.state() as i32)))
}

/// Fills `*snapshot` as far as its struct_bytes reach. Changes nothing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn seawall_breaker_snapshot(
    breaker: *const seawall_breaker_t,
    now_ns: u64,
    snapshot: *mut seawall_breaker_snapshot_t,
) -> seawall_status_t {
    guard(|| {
        use seawall_core::Moment as _;
        // SAFETY: the header asks for a breaker of ours.
        let seen = unsafe { self::breaker(breaker) }?.snapshot(When(now_ns).now());
        let value = seawall_breaker_snapshot_t {
            state: seen.state as u32,
            generation: u32::from(seen.generation),
            probes_in_flight: seen.probes_in_flight,
            streak: seen.streak,
            window_calls: seen.window.calls,
            window_failures: seen.window.failures,
            window_slow: seen.window.slow,
            retry_after_ns: seen.retry_after.0,
            success: seen.success,
            failure: seen.failure,
            ignored: seen.ignored,
            slow: seen.slow,
            refused: seen.refused,
            shadow_refused: seen.shadow_refused,
            late: seen.late,
            opened: seen.opened,
            ..seawall_breaker_snapshot_t::DEFAULT
        };
        // SAFETY: the header asks for a place with its size in the first field.
        unsafe { write(snapshot, &value) }?;
        Ok(Status::OK)
    })
}
