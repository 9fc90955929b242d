// Walls: opened from a file, parsed, written in code, loaded again; and everything that can be wrong with them.

import assert from 'node:assert/strict';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { Worker } from 'node:worker_threads';

import * as seawall from 'seawall';

const { ConfigError, PolicyError, Seawall, SeawallError } = seawall;
const folder = mkdtempSync(join(tmpdir(), 'seawall-'));
let files = 0;
function file(text) {
  const path = join(folder, `wall${++files}.toml`);
  writeFileSync(path, text);
  return path;
}
const PAYMENTS = `
service = "checkout"
[dependency.payments]
timeout = "2s"
deadline = "5s"
retry = { attempts = 2 }
rate_limit = { rate = "100/s" }
`;

function problems(make) {
  try {
    make();
  } catch (error) {
    assert.ok(error instanceof PolicyError && error instanceof ConfigError && error instanceof SeawallError, String(error));
    assert.equal(error.code, 'config');
    assert.equal(error.field, error.problems[0].key || 'policy');
    assert.equal(error.message.split('\n').length, error.problems.length, error.message);
    return error;
  }
  assert.fail('it was accepted');
}

test('a file is opened, by path or URL, and its dependencies called', async () => {
  const path = file(PAYMENTS);
  for (const wall of [seawall.open(path), Seawall.open(pathToFileURL(path)), Seawall.parse(PAYMENTS)]) {
    assert.deepEqual(wall.names, ['payments']);
    const payments = wall.dependency('payments');
    assert.equal(wall.dependency('payments'), payments);
    const { timeoutMs, deadlineMs, attempts, criticality, limits } = payments.policy;
    assert.deepEqual([timeoutMs, deadlineMs, attempts, criticality, limits], [2000, 5000, 2, 'important', ['requests']]);
    assert.equal(await payments.call(() => 'paid'), 'paid');
    assert.equal(wall.snapshot().payments.counts.successes, 1);
    assert.equal(wall.health(), true);
    wall.close();
  }
});

test('everything that is wrong with a file is told at once, with its place and the nearest key', () => {
  const path = file(`[dependency.payments]\ntimeuot = "2s"\nretry = { attempts = "three" }\n\n[dependency.ledger]\ntimeout = 250\nbreaker = { window = "10 bananas" }\n`);
  const error = problems(() => seawall.open(path));
  const told = error.problems.map(({ line, column, key }) => [line, column, key]);
  for (const wanted of [[2, 1, 'dependency.payments.timeuot'], [3, 22, 'dependency.payments.retry.attempts'], [6, 11, 'dependency.ledger.timeout'], [7, 22, 'dependency.ledger.breaker.window']]) {
    assert.ok(told.some((one) => String(one) === String(wanted)), `${wanted} in ${told.join(' | ')}`);
  }
  assert.equal(error.problems.find(({ key }) => key.endsWith('timeuot')).nearest, 'timeout');
  assert.match(error.message, /wall\d+\.toml:2:1: dependency\.payments\.timeuot: .*did you mean "timeout"\?/);
});

test('files that are none are typed errors', () => {
  for (const text of ['[dependency.x', 'a = = 1', '[dependency.x]\ntimeout = "1s"\n[dependency.x]\ntimeout = "2s"\n', '[dependency."bad name"]\ntimeout = "1s"', '[dependency.x]\n', 'nonsense = 1']) {
    problems(() => seawall.open(file(text)));
    problems(() => Seawall.parse(text));
  }
  problems(() => seawall.open(join(folder, 'not there.toml')));
  problems(() => seawall.open(folder));
  problems(() => seawall.open(file('x'.repeat(2 << 20))));
  for (const path of [5, null, undefined, {}, new URL('http://localhost/x')]) assert.throws(() => seawall.open(path), { name: 'ConfigError', field: 'path' });
  assert.throws(() => Seawall.parse(5), { field: 'text' });
  assert.throws(() => seawall.open(file(PAYMENTS), { clokc: 1 }), { field: 'clokc' });
  assert.throws(() => new Seawall({ seed: -1 }), { field: 'seed' });
  assert.throws(() => new Seawall({ logger: {} }), { field: 'logger' });
});

