//! The caller's memory: pointers checked, structs of other versions read.

use core::ffi::{c_char, c_void};
use core::ptr::NonNull;

use seawall_core::Misuse;
use seawall_core::deadline::header::MOST_BYTES;

/// Storage for an object of `bytes` bytes: not null, aligned, large enough.
pub(crate) fn storage(
    memory: *mut c_void,
    given: usize,
    needed: usize,
) -> Result<NonNull<u8>, Misuse> {
    let memory = NonNull::new(memory.cast::<u8>()).ok_or(Misuse::Null)?;
    if memory.addr().get() % crate::status::SEAWALL_ALIGN != 0 {
        return Err(Misuse::Misaligned);
    }
    if given < needed {
        return Err(Misuse::StorageTooSmall);
    }
    Ok(memory)
}

/// The object behind a pointer that the caller got from us.
///
/// # Safety
/// A pointer that is neither null nor misaligned must point to readable memory of the size of `T`.
pub(crate) unsafe fn object<'a, T, P>(pointer: *const P) -> Result<&'a T, Misuse> {
    let pointer = pointer.cast::<T>();
    if pointer.is_null() {
        return Err(Misuse::Null);
    }
    if !pointer.is_aligned() {
        return Err(Misuse::Misaligned);
    }
    // SAFETY: checked above; the rest is the caller's promise. All shared types are atomics or constants.
    Ok(unsafe { &*pointer })
}

/// A place of the caller's that we fill.
///
/// # Safety
/// A pointer that is not null must point to memory that can be written as `T`, by this thread alone.
pub(crate) unsafe fn place<'a, T>(pointer: *mut T) -> Result<&'a mut T, Misuse> {
    if pointer.is_null() {
        return Err(Misuse::Null);
    }
    if !pointer.is_aligned() {
        return Err(Misuse::Misaligned);
    }
    // SAFETY: checked above; the rest is the caller's promise.
    Ok(unsafe { &mut *pointer })
}

/// The text of a header, which need not end with NUL: as much of it as anybody reads, so that a caller's size that
/// is far off reaches no further than an honest header would.
///
/// # Safety
/// A pointer that is not null must be readable for `bytes` bytes, or for one more than the longest header read.
pub(crate) unsafe fn header_value<'a>(
    text: *const c_char,
    bytes: usize,
) -> Result<&'a [u8], Misuse> {
    if text.is_null() {
        return Err(Misuse::Null);
    }
    let read = bytes.min(MOST_BYTES.saturating_add(1));
    // SAFETY: not null, and the rest is the caller's promise; bytes have no alignment.
    Ok(unsafe { core::slice::from_raw_parts(text.cast::<u8>(), read) })
}

/// Structs that begin with their size, so that fields can be appended.
///
/// # Safety
/// `repr(C)`, the first field a `u32` with the size, and any bytes valid in the others.
pub(crate) unsafe trait Versioned: Copy {
    /// What a caller gets who sets nothing.
    const DEFAULT: Self;
}

/// Reads a configuration of this or another version: a shorter one keeps our defaults for what it lacks, a
/// longer one must be all zero beyond what we know. Null means all defaults.
///
/// # Safety
/// A pointer that is not null must be readable for the size that its first field names.
pub(crate) unsafe fn read<T: Versioned>(config: *const T) -> Result<T, Misuse> {
    if config.is_null() {
        return Ok(T::DEFAULT);
    }
    if !config.is_aligned() {
        return Err(Misuse::Misaligned);
    }
    // SAFETY: the first field is a u32 by the trait's contract.
    let given = unsafe { config.cast::<u32>().read() } as usize;
    if !(8..=4_096).contains(&given) {
        return Err(Misuse::Version);
    }
    let mut value = T::DEFAULT;
    let known = given.min(size_of::<T>());
    // SAFETY: the caller's struct is readable for `given` bytes and ours is as long as `known`; any bytes are
    // valid by the trait's contract.
    unsafe {
        core::ptr::copy_nonoverlapping(config.cast::<u8>(), (&raw mut value).cast::<u8>(), known)
    };
    for offset in known..given {
        // SAFETY: within the bytes that the caller's struct names.
        let byte = unsafe { config.cast::<u8>().add(offset).read() };
        if byte != 0 {
            return Err(Misuse::Version);
        }
    }
    Ok(value)
}

/// Fills a snapshot of this or another version: as much of `value` as the caller's struct has room for.
///
/// # Safety
/// A pointer that is not null must be writable for the size that its first field names.
pub(crate) unsafe fn write<T: Versioned>(snapshot: *mut T, value: &T) -> Result<(), Misuse> {
    if snapshot.is_null() {
        return Err(Misuse::Null);
    }
    if !snapshot.is_aligned() {
        return Err(Misuse::Misaligned);
    }
    // SAFETY: the first field is a u32 by the trait's contract.
    let given = unsafe { snapshot.cast::<u32>().read() } as usize;
    if !(8..=4_096).contains(&given) {
        return Err(Misuse::Version);
    }
    let size = size_of::<u32>();
    let length = given.min(size_of::<T>()).saturating_sub(size);
    // SAFETY: both structs are longer than their first field.
    let (from, to) = unsafe {
        (
            (&raw const *value).cast::<u8>().add(size),
            snapshot.cast::<u8>().add(size),
        )
    };
    // SAFETY: `length` bytes are left in both; the caller's struct is not ours, so they do not overlap.
    unsafe { core::ptr::copy_nonoverlapping(from, to, length) };
    Ok(())
}
