//! Limiter: never more calls per time than this
//!
//! A token bucket (GCRA): full at the start, never more than burst tokens, exact to the nanosecond. Ask for tokens
//! now (try_acquire), or take them ahead of time and wait (reserve).

use core::ffi::c_void;

use seawall_core::limiter::{Config, Limiter, Reservation};
use seawall_core::{ConfigError, Misuse, Nanos, Status};

use crate::breaker::mode;
use crate::guard::{When, guard};
use crate::memory::{Versioned, object, place, read, storage, write};
use crate::permit::{check, number_of};
use crate::status::{explain, seawall_config_error_t, seawall_status_t};

/// A token bucket in the caller's storage. Any thread and any process that maps the storage may use it.
pub struct seawall_limiter_t {
    _opaque: [u8; 0],
}

/// The storage it needs, in bytes.
pub const SEAWALL_LIMITER_BYTES: usize = 640;
const _: () = assert!(SEAWALL_LIMITER_BYTES == size_of::<Limiter>());

/// Settings of a limiter. Start from SEAWALL_LIMITER_CONFIG_INIT.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct seawall_limiter_config_t {
    /// sizeof(seawall_limiter_config_t).
    pub struct_bytes: u32,
    /// SEAWALL_MODE_*. Default enforce.
    pub mode: u32,
    /// Tokens per period_ns, 1..1000000000, at most one per nanosecond. Default 100.
    pub permits: u64,
    /// The while that `permits` is meant for, 1 ns..31 days. Default 1 s.
    pub period_ns: u64,
    /// The most tokens the bucket holds, 1..1000000000. Default 100.
    pub burst: u64,
}

// SAFETY: repr(C), the size comes first, all fields are integers.
unsafe impl Versioned for seawall_limiter_config_t {
    const DEFAULT: Self = Self {
        struct_bytes: size_of::<Self>() as u32,
        mode: 0,
        permits: 100,
        period_ns: 1_000_000_000,
        burst: 100,
    };
}

impl seawall_limiter_config_t {
    fn core(&self) -> Result<Config, ConfigError> {
        Ok(Config {
            permits: self.permits,
            period: Nanos(self.period_ns),
            burst: self.burst,
            mode: mode(self.mode)?,
        })
    }
}

/// Tokens taken ahead of time, on the caller's stack. Not to be copied: a cancelled one is marked in place.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct seawall_reservation_t {
    /// Tokens held plus one; 0: no reservation, or a spent one.
    pub token: u64,
    /// The object that gave it.
    pub object: u64,
    /// How long to wait before going, in nanoseconds; after a refusal, how long it would have been.
    pub wait_ns: u64,
}

/// What a bucket looked like at one moment, in the terms of the HTTP rate limit fields. Set struct_bytes first.
#[repr(C)]
#[derive(Clone, Copy, Default)]
pub struct seawall_limiter_snapshot_t {
    /// sizeof(seawall_limiter_snapshot_t).
    pub struct_bytes: u32,
    /// Zero.
    pub unused: u32,
    /// The most tokens the bucket holds.
    pub limit: u64,
    /// Whole tokens left.
    pub remaining: u64,
    /// How long until the bucket is full.
    pub reset_ns: u64,
    /// How long until one token is there; 0 if it is.
    pub retry_after_ns: u64,
    /// Requests granted, ever.
    pub allowed: u64,
    /// Requests refused, ever.
    pub refused: u64,
    /// Requests that would have been refused in enforce mode, ever.
    pub shadow_refused: u64,
}

// SAFETY: repr(C), the size comes first, all fields are integers.
unsafe impl Versioned for seawall_limiter_snapshot_t {
    const DEFAULT: Self = Self {
        struct_bytes: size_of::<Self>() as u32,
        unused: 0,
        limit: 0,
        remaining: 0,
        reset_ns: 0,
        retry_after_ns: 0,
        allowed: 0,
        refused: 0,
        shadow_refused: 0,
    };
}