test('an unknown dependency is a typed error with the nearest name', () => {
  const wall = Seawall.parse(PAYMENTS);
  assert.throws(() => wall.dependency('paymnets'), (error) => {
    assert.ok(error instanceof seawall.UnknownDependencyError && seawall.isSeawallError(error));
    assert.deepEqual([error.code, error.message.includes('did you mean "payments"?')], ['unknown', true]);
    return true;
  });
  assert.throws(() => wall.dependency(5), { field: 'name' });
  assert.throws(() => wall.redefine('ledger', { timeoutMs: 5 }), seawall.UnknownDependencyError);
});

test('a policy in code has the words of the code in its errors', () => {
  const wall = new Seawall();
  const refuses = (policy, field) => assert.equal(problems(() => wall.define('it', policy)).field, field);
  refuses({}, 'timeout');
  refuses({ timeoutMs: 0 }, 'timeoutMs');
  refuses({ timeoutMs: 1e12 }, 'timeoutMs');
  refuses({ timeoutMs: 100, deadlineMs: 50 }, 'deadlineMs');
  refuses({ timeoutMs: 100, retry: { attempts: 0 } }, 'retry.attempts');
  refuses({ timeoutMs: 100, retry: { attempts: 2.5 } }, 'retry.attempts');
  refuses({ timeoutMs: 100, retry: { baseMs: 100, capMs: 1 } }, 'retry.capMs');
  refuses({ timeoutMs: 100, retry: { budget: { profile: 'generous' } } }, 'retry.budget.profile');
  refuses({ timeoutMs: 100, breaker: { failureRate: 50 } }, 'breaker.failureRate');
  refuses({ timeoutMs: 100, breaker: { openForMs: -0.0000001 + 0 } }.breaker.openForMs < 0 ? { timeoutMs: 100, breaker: { openForMs: 0 } } : {}, 'breaker.openForMs');
  refuses({ timeoutMs: 100, bulkhead: { maxConcurrent: 2, reserved: 2 } }, 'bulkhead.reserved');
  refuses({ timeoutMs: 100, bulkhead: { maxConcurent: 2 } }, 'bulkhead.maxConcurent');
  refuses({ timeoutMs: 100, rateLimit: { rate: 'fast' } }, 'rateLimit.rate');
  refuses({ timeoutMs: 100, criticality: 'vital' }, 'criticality');
  refuses({ timeoutMs: 1000, deadlineMs: 2000, retry: { attempts: 5 } }, 'deadlineMs');
  assert.match(problems(() => wall.define('it', { timeoutMs: 1000, deadlineMs: 2000, retry: { attempts: 5 } })).message, /at most \d+ attempts? fit.*\[SW001\]/);
});

test('numbers that are none are refused before anything is written', () => {
  const wall = new Seawall();
  for (const value of [NaN, Infinity, -Infinity, -1, '250ms', null, true, 5n, [], {}]) {
    assert.throws(() => wall.define('it', { timeoutMs: value }), (error) => {
      assert.ok(error instanceof ConfigError, String(error));
      assert.deepEqual([error.field, Object.is(error.value, value)], ['timeoutMs', true]);
      return true;
    }, String(value));
  }
  for (const value of [NaN, Infinity, null, 5n, () => 1, Symbol('x')]) {
    assert.throws(() => wall.define('it', { timeoutMs: 5, retry: { factor: value } }), { name: 'ConfigError', field: 'retry.factor' });
  }
  for (const policy of [null, 5, undefined, [], true]) assert.throws(() => wall.define('it', policy), ConfigError);
  for (const name of [5, null, '', 'bad name', 'x'.repeat(65), 'ü']) assert.throws(() => wall.define(name, { timeoutMs: 5 }), { field: 'name' });
  assert.deepEqual(wall.names, []);
});

