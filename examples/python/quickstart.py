"""Seawall in a minute: a flaky payment service, and everything that keeps a shop standing while it is down.

Run it with `python examples/python/quickstart.py`. It needs nothing but the package `seawall`, and no network.
"""

import asyncio
import time

from seawall import (
    Backoff,
    Breaker,
    BreakerOpen,
    BudgetExhausted,
    Bulkhead,
    BulkheadFull,
    Deadline,
    Histogram,
    Limiter,
    RateLimited,
    RetryBudget,
)


class PaymentsDown(Exception):
    """What the client of the payment service raises."""


healthy = False
latencies = Histogram()


def tell(name: str | None, before: str, after: str) -> None:
    print(f"    {name}: {before} -> {after}")


payments = Breaker(
    "payments", on=PaymentsDown, consecutive_failures=3, open_for=0.2, open_jitter=0, on_transition=tell
)


@payments
def charge(order: int) -> str:
    began = time.perf_counter()
    try:
        if not healthy:
            raise PaymentsDown(f"no answer for order {order}")
        return f"order {order} paid"
    finally:
        latencies.record(time.perf_counter() - began)


def breaker_story() -> None:
    global healthy
    print("A circuit breaker stops calling what keeps failing:")
    for order in range(1, 6):
        try:
            print("   ", charge(order))
        except PaymentsDown as down:
            print("    failed:", down)
        except BreakerOpen as refused:
            print(f"    refused at once, come back in {refused.retry_after:.1f} s")
    healthy = True
    time.sleep(0.21)
    print("   ", charge(6), "- the probe went well")


def retry_story() -> None:
    print("A retry budget keeps retries a share of the calls:")
    budget = RetryBudget(ratio=0.1, min_per_second=0)
    backoff = Backoff(base=0.001, cap=0.01)
    retries = given_up = 0
    for _ in range(100):
        with budget.call():
            for delay in backoff.delays(3):
                try:
                    leave = budget.try_withdraw()
                except BudgetExhausted:
                    given_up += 1
                    break
                with leave:
                    time.sleep(delay)
                retries += 1
    print(f"    100 failing calls: {retries} retries, {given_up} times the real error at once")


async def bulkhead_story() -> None:
    print("A bulkhead lets no more than so many in, the rest wait their turn or go away:")
    places = Bulkhead(2, max_waiting=3)
    served = refused = 0

    async def one() -> None:
        nonlocal served, refused
        try:
            async with places.acquire(max_wait=1):
                await asyncio.sleep(0.01)
                served += 1
        except BulkheadFull:
            refused += 1

    await asyncio.gather(*(one() for _ in range(8)))
    print(f"    of 8 at once {served} were served, {refused} refused")


async def limiter_story() -> None:
    print("A limiter spaces calls out:")
    limiter = Limiter("100/s", burst=2)
    deadline = Deadline.after(0.045)
    sent = 0
    try:
        while True:
            await limiter.acquire(max_wait=deadline.remaining())
            sent += 1
    except RateLimited as refused:
        print(f"    {sent} sent in 45 ms, the next one would wait {refused.retry_after:.3f} s")
    print("    for HTTP:", limiter.headers())


breaker_story()
retry_story()
asyncio.run(bulkhead_story())
asyncio.run(limiter_story())
seen = payments.snapshot()
print(f"payments: {seen.success} ok, {seen.failure} failed, {seen.refused} refused, opened {seen.opened} time(s)")
print(f"p99 of a charge: {latencies.quantile(0.99) * 1e6:.1f} us")
