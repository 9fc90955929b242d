// Compiled, never run: the same types by require.

import seawall = require('seawall');

const breaker: seawall.Breaker = new seawall.Breaker();
const answer: Promise<number> = breaker.call(() => 1);
void answer;