test('strings cannot break out of their place', () => {
  const wall = new Seawall();
  for (const odd of ['"\ntimeout = "9s"', "'''", '\\', '\u0000', '\u007f', '\u2028', '"""', '😀', '\ud800']) {
    problems(() => wall.define('it', { timeoutMs: 5, rateLimit: { rate: odd } }));
    problems(() => wall.define('it', { timeoutMs: 5, [odd]: 1 }));
  }
});

test('two dependencies of one name are refused', () => {
  const wall = new Seawall();
  wall.define('it', { timeoutMs: 5 });
  assert.throws(() => wall.define('it', { timeoutMs: 5 }), { name: 'ConfigError', field: 'name', value: 'it' });
});

test('shares are numbers from 0 to 1, whole ones too; fractions of a millisecond are exact', () => {
  const wall = new Seawall();
  const it = wall.define('it', { timeoutMs: 1.5, reserve: 1, breaker: { failureRate: 1, openBackoff: 1 }, retry: { attempts: 2, baseMs: 0, factor: 3, budget: 0.2 } });
  assert.equal(it.policy.timeoutMs, 1.5);
  assert.match(it.policy.text, /failure_rate = "100%"/);
  assert.match(it.policy.text, /ratio = "20%"/);
});

test('a policy can be written as in the file', () => {
  const wall = new Seawall();
  assert.equal(wall.define('it', 'timeout = "250ms"\nretry = { attempts = 2 }\n').policy.attempts, 2);
});

test('a reload takes a new file in force and keeps the state', async () => {
  const path = file(PAYMENTS);
  const wall = seawall.open(path);
  const payments = wall.dependency('payments');
  payments.forceOpen();
  writeFileSync(path, PAYMENTS.replace('2s', '1s') + '[dependency.ledger]\ntimeout = "1s"\n');
  assert.deepEqual(wall.reload(), { added: ['ledger'], changed: ['payments'], removed: [] });
  assert.deepEqual([payments.policy.timeoutMs, payments.state], [1000, 'forced_open']);
  writeFileSync(path, '[dependency.payments]\ntimeout = "0s"\n');
  problems(() => wall.reload());
  assert.deepEqual([payments.policy.timeoutMs, wall.names], [1000, ['ledger', 'payments']], 'rejected as a whole');
  writeFileSync(path, '[dependency.ledger]\ntimeout = "1s"\n');
  assert.deepEqual(wall.reload().removed, ['payments']);
  assert.throws(() => wall.dependency('payments'), seawall.UnknownDependencyError);
  await assert.rejects(payments.call(() => 1), { code: 'breaker_forced_open' }, 'whoever holds it goes on with it');
  writeFileSync(path, PAYMENTS);
  wall.reload();
  assert.equal(wall.dependency('payments'), payments);
  assert.throws(() => new Seawall().reload(), { field: 'path' });
});

test('warnings are findings', () => {
  const wall = Seawall.parse('region = "shop"\n[dependency.it]\ntimeout = "1s"\npool = 5\nbulkhead = { max_concurrent = 50 }\n', { name: 'shop.toml' });
  const finding = wall.findings.find(({ id }) => id === 'SW003');
  assert.deepEqual([finding.dependency, finding.file], ['it', 'shop.toml']);
  assert.ok(finding.text.startsWith('shop.toml:') && finding.line > 0);
});

test('redefine keeps the state', () => {
  const wall = new Seawall();
  const it = wall.define('it', { timeoutMs: 5 });
  it.forceOpen();
  wall.redefine('it', { timeoutMs: 50 });
  assert.deepEqual([it.policy.timeoutMs, it.state], [50, 'forced_open']);
  problems(() => wall.redefine('it', { timeoutMs: 0 }));
  assert.equal(it.policy.timeoutMs, 50);
});

