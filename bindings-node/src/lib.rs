//! The native half of the npm package `seawall`: the core's primitives, policies and headers as functions
//! over numbers.
//!
//! Nothing here is for users; the classes, promises and words they meet are in `ts/`. A function call
//! from JavaScript costs about 100 ns and a method of a native class two to three times that, so objects
//! cross as handles ([`slots`]), moments and durations as milliseconds ([`time`]) and answers as one
//! number ([`answer`]); what seldom matters waits in a place of its own until it is asked for.
//!
//! Each JavaScript thread has objects of its own: a handle means nothing in another worker. Every
//! function catches panics, because one that reaches Node ends the process.
#![allow(
    missing_docs,
    reason = "napi-derive writes public items of its own beside each function"
)]

mod answer;
mod backoff;
mod breaker;
mod bulkhead;
mod call;
mod deadline;
mod dependency;
mod held;
mod histogram;
mod http;
mod limiter;
mod retry_budget;
mod slots;
mod time;
mod wall;
