//! Call: one call through every layer
//!
//! A call begins, and every event is answered with what to do next: run an attempt within so much time, sleep, wait
//! for a place, or finish. The caller only does that; what counts, what is retried and when to give up is decided
//! here. The state lies on the caller's stack and holds what the policy granted until the call has finished.
//!
//!     seawall_call_t call = SEAWALL_CALL_INIT;
//!     seawall_action_t next;
//!     status = seawall_dependency_begin(payments, NULL, 0, &call, &next);
//!     while (status == SEAWALL_OK && next.kind != SEAWALL_ACTION_FINISH) {
//!         if (next.kind == SEAWALL_ACTION_RUN) {
//!             seawall_attempt_t attempt = charge(order, next.span_ns);
//!             status = seawall_call_ended(&call, &attempt, 0, &next);
//!         } else {
//!             sleep_ns(next.kind == SEAWALL_ACTION_WAIT ? at_most_10_ms(next.span_ns) : next.span_ns);
//!             status = seawall_call_woke(&call, 0, &next);
//!         }
//!     }

use core::ffi::c_char;
use core::mem::MaybeUninit;

use seawall_core::policy::{Action, Bound, Call, End, Ended, Finish, Options, Stop, key_text};
use seawall_core::retry_budget::Cause;
use seawall_core::{Deadline, Misuse, Moment, Nanos, Outcome, Status};

use crate::guard::{When, guard};
use crate::memory::{Versioned, place, read};
use crate::permit::{seawall_permit_t, transition_number};
use crate::policy::{SEAWALL_LIMITERS_MAX, seawall_policy_t};
use crate::status::seawall_status_t;

/// Run an attempt; it may take span_ns. Then seawall_call_ended.
pub const SEAWALL_ACTION_RUN: u32 = 1;
/// Sleep for span_ns. Then seawall_call_woke; waking early does no harm.
pub const SEAWALL_ACTION_SLEEP: u32 = 2;
/// Wait until a place of the bulkhead may have come free, at most span_ns. Then seawall_call_woke, as often as
/// wanted.
pub const SEAWALL_ACTION_WAIT: u32 = 3;
/// The call is over and holds nothing.
pub const SEAWALL_ACTION_FINISH: u32 = 4;

/// The last attempt succeeded.
pub const SEAWALL_END_SUCCESS: u32 = 0;
/// The last attempt failed: its error is the call's.
pub const SEAWALL_END_FAILURE: u32 = 1;
/// The call says nothing about the dependency: cancelled, or an ignored outcome.
pub const SEAWALL_END_IGNORED: u32 = 2;
/// No attempt was made; status says which gate said no.
pub const SEAWALL_END_REFUSED: u32 = 3;

/// No further attempt was needed.
pub const SEAWALL_STOP_DONE: u32 = 0;
/// The caller gave up.
pub const SEAWALL_STOP_CANCELLED: u32 = 1;
/// A gate said no before the first attempt.
pub const SEAWALL_STOP_REFUSED: u32 = 2;
/// All attempts were made.
pub const SEAWALL_STOP_ATTEMPTS_USED: u32 = 3;
/// Another attempt does not help, or the request may have been carried out.
pub const SEAWALL_STOP_NOT_RETRYABLE: u32 = 4;
/// The breaker is not closed any more, or the call was its probe.
pub const SEAWALL_STOP_BREAKER_OPEN: u32 = 5;
/// The bulkhead had no place for another attempt.
pub const SEAWALL_STOP_BULKHEAD_FULL: u32 = 6;
/// The retry budget is spent.
pub const SEAWALL_STOP_BUDGET_EXHAUSTED: u32 = 7;
/// The rate limits do not allow another attempt in time.
pub const SEAWALL_STOP_RATE_LIMITED: u32 = 8;
/// The deadline is too near for the wait and a useful attempt.
pub const SEAWALL_STOP_DEADLINE_TOO_NEAR: u32 = 9;

