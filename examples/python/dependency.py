"""One call through every layer: `python examples/python/dependency.py`. Needs no server and no network."""

import asyncio
import logging
from pathlib import Path

import seawall
from seawall import LastGood, Policy, Refused, RetryPolicy
from seawall.testing import FakeClock, force, inject, no_waiting

logging.basicConfig(level=logging.INFO, format="  log: %(message)s")


def charge(order: int, attempt: seawall.Attempt) -> str:
    """What a real service does with `client.post(url, timeout=attempt.remaining)`."""
    return f"order {order} charged at attempt {attempt.number}, {attempt.remaining:.1f} s left"


async def price(product: str) -> float:
    await asyncio.sleep(0.01)
    return {"book": 12.5}[product]


def main() -> None:
    # The policies of a file are checked as a whole when it is opened.
    wall = seawall.open(Path(__file__).parents[1] / "seawall.toml", clock=FakeClock(), seed=1)
    payments, recommendations = wall.dependency("payments"), wall.dependency("recommendations")
    print("1.", payments.call(charge, 17))

    # A reset connection is tried again, after a backoff that this test skips.
    ledger = wall.dependency("ledger")
    with no_waiting(wall), inject(ledger, error=ConnectionResetError("reset"), times=2):
        print("2.", ledger.call(charge, 18))

    # What fails for good is your own exception, with a note.
    try:
        payments.call(lambda: 1 / 0)
    except ZeroDivisionError as error:
        print("3.", error, "|", seawall.attempts_of(error))

    # Something to show when the dependency does not answer: the last good result, or else an empty list.
    shown = [LastGood(max_age=600), lambda: ["bestsellers"]]
    print("4.", recommendations.call(lambda: ["for you"], fallback=shown))
    force(recommendations, "open")
    outcome = recommendations.call_detailed(lambda: ["for you"], fallback=shown)
    print("5.", outcome.value, f"degraded={outcome.degraded} {outcome.source} because of {outcome.reason}")
    try:
        recommendations.call(lambda: ["for you"])
    except Refused as refused:
        print("6.", refused)

    # Policies in code are equal citizens.
    prices = wall.define("prices", Policy(0.5, deadline=2.0, retry=RetryPolicy(attempts=2)))
    print("7.", asyncio.run(prices.acall(price, "book")))

    # A loop, where the work is no function of its own; and a deadline for everything below.
    with seawall.deadline(1.0):
        for attempt in prices.attempts():
            with attempt:
                print("8.", f"{attempt.number} of {prices.policy.attempts}")

    counts = ledger.snapshot().counts
    print("9.", f"ledger: {counts.calls} call, {counts.retries} retries; healthy: {wall.health()}")


if __name__ == "__main__":
    main()