/// # Safety
/// As for `object`.
unsafe fn limiter<'a>(pointer: *const seawall_limiter_t) -> Result<&'a Limiter, Misuse> {
    // SAFETY: the caller's promise is passed on.
    let limiter = unsafe { object::<Limiter, _>(pointer) }?;
    if limiter.is_initialised() {
        Ok(limiter)
    } else {
        Err(Misuse::Uninitialised)
    }
}

/// The storage a limiter needs, in bytes; equals SEAWALL_LIMITER_BYTES.
#[unsafe(no_mangle)]
pub extern "C" fn seawall_limiter_bytes() -> usize {
    SEAWALL_LIMITER_BYTES
}

/// Makes a full bucket in `memory`, which must be aligned to SEAWALL_ALIGN and hold SEAWALL_LIMITER_BYTES. A
/// null `config` means all defaults. On SEAWALL_ERROR_CONFIG fills `*error` (may be null) and leaves
/// `memory` as it was.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn seawall_limiter_init(
    memory: *mut c_void,
    memory_bytes: usize,
    config: *const seawall_limiter_config_t,
    error: *mut seawall_config_error_t,
    limiter: *mut *mut seawall_limiter_t,
) -> seawall_status_t {
    guard(|| {
        // SAFETY: the header asks for a valid place.
        let out = unsafe { place(limiter) }?;
        let memory = storage(memory, memory_bytes, size_of::<Limiter>())?;
        // SAFETY: the header asks for a valid configuration.
        let config = unsafe { read(config) }?;
        let made = config
            .core()
            .and_then(|config| Limiter::new(&config))
            .map_err(|cause| explain(&cause, error))?;
        // SAFETY: aligned and large enough, see `storage`; the caller gives memory that can be written.
        unsafe { memory.cast::<Limiter>().write(made) };
        *out = memory.as_ptr().cast();
        Ok(Status::OK)
    })
}

/// The limiter that seawall_limiter_init made in `memory`, for another process that maps it. Changes nothing.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn seawall_limiter_attach(
    memory: *mut c_void,
    memory_bytes: usize,
    limiter: *mut *mut seawall_limiter_t,
) -> seawall_status_t {
    guard(|| {
        // SAFETY: the header asks for a valid place.
        let out = unsafe { place(limiter) }?;
        let pointer = storage(memory, memory_bytes, size_of::<Limiter>())?
            .as_ptr()
            .cast::<seawall_limiter_t>();
        // SAFETY: aligned and large enough; all its fields are integers, so any bytes may be looked at.
        unsafe { self::limiter(pointer) }?;
        *out = pointer;
        Ok(Status::OK)
    })
}

/// Changes rate, burst and mode of a live limiter: the tokens that are missing stay missing. Not for two
/// threads at once.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn seawall_limiter_reconfigure(
    limiter: *const seawall_limiter_t,
    config: *const seawall_limiter_config_t,
    now_ns: u64,
    error: *mut seawall_config_error_t,
) -> seawall_status_t {
    guard(|| {
        // SAFETY: the header asks for a limiter of ours.
        let limiter = unsafe { self::limiter(limiter) }?;
        // SAFETY: the header asks for a valid configuration.
        let config = unsafe { read(config) }?;
        let changed = config
            .core()
            .and_then(|config| limiter.reconfigure(&config, &When(now_ns)));
        changed.map_err(|cause| explain(&cause, error))?;
        Ok(Status::OK)
    })
}

/// Takes `tokens` if they are there now; 0 tokens always work and change nothing.
///
/// SEAWALL_REFUSED_RATE_LIMITED when they are not: `*retry_after_ns` (may be null) says when they will be if
/// nobody else takes them. SEAWALL_ERROR_EXCEEDS_CAPACITY when the bucket could never hold so many.
/// `now_ns` 0 reads the clock. Never blocks, never allocates.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn seawall_limiter_try_acquire(
    limiter: *const seawall_limiter_t,
    tokens: u64,
    now_ns: u64,
    retry_after_ns: *mut u64,
) -> seawall_status_t {
    guard(|| {
        // SAFETY: the header asks for a limiter of ours.
        let limiter = unsafe { self::limiter(limiter) }?;
        let (status, wait) = match limiter.try_acquire(tokens, &When(now_ns))? {
            Ok(()) => (Status::OK, Nanos::ZERO),
            Err(refusal) => (refusal.reason.into(), refusal.retry_after),
        };
        if !retry_after_ns.is_null() {
            // SAFETY: the header asks for a valid place.
            *unsafe { place(retry_after_ns) }? = wait.0;
        }
        Ok(status)
    })
}

