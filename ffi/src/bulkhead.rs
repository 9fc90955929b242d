//! Bulkhead: never more calls at once than this
//!
//! At most max_concurrent permits are held at any instant, in any interleaving. Each permit knows who holds it, so
//! those of a process that died can be taken back. A permit is held until the work has really ended: a timeout that
//! leaves the work running does not free it.

use core::ffi::c_void;
use core::ptr::NonNull;

use seawall_core::bulkhead::{Bulkhead, Config, MOST_PERMITS, Permit};
use seawall_core::{ConfigError, Misuse, Owner, Refusal, Status};

use crate::breaker::mode;
use crate::guard::{When, guard};
use crate::memory::{Versioned, place, read, storage, write};
use crate::permit::{SEAWALL_OWNER_PRIVATE, number_of, seawall_permit_t};
use crate::status::{explain, seawall_config_error_t, seawall_status_t};

/// A bulkhead in the caller's storage. Any thread and any process that maps the storage may use it.
pub struct seawall_bulkhead_t {
    _opaque: [u8; 0],
}

/// The most permits of one bulkhead.
pub const SEAWALL_BULKHEAD_CAPACITY_MAX: u32 = 4096;
/// An ordinary caller.
pub const SEAWALL_PRIORITY_ORDINARY: u32 = 0;
/// A caller that may take reserved permits, and takes those first.
pub const SEAWALL_PRIORITY_CRITICAL: u32 = 1;
/// Added to either by a caller that goes on waiting after a refusal: it is not counted as rejected. A caller that
/// gives up asks once more without it, and is counted there or served at the last moment.
pub const SEAWALL_PRIORITY_WAITING: u32 = 2;

/// Settings of a bulkhead. Start from SEAWALL_BULKHEAD_CONFIG_INIT.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct seawall_bulkhead_config_t {
    /// sizeof(seawall_bulkhead_config_t).
    pub struct_bytes: u32,
    /// Permits in all, 1..capacity. Default 20.
    pub max_concurrent: u32,
    /// How many of them only critical callers may take, 0..max_concurrent - 1. Default 0.
    pub reserved: u32,
    /// How many callers may wait, 0..1000000. Default 0: nobody waits.
    pub max_waiting: u32,
    /// SEAWALL_MODE_*. Default enforce.
    pub mode: u32,
}

// SAFETY: repr(C), the size comes first, all fields are integers.
unsafe impl Versioned for seawall_bulkhead_config_t {
    const DEFAULT: Self = Self {
        struct_bytes: size_of::<Self>() as u32,
        max_concurrent: 20,
        reserved: 0,
        max_waiting: 0,
        mode: 0,
    };
}

impl seawall_bulkhead_config_t {
    fn core(&self) -> Result<Config, ConfigError> {
        Ok(Config {
            max_concurrent: self.max_concurrent,
            reserved: self.reserved,
            max_waiting: self.max_waiting,
            mode: mode(self.mode)?,
        })
    }
}

/// What a bulkhead looked like at one moment. Set struct_bytes before asking.
#[repr(C)]
#[derive(Clone, Copy, Default)]
pub struct seawall_bulkhead_snapshot_t {
    /// sizeof(seawall_bulkhead_snapshot_t).
    pub struct_bytes: u32,
    /// Permits in all.
    pub max_concurrent: u32,
    /// Those that only critical callers may take.
    pub reserved: u32,
    /// Permits held.
    pub in_use: u32,
    /// Callers that wait.
    pub waiting: u32,
    /// How many permits the storage could hold.
    pub capacity: u32,
    /// Callers turned away, ever.
    pub rejected: u64,
    /// Callers that would have been turned away in enforce mode, ever.
    pub shadow_refused: u64,
    /// Releases that came twice or too late, ever.
    pub stale: u64,
    /// How long the oldest permit has been held, to a millisecond.
    pub longest_hold_ns: u64,
}