/// The attempt failed in an ordinary way.
pub const SEAWALL_CAUSE_FAILURE: u32 = 0;
/// The server said that it has too much to do.
pub const SEAWALL_CAUSE_THROTTLED: u32 = 1;
/// The attempt ran out of time.
pub const SEAWALL_CAUSE_TIMEOUT: u32 = 2;

/// As the policy says.
pub const SEAWALL_AS_POLICY: u32 = 0;
/// Yes, whatever the policy says.
pub const SEAWALL_YES: u32 = 1;
/// No, whatever the policy says.
pub const SEAWALL_NO: u32 = 2;

/// A deadline that never comes.
pub const SEAWALL_NEVER: u64 = u64::MAX;

/// The state of one call, in the caller's memory. Start from SEAWALL_CALL_INIT or zeros. One thread at a time; it
/// may be moved between events. It must end by SEAWALL_ACTION_FINISH or seawall_call_cancelled, else what it holds
/// stays taken; then it can begin again.
#[repr(C, align(8))]
pub struct seawall_call_t {
    /// The library's.
    pub opaque: [u64; 32],
}

/// What a call asks for beyond its policy. Start from SEAWALL_CALL_OPTIONS_INIT.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct seawall_call_options_t {
    /// sizeof(seawall_call_options_t).
    pub struct_bytes: u32,
    /// Whether it may take reserved permits: SEAWALL_AS_POLICY, SEAWALL_YES, SEAWALL_NO.
    pub critical: u32,
    /// Whether a request that may have been carried out may be sent again: likewise.
    pub idempotent: u32,
    /// Zero.
    pub unused: u32,
    /// The deadline of whoever asks, a moment; SEAWALL_NEVER: none.
    pub deadline_ns: u64,
    /// Tokens of each rate limit that an attempt costs. Default 1 each.
    pub costs: [u32; SEAWALL_LIMITERS_MAX],
    /// Random bits for the idempotency key; both 0: drawn when asked for.
    pub key: [u64; 2],
}

// SAFETY: repr(C), the size comes first, all fields are integers.
unsafe impl Versioned for seawall_call_options_t {
    const DEFAULT: Self = Self {
        struct_bytes: size_of::<Self>() as u32,
        critical: SEAWALL_AS_POLICY,
        idempotent: SEAWALL_AS_POLICY,
        unused: 0,
        deadline_ns: SEAWALL_NEVER,
        costs: [1; SEAWALL_LIMITERS_MAX],
        key: [0; 2],
    };
}

/// How an attempt ended. Start from SEAWALL_ATTEMPT_INIT, a success.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct seawall_attempt_t {
    /// sizeof(seawall_attempt_t).
    pub struct_bytes: u32,
    /// SEAWALL_OUTCOME_*.
    pub outcome: u32,
    /// 1: another attempt may help.
    pub is_retryable: u32,
    /// 1: the request was certainly not sent.
    pub was_not_sent: u32,
    /// SEAWALL_CAUSE_*, of a failure.
    pub cause: u32,
    /// Zero.
    pub unused: u32,
    /// What the server asked to wait; 0: nothing.
    pub retry_after_ns: u64,
    /// Chance for the wait before the next attempt; 0: drawn.
    pub random: u64,
}

// SAFETY: repr(C), the size comes first, all fields are integers.
unsafe impl Versioned for seawall_attempt_t {
    const DEFAULT: Self = Self {
        struct_bytes: size_of::<Self>() as u32,
        outcome: 0,
        is_retryable: 0,
        was_not_sent: 0,
        cause: 0,
        unused: 0,
        retry_after_ns: 0,
        random: 0,
    };
}

