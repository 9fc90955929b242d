// Tells the stories of http.json: headers that carry time, and what an answer says about the dependency. The functions
// are those that the adapters and the deadline helpers use.

import assert from 'node:assert/strict';
import { createRequire } from 'node:module';

const native = createRequire(import.meta.url)('../../native.js');

const TROUBLES = ['', 'not_connected', 'connect_timeout', 'read_timeout', 'reset', 'protocol', 'other'];
const OUTCOMES = ['success', 'failure', 'ignored'];
const CAUSES = ['failure', 'throttled', 'timeout'];
const text = (step) => step.text.repeat(step.copies ?? 1);
const span = (answer) => (answer === -140 ? { expect: 'header' } : { span_ns: answer });
const ended = (word) => ({ outcome: OUTCOMES[word & 3], retryable: (word & 4) !== 0, not_sent: (word & 8) !== 0, cause: CAUSES[word >> 4] });

const VERBS = {
  grpc_timeout: (step) => span(native.headerFromGrpc(text(step))),
  timeout_ms: (step) => span(native.headerFromMillis(text(step))),
  retry_after: (step) => span(native.httpRetryAfter(text(step), step.unix_ms)),
  write_grpc_timeout: (step) => ({ text: native.headerToGrpc(step.span_ns) }),
  write_timeout_ms: (step) => ({ text: native.headerToMillis(step.span_ns) }),
  status: (step) => ended(native.httpStatus(step.status, (step.retry_after_ns ?? 0) / 1e6)),
  trouble: (step) => ended(native.httpTrouble(TROUBLES.indexOf(step.trouble))),
  idempotent: (step) => ({ idempotent: native.httpIsIdempotent(step.method) }),
};
const ARGUMENTS = { status: ['status', 'retry_after_ns'], trouble: ['trouble'], idempotent: ['method'] };

export function tell({ steps }) {
  for (const step of steps) {
    const where = JSON.stringify(step).slice(0, 500);
    const came = VERBS[step.do](step);
    const taken = ['at_ns', 'do', 'copies', 'unix_ms', ...(ARGUMENTS[step.do] ?? (step.do.startsWith('write') ? ['span_ns'] : ['text']))];
    const wanted = Object.entries(step).filter(([key]) => !taken.includes(key));
    assert.ok(wanted.length > 0, where);
    for (const [key, value] of wanted) assert.equal(came[key], value, `${key}, ${where}`);
  }
}
