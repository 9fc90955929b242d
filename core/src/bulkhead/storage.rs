//! A bulkhead in whatever memory there is: an array in a struct, a box, a page of a mapping.

use core::alloc::Layout;
use core::ptr::NonNull;

use super::limits::Limits;
use super::{Bulkhead, Config, Counters, IDENTITY, MOST_PERMITS};
use crate::error::ConfigError;
use crate::status::Misuse;
use crate::sync::AtomicU64;

/// A bulkhead with room for `N` permits, as a plain value: coerces to `&Bulkhead` behind a reference.
pub type Sized<const N: usize> = Bulkhead<[AtomicU64; N]>;

#[cfg(not(seawall_loom))]
const _: () = assert!(size_of::<Sized<0>>() == 576 && align_of::<Sized<0>>() == 64);

impl<const N: usize> Bulkhead<[AtomicU64; N]> {
    /// A bulkhead with all permits free.
    ///
    /// # Errors
    /// The first setting that is out of range.
    pub fn new(config: &Config) -> Result<Self, ConfigError> {
        config.validate(u32::try_from(N).unwrap_or(MOST_PERMITS))?;
        Ok(Self {
            identity: IDENTITY,
            capacity: N as u64,
            limits: AtomicU64::new(Limits::new(config.max_concurrent, config.reserved).raw()),
            waiting: AtomicU64::new(0),
            policy: AtomicU64::new(Bulkhead::pack_policy(config)),
            counters: Counters::new(),
            cells: core::array::from_fn(|_| AtomicU64::new(0)),
        })
    }
}

impl<const N: usize> core::ops::Deref for Bulkhead<[AtomicU64; N]> {
    type Target = Bulkhead;

    fn deref(&self) -> &Bulkhead {
        self
    }
}

impl Bulkhead {
    /// The memory a bulkhead of this capacity needs, aligned to 64 bytes. `None` beyond [`MOST_PERMITS`] or for 0.
    #[must_use]
    pub const fn layout(capacity: u32) -> Option<Layout> {
        if capacity == 0 || capacity > MOST_PERMITS {
            return None;
        }
        let cells = (capacity as usize).wrapping_mul(size_of::<AtomicU64>());
        let bytes = size_of::<Sized<0>>()
            .wrapping_add(cells)
            .next_multiple_of(align_of::<Sized<0>>());
        match Layout::from_size_align(bytes, align_of::<Sized<0>>()) {
            Ok(layout) => Some(layout),
            Err(_) => None,
        }
    }

    /// Makes a bulkhead in `memory` with room for as many permits as `config` allows, and returns it.
    ///
    /// # Errors
    /// [`ConfigError`] for a setting out of range; `memory` is untouched then.
    ///
    /// # Safety
    /// `memory` must be writable for the bytes of [`Bulkhead::layout`] with `capacity` and aligned as it says,
    /// stay so for `'a`, and be used by nobody else meanwhile except through bulkhead references.
    pub unsafe fn init_in<'a>(
        memory: NonNull<u8>,
        capacity: u32,
        config: &Config,
    ) -> Result<&'a Self, ConfigError> {
        ConfigError::check("capacity", u64::from(capacity), 1, u64::from(MOST_PERMITS))?;
        config.validate(capacity)?;
        let header = memory.cast::<Sized<0>>();
        let value = Sized::<0> {
            identity: IDENTITY,
            capacity: u64::from(capacity),
            limits: AtomicU64::new(Limits::new(config.max_concurrent, config.reserved).raw()),
            waiting: AtomicU64::new(0),
            policy: AtomicU64::new(Self::pack_policy(config)),
            counters: Counters::new(),
            cells: [],
        };
        // SAFETY: the caller gives writable, aligned memory of at least the header's size.
        unsafe { header.write(value) };
        // SAFETY: the header is followed by `capacity` words within the caller's memory.
        let cells = unsafe { memory.add(size_of::<Sized<0>>()) }.cast::<AtomicU64>();
        for index in 0..capacity as usize {
            // SAFETY: as above, `index` is below the capacity.
            let cell = unsafe { cells.add(index) };
            // SAFETY: writable, aligned to 8, inside the caller's memory.
            unsafe { cell.write(AtomicU64::new(0)) };
        }
        // SAFETY: a header and that many cells have just been written.
        Ok(unsafe { Self::at(memory, capacity) })
    }

    /// The bulkhead that [`Bulkhead::init_in`] made in `memory`.
    ///
    /// # Errors
    /// [`Misuse::Uninitialised`] when the header is not that of a bulkhead of this layout.
    ///
    /// # Safety
    /// `memory` must be readable for a header (576 bytes), and if that header is intact, for the capacity it
    /// names, as in `init_in`.
    pub unsafe fn attach<'a>(memory: NonNull<u8>) -> Result<&'a Self, Misuse> {
        // SAFETY: the caller gives readable, aligned memory of the header's size.
        let header = unsafe { memory.cast::<Sized<0>>().as_ref() };
        if header.identity != IDENTITY
            || header.capacity == 0
            || header.capacity > u64::from(MOST_PERMITS)
        {
            return Err(Misuse::Uninitialised);
        }
        // SAFETY: an intact header says how many cells follow it.
        Ok(unsafe { Self::at(memory, header.capacity as u32) })
    }

    /// The pointer to a bulkhead of `capacity` in `memory`, for whoever owns that memory. Nothing is read.
    #[must_use]
    pub const fn pointer(memory: NonNull<u8>, capacity: u32) -> NonNull<Self> {
        // A slice pointer carries the number of cells; the cast keeps it for the unsized tail.
        let cells =
            NonNull::slice_from_raw_parts(memory.cast::<AtomicU64>(), capacity as usize).as_ptr();
        let whole = cells as *mut Self;
        // SAFETY: made from a pointer that is not null.
        unsafe { NonNull::new_unchecked(whole) }
    }

    /// # Safety
    /// As for `attach`, with a header that names `capacity`.
    unsafe fn at<'a>(memory: NonNull<u8>, capacity: u32) -> &'a Self {
        // SAFETY: the caller vouches for header and cells; all fields are atomics or never written again.
        unsafe { Self::pointer(memory, capacity).as_ref() }
    }
}
