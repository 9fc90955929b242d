"""The plumbing of the demo around worker.py: a pool of threads, customers, counts, and what is told to the conductor.

README.md in the folder above describes it for all languages.
"""

import argparse
import collections
import functools
import json
import logging
import os
import platform
import queue
import sys
import threading
import time
from urllib.parse import urlsplit

PATIENCE = 2.0  # seconds that a customer waits for an answer
ROOM = 256  # requests that may wait for a thread of the pool

NAMES = (
    "offered served pending refused failed retries other_offered other_served other_failed waiting held max_held"
).split()


class Shop:
    """What a service is told, and what it counts."""

    def __init__(self):
        parser = argparse.ArgumentParser(description="a checkout service in Python")
        parser.add_argument("--url", required=True)
        parser.add_argument("--act", required=True, choices=("bare", "protected"))
        parser.add_argument("--policies", required=True)
        parser.add_argument("--rate", type=int, default=40)
        parser.add_argument("--pool", type=int, default=12)
        parser.add_argument("--seconds", type=float, default=13.0)
        self.args = parser.parse_args()
        self.address = urlsplit(self.args.url).netloc
        self.policies = self.args.policies
        self.counters = collections.Counter(dict.fromkeys(NAMES, 0))
        self.lock = threading.Lock()
        self.queue = queue.SimpleQueue()
        self.pay = None
        self.start = time.monotonic()
        # The conductor tells what the log would tell.
        logging.getLogger("seawall").setLevel(logging.ERROR)

    def count(self, name, by=1):
        with self.lock:
            self.counters[name] += by
            if name == "held":
                self.counters["max_held"] = max(self.counters["max_held"], self.counters["held"])

    def watched(self, charge):
        """The same function, counted as one thread that waits for payment."""

        @functools.wraps(charge)
        def counted(*args, **kwargs):
            self.count("held")
            try:
                return charge(*args, **kwargs)
            finally:
                self.count("held", -1)

        return counted

    def hear(self, event):
        """Counts refusals and retries, and tells how the breaker changes."""
        if event.kind == "refusal":
            self.count("refused")
        elif event.kind == "retry":
            self.count("retries")
        elif event.kind == "state_change":
            say({"kind": "state", "t": self.millis(), "from": event.from_state, "to": event.to_state})

    def answer(self):
        """How an order ends: served, pending (the fallback) or failed."""
        try:
            return "pending" if self.pay().startswith("pending") else "served"
        except Exception:
            return "failed"

    def work(self):
        while True:
            is_order, arrived = self.queue.get()
            self.count("waiting", -1)
            if is_order:
                answer = self.answer()
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
                self.queue.put((is_order, time.monotonic()))
            else:
                self.count("failed" if is_order else "other_failed")

    def millis(self):
        return int((time.monotonic() - self.start) * 1000)

    def report(self, kind):
        with self.lock:
            counters = dict(self.counters)
        say({"kind": kind, "t": self.millis(), **counters})

    def play(self, bare, protected):
        """Plays one act, from the word of the conductor to the last customer."""
        self.pay = protected if self.args.act == "protected" else bare
        say({"kind": "ready", "runtime": f"Python {platform.python_version()}, threads and http.client"})
        if sys.stdin.buffer.raw.readline():
            threading.Thread(target=end_with_stdin, daemon=True).start()
            self.start = time.monotonic()
            self.serve()
        os._exit(0)  # calls that still hang are left behind

    def serve(self):
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
