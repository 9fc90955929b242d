//! Wall: every dependency of a service
//!
//! Opens the policies of a file (docs/guide/configuration.md says what may stand in it) or takes them from code, and
//! keeps their live state (full library only). Opening, defining and reloading read files and allocate; calls do
//! neither.
//!
//!     seawall_wall_t *wall;
//!     char message[4096];
//!     if (seawall_wall_open("seawall.toml", &wall, message, sizeof message) != SEAWALL_OK) die(message);
//!     const seawall_dependency_t *payments;
//!     seawall_wall_dependency(wall, "payments", &payments, message, sizeof message);

use core::ffi::c_char;

use seawall_core::{Misuse, Moment, Status};
use seawall_host::Seawall;
use seawall_host::policy::Policy;
use seawall_host::wall::WallError;

use crate::dependency::seawall_dependency_t;
use crate::guard::{When, guard};
use crate::memory::place;
use crate::status::seawall_status_t;
use crate::text::{fill, text};

/// Every dependency of a service. Opaque.
pub struct seawall_wall_t {
    _opaque: [u8; 0],
}

/// Tells the caller what is wrong, in words, and answers the kind of error.
///
/// # Safety
/// A buffer that is not null must be writable for `bytes`.
unsafe fn tell(error: &WallError, message: *mut c_char, bytes: usize) -> Misuse {
    // SAFETY: the caller's promise.
    unsafe { fill(&error.to_string(), message, bytes) };
    match error {
        WallError::Unknown { .. } => Misuse::Unknown,
        WallError::Duplicate(_) | WallError::NoFile => Misuse::Argument,
        WallError::File(_)
        | WallError::Check(_)
        | WallError::Policy(_)
        | WallError::Name(_)
        | WallError::Config(_) => Misuse::Config,
    }
}

/// # Safety
/// A pointer that is not null came from here and has not been closed.
unsafe fn wall<'a>(pointer: *const seawall_wall_t) -> Result<&'a Seawall, Misuse> {
    // SAFETY: the caller's promise: a box of ours.
    unsafe { pointer.cast::<Seawall>().as_ref() }.ok_or(Misuse::Null)
}

/// [`guard`], which leaves a text in the caller's buffer whatever happens: why not, or nothing.
///
/// # Safety
/// A buffer that is not null must be writable for `bytes`.
unsafe fn explained(
    message: *mut c_char,
    bytes: usize,
    body: impl FnOnce() -> Result<Status, Misuse>,
) -> seawall_status_t {
    // SAFETY: the caller's promise.
    unsafe { fill("", message, bytes) };
    let status = guard(body);
    // SAFETY: not null, and with the NUL of above.
    let is_silent = !message.is_null() && bytes > 0 && unsafe { message.read() } == 0;
    if status < 0 && is_silent {
        // SAFETY: the caller's promise.
        unsafe { fill(Status(status).text(), message, bytes) };
    }
    status
}

/// # Safety
/// As for the function of the interface that calls it.
unsafe fn opened(
    opened: Result<Seawall, WallError>,
    out: *mut *mut seawall_wall_t,
    message: *mut c_char,
    message_bytes: usize,
) -> Result<Status, Misuse> {
    // SAFETY: the header asks for a valid place.
    let out = unsafe { place(out) }?;
    // SAFETY: the header asks for a buffer of that size.
    let wall = opened.map_err(|error| unsafe { tell(&error, message, message_bytes) })?;
    *out = Box::into_raw(Box::new(wall)).cast();
    Ok(Status::OK)
}

