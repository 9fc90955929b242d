// Compiled, never run: the types that a user meets.

import { Backoff, Breaker, Bulkhead, ConfigError, Deadline, Histogram, Limiter, ManualClock, RetryBudget, isRefused } from 'seawall';
import type { BreakerOptions, BreakerState, Outcome, RefusalCode, Transition } from 'seawall';

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