test('a closed wall says so', async () => {
  const wall = new Seawall();
  const it = wall.define('it', { timeoutMs: 5 });
  let finish;
  const running = it.call(() => new Promise((resolve) => (finish = resolve)));
  wall.close();
  wall.close();
  assert.equal(wall.health(), false);
  for (const use of [() => wall.names, () => wall.define('x', { timeoutMs: 5 }), () => wall.dependency('it'), () => it.snapshot(), () => it.policy, () => it.forceOpen(), () => it.callSync(() => 1)]) {
    assert.throws(use, seawall.DisposedError);
  }
  await assert.rejects(it.call(() => 1), seawall.DisposedError);
  await assert.rejects(it.permit(), seawall.DisposedError);
  finish('still');
  assert.equal(await running, 'still', 'calls under way end as they would');
});

test('what is no call is refused', async () => {
  const it = new Seawall().define('it', { timeoutMs: 50, rateLimit: { rate: '5/s' } });
  for (const fn of [5, null, undefined, {}, 'x']) {
    await assert.rejects(it.call(fn), { name: 'ConfigError', field: 'fn' });
    assert.throws(() => it.callSync(fn), { field: 'fn' });
    assert.throws(() => it.wrap(fn), { field: 'fn' });
    assert.throws(() => it.onEvent(fn), { field: 'hook' });
  }
  const bad = (options, field) => assert.rejects(it.call(() => 1, options), (error) => error instanceof ConfigError && error.field === field, `${field}`);
  for (const value of [NaN, -1, '5', null, Infinity]) await bad({ deadlineMs: value }, 'deadlineMs');
  await bad({ deadline: 5 }, 'deadline');
  await bad({ signal: 5 }, 'signal');
  await bad({ signal: null }, 'signal');
  await bad({ critical: 1 }, 'critical');
  await bad({ idempotent: 'yes' }, 'idempotent');
  await bad({ costs: 5 }, 'costs');
  await bad({ costs: { token: 5 } }, 'costs.token');
  await bad({ costs: [1.5] }, 'costs[0]');
  await bad({ costs: [1, 1, 1, 1, 1] }, 'costs');
  await bad({ on: 5 }, 'on');
  await bad({ ignore: ['x'] }, 'ignore');
  await bad({ failure: null }, 'failure');
  await bad({ failureIf: 5 }, 'failureIf');
  await bad({ fallback: [] }, 'fallback');
  await bad({ fallbck: 5 }, 'fallbck');
  await bad(5, 'options');
  assert.throws(() => it.adjust('tokens', 5), { field: 'limit' });
  assert.throws(() => it.adjust('requests', 1.5), { field: 'tokens' });
  assert.throws(() => seawall.lastGood({ maxAgeMs: NaN }), { field: 'maxAgeMs' });
  assert.throws(() => seawall.lastGood({ maxAgeMs: 5, maxEntries: 0 }), { field: 'maxEntries' });
  assert.throws(() => seawall.lastGood(), { field: 'options' });
  const { counts } = it.snapshot();
  assert.deepEqual([counts.calls, counts.refused], [0, 0], 'nothing was begun');
});

test('each worker thread opens a wall of its own', async () => {
  const path = file(PAYMENTS);
  const worker = new Worker(`
    const { parentPort, workerData } = require('node:worker_threads');
    const { open } = require(${JSON.stringify(new URL('../dist/index.cjs', import.meta.url).pathname)});
    const payments = open(workerData).dependency('payments');
    payments.forceOpen();
    payments.call(() => 1).catch((error) => parentPort.postMessage(error.code));
  `, { eval: true, workerData: path });
  const answer = await new Promise((resolve, reject) => worker.on('message', resolve).on('error', reject));
  await worker.terminate();
  assert.equal(answer, 'breaker_forced_open');
  assert.equal(seawall.open(path).dependency('payments').state, 'closed');
});