/// Opens a file. On an error `message` (may be null) says why, else it is empty: NUL-terminated and cut to
/// `message_bytes`. On SEAWALL_ERROR_CONFIG that is everything that is wrong, one finding a line with file, line and
/// column; nothing is half open. Close it with seawall_wall_close.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn seawall_wall_open(
    path: *const c_char,
    wall: *mut *mut seawall_wall_t,
    message: *mut c_char,
    message_bytes: usize,
) -> seawall_status_t {
    let body = || {
        // SAFETY: the header asks for a string.
        let path = unsafe { text(path) }?;
        // SAFETY: the same promises.
        unsafe { opened(Seawall::open(path), wall, message, message_bytes) }
    };
    // SAFETY: the header asks for a buffer of that size.
    unsafe { explained(message, message_bytes, body) }
}

/// As seawall_wall_open, for a text that messages call `name`.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn seawall_wall_parse(
    policies: *const c_char,
    name: *const c_char,
    wall: *mut *mut seawall_wall_t,
    message: *mut c_char,
    message_bytes: usize,
) -> seawall_status_t {
    let body = || {
        // SAFETY: the header asks for strings.
        let (policies, name) = unsafe { (text(policies)?, text(name)?) };
        let parsed = Seawall::parse(policies, name);
        // SAFETY: the same promises.
        unsafe { opened(parsed, wall, message, message_bytes) }
    };
    // SAFETY: the header asks for a buffer of that size.
    unsafe { explained(message, message_bytes, body) }
}

/// An empty wall, for policies from code.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn seawall_wall_new(wall: *mut *mut seawall_wall_t) -> seawall_status_t {
    // SAFETY: the same promises.
    guard(|| unsafe { opened(Ok(Seawall::new()), wall, core::ptr::null_mut(), 0) })
}

/// As seawall_wall_new, with every random choice repeatable, for tests and simulations.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn seawall_wall_new_seeded(
    seed: u64,
    wall: *mut *mut seawall_wall_t,
) -> seawall_status_t {
    guard(|| {
        let seeded = Seawall::options().seed(seed).build();
        // SAFETY: the same promises.
        unsafe { opened(Ok(seeded), wall, core::ptr::null_mut(), 0) }
    })
}

/// Adds a dependency with a policy written in code: the lines that would stand in its table of a file
/// ("timeout = '2s'\nretry = { attempts = 2 }"), checked as those are. SEAWALL_ERROR_ARGUMENT when there is one of
/// this name. `now_ns` is when its state begins.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn seawall_wall_define(
    wall: *mut seawall_wall_t,
    name: *const c_char,
    policy: *const c_char,
    now_ns: u64,
    dependency: *mut *const seawall_dependency_t,
    message: *mut c_char,
    message_bytes: usize,
) -> seawall_status_t {
    let body = || {
        // SAFETY: the header asks for an open wall.
        let wall = unsafe { self::wall(wall) }?;
        // SAFETY: the header asks for a valid place.
        let out = unsafe { place(dependency) }?;
        // SAFETY: the header asks for strings.
        let (name, policy) = unsafe { (text(name)?, text(policy)?) };
        let defined = Policy::parse(policy)
            .map_err(WallError::Policy)
            .and_then(|policy| wall.define_at(name, policy, When(now_ns).now()));
        // SAFETY: the header asks for a buffer of that size.
        let defined = defined.map_err(|error| unsafe { tell(&error, message, message_bytes) })?;
        *out = defined.as_ptr().cast();
        Ok(Status::OK)
    };
    // SAFETY: the header asks for a buffer of that size.
    unsafe { explained(message, message_bytes, body) }
}

/// Puts another policy in force for a dependency that code defined. Its state stays; on an error the old policy
/// does, too.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn seawall_wall_redefine(
    wall: *mut seawall_wall_t,
    name: *const c_char,
    policy: *const c_char,
    now_ns: u64,
    message: *mut c_char,
    message_bytes: usize,
) -> seawall_status_t {
    let body = || {
        // SAFETY: the header asks for an open wall.
        let wall = unsafe { self::wall(wall) }?;
        // SAFETY: the header asks for strings.
        let (name, policy) = unsafe { (text(name)?, text(policy)?) };
        Policy::parse(policy)
            .map_err(WallError::Policy)
            .and_then(|policy| wall.redefine_at(name, policy, When(now_ns).now()))
            // SAFETY: the header asks for a buffer of that size.
            .map_err(|error| unsafe { tell(&error, message, message_bytes) })?;
        Ok(Status::OK)
    };
    // SAFETY: the header asks for a buffer of that size.
    unsafe { explained(message, message_bytes, body) }
}