/// What to do next.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct seawall_action_t {
    /// SEAWALL_ACTION_*.
    pub kind: u32,
    /// Of a run: which attempt, from 1. Of a finish: how many were made.
    pub attempt: u32,
    /// How long the attempt may take, to sleep, or to wait at most.
    pub span_ns: u64,
    /// After a refusal: how long until asking again can help; 0: nobody knows.
    pub retry_after_ns: u64,
    /// Of a finish that was refused: SEAWALL_REFUSED_*. Else 0.
    pub status: i32,
    /// Of a finish: SEAWALL_END_*.
    pub end: u32,
    /// Of a finish: SEAWALL_STOP_*.
    pub stop: u32,
    /// 1: something else may be served instead.
    pub may_fall_back: u32,
    /// 1: a place of the bulkhead came free, or a waiter has been served: wake whoever has waited longest.
    pub freed: u32,
    /// A state change of the breaker that this event made: 0 none, else 0x10000 | state before | state after << 8.
    pub transition: u32,
    /// 1: the breaker took no notice of the result, because it came after a change of state.
    pub is_late: u32,
    /// Which rate limit said no; UINT32_MAX: none.
    pub limiter: u32,
}

/// What stands in the caller's memory. The mark tells a call that has begun from memory that holds anything.
struct Inside {
    mark: u64,
    bound: *const Bound<'static>,
    /// The dependency that the call came from, for its random numbers; null for a call by a policy alone.
    dependency: *const (),
    call: Call,
}

const _: () = assert!(size_of::<Inside>() <= size_of::<seawall_call_t>());
const _: () = assert!(align_of::<Inside>() <= align_of::<seawall_call_t>());

const MARK: u64 = 0x5ea3_a11c_a11b_e6a4;

/// # Safety
/// A pointer that is neither null nor misaligned must point to a call that is this thread's alone.
unsafe fn inside<'a>(call: *mut seawall_call_t) -> Result<&'a mut MaybeUninit<Inside>, Misuse> {
    // SAFETY: the caller's promise; any bytes are a valid `MaybeUninit`.
    unsafe { place(call.cast::<MaybeUninit<Inside>>()) }
}

/// The call under way in this memory.
fn under_way(memory: &mut MaybeUninit<Inside>) -> Result<&mut Inside, Misuse> {
    // SAFETY: a plain integer at the start of readable memory; whatever it holds is a valid one.
    let mark = unsafe { (&raw const (*memory.as_ptr()).mark).read() };
    if mark != MARK {
        return Err(Misuse::Argument);
    }
    // SAFETY: the mark is written last when a call begins and taken away when it ends.
    Ok(unsafe { memory.assume_init_mut() })
}

fn choice(number: u32) -> Result<Option<bool>, Misuse> {
    match number {
        SEAWALL_AS_POLICY => Ok(None),
        SEAWALL_YES => Ok(Some(true)),
        SEAWALL_NO => Ok(Some(false)),
        _ => Err(Misuse::Argument),
    }
}

impl seawall_call_options_t {
    fn core(&self) -> Result<Options, Misuse> {
        Ok(Options {
            deadline: Deadline::at(Nanos(self.deadline_ns)),
            critical: choice(self.critical)?,
            idempotent: choice(self.idempotent)?,
            costs: self.costs,
            key: self.key,
        })
    }
}

impl seawall_attempt_t {
    fn core(&self) -> Result<Ended, Misuse> {
        let cause = match self.cause {
            SEAWALL_CAUSE_FAILURE => Cause::Failure,
            SEAWALL_CAUSE_THROTTLED => Cause::Throttled,
            SEAWALL_CAUSE_TIMEOUT => Cause::Timeout,
            _ => return Err(Misuse::Argument),
        };
        Ok(Ended {
            outcome: Outcome::from_number(self.outcome).ok_or(Misuse::Argument)?,
            is_retryable: self.is_retryable != 0,
            was_not_sent: self.was_not_sent != 0,
            cause,
            retry_after: Nanos(self.retry_after_ns),
        })
    }

