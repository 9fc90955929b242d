//! Calls under way: events go in, the next action comes out. An everyday action is one number; any other is
//! filled into an array of the caller's:
//!
//! | place | what                                                                        |
//! |-------|-----------------------------------------------------------------------------|
//! | 0     | 1 run, 2 sleep, 3 wait, 4 finish                                             |
//! | 1     | the attempt to run, the attempts made                                       |
//! | 2     | ms: how long the attempt may take, how long to sleep, at most to wait       |
//! | 3     | the status of a refusal, 0 for none                                         |
//! | 4     | 0 success, 1 failure, 2 ignored, 3 refused                                  |
//! | 5     | why there is no further attempt, 0 to 9                                     |
//! | 6     | 1: something else may be served                                             |
//! | 7     | 1: a place of the bulkhead came free                                        |
//! | 8..10 | the breaker's change of state: from (-1 for none), to, generation           |
//! | 11    | 1: the breaker took no notice of the result                                 |
//! | 12    | which rate limit said no, -1 for none                                       |
//! | 13    | ms: when asking again can help, of a refusal                                |
//! | 14,15 | the deadline in nanoseconds, low and high half; set when a call begins      |

use std::cell::{Cell, RefCell};

use napi::bindgen_prelude::{BigInt, Float64ArraySlice};
use napi_derive::napi;
use seawall::core::policy::{Action, End, Finish, Notes, Stop};
use seawall::core::retry_budget::Cause;
use seawall::{Deadline, Ended, Misuse, Moment, Nanos, Options, Outcome, Step};

use crate::answer::{IN_DETAIL, fill, misused, permit_in_detail};
use crate::bulkhead::everyday_of;
use crate::dependency::with_dependency;
use crate::held::Held;
use crate::time::{millis, moment, nanos, word};

/// The call held no place that it could keep.
const NO_PLACE: f64 = -2.0;
/// The action is to be read.
const NOT_EVERYDAY: f64 = 2.0;
/// The places of an action.
const PLACES: usize = 16;
const INDEX_BITS: u32 = 20;
const MOST_CALLS: usize = 1 << INDEX_BITS;

/// The calls of one thread. Unlike other objects a place is used again without end: its turn has 32 bits and wraps.
struct Calls {
    places: Vec<(u32, Option<Held>)>,
    free: Vec<usize>,
}

thread_local! {
    static CALLS: RefCell<Calls> = const {
        RefCell::new(Calls { places: Vec::new(), free: Vec::new() })
    };
    static ACTION: Cell<[f64; PLACES]> = const { Cell::new([0.0; PLACES]) };
}

fn keep(call: Held) -> Result<f64, Misuse> {
    let kept = CALLS.try_with(|calls| {
        let mut calls = calls.try_borrow_mut().map_err(|_| Misuse::Panic)?;
        let calls = &mut *calls;
        let index = match calls.free.pop() {
            Some(index) => index,
            None if calls.places.len() == MOST_CALLS => return Err(Misuse::StorageTooSmall),
            None => {
                calls.places.push((0, None));
                calls.places.len() - 1
            }
        };
        let (turn, place) = &mut calls.places[index];
        *place = Some(call);
        Ok(f64::from(*turn) * MOST_CALLS as f64 + index as f64)
    });
    kept.unwrap_or(Err(Misuse::Uninitialised))
}

/// Uses a call, or says that there is none (any more). Taken out when it has ended.
fn with_call<R>(handle: f64, use_it: impl FnOnce(&mut Held) -> R) -> Result<R, Misuse> {
    let handle = handle as u64;
    let (index, turn) = (handle as usize & (MOST_CALLS - 1), handle >> INDEX_BITS);
    let used = CALLS.try_with(|calls| {
        let mut calls = calls.try_borrow_mut().map_err(|_| Misuse::Panic)?;
        let calls = &mut *calls;
        let Some((current, Some(call))) = calls.places.get_mut(index) else {
            return Err(Misuse::Argument);
        };
        if u64::from(*current) != turn {
            return Err(Misuse::Argument);
        }
        let answer = use_it(call);
        if !call.is_under_way() {
            calls.places[index] = (calls.places[index].0.wrapping_add(1), None);
            calls.free.push(index);
        }
        Ok(answer)
    });
    used.unwrap_or(Err(Misuse::Uninitialised))
}

