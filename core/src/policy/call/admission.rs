//! What an attempt needs before it may run: a place, leave of the breaker, tokens of every rate limit.

use super::{Call, Phase};
use crate::bulkhead;
use crate::outcome::Mode;
use crate::policy::action::{Action, Stop};
use crate::policy::config::{Config, Scope};
use crate::policy::{Gates, MOST_LIMITERS};
use crate::status::Refused;
use crate::time::Nanos;

impl Call {
    /// Takes what the next attempt needs and does not hold yet, all or nothing.
    pub(super) fn enter(&mut self, config: &Config, gates: &Gates<'_>, now: Nanos) -> Action {
        if let Some(bulkhead) = gates.bulkhead
            && self.place.is_none()
        {
            match self.ask_for_place(config, gates, bulkhead, now) {
                Ok(place) => {
                    self.place = Some(place);
                    self.stop_waiting(gates);
                }
                Err(action) => return action,
            }
        }
        if let Some(breaker) = gates.breaker
            && self.breaker.is_none()
            && (self.attempts == 0 || config.breaker_scope == Scope::Attempt)
        {
            match breaker.try_acquire(gates.owner, &now) {
                Ok(admission) => {
                    self.notes.transition = admission.transition.or(self.notes.transition);
                    self.breaker = Some(admission.permit);
                }
                Err(refusal) => {
                    return self.refuse(config, gates, refusal, Stop::BreakerOpen, now);
                }
            }
        }
        let mut wait = Nanos::ZERO;
        // A wait that leaves no time for the attempt is refused at once.
        let least = if self.attempts == 0 {
            Nanos(1)
        } else {
            config.useful.max(Nanos(1))
        };
        let left = self.deadline.remaining(now);
        let most = config.max_rate_wait.min(left.since(least));
        for index in 0..MOST_LIMITERS {
            let (Some(Some(limiter)), Some(cost)) =
                (gates.limiters.get(index), self.costs.get(index))
            else {
                continue;
            };
            match limiter.reserve(u64::from(*cost), most, &now) {
                Ok(Ok(reservation)) => {
                    // Who only watches delays nobody.
                    if limiter.mode() == Mode::Enforce {
                        wait = wait.max(reservation.wait);
                    }
                    // In shadow and off nothing was taken.
                    if reservation.tokens > 0 {
                        self.rates |= 1 << index;
                    }
                }
                Ok(Err(refusal)) => {
                    self.notes.limiter = u8::try_from(index).ok();
                    return self.refuse(config, gates, refusal, Stop::RateLimited, now);
                }
                // The bucket was made smaller since the call began, and will never hold so many.
                Err(_) => {
                    self.notes.limiter = u8::try_from(index).ok();
                    let refusal = Refused::RateLimited.into_refusal();
                    return self.refuse(config, gates, refusal, Stop::RateLimited, now);
                }
            }
        }
        if wait == Nanos::ZERO {
            return self.run(config, gates, now);
        }
        self.phase = Phase::Rate(now.plus(wait));
        Action::Sleep { span: wait }
    }

    /// A place of the bulkhead, or what to do instead.
    fn ask_for_place(
        &mut self,
        config: &Config,
        gates: &Gates<'_>,
        bulkhead: &bulkhead::Bulkhead,
        now: Nanos,
    ) -> Result<bulkhead::Permit, Action> {
        let critical = self.critical.unwrap_or(config.critical);
        let is_over = matches!(self.phase, Phase::Permit(until) if now >= until);
        if config.max_wait == Nanos::ZERO || is_over {
            return bulkhead
                .try_acquire(gates.owner, critical, &now)
                .map_err(|refusal| {
                    let refusal = if is_over {
                        Refused::BulkheadWaitTimeout.into_refusal()
                    } else {
                        refusal
                    };
                    self.refuse(config, gates, refusal, Stop::BulkheadFull, now)
                });
        }
        // Who comes now stands behind those who wait, except where it may take a reserved permit.
        let is_behind = !self.is_waiting && !critical && bulkhead.waiting() > 0;
        if !is_behind && let Ok(place) = bulkhead.try_acquire_waiting(gates.owner, critical, &now) {
            return Ok(place);
        }
        if !self.is_waiting
            && let Err(too_many) = bulkhead.begin_wait()
        {
            // Counted as rejected, or served at the last moment.
            return bulkhead
                .try_acquire(gates.owner, critical, &now)
                .map_err(|_| self.refuse(config, gates, too_many, Stop::BulkheadFull, now));
        }
        self.is_waiting = true;
        let until = match self.phase {
            Phase::Permit(until) => until,
            _ => now.plus(config.max_wait).min(self.deadline.moment()),
        };
        self.phase = Phase::Permit(until);
        Err(Action::Wait {
            at_most: until.since(now),
        })
    }
}
