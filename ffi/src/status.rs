//! Status: the numbers that every answer is made of

use core::ffi::c_char;

use seawall_core::{ConfigError, Misuse, Status};

/// The answer of a call: 0 ok, above 0 an expected refusal, below 0 an error (the call had no effect).
pub type seawall_status_t = i32;

/// It worked.
pub const SEAWALL_OK: i32 = 0;
/// The circuit breaker is open.
pub const SEAWALL_REFUSED_BREAKER_OPEN: i32 = 10;
/// The circuit breaker is half-open and its probe is under way.
pub const SEAWALL_REFUSED_BREAKER_HALF_OPEN: i32 = 11;
/// The circuit breaker was opened by hand.
pub const SEAWALL_REFUSED_BREAKER_FORCED_OPEN: i32 = 12;
/// All permits of the bulkhead are held.
pub const SEAWALL_REFUSED_BULKHEAD_FULL: i32 = 20;
/// Too many callers wait for the bulkhead already.
pub const SEAWALL_REFUSED_BULKHEAD_WAIT_FULL: i32 = 21;
/// No permit of the bulkhead came free in time.
pub const SEAWALL_REFUSED_BULKHEAD_WAIT_TIMEOUT: i32 = 22;
/// The rate limit does not allow it now.
pub const SEAWALL_REFUSED_RATE_LIMITED: i32 = 30;
/// The retry budget is spent.
pub const SEAWALL_REFUSED_BUDGET_EXHAUSTED: i32 = 40;
/// The deadline has passed.
pub const SEAWALL_REFUSED_DEADLINE_EXCEEDED: i32 = 50;
/// The result came too late to count; counted as that.
pub const SEAWALL_NOTE_LATE: i32 = 60;
/// The permit was taken back before; counted as that.
pub const SEAWALL_NOTE_STALE: i32 = 61;
/// A null pointer where an object is wanted.
pub const SEAWALL_ERROR_NULL: i32 = -1;
/// The storage is not aligned to SEAWALL_ALIGN bytes.
pub const SEAWALL_ERROR_MISALIGNED: i32 = -2;
/// The storage is too small for the object.
pub const SEAWALL_ERROR_STORAGE_TOO_SMALL: i32 = -3;
/// The memory holds no such object.
pub const SEAWALL_ERROR_UNINITIALISED: i32 = -4;
/// A setting is outside its range; see seawall_config_error_t.
pub const SEAWALL_ERROR_CONFIG: i32 = -10;
/// struct_bytes or settings that this library does not know.
pub const SEAWALL_ERROR_VERSION: i32 = -11;
/// An argument is outside its range.
pub const SEAWALL_ERROR_ARGUMENT: i32 = -12;
/// There is nothing of this name.
pub const SEAWALL_ERROR_UNKNOWN: i32 = -13;
/// The permit was used already.
pub const SEAWALL_ERROR_SPENT: i32 = -20;
/// The permit belongs to another object.
pub const SEAWALL_ERROR_FOREIGN: i32 = -21;
/// More tokens at once than the bucket can ever hold.
pub const SEAWALL_ERROR_EXCEEDS_CAPACITY: i32 = -30;
/// The header is malformed, too long or asks for more than a day.
pub const SEAWALL_ERROR_HEADER: i32 = -40;
/// The library failed; the state is unharmed.
pub const SEAWALL_ERROR_PANIC: i32 = -90;

/// The call did what was asked.
pub const SEAWALL_OUTCOME_SUCCESS: u32 = 0;
/// The call failed, and the dependency is to blame.
pub const SEAWALL_OUTCOME_FAILURE: u32 = 1;
/// Says nothing about the dependency: cancelled, a 4xx.
pub const SEAWALL_OUTCOME_IGNORED: u32 = 2;

/// Decide and refuse.
pub const SEAWALL_MODE_ENFORCE: u32 = 0;
/// Decide and count, never refuse.
pub const SEAWALL_MODE_SHADOW: u32 = 1;
/// Neither decide nor count.
pub const SEAWALL_MODE_OFF: u32 = 2;

/// Every object wants storage aligned to this many bytes.
pub const SEAWALL_ALIGN: usize = 64;

/// Which setting was refused: filled by the functions that take a configuration when they return
/// SEAWALL_ERROR_CONFIG. Values in the unit of the field.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct seawall_config_error_t {
    /// The setting's name without its unit ("open_for"), NUL-terminated.
    pub field: [c_char; 32],
    /// What was given.
    pub value: u64,
    /// The smallest value allowed.
    pub min: u64,
    /// The largest value allowed.
    pub max: u64,
}

impl seawall_config_error_t {
    fn new(error: &ConfigError) -> Self {
        let mut field = [0; 32];
        // The last byte stays NUL.
        for (place, byte) in field.iter_mut().take(31).zip(error.field.bytes()) {
            *place = byte.cast_signed();
        }
        Self {
            field,
            value: error.value,
            min: error.min,
            max: error.max,
        }
    }
}

/// Fills the caller's place, if there is one, and names the kind of error.
pub(crate) fn explain(error: &ConfigError, place: *mut seawall_config_error_t) -> Misuse {
    if !place.is_null() {
        // SAFETY: not null, and the header asks for a place that can be written.
        unsafe { place.write(seawall_config_error_t::new(error)) };
    }
    Misuse::Config
}

/// One sentence for people about a status, never null. Static storage.
#[unsafe(no_mangle)]
pub extern "C" fn seawall_status_text(status: seawall_status_t) -> *const c_char {
    Status(status).text_c().as_ptr()
}

/// The short name of a status ("breaker_open"), as metrics use it, never null. Static storage.
#[unsafe(no_mangle)]
pub extern "C" fn seawall_status_name(status: seawall_status_t) -> *const c_char {
    Status(status).name_c().as_ptr()
}

/// The ABI that this header describes: major << 16 | minor.
pub const SEAWALL_ABI_VERSION: u32 = 1;

/// The ABI of the loaded library: major << 16 | minor. A program built with this header runs with it when
/// seawall_abi_version() >= SEAWALL_ABI_VERSION and seawall_abi_version() >> 16 == SEAWALL_ABI_VERSION >> 16.
#[unsafe(no_mangle)]
pub extern "C" fn seawall_abi_version() -> u32 {
    SEAWALL_ABI_VERSION
}

/// The monotonic clock that all processes of the host share, in nanoseconds.
#[unsafe(no_mangle)]
pub extern "C" fn seawall_now_ns() -> u64 {
    seawall_host::clock::monotonic().0
}

/// Sixty-four random bits for jitter and seeds; not for secrets. Any thread.
#[unsafe(no_mangle)]
pub extern "C" fn seawall_random() -> u64 {
    seawall_host::seed::random()
}
