"""A checkout service in Python: a small pool of threads, two routes, one dependency that turns slow.

README.md in this folder tells what the five services have in common. What a service of yours would take over is
`Wall`.
"""

import argparse
import collections
import http.client
import json
import os
import platform
import queue
import sys
import threading
import time
from urllib.parse import urlsplit

import seawall

PATIENCE = 2.0  # seconds that a customer waits for an answer
ROOM = 256  # requests that may wait for a thread of the pool
TIMEOUT = 0.3  # seconds to wait for payment, which needs about 0.02 when it is well
MOST_HELD = 4  # threads that payment may hold: a third of twelve

NAMES = (
    "offered served pending refused failed retries other_offered other_served other_failed waiting held max_held"
).split()


class PaymentFailed(Exception):
    """Payment gave no good answer, or none in time."""


class Wall:
    """What stands between the pool and payment."""

    def __init__(self, shop):
        self.shop = shop
        self.bulkhead = seawall.Bulkhead(max_concurrent=MOST_HELD, name="payment")
        self.breaker = seawall.Breaker(
            consecutive_failures=5,
            consecutive_always=True,
            failure_rate=0.5,
            window_calls=20,
            min_calls=10,
            open_for=0.5,
            open_max=1.0,
            probe_lease=1.0,
            name="payment",
            on_transition=shop.tell,
        )
        self.budget = seawall.RetryBudget(name="payment")
        self.backoff = seawall.Backoff(base=0.05)

    def pay(self, order):
        with self.bulkhead.acquire(), self.breaker.permit(), self.shop.held():
            self.attempts(order)

    def attempts(self, order):
        """One attempt, and a second one while payment looks well and retries stay rare."""
        self.budget.deposit()
        try:
            return self.shop.request_payment(order, TIMEOUT)
        except PaymentFailed:
            if self.breaker.state != "closed":
                raise
            try:
                withdrawal = self.budget.try_withdraw("timeout")
            except seawall.BudgetExhausted:
                withdrawal = None
            if withdrawal is None:  # the caller sees the real error
                raise
        self.shop.count("retries")
        time.sleep(self.backoff.delay(1))
        try:
            self.shop.request_payment(order, TIMEOUT)
        except PaymentFailed:
            withdrawal.record("failure")
            raise
        withdrawal.record("success")


class Shop:
    def __init__(self, args):
        self.args = args
        self.address = urlsplit(args.url).netloc
        self.counters = collections.Counter(dict.fromkeys(NAMES, 0))
        self.lock = threading.Lock()
        self.queue = queue.SimpleQueue()
        self.local = threading.local()  # one connection per thread
        self.wall = Wall(self) if args.act == "protected" else None
        self.start = time.monotonic()

    def count(self, name, by=1):
        with self.lock:
            self.counters[name] += by
            if name == "held":
                self.counters["max_held"] = max(self.counters["max_held"], self.counters["held"])

    def held(self):
        return Held(self)

    def request_payment(self, order, timeout=None):
        """The HTTP call as anybody would write it: without a timeout unless one is given."""
        connection = getattr(self.local, "connection", None)
        if connection is None:
            connection = self.local.connection = http.client.HTTPConnection(self.address)
        try:
            connection.timeout = timeout
            if connection.sock is not None:
                connection.sock.settimeout(timeout)
            connection.request("POST", "/pay", headers={"idempotency-key": f"python-{order}"})
            response = connection.getresponse()
            response.read()
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            raise PaymentFailed from error
        if response.status != 200:
            raise PaymentFailed(response.status)

    def answer(self, order):
        """How an order ends: served, pending (the fallback) or failed."""
        try:
            if self.wall:
                self.wall.pay(order)
            else:
                with self.held():
                    self.request_payment(order)
            return "served"
        except seawall.Refused:
            self.count("refused")
            return "pending"
        except PaymentFailed:
            return "pending" if self.wall else "failed"

    def work(self):
        while True:
            number, is_order, arrived = self.queue.get()
            self.count("waiting", -1)
            if is_order:
                answer = self.answer(number)
            else:
                time.sleep(0.002)
                answer = "other_served"
            if time.monotonic() - arrived > PATIENCE:  # the customer has left
                answer = "failed" if is_order else "other_failed"
            self.count(answer)

    def open(self):
        """Customers come at an even pace, whatever became of those before them."""
        gap = 0.5 / self.args.rate
        for number in range(int(self.args.seconds / gap)):
            time.sleep(max(0.0, self.start + number * gap - time.monotonic()))
            is_order = number % 2 == 0
            self.count("offered" if is_order else "other_offered")
            if self.counters["waiting"] < ROOM:
                self.count("waiting")
                self.queue.put((number, is_order, time.monotonic()))
            else:
                self.count("failed" if is_order else "other_failed")

    def millis(self):
        return int((time.monotonic() - self.start) * 1000)

    def tell(self, name, old, new):
        say({"kind": "state", "t": self.millis(), "from": old, "to": new})

    def report(self, kind):
        with self.lock:
            counters = dict(self.counters)
        say({"kind": kind, "t": self.millis(), **counters})

    def play(self):
        self.start = time.monotonic()
        for _ in range(self.args.pool):
            threading.Thread(target=self.work, daemon=True).start()
        customers = threading.Thread(target=self.open, daemon=True)
        customers.start()
        while customers.is_alive():
            customers.join(0.1)
            self.report("count")
        for _ in range(10):  # those who came last get the time that they would have waited for
            time.sleep(0.1)
            self.report("count")
            if self.counters["waiting"] + self.counters["held"] == 0:
                break
        self.report("end")


class Held:
    """A thread of the pool that waits for payment."""

    def __init__(self, shop):
        self.shop = shop

    def __enter__(self):
        self.shop.count("held")

    def __exit__(self, *_):
        self.shop.count("held", -1)


output = threading.Lock()


def say(line):
    """Says one line; when nobody listens any more, the story is over."""
    try:
        with output:
            sys.stdout.write(json.dumps(line) + "\n")
            sys.stdout.flush()
    except OSError:
        os._exit(0)


def end_with_stdin():
    """The conductor closes this pipe when it ends, however it ends."""
    while sys.stdin.buffer.raw.read(1024):
        pass
    os._exit(0)


def main():
    parser = argparse.ArgumentParser(description="a checkout service in Python")
    parser.add_argument("--url", required=True)
    parser.add_argument("--act", required=True, choices=("bare", "protected"))
    parser.add_argument("--rate", type=int, default=40)
    parser.add_argument("--pool", type=int, default=12)
    parser.add_argument("--seconds", type=float, default=13.0)
    shop = Shop(parser.parse_args())
    say({"kind": "ready", "runtime": f"Python {platform.python_version()}, threads and http.client"})
    if sys.stdin.buffer.raw.readline():
        threading.Thread(target=end_with_stdin, daemon=True).start()
        shop.play()
    os._exit(0)  # calls that still hang are left behind


if __name__ == "__main__":
    main()
