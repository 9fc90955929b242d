//! Bulkheads in memory of our own.

use core::ptr::NonNull;

use seawall_core::ConfigError;
use seawall_core::bulkhead::{Bulkhead as Core, Config, MOST_PERMITS};

/// A bulkhead on the heap with room for `capacity` permits (1 to 4,096).
///
/// # Errors
/// The first setting that is out of range.
pub fn allocate(capacity: u32, config: &Config) -> Result<Box<Core>, ConfigError> {
    let refused = ConfigError {
        field: "capacity",
        value: u64::from(capacity),
        min: 1,
        max: u64::from(MOST_PERMITS),
    };
    let layout = Core::layout(capacity).ok_or(refused)?;
    config.validate(capacity)?;
    // SAFETY: the layout of a bulkhead is never empty.
    let memory = unsafe { std::alloc::alloc(layout) };
    let Some(memory) = NonNull::new(memory) else {
        std::alloc::handle_alloc_error(layout)
    };
    // SAFETY: freshly allocated by the layout for this capacity, and nobody else's.
    match unsafe { Core::init_in(memory, capacity, config) } {
        Ok(_) => {
            // SAFETY: allocated by the global allocator with the layout of exactly this value, whose size is
            // rounded up to its alignment just as `Core::layout` does.
            Ok(unsafe { Box::from_raw(Core::pointer(memory, capacity).as_ptr()) })
        }
        Err(error) => {
            // SAFETY: allocated above with this layout and not given away.
            unsafe { std::alloc::dealloc(memory.as_ptr(), layout) };
            Err(error)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_box_frees_what_was_allocated() {
        for capacity in [1, 7, 8, 9, 4_096] {
            let bulkhead = allocate(
                capacity,
                &Config {
                    max_concurrent: capacity,
                    ..Config::default()
                },
            )
            .expect("valid");
            assert_eq!(
                std::mem::size_of_val(&*bulkhead),
                Core::layout(capacity).expect("valid").size()
            );
        }
        assert_eq!(
            allocate(4_097, &Config::default())
                .expect_err("too many")
                .field,
            "capacity"
        );
    }
}