// SAFETY: repr(C), the size comes first, all fields are integers.
unsafe impl Versioned for seawall_bulkhead_snapshot_t {
    const DEFAULT: Self = Self {
        struct_bytes: size_of::<Self>() as u32,
        max_concurrent: 0,
        reserved: 0,
        in_use: 0,
        waiting: 0,
        capacity: 0,
        rejected: 0,
        shadow_refused: 0,
        stale: 0,
        longest_hold_ns: 0,
    };
}

/// # Safety
/// A pointer that is neither null nor misaligned must point to a bulkhead's storage, readable for a header at least.
pub(crate) unsafe fn bulkhead<'a>(
    pointer: *const seawall_bulkhead_t,
) -> Result<&'a Bulkhead, Misuse> {
    let memory = NonNull::new(pointer.cast_mut().cast::<u8>()).ok_or(Misuse::Null)?;
    if memory.addr().get() % crate::status::SEAWALL_ALIGN != 0 {
        return Err(Misuse::Misaligned);
    }
    // SAFETY: aligned; the rest is the caller's promise.
    unsafe { Bulkhead::attach(memory) }
}

/// A permit for C.
pub(crate) fn held(bulkhead: &Bulkhead, permit: Permit) -> seawall_permit_t {
    let (token, owner) = permit.into_raw();
    seawall_permit_t {
        token,
        object: number_of(bulkhead),
        owner,
        ..seawall_permit_t::SPENT
    }
}

/// The storage a bulkhead with room for `capacity` permits needs, in bytes; equals
/// SEAWALL_BULKHEAD_BYTES(capacity). 0 for a capacity of 0 or above SEAWALL_BULKHEAD_CAPACITY_MAX.
#[unsafe(no_mangle)]
pub extern "C" fn seawall_bulkhead_bytes(capacity: u32) -> usize {
    Bulkhead::layout(capacity).map_or(0, |layout| layout.size())
}

/// Makes a bulkhead with all permits free in `memory`, which must be aligned to SEAWALL_ALIGN and hold
/// SEAWALL_BULKHEAD_BYTES(capacity). A null `config` means all defaults. On SEAWALL_ERROR_CONFIG fills
/// `*error` (may be null) and leaves `memory` as it was.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn seawall_bulkhead_init(
    memory: *mut c_void,
    memory_bytes: usize,
    capacity: u32,
    config: *const seawall_bulkhead_config_t,
    error: *mut seawall_config_error_t,
    bulkhead: *mut *mut seawall_bulkhead_t,
) -> seawall_status_t {
    guard(|| {
        // SAFETY: the header asks for a valid place.
        let out = unsafe { place(bulkhead) }?;
        let capacity_error =
            ConfigError::check("capacity", u64::from(capacity), 1, u64::from(MOST_PERMITS));
        capacity_error.map_err(|cause| explain(&cause, error))?;
        let memory = storage(memory, memory_bytes, seawall_bulkhead_bytes(capacity))?;
        // SAFETY: the header asks for a valid configuration.
        let config = unsafe { read(config) }?
            .core()
            .map_err(|cause| explain(&cause, error))?;
        // SAFETY: aligned and large enough, see `storage`; the caller gives memory that can be written.
        unsafe { Bulkhead::init_in(memory, capacity, &config) }
            .map_err(|cause| explain(&cause, error))?;
        *out = memory.as_ptr().cast();
        Ok(Status::OK)
    })
}

/// The bulkhead that seawall_bulkhead_init made in `memory`, for another process that maps it. Changes nothing.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn seawall_bulkhead_attach(
    memory: *mut c_void,
    memory_bytes: usize,
    bulkhead: *mut *mut seawall_bulkhead_t,
) -> seawall_status_t {
    guard(|| {
        // SAFETY: the header asks for a valid place.
        let out = unsafe { place(bulkhead) }?;
        let memory = storage(memory, memory_bytes, seawall_bulkhead_bytes(1))?;
        let pointer = memory.as_ptr().cast::<seawall_bulkhead_t>();
        // SAFETY: at least a header's worth of readable memory; the cells are not touched here.
        let capacity = unsafe { self::bulkhead(pointer) }?.capacity();
        if memory_bytes < seawall_bulkhead_bytes(capacity) {
            return Err(Misuse::StorageTooSmall);
        }
        *out = pointer;
        Ok(Status::OK)
    })
}

