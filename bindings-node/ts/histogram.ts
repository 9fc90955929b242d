/** How long calls take: a fixed log-linear histogram, within 3 % from the median to p99.9. */

import * as native from '../native.js';
import { failure } from './answer.js';
import { ConfigError } from './errors.js';
import { Freeing, NONE } from './handle.js';
import { checkedMs, checkedRatio } from './settings.js';

/** What a histogram holds, in milliseconds. */
export interface HistogramSnapshot {
  readonly total: number;
  readonly p50Ms: number;
  readonly p90Ms: number;
  readonly p99Ms: number;
  readonly p999Ms: number;
}

const freeing = new Freeing(native.histogramFree);

/** Latencies from 0 to 137 s, longer ones in the last bucket; 3.5 KB. There is nothing to configure. */
export class Histogram {
  #handle: number;

  /** Empty. */
  constructor() {
    const answer = native.histogramNew();
    if (answer < 0) {
      throw failure(answer, 'histogram');
    }
    this.#handle = freeing.watch(this, answer);
  }

  /** Counts one latency. */
  record(latencyMs: number): void {
    this.#checked(native.histogramRecord(this.#handle, checkedMs('latencyMs', latencyMs)));
  }

  /** How many latencies were counted. */
  get total(): number {
    return this.#checked(native.histogramTotal(this.#handle));
  }

  /** The latency in milliseconds that this share of all calls (0 to 1) stayed at or below; 0 when nothing was counted. */
  quantile(share: number): number {
    return this.#checked(native.histogramQuantile(this.#handle, Math.round(checkedRatio('share', share) * 1e6)));
  }

  /** Adds everything that `other` holds. */
  merge(other: Histogram): void {
    if (!(other instanceof Histogram)) {
      throw new ConfigError('other', other, 'a Histogram');
    }
    this.#checked(native.histogramMerge(this.#handle, other.#handle));
  }

  /** Forgets everything. */
  reset(): void {
    this.#checked(native.histogramReset(this.#handle));
  }

  /** The figures that people ask for. */
  snapshot(): HistogramSnapshot {
    return {
      total: this.total,
      p50Ms: this.quantile(0.5),
      p90Ms: this.quantile(0.9),
      p99Ms: this.quantile(0.99),
      p999Ms: this.quantile(0.999),
    };
  }

  /** Frees the histogram now instead of when it is collected. */
  dispose(): void {
    freeing.now(this, this.#handle);
    this.#handle = NONE;
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  #checked(answer: number): number {
    if (answer < 0) {
      throw failure(answer, 'histogram');
    }
    return answer;
  }
}
