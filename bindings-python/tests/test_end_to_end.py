"""Against a real server with real faults from Toxiproxy: latency, reset, timeout, bandwidth, a server that is down."""

import asyncio
import time

import httpx
import pytest
import requests

import seawall
from seawall import BreakerPolicy, BudgetPolicy, BulkheadPolicy, Policy, RetryPolicy, attempts_of
from seawall.httpx import AsyncTransport, Transport
from seawall.requests import Adapter

FIGURES = []
RETRY = RetryPolicy(attempts=3, base=0.01, budget=BudgetPolicy(ratio=10.0))


def define(timeout=0.25, **settings):
    settings = {"retry": RETRY, "bulkhead": BulkheadPolicy(max_concurrent=8)} | settings
    return seawall.Seawall(seed=1).define("d", Policy(timeout, **settings))


class Stopwatch:
    """Notes what a part of a test took."""

    def __init__(self, what):
        self.what, self.more = what, ""

    def __enter__(self):
        self.begun = time.monotonic()
        return self

    def __exit__(self, *raised):
        self.took = time.monotonic() - self.begun
        FIGURES.append(f"{self.what:<44} {self.took * 1_000:7.1f} ms  {self.more}")


def client_of(d):
    return httpx.Client(transport=Transport(d), trust_env=False)


def test_latency_within_the_timeout_is_an_answer_and_beyond_it_a_timeout(rig):
    proxy, d = rig.proxy(), define()
    proxy.toxic("latency", latency=100)
    with client_of(d) as client:
        with Stopwatch("latency 100 ms, timeout 250 ms") as watch:
            assert client.get(f"{proxy.url}/ok").text == "ok"
            watch.more = "answered at attempt 1"
        assert 0.1 <= watch.took < 0.25
    proxy.heal("latency")
    proxy.toxic("latency", latency=1_000)
    with client_of(d) as client, Stopwatch("latency 1 s, timeout 250 ms, 3 attempts") as watch:
        with pytest.raises(httpx.ReadTimeout) as caught:
            client.get(f"{proxy.url}/ok")
        watch.more = f"ReadTimeout after {attempts_of(caught.value).attempts} attempts"
    assert 0.75 <= watch.took < 2 and d.snapshot().counts.timeouts == 3


def test_a_deadline_ends_it_whatever_the_attempts(rig):
    proxy, d = rig.proxy(), define(deadline=1.0, retry=RetryPolicy(attempts=3, base=0.01, budget=BudgetPolicy(ratio=10.0)))
    proxy.toxic("latency", latency=2_000)
    with client_of(d) as client, Stopwatch("latency 2 s, caller's deadline 300 ms") as watch:
        with seawall.deadline(0.3), pytest.raises((httpx.ReadTimeout, httpx.ConnectTimeout)) as caught:
            client.get(f"{proxy.url}/ok")
        watch.more = f"{attempts_of(caught.value).attempts} attempts, {attempts_of(caught.value).stop}"
    assert watch.took < 0.6


def test_a_reset_is_tried_again_and_recovers(rig):
    proxy, d = rig.proxy(), define(timeout=1.0)
    proxy.toxic("reset_peer", timeout=0)
    healed = []

    def heal(event):
        if event.kind == "retry" and event.attempt == 2:
            proxy.heal("reset_peer")
            healed.append(event)

    d.on_event(heal)
    with client_of(d) as client, Stopwatch("reset_peer, healed before attempt 3") as watch:
        assert client.get(f"{proxy.url}/ok").status_code == 200
        watch.more = f"recovered at attempt {d.snapshot().counts.retries + 1}"
    assert len(healed) == 1


def test_an_answer_that_never_comes_is_abandoned(rig):
    proxy, d = rig.proxy(), define(timeout=0.1)
    proxy.toxic("timeout", timeout=0)

    async def ask():
        async with httpx.AsyncClient(transport=AsyncTransport(d), trust_env=False) as client:
            await client.get(f"{proxy.url}/ok")

    with Stopwatch("timeout (no byte), 100 ms x 3, asyncio") as watch:
        with pytest.raises(httpx.ReadTimeout):
            asyncio.run(ask())
        watch.more = f"{d.snapshot().counts.timeouts} timeouts"
    assert 0.3 <= watch.took < 1.5 and d.snapshot().bulkhead.in_use == 0


