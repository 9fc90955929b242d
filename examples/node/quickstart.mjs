// A service that fails, is left alone, and recovers. From a checkout:
//
//     cd bindings-node && npm ci && npm run build && cd ..
//     node examples/node/quickstart.mjs
//
// In a project of yours: npm install seawall.

import { setTimeout as sleep } from 'node:timers/promises';

const seawall = await import('seawall').catch(() => import('../../bindings-node/dist/index.mjs'));
const { Backoff, Breaker, Bulkhead, Limiter, RetryBudget, isRefused } = seawall;

const breaker = new Breaker({
  name: 'payments',
  consecutiveFailures: 3,
  openForMs: 150,
  openBackoff: 1,
  onTransition: ({ name, from, to }) => console.log(`        ${name}: ${from} -> ${to}`),
});
const bulkhead = new Bulkhead({ name: 'payments', maxConcurrent: 10, maxWaiting: 100 });
const limiter = new Limiter({ name: 'payments', rate: '100/s', burst: 20 });
const budget = new RetryBudget({ name: 'payments' });
const backoff = new Backoff({ baseMs: 20, capMs: 200 });

// What we call: down for a while, then well again.
const wellAt = performance.now() + 400;
async function charge(order, signal) {
  await sleep(5, undefined, { signal });
  if (performance.now() < wellAt) {
    throw new Error('connection refused');
  }
  return `order ${order} paid`;
}

// One attempt: a token of the rate limit, and the breaker's leave.
async function attempt(order, signal) {
  await limiter.acquire(1, { maxWaitMs: 50, signal });
  return breaker.call((context) => charge(order, context.signal), { signal });
}

// One call: a place in the bulkhead, and retries as long as the budget has some.
async function pay(order, signal) {
  const work = async () => {
    budget.deposit();
    for (let retry = 1, withdrawal; ; retry++) {
      try {
        const receipt = await attempt(order, signal);
        budget.record('success', withdrawal);
        return receipt;
      } catch (error) {
        budget.record(isRefused(error) ? 'ignored' : 'failure', withdrawal);
        if (isRefused(error) || retry > 2) {
          throw error;
        }
        try {
          withdrawal = budget.tryWithdraw();
        } catch {
          throw error; // the budget is spent: the caller sees what really went wrong
        }
        await sleep(backoff.delayMs(retry), undefined, { signal });
      }
    }
  };
  return bulkhead.call(work, { maxWaitMs: 100, signal });
}

for (let order = 1; order <= 12; order++) {
  try {
    console.log(await pay(order, AbortSignal.timeout(2000)));
  } catch (error) {
    console.log(`order ${order} queued for later, ${error.message}`);
  }
  await sleep(50);
}
const { state, counters } = breaker.snapshot();
console.log(`breaker ${state}: ${counters.success} succeeded, ${counters.failure} failed, ${counters.refused} refused without a call`);
