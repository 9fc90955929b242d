// A checkout service in Node. What it may ask of payment stands in seawall.toml; its customers are in shop.mjs.

import { open } from 'seawall';
import { Shop } from './shop.mjs';

const shop = new Shop();
const wall = open(shop.policies);
wall.onEvent((event) => shop.hear(event));
const payment = wall.dependency('payment');

/** The HTTP call as anybody would write it: a signal ends it, if one is given. */
const charge = shop.watched(async ({ signal, idempotencyKey = '' } = {}) => {
  const headers = { 'Idempotency-Key': idempotencyKey };
  const response = await fetch(`${shop.url}/pay`, { method: 'POST', headers, signal });
  if (!response.ok) throw new Error(`payment answered ${response.status}`);
  return response.text();
});

const fallback = 'pending: we will confirm the payment later';
const pay = () => payment.call(charge, { fallback });

await shop.play(charge, pay); // the first act and the second
