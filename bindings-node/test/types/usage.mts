// Compiled, never run: the types that a user meets.

import { Agent } from 'undici';
import type { Dispatcher } from 'undici';

import {
  Backoff, Breaker, Bulkhead, ConfigError, Deadline, Dependency, Histogram, Limiter, ManualClock, RetryBudget, Seawall,
  extractDeadline, injectDeadline, isRefused, lastGood, open, withDeadline,
} from 'seawall';
import type { BreakerOptions, BreakerState, CallOutcome, Outcome, Policy, RefusalCode, Transition } from 'seawall';
import { wrapFetch } from 'seawall/fetch';
import { FakeClock, NoWaitingClock, force, inject, noWaiting } from 'seawall/testing';
import { agentOptions, interceptor } from 'seawall/undici';

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
function same<A, B>(_: Same<A, B>): void {}

const breaker = new Breaker({
  name: 'payments',
  on: [TypeError, (error: unknown) => error instanceof RangeError],
  ignore: ConfigError,
  onTransition: (change: Transition) => void change.to,
  clock: new ManualClock(),
});

// What a function returns is what a call promises.
const text = breaker.call(async ({ signal }) => (await fetch('http://localhost/', { signal: signal ?? null })).text());
same<typeof text, Promise<string>>(true);
const number = breaker.call(() => 5);
same<typeof number, Promise<number>>(true);
const plain = breaker.callSync(() => 'x' as const);
same<typeof plain, 'x'>(true);

// A wrapped function keeps its arguments and its result.
const charge = breaker.wrap(async (order: string, cents: number) => ({ order, cents }));
same<Parameters<typeof charge>, [order: string, cents: number]>(true);
same<Awaited<ReturnType<typeof charge>>, { order: string; cents: number }>(true);
// @ts-expect-error: the arguments are those of the function.
void charge(5, 'x');

// Options with a typo, a word that is none, a number where a word belongs.
// @ts-expect-error
new Breaker({ opnForMs: 5 });
// @ts-expect-error
new Breaker({ mode: 'strict' });
// @ts-expect-error
new Limiter({});
// @ts-expect-error
new RetryBudget({ profile: 0 });
// @ts-expect-error
breaker.acquire().record('ok');

{
  using permit = breaker.acquire();
  const counted: boolean = permit.success();
  void counted;
}
same<BreakerState, 'closed' | 'open' | 'half_open' | 'forced_open' | 'disabled'>(true);
same<Outcome, 'success' | 'failure' | 'ignored'>(true);
const options: BreakerOptions = { seed: 5n };
void options;

const bulkhead = new Bulkhead({ maxConcurrent: 5 });
async function work(signal: AbortSignal): Promise<Date> {
  using permit = await bulkhead.acquire({ maxWaitMs: 100, signal });
  void permit;
  return bulkhead.call(() => new Date(), { critical: true });
}
void work;

const limiter = new Limiter({ rate: { permits: 5, periodMs: 1000 } });
const reservation = limiter.reserve(2, { maxWaitMs: 10 });
limiter.cancel(reservation);
same<ReturnType<typeof limiter.acquire>, Promise<void>>(true);

const budget = new RetryBudget({ profile: 'aws_standard' });
budget.record('failure', budget.tryWithdraw('throttled'));
for (const delayMs of new Backoff({ jitter: 'equal' })) same<typeof delayMs, number>(true);
const left: number = Deadline.after(5).nearer(Deadline.never()).remainingMs;
new Histogram().record(left);

try {
  breaker.acquire();
} catch (error) {
  if (isRefused(error)) {
    same<typeof error.code, RefusalCode>(true);
    same<typeof error.retryAfterMs, number>(true);
  }
}

// Dependencies.
const wall = open('seawall.toml', { logger: console });
const payments: Dependency = wall.dependency('payments');
const paid = payments.call(async ({ signal, attempt, timeoutMs, deadline, idempotencyKey }) => {
  same<typeof signal, AbortSignal>(true);
  same<typeof attempt, number>(true);
  same<typeof timeoutMs, number>(true);
  same<typeof deadline, Deadline>(true);
  same<typeof idempotencyKey, string>(true);
  return { receipt: 'r1' };
});
same<typeof paid, Promise<{ receipt: string }>>(true);
const orCached = payments.call(async () => 5, { fallback: () => 'cached' as const });
same<typeof orCached, Promise<number | 'cached'>>(true);
const orNull = payments.callDetailed(() => 5, { fallback: null });
same<typeof orNull, Promise<CallOutcome<number | null>>>(true);
const orMessage = payments.call(() => 5, { fallback: (error) => String(error) });
same<typeof orMessage, Promise<number | string>>(true);
// @ts-expect-error: an option with a typo.
void payments.call(() => 5, { fallbck: 5 });
const orLast = payments.call(() => 5, { fallback: [lastGood({ maxAgeMs: 1000 }), 7] });
same<typeof orLast, Promise<number>>(true);
const pay = payments.wrap(async (order: string, cents: number) => ({ order, cents }), { fallback: undefined });
same<Parameters<typeof pay>, [order: string, cents: number]>(true);
same<Awaited<ReturnType<typeof pay>>, { order: string; cents: number }>(true);
// @ts-expect-error: the arguments are those of the function.
void pay(5, 'x');
const now_ = payments.callSync(() => 'x' as const);
same<typeof now_, 'x'>(true);
const policy: Policy = { timeoutMs: 100, retry: { attempts: 2, budget: 'off' }, breaker: 'off', rateLimit: [{ rate: '5/s' }] };
new Seawall().define('ledger', policy);
// @ts-expect-error: there is no default for the timeout.
new Seawall().define('ledger', { deadlineMs: 100 });
// @ts-expect-error
new Seawall().define('ledger', { timeoutMs: 100, retry: { atempts: 2 } });
payments.onEvent((event) => {
  if (event.kind === 'state_change') same<typeof event.to, BreakerState>(true);
  if (event.kind === 'refusal') same<typeof event.reason, RefusalCode>(true);
  if (event.kind === 'refusal') same<typeof event.limit, string | undefined>(true);
  if (event.kind === 'fallback') same<[typeof event.step, typeof event.source], [number, 'value' | 'function' | 'last_good']>(true);
});
async function byHand(): Promise<void> {
  await using permit = await payments.permit({ deadlineMs: 100 });
  permit.success();
}
void byHand;
same<ReturnType<typeof withDeadline<Promise<number>>>, Promise<number>>(true);
const headers: Record<string, string> = injectDeadline({} as Record<string, string>);
void extractDeadline(new Headers(headers));
void extractDeadline({ 'grpc-timeout': ['1S'] });
const wrapped: typeof fetch = wrapFetch(payments, fetch, { bodyTimeoutMs: Infinity, fallback: new Response('x') });
void wrapped;
const agent: Dispatcher = new Agent(agentOptions(payments)).compose(interceptor(payments, { deadlineMs: 500 }));
void agent;
noWaiting(payments).restore();
const mode = noWaiting(wall);
same<typeof mode.clock, NoWaitingClock>(true);
force(payments, 'half_open');
inject(payments, { error: new Error('x'), times: 2 }).remove();
const fake: FakeClock = new FakeClock();
void fake;