/// Takes `tokens` now or ahead of time: on 0 wait for reservation->wait_ns, then go. A wait beyond
/// `max_wait_ns` is SEAWALL_REFUSED_RATE_LIMITED at once and takes nothing. Other answers as for
/// seawall_limiter_try_acquire.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn seawall_limiter_reserve(
    limiter: *const seawall_limiter_t,
    tokens: u64,
    max_wait_ns: u64,
    now_ns: u64,
    reservation: *mut seawall_reservation_t,
) -> seawall_status_t {
    guard(|| {
        // SAFETY: the header asks for a limiter of ours.
        let limiter = unsafe { self::limiter(limiter) }?;
        // SAFETY: the header asks for a valid place.
        let reservation = unsafe { place(reservation) }?;
        match limiter.reserve(tokens, Nanos(max_wait_ns), &When(now_ns))? {
            Ok(Reservation { tokens, wait }) => {
                *reservation = seawall_reservation_t {
                    token: tokens.saturating_add(1),
                    object: number_of(limiter),
                    wait_ns: wait.0,
                };
                Ok(Status::OK)
            }
            Err(refusal) => {
                *reservation = seawall_reservation_t {
                    token: 0,
                    object: 0,
                    wait_ns: refusal.retry_after.0,
                };
                Ok(refusal.reason.into())
            }
        }
    })
}

/// Gives a reservation back, whether its time has come or not; never fills the bucket above its burst. The
/// reservation is spent; a second cancel is SEAWALL_ERROR_SPENT.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn seawall_limiter_cancel(
    limiter: *const seawall_limiter_t,
    reservation: *mut seawall_reservation_t,
    now_ns: u64,
) -> seawall_status_t {
    guard(|| {
        // SAFETY: the header asks for a limiter of ours.
        let limiter = unsafe { self::limiter(limiter) }?;
        // SAFETY: the header asks for a reservation of the caller's.
        let held = unsafe { place(reservation) }?;
        check(held.token, held.object, limiter)?;
        let tokens = held.token.saturating_sub(1);
        *held = seawall_reservation_t {
            token: 0,
            object: 0,
            wait_ns: 0,
        };
        limiter.cancel(
            Reservation {
                tokens,
                wait: Nanos::ZERO,
            },
            &When(now_ns),
        );
        Ok(Status::OK)
    })
}

/// Corrects a cost after the fact: takes `tokens` more whatever the bucket holds (it may go into debt, which
/// later callers wait for), or gives back when negative.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn seawall_limiter_adjust(
    limiter: *const seawall_limiter_t,
    tokens: i64,
    now_ns: u64,
) -> seawall_status_t {
    guard(|| {
        // SAFETY: the header asks for a limiter of ours.
        unsafe { self::limiter(limiter) }?.adjust(tokens, &When(now_ns));
        Ok(Status::OK)
    })
}

/// Fills `*snapshot` as far as its struct_bytes reach. Changes nothing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn seawall_limiter_snapshot(
    limiter: *const seawall_limiter_t,
    now_ns: u64,
    snapshot: *mut seawall_limiter_snapshot_t,
) -> seawall_status_t {
    guard(|| {
        use seawall_core::Moment as _;
        // SAFETY: the header asks for a limiter of ours.
        let seen = unsafe { self::limiter(limiter) }?.snapshot(When(now_ns).now());
        let value = seawall_limiter_snapshot_t {
            limit: seen.limit,
            remaining: seen.remaining,
            reset_ns: seen.reset.0,
            retry_after_ns: seen.retry_after.0,
            allowed: seen.allowed,
            refused: seen.refused,
            shadow_refused: seen.shadow_refused,
            ..seawall_limiter_snapshot_t::DEFAULT
        };
        // SAFETY: the header asks for a place with its size in the first field.
        unsafe { write(snapshot, &value) }?;
        Ok(Status::OK)
    })
}
