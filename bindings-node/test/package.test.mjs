// What is published: one copy of the classes, the words of the core, no native classes on hot paths.

import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { test } from 'node:test';

import * as imported from 'seawall';

const require = createRequire(import.meta.url);
const read = (path) => readFileSync(new URL(`../${path}`, import.meta.url), 'utf8');

test('import and require give the same classes', () => {
  const required = require('seawall');
  assert.deepEqual(Object.keys(imported).filter((name) => name !== 'default' && name !== 'module.exports').sort(), Object.keys(required).sort());
  for (const name of Object.keys(required)) assert.equal(imported[name], required[name], name);
});

test('import and require of each part give the same', async () => {
  for (const part of ['fetch', 'testing', 'undici']) {
    const [required, loaded] = [require(`seawall/${part}`), await import(`seawall/${part}`)];
    assert.ok(Object.keys(required).length > 0);
    for (const name of Object.keys(required)) assert.equal(loaded[name], required[name], name);
  }
});

test('the package has the version of the workspace', () => {
  const [, version] = /^version = "(.*)"$/m.exec(read('../Cargo.toml'));
  assert.equal(JSON.parse(read('package.json')).version, version);
  assert.equal(JSON.parse(read('package-lock.json')).version, version);
});

test('the lock file names no host', () => {
  assert.doesNotMatch(read('package-lock.json'), /"resolved"/);
});

test('the native half has functions only: a method of a native class costs two to three times as much', () => {
  assert.doesNotMatch(read('native.d.ts'), /\bclass\b/);
});

test('no native function lets a panic reach Node', () => {
  for (const file of readdirSync(new URL('../src/', import.meta.url))) {
    // Objects that only carry settings are no functions.
    const exported = read(`src/${file}`).match(/#\[napi.*\]/g) ?? [];
    for (const attribute of exported) assert.match(attribute, /^#\[napi\((catch_unwind|object)\)\]$/, file);
  }
});

test('a handle that is none is an error of the native half too, never a crash', () => {
  const native = require('../native.js');
  for (const handle of [0, 1, 2 ** 20 - 1, 2 ** 32 - 1]) {
    assert.equal(native.breakerTryAcquire(handle, -1), -104);
    assert.equal(native.breakerRecord(handle, 1 << 21, 0, 0, -1), -104);
    assert.equal(native.bulkheadTryAcquire(handle, false, false, -1), -104);
    assert.equal(native.limiterTryAcquire(handle, 1, -1), -104);
    assert.equal(native.retryBudgetDeposit(handle, -1), -104);
    assert.equal(native.histogramTotal(handle), -104);
    assert.equal(native.breakerFree(handle), false);
    assert.equal(native.dependencyBegin(handle, false, -1), -104);
    assert.equal(native.dependencyBeginWith(handle, false, new Float64Array(8), -1, new Float64Array(16)), -104);
    assert.equal(native.dependencyBeginWith(handle, false, new Float64Array(3), -1, new Float64Array(16)), -112);
    assert.equal(native.dependencySnapshot(handle, -1), null);
    assert.equal(native.dependencyFacts(handle), null);
    assert.equal(native.dependencyAdjust(handle, 0, 1, -1), -104);
    assert.equal(native.dependencyRelease(handle, 5), -104);
    assert.equal(native.dependencySet(handle, 3), -104);
    assert.equal(native.dependencyFree(handle), false);
    assert.equal(native.wallDefine(handle, 'x', 'timeout = "1s"', -1), -104);
    assert.equal(native.wallReload(handle, -1), null);
    assert.equal(native.wallNames(handle), null);
    assert.equal(native.wallFree(handle), false);
    for (const call of [handle, handle * 2 ** 20, -1, NaN, Infinity]) {
      assert.equal(native.callEnded(call, 0, 0, -1), -112);
      assert.equal(native.callEndedWith(call, 99, 0, 1n, -1, new Float64Array(16)), -112);
      assert.equal(native.callWoke(call, -1, new Float64Array(16)), -112);
      assert.equal(native.callCancelled(call, -1, new Float64Array(0)), -112);
      assert.equal(native.callKeep(call), -112);
      assert.equal(native.callKey(call), null);
    }
  }
  const histogram = native.histogramNew();
  assert.equal(native.histogramFree(histogram), true);
  assert.equal(native.histogramFree(histogram), false);
  const next = native.histogramNew();
  assert.notEqual(next, histogram);
  assert.equal(native.histogramTotal(histogram), -104);
  assert.equal(native.histogramFree(next), true);
  const breaker = native.breakerNew({
    consecutiveFailures: 5, consecutiveAlways: false, failurePermille: 500, slowPermille: 0, slowAfterMs: 0, windowCalls: 0, windowMs: 1e4,
    minCalls: 20, openForMs: 3e4, openBackoffPermille: 2000, openMaxMs: 3e5, openJitterPermille: 0, probes: 1, probeLeaseMs: 3e4, minWitnesses: 1, mode: 0,
  });
  assert.equal(native.breakerRecord(breaker, 0, 0, 0, -1), -120);
  // A forged probe's permit is late at most.
  assert.equal(native.breakerRecordWhole(breaker, 2 ** 22, 2 ** 32 - 1, 0, 0, 1, 0, -1), 60);
  assert.equal(native.breakerRecord(breaker, 1 << 21, 9, 0, -1), -112);
  assert.equal(native.breakerFree(breaker), true);
});