/// The action as an array, and the deadline where the call has just begun.
fn told(step: &Step, deadline: Option<Deadline>) -> [f64; PLACES] {
    let (mut kind, mut attempt, mut span) = (4.0, 0, 0.0);
    let (mut status, mut end, mut stop, mut may_fall_back, mut retry_after) =
        (0.0, 0.0, 0.0, 0.0, 0.0);
    match step.action {
        Action::Run {
            attempt: number,
            timeout,
        } => (kind, attempt, span) = (1.0, number, millis(timeout)),
        Action::Sleep { span: how_long } => (kind, span) = (2.0, millis(how_long)),
        Action::Wait { at_most } => (kind, span) = (3.0, millis(at_most)),
        Action::Finish(finish) => {
            attempt = finish.attempts;
            stop = f64::from(finish.stop as u8);
            may_fall_back = f64::from(u8::from(finish.may_fall_back));
            end = match finish.end {
                End::Success => 0.0,
                End::Failure => 1.0,
                End::Ignored => 2.0,
                End::Refused(refusal) => {
                    status = f64::from(refusal.reason as i32);
                    retry_after = millis(refusal.retry_after);
                    3.0
                }
            };
        }
    }
    let (from, to, generation) = step.notes.transition.map_or((-1.0, 0.0, 0.0), |change| {
        (
            f64::from(change.from as u8),
            f64::from(change.to as u8),
            f64::from(change.generation),
        )
    });
    let at = deadline.map_or(0, |deadline| deadline.moment().0);
    [
        kind,
        f64::from(attempt),
        span,
        status,
        end,
        stop,
        may_fall_back,
        f64::from(u8::from(step.notes.freed)),
        from,
        to,
        generation,
        f64::from(u8::from(step.notes.is_late)),
        step.notes.limiter.map_or(-1.0, f64::from),
        retry_after,
        f64::from(at as u32),
        f64::from((at >> 32) as u32),
    ]
}

fn note(action: [f64; PLACES]) {
    // A thread that is ending has nobody left to read this.
    let _ = ACTION.try_with(|cell| cell.set(action));
}

/// The action of the last answer of this thread that was not an everyday one.
#[napi(catch_unwind)]
pub fn read_action(into: Float64ArraySlice) {
    if let Ok(action) = ACTION.try_with(Cell::get) {
        fill(into, &action);
    }
}

fn begun(
    handle: u32,
    is_at_once: bool,
    options: &Options,
    now_ms: f64,
) -> Result<(Held, Step), Misuse> {
    with_dependency(handle, |dependency| {
        Held::begin(dependency, is_at_once, options, moment(now_ms).now())
    })?
}

/// Begins a call. Everyday is: run the first attempt within the policy's timeout, with no deadline; the answer is the
/// call's handle then. Else the action is to be read: -1 when the call ended at once, and 1,000 and the handle below zero
/// when it goes on. At once: nobody can wait, so there is one attempt now or a refusal.
#[napi(catch_unwind)]
pub fn dependency_begin(handle: u32, is_at_once: bool, now_ms: f64) -> f64 {
    let (call, step) = match begun(handle, is_at_once, &Options::DEFAULT, now_ms) {
        Err(misuse) => return misused(misuse),
        Ok(begun) => begun,
    };
    let deadline = call.deadline();
    let is_everyday = matches!(step.action, Action::Run { .. })
        && step.notes == Notes::NONE
        && deadline == Deadline::NEVER;
    if !is_everyday {
        note(told(&step, Some(deadline)));
        if !call.is_under_way() {
            return IN_DETAIL;
        }
    }
    match keep(call) {
        Ok(kept) if is_everyday => kept,
        Ok(kept) => -1000.0 - kept,
        Err(misuse) => misused(misuse),
    }
}

/// Begins a call and fills its action, with what it asks for: whether it is critical and idempotent (0 as the policy says, 1 yes, 2 no),
/// four costs, and the caller's deadline in two halves. Answers the handle, or -1 when the call ended at once.
#[napi(catch_unwind)]
pub fn dependency_begin_with(
    handle: u32,
    is_at_once: bool,
    asked: Float64ArraySlice,
    now_ms: f64,
    into: Float64ArraySlice,
) -> f64 {
    let &[critical, idempotent, c0, c1, c2, c3, low, high] = asked.as_ref() else {
        return misused(Misuse::Argument);
    };
    let choice = |number: f64| (number != 0.0).then_some(number == 1.0);
    let options = Options {
        deadline: Deadline::at(Nanos(word(low as u32, high as u32))),
        critical: choice(critical),
        idempotent: choice(idempotent),
        costs: [c0, c1, c2, c3].map(|cost| cost as u32),
        ..Options::DEFAULT
    };
    match begun(handle, is_at_once, &options, now_ms) {
        Err(misuse) => misused(misuse),
        Ok((call, step)) => {
            fill(into, &told(&step, Some(call.deadline())));
            if call.is_under_way() {
                keep(call).unwrap_or_else(misused)
            } else {
                IN_DETAIL
            }
        }
    }
}

