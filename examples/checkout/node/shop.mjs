// The plumbing of the demo around worker.mjs: a pool, customers, counts, and what is told to the conductor.
// README.md in the folder above describes it for all languages.

import process from 'node:process';
import readline from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';

const PATIENCE_MS = 2000; // how long a customer waits for an answer
const ROOM = 256; // requests that may wait for a place in the pool

/** What every checkout service is told. */
function told() {
  const { values } = parseArgs({
    options: {
      url: { type: 'string' },
      act: { type: 'string' },
      policies: { type: 'string' },
      rate: { type: 'string', default: '40' },
      pool: { type: 'string', default: '12' },
      seconds: { type: 'string', default: '13' },
    },
  });
  if (!values.url || !values.policies || !['bare', 'protected'].includes(values.act)) {
    console.error('--url URL, --policies FILE and --act bare or --act protected are needed');
    process.exit(2);
  }
  return values;
}

/** Says one line; when nobody listens any more, the story is over. */
const say = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);
process.stdout.on('error', () => process.exit(0));

/** What a service is told, and what it counts. */
export class Shop {
  #args = told();
  #counters = {
    offered: 0, served: 0, pending: 0, refused: 0, failed: 0, retries: 0,
    other_offered: 0, other_served: 0, other_failed: 0, waiting: 0, held: 0, max_held: 0,
  };
  #start = performance.now();
  #queue = [];
  #free = Number(this.#args.pool);
  #pay;

  get url() {
    return this.#args.url;
  }

  get policies() {
    return this.#args.policies;
  }

  /** The same function, counted as one place of the pool that waits for payment. */
  watched(charge) {
    const counters = this.#counters;
    return async (...args) => {
      counters.held += 1;
      counters.max_held = Math.max(counters.max_held, counters.held);
      try {
        return await charge(...args);
      } finally {
        counters.held -= 1;
      }
    };
  }

  /** Counts refusals and retries, and tells how the breaker changes. */
  hear({ kind, from, to }) {
    if (kind === 'refusal') this.#counters.refused += 1;
    if (kind === 'retry') this.#counters.retries += 1;
    if (kind === 'state_change') say({ kind: 'state', t: this.#millis(), from, to });
  }

  /** How an order ends: served, pending (the fallback) or failed. */
  async #answer() {
    try {
      return (await this.#pay()).startsWith('pending') ? 'pending' : 'served';
    } catch {
      return 'failed';
    }
  }

  /** Gives waiting requests to the free places of the pool. */
  #work() {
    while (this.#free > 0 && this.#queue.length > 0) {
      this.#free -= 1;
      this.#counters.waiting -= 1;
      this.#handle(this.#queue.shift()).finally(() => {
        this.#free += 1;
        this.#work();
      });
    }
  }

  async #handle({ isOrder, arrived }) {
    let end = 'other_served';
    if (isOrder) end = await this.#answer();
    else await sleep(2);
    if (performance.now() - arrived > PATIENCE_MS) end = isOrder ? 'failed' : 'other_failed'; // has left
    this.#counters[end] += 1;
  }

  /** Customers come at an even pace, whatever became of those before them. */
  async #open() {
    const counters = this.#counters;
    const gap = 500 / Number(this.#args.rate);
    const last = Math.floor((Number(this.#args.seconds) * 1000) / gap);
    for (let number = 0; number < last; number += 1) {
      const early = this.#start + number * gap - performance.now();
      if (early > 0) await sleep(early);
      const isOrder = number % 2 === 0;
      counters[isOrder ? 'offered' : 'other_offered'] += 1;
      if (counters.waiting < ROOM) {
        counters.waiting += 1;
        this.#queue.push({ isOrder, arrived: performance.now() });
        this.#work();
      } else {
        counters[isOrder ? 'failed' : 'other_failed'] += 1;
      }
    }
  }

  #millis() {
    return Math.floor(performance.now() - this.#start);
  }

  #report(kind) {
    say({ kind, t: this.#millis(), ...this.#counters });
  }

  /** Plays one act, from the word of the conductor to the last customer. */
  async play(bare, paying) {
    this.#pay = this.#args.act === 'protected' ? paying : bare;
    await fetch(this.url).then((response) => response.text()); // the first call loads half of the client
    const lines = readline.createInterface({ input: process.stdin });
    lines.once('close', () => process.exit(0)); // the conductor closes this pipe when it ends, however it ends
    const go = new Promise((resolve) => lines.once('line', resolve));
    say({ kind: 'ready', runtime: `Node ${process.versions.node}, async and fetch` });
    await go;

    this.#start = performance.now();
    const reporter = setInterval(() => this.#report('count'), 100);
    await this.#open();
    for (let i = 0; i < 10; i += 1) { // those who came last get the time that they would have waited for
      await sleep(100);
      if (this.#counters.waiting + this.#counters.held === 0) break;
    }
    clearInterval(reporter);
    process.stdout.write('', () => {
      this.#report('end');
      process.stdout.write('', () => process.exit(0)); // calls that still hang are left behind
    });
  }
}
