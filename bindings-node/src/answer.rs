//! Answers as numbers, and the details that wait until they are asked for.
//!
//! | number       | meaning                                                                     |
//! |--------------|-----------------------------------------------------------------------------|
//! | 0 and above  | it worked: a permit, a handle or a note, as the function says               |
//! | -1           | it worked, and the permit is in the details                                 |
//! | -10 to -50   | a refusal, the negative of its status; `retry_after` is in the details      |
//! | below -100   | an error, its status less 100; for -110 the setting is in `read_bad_setting` |

use std::cell::Cell;

use napi::bindgen_prelude::Float64ArraySlice;
use napi_derive::napi;
use seawall::core::breaker::{Recorded, Transition};
use seawall::{ConfigError, Misuse, Nanos, Refusal, Status};

use crate::time::millis;

/// The permit does not fit a number: read the details.
pub const IN_DETAIL: f64 = -1.0;
/// Set in the answer of a breaker's function that changed its state.
pub const CHANGED: i32 = 1 << 8;
/// Numbers below this are exact in JavaScript.
pub const EXACT: u64 = 1 << 53;

#[derive(Clone, Copy)]
struct Detail {
    token: u64,
    started: u64,
    wait: Nanos,
    transition: Option<Transition>,
    setting: Option<ConfigError>,
}

thread_local! {
    static DETAIL: Cell<Detail> = const {
        Cell::new(Detail { token: 0, started: 0, wait: Nanos::ZERO, transition: None, setting: None })
    };
}

fn note(change: impl FnOnce(&mut Detail)) {
    // A thread that is ending has nobody left to read this.
    let _ = DETAIL.try_with(|cell| {
        let mut detail = cell.get();
        change(&mut detail);
        cell.set(detail);
    });
}

/// Keeps a permit's words, and the change that giving it made.
pub fn permit_in_detail(token: u64, started: u64, transition: Option<Transition>) -> f64 {
    note(|detail| {
        detail.token = token;
        detail.started = started;
        detail.transition = transition;
    });
    IN_DETAIL
}

/// Keeps a wait for the caller to read.
pub fn note_wait(wait: Nanos) {
    note(|detail| detail.wait = wait);
}

pub fn refused(refusal: Refusal) -> f64 {
    note_wait(refusal.retry_after);
    -f64::from(refusal.reason as i32)
}

pub fn misused(misuse: Misuse) -> f64 {
    f64::from(misuse as i32) - 100.0
}

pub fn misconfigured(error: ConfigError) -> f64 {
    note(|detail| detail.setting = Some(error));
    misused(Misuse::Config)
}

/// 0, the status `late`, and [`CHANGED`] when the state changed.
pub fn recorded(recorded: Recorded) -> i32 {
    let late = if recorded.late { Status::LATE.0 } else { 0 };
    late | changed(recorded.transition)
}

pub fn changed(transition: Option<Transition>) -> i32 {
    if transition.is_none() {
        return 0;
    }
    note(|detail| detail.transition = transition);
    CHANGED
}

/// The details of the last answer of this thread: the permit's token (low, high), its start (low, high), and the
/// last change of state (from, to, generation; from is -1 when there was none).
#[napi(catch_unwind)]
pub fn read_detail(into: Float64ArraySlice) {
    let Ok(detail) = DETAIL.try_with(Cell::get) else {
        return;
    };
    let halves = |word: u64| [f64::from(word as u32), f64::from((word >> 32) as u32)];
    let [token_low, token_high] = halves(detail.token);
    let [started_low, started_high] = halves(detail.started);
    let (from, to, generation) = detail.transition.map_or((-1.0, -1.0, 0.0), |change| {
        (
            f64::from(change.from as u8),
            f64::from(change.to as u8),
            f64::from(change.generation),
        )
    });
    fill(
        into,
        &[
            token_low,
            token_high,
            started_low,
            started_high,
            from,
            to,
            generation,
        ],
    );
}

/// The wait of the last refusal or reservation of this thread, in ms.
#[napi(catch_unwind)]
pub fn read_wait() -> f64 {
    DETAIL
        .try_with(|cell| millis(cell.get().wait))
        .unwrap_or(0.0)
}

/// Copies as much as fits: a caller's array may be of any length.
pub fn fill(mut into: Float64ArraySlice, values: &[f64]) {
    // SAFETY: the array is the wrapper's own and never leaves it; JavaScript stands still during the call, and
    // no other thread has the array.
    let places = unsafe { into.as_mut() };
    for (place, value) in places.iter_mut().zip(values) {
        *place = *value;
    }
}

/// A setting outside its range, in the unit of the core.
#[napi(object)]
pub struct BadSetting {
    pub field: String,
    pub min: f64,
    pub max: f64,
}

/// The setting that the last answer -110 was about.
#[napi(catch_unwind)]
pub fn read_bad_setting() -> Option<BadSetting> {
    let setting = DETAIL.try_with(Cell::get).ok()?.setting?;
    Some(BadSetting {
        field: setting.field.to_owned(),
        min: setting.min as f64,
        max: setting.max as f64,
    })
}

/// The name of a status, as vectors and metrics use it.
#[napi(catch_unwind)]
pub fn status_name(status: i32) -> &'static str {
    Status(status).name()
}

/// One sentence for people about a status.
#[napi(catch_unwind)]
pub fn status_text(status: i32) -> &'static str {
    Status(status).text()
}