    /// The same for C.
    pub(crate) const fn of(ended: &Ended) -> Self {
        Self {
            outcome: ended.outcome as u32,
            is_retryable: ended.is_retryable as u32,
            was_not_sent: ended.was_not_sent as u32,
            cause: match ended.cause {
                Cause::Failure => SEAWALL_CAUSE_FAILURE,
                Cause::Throttled => SEAWALL_CAUSE_THROTTLED,
                Cause::Timeout => SEAWALL_CAUSE_TIMEOUT,
            },
            retry_after_ns: ended.retry_after.0,
            ..Self::DEFAULT
        }
    }
}

impl seawall_action_t {
    const NONE: Self = Self {
        kind: 0,
        attempt: 0,
        span_ns: 0,
        retry_after_ns: 0,
        status: 0,
        end: 0,
        stop: 0,
        may_fall_back: 0,
        freed: 0,
        transition: 0,
        is_late: 0,
        limiter: u32::MAX,
    };

    fn of(action: Action, call: &mut Call) -> Self {
        let notes = call.take_notes();
        let is_run = matches!(action, Action::Run { .. });
        let noted = Self {
            freed: u32::from(notes.freed || is_run),
            transition: transition_number(notes.transition),
            is_late: u32::from(notes.is_late),
            limiter: notes.limiter.map_or(u32::MAX, u32::from),
            ..Self::NONE
        };
        match action {
            Action::Run { attempt, timeout } => Self {
                kind: SEAWALL_ACTION_RUN,
                attempt,
                span_ns: timeout.0,
                ..noted
            },
            Action::Sleep { span } => Self {
                kind: SEAWALL_ACTION_SLEEP,
                span_ns: span.0,
                ..noted
            },
            Action::Wait { at_most } => Self {
                kind: SEAWALL_ACTION_WAIT,
                span_ns: at_most.0,
                ..noted
            },
            Action::Finish(finish) => Self::finished(finish, noted),
        }
    }

    fn finished(finish: Finish, noted: Self) -> Self {
        let (end, status, retry_after) = match finish.end {
            End::Success => (SEAWALL_END_SUCCESS, 0, Nanos::ZERO),
            End::Failure => (SEAWALL_END_FAILURE, 0, Nanos::ZERO),
            End::Ignored => (SEAWALL_END_IGNORED, 0, Nanos::ZERO),
            End::Refused(refusal) => (
                SEAWALL_END_REFUSED,
                refusal.reason as i32,
                refusal.retry_after,
            ),
        };
        let stop = match finish.stop {
            Stop::Done => SEAWALL_STOP_DONE,
            Stop::Cancelled => SEAWALL_STOP_CANCELLED,
            Stop::Refused => SEAWALL_STOP_REFUSED,
            Stop::AttemptsUsed => SEAWALL_STOP_ATTEMPTS_USED,
            Stop::NotRetryable => SEAWALL_STOP_NOT_RETRYABLE,
            Stop::BreakerOpen => SEAWALL_STOP_BREAKER_OPEN,
            Stop::BulkheadFull => SEAWALL_STOP_BULKHEAD_FULL,
            Stop::BudgetExhausted => SEAWALL_STOP_BUDGET_EXHAUSTED,
            Stop::RateLimited => SEAWALL_STOP_RATE_LIMITED,
            Stop::DeadlineTooNear => SEAWALL_STOP_DEADLINE_TOO_NEAR,
        };
        Self {
            kind: SEAWALL_ACTION_FINISH,
            attempt: finish.attempts,
            retry_after_ns: retry_after.0,
            status,
            end,
            stop,
            may_fall_back: u32::from(finish.may_fall_back),
            ..noted
        }
    }
}

impl Inside {
    /// Writes the answer, and marks the memory as free when the call is over.
    fn answer(&mut self, action: Action, out: &mut seawall_action_t) -> Status {
        *out = seawall_action_t::of(action, &mut self.call);
        if !self.call.is_under_way() {
            self.mark = 0;
        }
        Status::OK
    }