/// Asks for a permit without waiting; `priority` is SEAWALL_PRIORITY_*.
///
/// On 0 fills `*permit`: give it back with seawall_bulkhead_release when the work has really ended.
/// SEAWALL_REFUSED_BULKHEAD_FULL when all permits this caller may take are held. `now_ns` only serves the
/// snapshot's longest_hold_ns; 0 reads a cheap clock. Never blocks, never allocates.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn seawall_bulkhead_try_acquire(
    bulkhead: *const seawall_bulkhead_t,
    priority: u32,
    now_ns: u64,
    permit: *mut seawall_permit_t,
) -> seawall_status_t {
    // SAFETY: the same promises.
    unsafe {
        seawall_bulkhead_try_acquire_as(bulkhead, SEAWALL_OWNER_PRIVATE, priority, now_ns, permit)
    }
}

/// As seawall_bulkhead_try_acquire, in the name of `owner` (1..1048575), for bulkheads that several processes
/// share: what a dead owner held is taken back with seawall_bulkhead_reclaim.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn seawall_bulkhead_try_acquire_as(
    bulkhead: *const seawall_bulkhead_t,
    owner: u32,
    priority: u32,
    now_ns: u64,
    permit: *mut seawall_permit_t,
) -> seawall_status_t {
    guard(|| {
        // SAFETY: the header asks for a bulkhead of ours.
        let bulkhead = unsafe { self::bulkhead(bulkhead) }?;
        // SAFETY: the header asks for a valid place.
        let permit = unsafe { place(permit) }?;
        let owner = Owner::from_raw(owner).ok_or(Misuse::Argument)?;
        if priority > (SEAWALL_PRIORITY_CRITICAL | SEAWALL_PRIORITY_WAITING) {
            return Err(Misuse::Argument);
        }
        let is_critical = priority & SEAWALL_PRIORITY_CRITICAL != 0;
        let asked = if priority & SEAWALL_PRIORITY_WAITING == 0 {
            bulkhead.try_acquire(owner, is_critical, &When(now_ns))
        } else {
            bulkhead.try_acquire_waiting(owner, is_critical, &When(now_ns))
        };
        match asked {
            Ok(taken) => {
                *permit = held(bulkhead, taken);
                Ok(Status::OK)
            }
            Err(refusal) => {
                permit.refuse(refusal.retry_after);
                Ok(refusal.reason.into())
            }
        }
    })
}

/// Gives a permit back. Safe to repeat: a permit that was released or taken back before is
/// SEAWALL_NOTE_STALE, counted and otherwise without effect.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn seawall_bulkhead_release(
    bulkhead: *const seawall_bulkhead_t,
    permit: *mut seawall_permit_t,
) -> seawall_status_t {
    guard(|| {
        // SAFETY: the header asks for a bulkhead of ours.
        let bulkhead = unsafe { self::bulkhead(bulkhead) }?;
        // SAFETY: the header asks for a permit of the caller's.
        let permit = unsafe { place(permit) }?;
        let object = number_of(bulkhead);
        if permit.token == 0 && permit.object == object {
            bulkhead.count_stale();
            return Ok(Status::STALE);
        }
        permit.check(bulkhead)?;
        let held = Permit::from_raw(permit.token, permit.owner).ok_or(Misuse::Spent)?;
        // The object stays, so that a second release can be told from a permit that never was.
        *permit = seawall_permit_t {
            object,
            ..seawall_permit_t::SPENT
        };
        Ok(if bulkhead.release(held) {
            Status::OK
        } else {
            Status::STALE
        })
    })
}

