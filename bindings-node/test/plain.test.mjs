// Backoff, deadline and histogram beyond the vectors.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Backoff, ConfigError, Deadline, DeadlineExceededError, Histogram, ManualClock } from 'seawall';

test('the waits of a call grow to the cap', () => {
  const backoff = new Backoff({ baseMs: 100, capMs: 1000, jitter: 'none' });
  assert.deepEqual([...backoff.delays(6)], [100, 200, 400, 800, 1000, 1000]);
  const waits = [];
  for (const wait of backoff) if (waits.push(wait) === 3) break;
  assert.deepEqual(waits, [100, 200, 400]);
});

test('jitter stays within its bounds and is not always the same', () => {
  const backoff = new Backoff();
  const waits = Array.from({ length: 1000 }, () => backoff.delayMs(3));
  assert.ok(waits.every((wait) => wait >= 0 && wait <= 400));
  assert.ok(new Set(waits).size > 900);
  const decorrelated = new Backoff({ jitter: 'decorrelated', capMs: 5000 });
  for (const wait of decorrelated.delays(100)) assert.ok(wait >= 100 && wait <= 5000);
});

test('chance can be given', () => {
  const at = (random) => new Backoff({ random: () => random }).delayMs(1);
  assert.equal(at(0), 0);
  assert.equal(at(1), 100);
  assert.ok(Math.abs(at(0.5) - 50) < 0.001);
  assert.equal(new Backoff().delayMs(1, { random: (1n << 64n) - 1n }), 100);
  assert.throws(() => at(2), ConfigError);
});

test('a server\'s wish is a floor', () => {
  assert.ok(new Backoff().delayMs(1, { retryAfterMs: 3000 }) >= 3000);
  assert.ok(Backoff.awsStandard().delayMs(1, { retryAfterMs: 60_000 }) <= 5050);
  assert.ok(Backoff.awsThrottled().delayMs(1) <= 1000);
});

test('a deadline runs out and says so', () => {
  const clock = new ManualClock();
  const deadline = Deadline.after(1000, { clock });
  clock.advance(400);
  assert.deepEqual([deadline.remainingMs, deadline.isExpired, deadline.attemptTimeoutMs(2000), deadline.attemptTimeoutMs(50)], [600, false, 600, 50]);
  assert.equal(deadline.keep(0.5).remainingMs, 300);
  assert.equal(deadline.nearer(Deadline.never({ clock })), deadline);
  deadline.throwIfExpired();
  clock.advance(600);
  assert.throws(() => deadline.throwIfExpired(), DeadlineExceededError);
  assert.equal(Deadline.never().isExpired, false);
  assert.ok(Deadline.after(50).remainingMs <= 50);
});

test('quantiles are within three percent', () => {
  const histogram = new Histogram();
  for (let ms = 1; ms <= 1000; ms++) histogram.record(ms);
  const { total, p50Ms, p99Ms } = histogram.snapshot();
  assert.equal(total, 1000);
  assert.ok(Math.abs(p50Ms - 500) < 15 && Math.abs(p99Ms - 990) < 30);
  const other = new Histogram();
  other.merge(histogram);
  other.merge(histogram);
  assert.equal(other.total, 2000);
  other.reset();
  assert.equal(other.quantile(0.5), 0);
  other.dispose();
  assert.throws(() => other.record(1), { code: 'uninitialised' });
  assert.throws(() => histogram.merge(other), { code: 'uninitialised' });
});