    fn random(&self) -> u64 {
        #[cfg(feature = "host")]
        if let Some(dependency) = crate::dependency::behind(self.dependency) {
            return dependency.random();
        }
        seawall_host::seed::random()
    }
}

/// Begins a call by a policy bound to live state. `dependency` is where it came from, or null.
///
/// # Safety
/// The pointers are null or what the header asks for; `bound` lives until the call has ended.
pub(crate) unsafe fn begin(
    bound: *const Bound<'static>,
    dependency: *const (),
    options: *const seawall_call_options_t,
    now_ns: u64,
    call: *mut seawall_call_t,
    action: *mut seawall_action_t,
) -> Result<Status, Misuse> {
    // SAFETY: the caller's promise.
    let memory = unsafe { inside(call) }?;
    // SAFETY: likewise.
    let out = unsafe { place(action) }?;
    if under_way(memory).is_ok() {
        return Err(Misuse::Argument);
    }
    // SAFETY: the header asks for valid options.
    let options = unsafe { read(options) }?.core()?;
    let new = memory.write(Inside {
        mark: 0,
        bound,
        dependency,
        call: Call::new(),
    });
    // SAFETY: valid by this function's contract.
    let Bound { config, gates } = unsafe { &*bound };
    let began = new
        .call
        .begin(config, gates, &options, When(now_ns).now())?;
    new.mark = MARK;
    Ok(new.answer(began, out))
}

/// Begins a call by a policy; `options` may be null. SEAWALL_ERROR_ARGUMENT when `call` is under way already,
/// SEAWALL_ERROR_EXCEEDS_CAPACITY when an attempt costs more tokens than a rate limit can ever hold. On an error nothing
/// is held. Never blocks, never allocates.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn seawall_call_begin(
    policy: *const seawall_policy_t,
    options: *const seawall_call_options_t,
    now_ns: u64,
    call: *mut seawall_call_t,
    action: *mut seawall_action_t,
) -> seawall_status_t {
    guard(|| {
        // SAFETY: the header asks for an initialised policy.
        let bound = unsafe { crate::policy::bound(policy) }?;
        // SAFETY: the header asks for valid pointers, and for a policy that outlives its calls.
        unsafe { begin(bound, core::ptr::null(), options, now_ns, call, action) }
    })
}

/// An attempt ended. SEAWALL_ERROR_ARGUMENT when none was under way; nothing changes then.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn seawall_call_ended(
    call: *mut seawall_call_t,
    attempt: *const seawall_attempt_t,
    now_ns: u64,
    action: *mut seawall_action_t,
) -> seawall_status_t {
    guard(|| {
        // SAFETY: the header asks for a call that is the caller's alone.
        let inside = under_way(unsafe { inside(call) }?)?;
        // SAFETY: the header asks for a valid place.
        let out = unsafe { place(action) }?;
        // How an attempt ended has no default.
        if attempt.is_null() {
            return Err(Misuse::Null);
        }
        // SAFETY: the header asks for a valid attempt.
        let attempt = unsafe { read(attempt) }?;
        let ended = attempt.core()?;
        let random = match attempt.random {
            // Only a failure may have to wait.
            0 if ended.outcome == Outcome::Failure => inside.random(),
            random => random,
        };
        // SAFETY: alive for as long as the call by the contract of `begin`.
        let Bound { config, gates } = unsafe { &*inside.bound };
        let now = When(now_ns).now();
        let action = inside
            .call
            .attempt_ended(config, gates, ended, random, now)?;
        Ok(inside.answer(action, out))
    })
}

