// The packed package, by require.

'use strict';

const assert = require('node:assert/strict');
const seawall = require('seawall');

(async () => {
  const breaker = new seawall.Breaker({ consecutiveFailures: 1 });
  assert.equal(await breaker.call(() => 1), 1);
  await assert.rejects(breaker.call(() => { throw new TypeError('down'); }), TypeError);
  await assert.rejects(breaker.call(() => 1), { code: 'breaker_open' });
  const imported = await import('seawall');
  assert.equal(imported.Breaker, seawall.Breaker);
  assert.equal(require('seawall/package.json').name, 'seawall');
  for (const part of ['fetch', 'testing', 'undici']) {
    const [required, loaded] = [require(`seawall/${part}`), await import(`seawall/${part}`)];
    for (const name of Object.keys(required)) assert.equal(loaded[name], required[name], name);
  }
  const { Seawall } = seawall;
  assert.equal(await new Seawall().define('it', { timeoutMs: 100 }).call(() => 5), 5);
  console.log('require: ok');
})();