/// How an attempt ended, in one number:
///
/// | bits | what                                       |
/// |------|--------------------------------------------|
/// | 0..1 | 0 success, 1 failure, 2 ignored            |
/// | 2    | another attempt may help                   |
/// | 3    | the request was certainly not sent         |
/// | 4..5 | 0 failure, 1 throttled, 2 timeout          |
pub fn ended_of(word: u32, retry_after: Nanos) -> Option<Ended> {
    Some(Ended {
        outcome: Outcome::from_number(word & 3)?,
        is_retryable: word & 4 != 0,
        was_not_sent: word & 8 != 0,
        cause: Cause::from_number(word >> 4)?,
        retry_after,
    })
}

/// The number of [`ended_of`].
pub fn word_of(ended: &Ended) -> u32 {
    ended.outcome as u32
        | u32::from(ended.is_retryable) << 2
        | u32::from(ended.was_not_sent) << 3
        | (ended.cause as u32) << 4
}

/// An attempt ended. Everyday is: that was a success and the call is over, 0, or 1 when a place came free. Else the
/// action is to be read, and the answer is 2.
#[napi(catch_unwind)]
pub fn call_ended(call: f64, how: u32, retry_after_ms: f64, now_ms: f64) -> f64 {
    let step = match ended(call, how, retry_after_ms, None, now_ms) {
        Err(misuse) => return misused(misuse),
        Ok(step) => step,
    };
    let Notes { freed, .. } = step.notes;
    let is_everyday = matches!(
        step.action,
        Action::Finish(Finish {
            end: End::Success,
            stop: Stop::Done,
            ..
        })
    ) && step.notes
        == Notes {
            freed,
            ..Notes::NONE
        };
    if is_everyday {
        return f64::from(u8::from(freed));
    }
    note(told(&step, None));
    NOT_EVERYDAY
}

/// An attempt ended, with chance that the caller brings. Fills the action.
#[napi(catch_unwind)]
pub fn call_ended_with(
    call: f64,
    how: u32,
    retry_after_ms: f64,
    random: BigInt,
    now_ms: f64,
    into: Float64ArraySlice,
) -> f64 {
    let random = Some(random.get_u64().1);
    answer(ended(call, how, retry_after_ms, random, now_ms), into)
}

fn ended(
    call: f64,
    how: u32,
    retry_after_ms: f64,
    random: Option<u64>,
    now_ms: f64,
) -> Result<Step, Misuse> {
    let how = ended_of(how, nanos(retry_after_ms)).ok_or(Misuse::Argument)?;
    let now = moment(now_ms).now();
    with_call(call, |call| call.ended(how, random, now))?
}

fn answer(step: Result<Step, Misuse>, into: Float64ArraySlice) -> f64 {
    match step {
        Ok(step) => {
            fill(into, &told(&step, None));
            0.0
        }
        Err(misuse) => misused(misuse),
    }
}

/// The time that the last action asked to wait has passed, or a place may have come free.
#[napi(catch_unwind)]
pub fn call_woke(call: f64, now_ms: f64, into: Float64ArraySlice) -> f64 {
    let now = moment(now_ms).now();
    answer(
        with_call(call, |call| call.woke(now)).and_then(|step| step),
        into,
    )
}

/// The caller gave up.
#[napi(catch_unwind)]
pub fn call_cancelled(call: f64, now_ms: f64, into: Float64ArraySlice) -> f64 {
    let now = moment(now_ms).now();
    let step = with_call(call, |call| call.cancelled(now).ok_or(Misuse::Argument));
    answer(step.and_then(|step| step), into)
}

/// Takes the place of the bulkhead out of a call: a number, -1 when it is in the details, -2 when there is none.
#[napi(catch_unwind)]
pub fn call_keep(call: f64) -> f64 {
    match with_call(call, Held::keep_place) {
        Ok(None) => NO_PLACE,
        Ok(Some(place)) => {
            let (token, _) = place.into_raw();
            everyday_of(token).unwrap_or_else(|| permit_in_detail(token, 0, None))
        }
        Err(misuse) => misused(misuse),
    }
}

/// The idempotency key of a call that is under way.
#[napi(catch_unwind)]
pub fn call_key(call: f64) -> Option<String> {
    with_call(call, Held::key).ok()
}
