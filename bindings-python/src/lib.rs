//! The native half of the Python package `seawall`.
//!
//! Everything here is frozen and shared by reference, takes whole nanoseconds and whole thousandths, and
//! raises nothing of its own: a refusal or a wrong argument is handed to the Python class above, which
//! knows the names, the units and the exceptions. Nothing Python lives in a static, because
//! interpreters of one process share those.

mod backoff;
mod breaker;
mod bulkhead;
mod call;
mod clock;
mod deadline;
mod dependency;
mod histogram;
mod http;
mod limiter;
mod retry_budget;
mod settings;
mod wall;

use pyo3::pymodule;

/// The compiled core. Use `seawall`; nothing in here is a promise.
#[pymodule(gil_used = false)]
mod _native {
    #[pymodule_export]
    #[expect(non_upper_case_globals, reason = "the name that Python gives it")]
    const __version__: &str = env!("CARGO_PKG_VERSION");

    #[pymodule_export]
    use super::backoff::Backoff;
    #[pymodule_export]
    use super::breaker::{Breaker, BreakerPermit};
    #[pymodule_export]
    use super::bulkhead::{Bulkhead, BulkheadPermit};
    #[pymodule_export]
    use super::deadline::Deadline;
    #[pymodule_export]
    use super::histogram::Histogram;
    #[pymodule_export]
    use super::limiter::Limiter;
    #[pymodule_export]
    use super::retry_budget::{RetryBudget, Withdrawal};

    #[pymodule_export]
    use super::call::{Call, Place};
    #[pymodule_export]
    use super::dependency::Dependency;
    #[pymodule_export]
    use super::http::{
        header_from_grpc, header_from_millis, header_retry_after, header_to_grpc, header_to_millis,
        http_is_idempotent, http_status, http_trouble,
    };
    #[pymodule_export]
    use super::wall::Seawall;
}