/// The time that the last action asked to sleep or wait has passed, or a place of the bulkhead may have come free.
/// SEAWALL_ERROR_ARGUMENT when nothing was waited for; nothing changes then.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn seawall_call_woke(
    call: *mut seawall_call_t,
    now_ns: u64,
    action: *mut seawall_action_t,
) -> seawall_status_t {
    guard(|| {
        // SAFETY: the header asks for a call that is the caller's alone.
        let inside = under_way(unsafe { inside(call) }?)?;
        // SAFETY: the header asks for a valid place.
        let out = unsafe { place(action) }?;
        // SAFETY: alive for as long as the call by the contract of `begin`.
        let Bound { config, gates } = unsafe { &*inside.bound };
        let action = inside.call.woke(config, gates, When(now_ns).now())?;
        Ok(inside.answer(action, out))
    })
}

/// The caller gives up, at any moment: the call is over and holds nothing. SEAWALL_ERROR_ARGUMENT when it had not
/// begun or was over.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn seawall_call_cancelled(
    call: *mut seawall_call_t,
    now_ns: u64,
    action: *mut seawall_action_t,
) -> seawall_status_t {
    guard(|| {
        // SAFETY: the header asks for a call that is the caller's alone.
        let inside = under_way(unsafe { inside(call) }?)?;
        // SAFETY: the header asks for a valid place.
        let out = unsafe { place(action) }?;
        // SAFETY: alive for as long as the call by the contract of `begin`.
        let Bound { config, gates } = unsafe { &*inside.bound };
        let finish = inside
            .call
            .cancelled(config, gates, When(now_ns).now())
            .ok_or(Misuse::Argument)?;
        Ok(inside.answer(Action::Finish(finish), out))
    })
}

/// Takes the place of the bulkhead out of a call, for work that goes on after the call has ended: say so before
/// seawall_call_ended, and give the place back with seawall_bulkhead_release or seawall_dependency_release when the
/// work has really ended. SEAWALL_ERROR_SPENT when the call holds no place.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn seawall_call_keep(
    call: *mut seawall_call_t,
    kept: *mut seawall_permit_t,
) -> seawall_status_t {
    guard(|| {
        // SAFETY: the header asks for a call that is the caller's alone.
        let inside = under_way(unsafe { inside(call) }?)?;
        // SAFETY: the header asks for a valid place.
        let out = unsafe { place(kept) }?;
        // SAFETY: alive for as long as the call by the contract of `begin`.
        let Bound { gates, .. } = unsafe { &*inside.bound };
        let bulkhead = gates.bulkhead.ok_or(Misuse::Spent)?;
        let permit = inside.call.keep_place().ok_or(Misuse::Spent)?;
        *out = crate::bulkhead::held(bulkhead, permit);
        Ok(Status::OK)
    })
}

/// The moment after which nobody waits for this call: the deadline for everything below it. SEAWALL_NEVER when
/// there is none, or no call is under way.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn seawall_call_deadline_ns(call: *const seawall_call_t) -> u64 {
    // SAFETY: the header asks for a call that is the caller's alone.
    let Ok(memory) = (unsafe { inside(call.cast_mut()) }) else {
        return SEAWALL_NEVER;
    };
    under_way(memory).map_or(SEAWALL_NEVER, |inside| inside.call.deadline().moment().0)
}

/// The idempotency key of a call under way, the same for all its attempts: a random UUID as text with its NUL, 37
/// bytes at `key`.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn seawall_call_key(
    call: *mut seawall_call_t,
    key: *mut c_char,
) -> seawall_status_t {
    guard(|| {
        // SAFETY: the header asks for a call that is the caller's alone.
        let inside = under_way(unsafe { inside(call) }?)?;
        // SAFETY: the header asks for a valid place.
        let out = unsafe { place(key.cast::<[c_char; 37]>()) }?;
        if inside.call.key() == [0; 2] {
            let drawn = [inside.random(), inside.random()];
            inside.call.set_key(drawn);
        }
        *out = [0; 37];
        for (place, byte) in out.iter_mut().zip(key_text(inside.call.key())) {
            *place = byte.cast_signed();
        }
        Ok(Status::OK)
    })
}
