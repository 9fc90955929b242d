/** Seawall: calls to what a service depends on, behind policies that decide as in every other language. */

export { currentDeadline, withDeadline } from './ambient.js';
export { Attempt } from './attempt.js';
export { Backoff } from './backoff.js';
export { Breaker, BreakerPermit } from './breaker.js';
export { Bulkhead, BulkheadPermit } from './bulkhead.js';
export { Call, DependencyPermit } from './by_hand.js';
export { ManualClock } from './clock.js';
export { Deadline } from './deadline.js';
export { Dependency } from './dependency.js';
export {
  AttemptTimeoutError,
  BreakerOpenError,
  BudgetExhaustedError,
  BulkheadFullError,
  ConfigError,
  DeadlineExceededError,
  DisposedError,
  ExceedsCapacityError,
  FallbackError,
  ForeignError,
  HeaderError,
  PolicyError,
  RateLimitedError,
  RefusedError,
  SeawallError,
  SpentError,
  UnknownDependencyError,
  isRefused,
  isSeawallError,
} from './errors.js';
export { extractDeadline, injectDeadline } from './headers.js';
export { Histogram } from './histogram.js';
export { LastGood, lastGood } from './last_good.js';
export { Limiter, Reservation } from './limiter.js';
export { attemptsOf } from './outcome.js';
export { RetryBudget, Withdrawal } from './retry_budget.js';
export { Seawall, open } from './wall.js';

export type { Mode, Outcome } from './answer.js';
export type { BackoffOptions, DelayOptions, Jitter } from './backoff.js';
export type { BreakerOptions, BreakerSnapshot, BreakerState, CallContext, CallOptions, Transition } from './breaker.js';
export type { AcquireOptions, BulkheadContext, BulkheadOptions, BulkheadSnapshot } from './bulkhead.js';
export type { AttemptEnd, CallAction, CallNotes } from './by_hand.js';
export type { ClassificationOptions, ErrorClass, Matcher } from './classify.js';
export type { Clock, ClockOption } from './clock.js';
export type { DependencySnapshot, PolicyFacts } from './dependency.js';
export type { ErrorCode, HeaderFault, Problem, RefusalCode } from './errors.js';
export type {
  EventHook,
  FallbackEvent,
  LateResultEvent,
  Logger,
  RefusalEvent,
  RetryEvent,
  SeawallEvent,
  StateChangeEvent,
} from './events.js';
export type { Fallback, FallbackStep, ServedBy, Source } from './fallback.js';
export type { Place, Stop } from './flow.js';
export type { HeaderCarrier, InjectOptions } from './headers.js';
export type { HistogramSnapshot } from './histogram.js';
export type { LastGoodOptions, LastGoodStep } from './last_good.js';
export type { LimiterOptions, LimiterSnapshot, Rate, WaitOptions } from './limiter.js';
export type { RetryBudgetOptions, RetryBudgetSnapshot, RetryCause, RetryProfile } from './retry_budget.js';
export type { AskOptions, DependencyCallOptions } from './manner.js';
export type { Attempts, CallOutcome } from './outcome.js';
export type {
  BreakerPolicy,
  BudgetPolicy,
  BulkheadPolicy,
  Criticality,
  FallbackRule,
  Policy,
  RatePolicy,
  RetryPolicy,
  Scope,
} from './policy.js';
export type { RuleOptions } from './rules.js';
export type { Finding, Reloaded, WallOptions } from './wall.js';
