// Compiled, never run: the same types by require.

import seawall = require('seawall');

const breaker: seawall.Breaker = new seawall.Breaker();
const answer: Promise<number> = breaker.call(() => 1);
void answer;

import fetching = require('seawall/fetch');
import testing = require('seawall/testing');
import undici = require('seawall/undici');
const dependency: seawall.Dependency = seawall.open('seawall.toml').dependency('x');
void [fetching.wrapFetch(dependency), testing.force, undici.interceptor(dependency)];
