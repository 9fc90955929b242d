// A checkout service in Node: a small pool, two routes, one dependency that turns slow.
//
// README.md in this folder tells what the five services have in common. What a service of yours would take over
// is `Wall`.

import process from 'node:process';
import readline from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { Backoff, Breaker, Bulkhead, RefusedError, RetryBudget } from 'seawall';

const PATIENCE_MS = 2000; // how long a customer waits for an answer
const ROOM = 256; // requests that may wait for a place in the pool
const TIMEOUT_MS = 300; // how long to wait for payment, which needs about 20 ms when it is well
const MOST_HELD = 4; // places of the pool that payment may hold: a third of twelve

const { values: args } = parseArgs({
  options: {
    url: { type: 'string' },
    act: { type: 'string' },
    rate: { type: 'string', default: '40' },
    pool: { type: 'string', default: '12' },
    seconds: { type: 'string', default: '13' },
  },
});
if (!args.url || !['bare', 'protected'].includes(args.act)) {
  console.error('--url URL and --act bare or --act protected are needed');
  process.exit(2);
}

const counters = {
  offered: 0, served: 0, pending: 0, refused: 0, failed: 0, retries: 0,
  other_offered: 0, other_served: 0, other_failed: 0, waiting: 0, held: 0, max_held: 0,
};
let start = performance.now();
const millis = () => Math.floor(performance.now() - start);

/** Says one line; when nobody listens any more, the story is over. */
const say = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);
process.stdout.on('error', () => process.exit(0));

/** Payment gave no good answer, or none in time. */
class PaymentFailed extends Error {}

/** The HTTP call as anybody would write it: without a timeout unless a signal is given. */
async function requestPayment(order, signal) {
  let response;
  try {
    response = await fetch(`${args.url}/pay`, {
      method: 'POST',
      headers: { 'idempotency-key': `node-${order}` },
      signal,
    });
    await response.text();
  } catch (error) {
    throw new PaymentFailed('no answer', { cause: error });
  }
  if (!response.ok) throw new PaymentFailed(`status ${response.status}`);
}

/** Runs `wait` as one place of the pool that payment holds. */
async function held(wait) {
  counters.held += 1;
  counters.max_held = Math.max(counters.max_held, counters.held);
  try {
    return await wait();
  } finally {
    counters.held -= 1;
  }
}

/** What stands between the pool and payment. */
class Wall {
  bulkhead = new Bulkhead({ name: 'payment', maxConcurrent: MOST_HELD });
  breaker = new Breaker({
    name: 'payment',
    consecutiveFailures: 5,
    consecutiveAlways: true,
    failureRate: 0.5,
    windowCalls: 20,
    minCalls: 10,
    openForMs: 500,
    openMaxMs: 1000,
    probeLeaseMs: 1000,
    onTransition: ({ from, to }) => say({ kind: 'state', t: millis(), from, to }),
  });
  budget = new RetryBudget({ name: 'payment' });
  backoff = new Backoff({ baseMs: 50 });

  pay(order) {
    return this.bulkhead.call(() => this.breaker.call(() => held(() => this.attempts(order))));
  }

  /** One attempt, and a second one while payment looks well and retries stay rare. */
  async attempts(order) {
    this.budget.deposit();
    try {
      return await requestPayment(order, AbortSignal.timeout(TIMEOUT_MS));
    } catch (error) {
      if (this.breaker.state !== 'closed') throw error;
      let withdrawal;
      try {
        withdrawal = this.budget.tryWithdraw('timeout');
      } catch {
        throw error; // retries are too many already: the caller sees the real error
      }
      counters.retries += 1;
      await sleep(this.backoff.delayMs(1));
      try {
        const answer = await requestPayment(order, AbortSignal.timeout(TIMEOUT_MS));
        this.budget.record('success', withdrawal);
        return answer;
      } catch (last) {
        this.budget.record('failure', withdrawal);
        throw last;
      }
    }
  }
}

const wall = args.act === 'protected' ? new Wall() : undefined;

/** How an order ends: served, pending (the fallback) or failed. */
async function answer(order) {
  try {
    await (wall ? wall.pay(order) : held(() => requestPayment(order)));
    return 'served';
  } catch (error) {
    if (error instanceof RefusedError) {
      counters.refused += 1;
      return 'pending';
    }
    if (error instanceof PaymentFailed) return wall ? 'pending' : 'failed';
    throw error;
  }
}

const queue = [];
let free = Number(args.pool);

/** Gives waiting requests to the free places of the pool. */
function work() {
  while (free > 0 && queue.length > 0) {
    free -= 1;
    counters.waiting -= 1;
    handle(queue.shift()).finally(() => {
      free += 1;
      work();
    });
  }
}

async function handle({ number, isOrder, arrived }) {
  let end = 'other_served';
  if (isOrder) end = await answer(number);
  else await sleep(2);
  if (performance.now() - arrived > PATIENCE_MS) end = isOrder ? 'failed' : 'other_failed'; // has left
  counters[end] += 1;
}

/** Customers come at an even pace, whatever became of those before them. */
async function open() {
  const gap = 500 / Number(args.rate);
  const last = Math.floor((Number(args.seconds) * 1000) / gap);
  for (let number = 0; number < last; number += 1) {
    const early = start + number * gap - performance.now();
    if (early > 0) await sleep(early);
    const isOrder = number % 2 === 0;
    counters[isOrder ? 'offered' : 'other_offered'] += 1;
    if (counters.waiting < ROOM) {
      counters.waiting += 1;
      queue.push({ number, isOrder, arrived: performance.now() });
      work();
    } else {
      counters[isOrder ? 'failed' : 'other_failed'] += 1;
    }
  }
}

const report = (kind) => say({ kind, t: millis(), ...counters });

async function play() {
  start = performance.now();
  const reporter = setInterval(() => report('count'), 100);
  await open();
  for (let i = 0; i < 10; i += 1) { // those who came last get the time that they would have waited for
    await sleep(100);
    if (counters.waiting + counters.held === 0) break;
  }
  clearInterval(reporter);
  process.stdout.write('', () => {
    report('end');
    process.stdout.write('', () => process.exit(0)); // calls that still hang are left behind
  });
}

await fetch(args.url).then((response) => response.text()); // the first call loads half of the client
const lines = readline.createInterface({ input: process.stdin });
lines.once('line', play);
lines.once('close', () => process.exit(0)); // the conductor closes this pipe when it ends, however it ends
say({ kind: 'ready', runtime: `Node ${process.versions.node}, async and fetch` });