/// Reads the file again. State is kept; calls under way end by the policy they began with. If anything in the file
/// is wrong nothing changes at all, and `message` says what. Dependencies that the file has no more are not found by
/// name any more; pointers to them stay good.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn seawall_wall_reload(
    wall: *mut seawall_wall_t,
    now_ns: u64,
    message: *mut c_char,
    message_bytes: usize,
) -> seawall_status_t {
    let body = || {
        // SAFETY: the header asks for an open wall.
        let reloaded = unsafe { self::wall(wall) }?.reload_at(When(now_ns).now());
        // SAFETY: the header asks for a buffer of that size.
        reloaded.map_err(|error| unsafe { tell(&error, message, message_bytes) })?;
        Ok(Status::OK)
    };
    // SAFETY: the header asks for a buffer of that size.
    unsafe { explained(message, message_bytes, body) }
}

/// The dependency of this name. SEAWALL_ERROR_UNKNOWN when there is none; `message` names the nearest one then. Look
/// it up once and keep it: this takes a lock, calls do not.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn seawall_wall_dependency(
    wall: *const seawall_wall_t,
    name: *const c_char,
    dependency: *mut *const seawall_dependency_t,
    message: *mut c_char,
    message_bytes: usize,
) -> seawall_status_t {
    let body = || {
        // SAFETY: the header asks for an open wall.
        let wall = unsafe { self::wall(wall) }?;
        // SAFETY: the header asks for a valid place.
        let out = unsafe { place(dependency) }?;
        // SAFETY: the header asks for a string.
        let found = wall.dependency(unsafe { text(name) }?);
        // SAFETY: the header asks for a buffer of that size.
        let found = found.map_err(|error| unsafe { tell(&error, message, message_bytes) })?;
        *out = found.as_ptr().cast();
        Ok(Status::OK)
    };
    // SAFETY: the header asks for a buffer of that size.
    unsafe { explained(message, message_bytes, body) }
}

/// The names of all dependencies, sorted, one a line, NUL-terminated and cut to the buffer (may be null). Returns
/// the bytes that all of them need with the NUL; 0: a null wall.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn seawall_wall_names(
    wall: *const seawall_wall_t,
    buffer: *mut c_char,
    buffer_bytes: usize,
) -> usize {
    // SAFETY: the header asks for an open wall.
    let Ok(wall) = (unsafe { self::wall(wall) }) else {
        return 0;
    };
    // SAFETY: the header asks for a buffer of that size.
    unsafe { fill(&wall.names().join("\n"), buffer, buffer_bytes) }
}

/// What the check of the policies warns of, one finding a line; as seawall_wall_names.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn seawall_wall_findings(
    wall: *const seawall_wall_t,
    buffer: *mut c_char,
    buffer_bytes: usize,
) -> usize {
    // SAFETY: the header asks for an open wall.
    let Ok(wall) = (unsafe { self::wall(wall) }) else {
        return 0;
    };
    let findings: Vec<String> = wall.findings().iter().map(ToString::to_string).collect();
    // SAFETY: the header asks for a buffer of that size.
    unsafe { fill(&findings.join("\n"), buffer, buffer_bytes) }
}

/// Closes a wall: its dependencies, and calls to them that are still under way, must not be used any more. Null is
/// allowed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn seawall_wall_close(wall: *mut seawall_wall_t) {
    if !wall.is_null() {
        // SAFETY: not null, made by `opened`, and the caller's no longer.
        drop(unsafe { Box::from_raw(wall.cast::<Seawall>()) });
    }
}
