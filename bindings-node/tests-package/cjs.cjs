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
  console.log('require: ok');
})();
