//! Text over the border: in by NUL-terminated pointers, out into the caller's buffer.

use core::ffi::{CStr, c_char};

use seawall_core::Misuse;

/// What a caller's text may be long, in bytes.
const MOST: usize = 1 << 20;

/// The text behind a pointer: UTF-8, at most a megabyte.
///
/// # Safety
/// A pointer that is not null must point to a NUL-terminated string that does not change meanwhile.
pub(crate) unsafe fn text<'a>(pointer: *const c_char) -> Result<&'a str, Misuse> {
    if pointer.is_null() {
        return Err(Misuse::Null);
    }
    // SAFETY: the caller's promise.
    let bytes = unsafe { CStr::from_ptr(pointer) }.to_bytes();
    if bytes.len() > MOST {
        return Err(Misuse::Argument);
    }
    core::str::from_utf8(bytes).map_err(|_| Misuse::Argument)
}

/// Writes `text` into a buffer, cut between characters and NUL-terminated. Answers the bytes it needs in all.
///
/// # Safety
/// A buffer that is not null must be writable for `bytes`.
pub(crate) unsafe fn fill(text: &str, buffer: *mut c_char, bytes: usize) -> usize {
    if !buffer.is_null() && bytes > 0 {
        let mut length = text.len().min(bytes - 1);
        while !text.is_char_boundary(length) {
            length -= 1;
        }
        let from = text.as_ptr();
        // SAFETY: `length` bytes are there in the text and, with the NUL, in the buffer.
        unsafe { core::ptr::copy_nonoverlapping(from, buffer.cast::<u8>(), length) };
        // SAFETY: likewise.
        unsafe { buffer.add(length).write(0) };
    }
    text.len() + 1
}
