/** Seawall: circuit breaker, bulkhead, rate limiter and retry budget that decide as in every other language. */

export { Backoff } from './backoff.js';
export { Breaker, BreakerPermit } from './breaker.js';
export { Bulkhead, BulkheadPermit } from './bulkhead.js';
export { ManualClock } from './clock.js';
export { Deadline } from './deadline.js';
export {
  BreakerOpenError,
  BudgetExhaustedError,
  BulkheadFullError,
  ConfigError,
  DeadlineExceededError,
  DisposedError,
  ExceedsCapacityError,
  ForeignError,
  RateLimitedError,
  RefusedError,
  SeawallError,
  SpentError,
  isRefused,
  isSeawallError,
} from './errors.js';
export { Histogram } from './histogram.js';
export { Limiter, Reservation } from './limiter.js';
export { RetryBudget, Withdrawal } from './retry_budget.js';

export type { Mode, Outcome } from './answer.js';
export type { BackoffOptions, DelayOptions, Jitter } from './backoff.js';
export type { BreakerOptions, BreakerSnapshot, BreakerState, CallContext, CallOptions, Transition } from './breaker.js';
export type { AcquireOptions, BulkheadContext, BulkheadOptions, BulkheadSnapshot } from './bulkhead.js';
export type { ClassificationOptions, ErrorClass, Matcher } from './classify.js';
export type { Clock, ClockOption } from './clock.js';
export type { ErrorCode, RefusalCode } from './errors.js';
export type { HistogramSnapshot } from './histogram.js';
export type { LimiterOptions, LimiterSnapshot, Rate, WaitOptions } from './limiter.js';
export type { RetryBudgetOptions, RetryBudgetSnapshot, RetryCause, RetryProfile } from './retry_budget.js';