/// Counts one more waiter if the settings allow it; then wait by your own means, try again when told, and
/// call seawall_bulkhead_end_wait once when done, with a permit or without.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn seawall_bulkhead_begin_wait(
    bulkhead: *const seawall_bulkhead_t,
) -> seawall_status_t {
    guard(|| {
        // SAFETY: the header asks for a bulkhead of ours.
        let joined = unsafe { self::bulkhead(bulkhead) }?.begin_wait();
        Ok(joined.map_or_else(|refusal: Refusal| refusal.reason.into(), |()| Status::OK))
    })
}

/// Counts one waiter less.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn seawall_bulkhead_end_wait(
    bulkhead: *const seawall_bulkhead_t,
) -> seawall_status_t {
    guard(|| {
        // SAFETY: the header asks for a bulkhead of ours.
        unsafe { self::bulkhead(bulkhead) }?.end_wait();
        Ok(Status::OK)
    })
}

/// Changes limit and reserve of a live bulkhead. Holders keep their permits; after a shrink new ones are given
/// once the holders are below the new limit. Never blocks.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn seawall_bulkhead_resize(
    bulkhead: *const seawall_bulkhead_t,
    max_concurrent: u32,
    reserved: u32,
    error: *mut seawall_config_error_t,
) -> seawall_status_t {
    guard(|| {
        // SAFETY: the header asks for a bulkhead of ours.
        let bulkhead = unsafe { self::bulkhead(bulkhead) }?;
        bulkhead
            .resize(max_concurrent, reserved)
            .map_err(|cause| explain(&cause, error))?;
        Ok(Status::OK)
    })
}

/// Changes all settings of a live bulkhead; holders and waiters stay.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn seawall_bulkhead_reconfigure(
    bulkhead: *const seawall_bulkhead_t,
    config: *const seawall_bulkhead_config_t,
    error: *mut seawall_config_error_t,
) -> seawall_status_t {
    guard(|| {
        // SAFETY: the header asks for a bulkhead of ours.
        let bulkhead = unsafe { self::bulkhead(bulkhead) }?;
        // SAFETY: the header asks for a valid configuration.
        let config = unsafe { read(config) }?;
        config
            .core()
            .and_then(|config| bulkhead.reconfigure(&config))
            .map_err(|cause| explain(&cause, error))?;
        Ok(Status::OK)
    })
}

/// Gives back everything that an owner that is gone held; `freed` (may be null) gets how much that was.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn seawall_bulkhead_reclaim(
    bulkhead: *const seawall_bulkhead_t,
    owner: u32,
    freed: *mut u32,
) -> seawall_status_t {
    guard(|| {
        // SAFETY: the header asks for a bulkhead of ours.
        let bulkhead = unsafe { self::bulkhead(bulkhead) }?;
        let count = bulkhead.reclaim(Owner::from_raw(owner).ok_or(Misuse::Argument)?);
        if !freed.is_null() {
            // SAFETY: the header asks for a valid place.
            *unsafe { place(freed) }? = count;
        }
        Ok(Status::OK)
    })
}

/// Fills `*snapshot` as far as its struct_bytes reach. Walks all permits; changes nothing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn seawall_bulkhead_snapshot(
    bulkhead: *const seawall_bulkhead_t,
    now_ns: u64,
    snapshot: *mut seawall_bulkhead_snapshot_t,
) -> seawall_status_t {
    guard(|| {
        use seawall_core::Moment as _;
        // SAFETY: the header asks for a bulkhead of ours.
        let bulkhead = unsafe { self::bulkhead(bulkhead) }?;
        let seen = bulkhead.snapshot(When(now_ns).about());
        let value = seawall_bulkhead_snapshot_t {
            max_concurrent: seen.limit,
            reserved: seen.reserved,
            in_use: seen.in_use,
            waiting: seen.waiting,
            capacity: bulkhead.capacity(),
            rejected: seen.rejected,
            shadow_refused: seen.shadow_refused,
            stale: seen.stale,
            longest_hold_ns: seen.longest_hold.0,
            ..seawall_bulkhead_snapshot_t::DEFAULT
        };
        // SAFETY: the header asks for a place with its size in the first field.
        unsafe { write(snapshot, &value) }?;
        Ok(Status::OK)
    })
}
