// What a user of the retry budget sees beyond the vectors.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { BudgetExhaustedError, ForeignError, ManualClock, RetryBudget, SpentError } from 'seawall';

test('retries are a share of the calls', () => {
  const clock = new ManualClock();
  const budget = new RetryBudget({ ratio: 0.1, minPerSecond: 0, clock, name: 'payments' });
  let retries = 0;
  for (let call = 0; call < 10_000; call++) {
    budget.deposit();
    try {
      budget.tryWithdraw();
      retries += 1;
    } catch (error) {
      assert.ok(error instanceof BudgetExhaustedError);
      assert.deepEqual([error.code, error.source], ['budget_exhausted', 'payments']);
    }
  }
  assert.equal(retries, 1000);
});

test('a withdrawal says itself how its retry ended, or is given back', () => {
  const budget = new RetryBudget({ profile: 'aws_standard' });
  budget.tryWithdraw('throttled').record('failure');
  assert.equal(budget.snapshot().tokens, 495);
  const withdrawal = budget.tryWithdraw();
  withdrawal.cancel();
  assert.equal(budget.snapshot().tokens, 495);
  assert.throws(() => withdrawal.record('success'), SpentError);
});

test('a withdrawal is used once, and only where it was made', () => {
  const budget = new RetryBudget();
  const withdrawal = budget.tryWithdraw('timeout');
  assert.throws(() => new RetryBudget().record('success', withdrawal), ForeignError);
  assert.throws(() => budget.record('success', { token: 1 }), { code: 'foreign' });
  budget.record('failure', withdrawal);
  assert.throws(() => budget.record('failure', withdrawal), SpentError);
  assert.throws(() => budget.cancel(withdrawal), { code: 'spent' });
});

test('a cancelled withdrawal costs nothing', () => {
  const budget = new RetryBudget({ profile: 'aws_standard' });
  budget.cancel(budget.tryWithdraw());
  assert.deepEqual([budget.snapshot().tokens, budget.snapshot().cap], [500, 500]);
  assert.equal(new RetryBudget({ profile: 'finagle' }).snapshot().cap, undefined);
});

test('retries under way are a share of the calls under way', () => {
  const budget = new RetryBudget({ maxConcurrentRetriesRatio: 0.2, minConcurrentRetries: 1, minPerSecond: 10 });
  for (let call = 0; call < 10; call++) budget.deposit();
  const retries = [budget.tryWithdraw(), budget.tryWithdraw()];
  assert.throws(() => budget.tryWithdraw(), BudgetExhaustedError);
  budget.record('success', retries[0]);
  budget.tryWithdraw();
  budget.finish();
  assert.deepEqual([budget.snapshot().callsInFlight, budget.snapshot().retriesInFlight], [9, 2]);
});

test('a budget that was disposed of answers with an error', () => {
  const budget = new RetryBudget();
  budget.dispose();
  for (const use of [() => budget.deposit(), () => budget.tryWithdraw(), () => budget.record('success'), () => budget.finish(), () => budget.snapshot()]) {
    assert.throws(use, { code: 'uninitialised' });
  }
});