def test_a_trickle_of_bytes_ends_with_the_attempt(rig):
    proxy, d = rig.proxy(), define(timeout=0.3, retry=None)
    proxy.toxic("bandwidth", rate=10)
    session = requests.Session()
    session.trust_env = False
    session.mount(proxy.url, Adapter(d))
    with session, Stopwatch("bandwidth 10 KB/s, 100 KB, requests") as watch:
        with pytest.raises(requests.exceptions.RequestException) as caught:
            session.get(f"{proxy.url}/bytes/100000")
        watch.more = f"{type(caught.value).__name__}, {attempts_of(caught.value).attempts} attempt"
    assert watch.took < 2 and d.snapshot().counts.failures == 1

    async def read():
        async with httpx.AsyncClient(trust_env=False) as client:
            await client.get(f"{proxy.url}/bytes/100000")

    with Stopwatch("bandwidth 10 KB/s, 100 KB, acall") as watch:
        with pytest.raises(seawall.AttemptTimeout):
            asyncio.run(d.acall(read))
        watch.more = "AttemptTimeout"
    assert watch.took < 1


def test_a_server_that_is_down_opens_the_circuit_and_a_probe_finds_it_well_again(rig):
    proxy = rig.proxy()
    breaker = BreakerPolicy(consecutive_failures=3, open_for=0.2, open_jitter=0)
    d = define(retry=RetryPolicy(attempts=2, base=0.001, budget=BudgetPolicy(ratio=10.0)), breaker=breaker)
    changes = []
    d.on_event(lambda event: event.kind == "state_change" and changes.append(event.to_state))
    proxy.enable(False)
    with client_of(d) as client:
        with Stopwatch("down: 3 calls x 2 attempts open the circuit") as watch:
            for _ in range(3):
                with pytest.raises(httpx.ConnectError) as caught:
                    client.post(f"{proxy.url}/ok", content=b"x")
            watch.more = f"refused connections are tried again, POST too: {attempts_of(caught.value).attempts} attempts"
        with Stopwatch("open: 1,000 calls refused") as watch:
            for _ in range(1_000):
                with pytest.raises(seawall.BreakerOpen):
                    client.get(f"{proxy.url}/ok")
            watch.more = "no connection was tried"
        assert d.snapshot().breaker.refused == 1_000
        proxy.enable(True)
        begun = time.monotonic()
        with Stopwatch("up again: until the first answer") as watch:
            while True:
                try:
                    assert client.get(f"{proxy.url}/ok").status_code == 200
                    break
                except seawall.BreakerOpen as refused:
                    assert time.monotonic() - begun < 5
                    time.sleep(refused.retry_after or 0.01)
            watch.more = " -> ".join(["closed", *changes])
    assert changes == ["open", "half_open", "closed"]


def test_statuses_and_waits_of_a_real_server(rig):
    rig.forget()
    d = define(timeout=2.0)
    with client_of(d) as client:
        assert client.get(f"{rig.direct}/flaky/2?id=python").status_code == 200
        assert client.get(f"{rig.direct}/status/404").status_code == 404
        assert client.post(f"{rig.direct}/flaky/1?id=post", content=b"x").status_code == 503
        echoed = client.put(f"{rig.direct}/echo", content=b"body")
        assert echoed.content == b"body"
        headers = client.get(f"{rig.direct}/headers").json()
        assert 0 < int(str(headers["x-request-timeout-ms"]).strip("[]'\"")) <= 2_000
        with Stopwatch("429 with Retry-After: 1, then again") as watch:
            with seawall.deadline(1.5):
                response = client.get(f"{rig.direct}/retry-after/1")
            watch.more = f"status {response.status_code}, {d.snapshot().counts.retries} retries in all"
    assert response.status_code == 429 and 1.0 <= watch.took < 2.5
    assert rig.counts()["/retry-after/1"] == 2


def test_the_figures(rig, capsys):
    if not FIGURES:
        pytest.skip("only this one was chosen")
    with capsys.disabled():
        print("\nend to end, Python:")
        for figure in FIGURES:
            print(f"  {figure}")
