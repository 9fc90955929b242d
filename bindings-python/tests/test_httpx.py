"""httpx behind a dependency."""

import asyncio
import pickle
import socket

import httpx
import pytest

import seawall
import seawall.httpx as adapter
from seawall import BreakerPolicy, BulkheadPolicy, Policy, RetryPolicy, attempts_of
from seawall.testing import inject, no_waiting
from server import Server
from walls import PLENTY, events_of, fake_wall, in_use

THREE = RetryPolicy(attempts=3, base=0.1, budget=PLENTY)


@pytest.fixture
def server():
    running = Server()
    yield running
    running.close()


def policy(**settings):
    return Policy(**{"timeout": 5.0, "retry": THREE, "breaker": "off", "bulkhead": BulkheadPolicy(max_concurrent=2)} | settings)


@pytest.fixture(params=["sync", "async"])
async def send(request, server):
    """A function that sends a request through a dependency with this policy; `send.d` is the last one."""
    opened = []

    async def send(method, path="/", *, settings=None, url=None, **options):
        if settings is not None or send.d is None:
            send.d = fake_wall().define("d", policy(**(settings or {})))
            no_waiting(send.d)
            is_sync = request.param == "sync"
            client = httpx.Client(transport=adapter.Transport(send.d)) if is_sync else httpx.AsyncClient(transport=adapter.AsyncTransport(send.d))
            opened.append(client)
        client = opened[-1]
        made = client.request(method, (url or server.url) + path, **options)
        return made if request.param == "sync" else await made

    send.d, send.is_sync = None, request.param == "sync"
    yield send
    for client in opened:
        if request.param == "sync":
            client.close()
        else:
            await client.aclose()
    if send.d is not None:
        assert in_use(send.d) == 0


async def test_a_good_answer_is_one_attempt(server, send):
    response = await send("GET", "/x")
    assert (response.status_code, response.text) == (200, "ok")
    _, path, headers, _ = server.seen[0]
    assert path == "/x" and 0 < int(headers["x-request-timeout-ms"]) <= 5000
    assert "grpc-timeout" not in headers and "idempotency-key" not in headers
    assert send.d.snapshot().counts.successes == 1


async def test_a_5xx_is_tried_again_over_the_same_connection(server, send):
    server.plan(503)
    server.plan(500, body=b"x" * 5_000)
    response = await send("GET")
    assert response.text == "ok" and len(server.seen) == 3
    assert len(server.connections) == 1, "the bodies were drained"
    assert send.d.snapshot().counts.retries == 2


async def test_the_last_answer_is_returned_and_is_a_failure(server, send):
    await send("GET", "/fine")
    seen = events_of(send.d)
    for _ in range(3):
        server.plan(503, {"X": "y"}, b"down")
    response = await send("GET")
    assert (response.status_code, response.text, response.headers["x"]) == (503, "down", "y")
    assert send.d.snapshot().counts.failures == 1
    assert [(event.kind, str(event.error)) for event in seen] == [("retry", "HTTP 503")] * 2


async def test_an_answer_that_was_drained_is_still_the_last_one(server, send):
    await send("GET", "/fine", settings={"breaker": None})
    send.d.on_event(lambda event: event.kind == "retry" and send.d.force_open())
    server.plan(503, {"X": "y"}, b"down")
    response = await send("GET")
    assert (response.status_code, response.text, response.headers["x"]) == (503, "down", "y")
    send.d.reset()
    server.plan(500, {"X": "y"}, b"too long to keep" * 10_000)
    response = await send("GET")
    assert (response.status_code, response.text, response.headers["x"]) == (500, "", "y")
    assert send.d.snapshot().counts.stopped_by_breaker == 2


async def test_statuses_are_judged_as_in_every_language(server, send):
    for status, requests in ((404, 1), (400, 1), (501, 1), (408, 2), (429, 2), (502, 2), (301, 1)):
        server.seen.clear()
        server.plan(status)
        response = await send("GET")
        assert len(server.seen) == requests
        assert response.status_code == (status if requests == 1 else 200)
    counts = send.d.snapshot().counts
    assert (counts.successes, counts.failures) == (6, 1)


async def test_retry_after_is_honoured_in_both_forms(server, send):
    from email.utils import formatdate
    from time import time

    await send("GET")
    for value, wait in (("7", (7, 7)), (formatdate(time() + 30, usegmt=True), (28, 31)), ("soon", (0, 0.2))):
        start = send.d._clock.now
        server.plan(429, {"Retry-After": value})
        assert (await send("GET")).status_code == 200
        assert wait[0] <= send.d._clock.now - start <= wait[1]


async def test_what_may_do_it_twice_is_sent_once(server, send):
    server.plan(503)
    assert (await send("POST", content=b"pay")).status_code == 503
    assert len(server.seen) == 1
    server.plan(503)
    assert (await send("PUT", content=b"pay")).status_code == 200
    assert [body for _, _, _, body in server.seen] == [b"pay"] * 3
    server.plan(503)
    assert (await send("GET", settings={"idempotent": False})).status_code == 503
    server.plan(503)
    assert (await send("POST", content=b"x", extensions={"seawall": {"idempotent": True}})).status_code == 200


async def test_with_a_key_it_may_be_sent_twice_and_the_key_is_the_same(server, send):
    server.plan(503)
    assert (await send("POST", content=b"pay", settings={"idempotency_key": True})).status_code == 200
    keys = [headers["idempotency-key"] for _, _, headers, _ in server.seen]
    assert keys[0] == keys[1] and len(keys[0]) == 36
    await send("POST", content=b"pay")
    assert server.seen[-1][2]["idempotency-key"] != keys[0]
    await send("POST", content=b"pay", headers={"Idempotency-Key": "mine"})
    assert server.seen[-1][2]["idempotency-key"] == "mine"


async def test_a_stream_is_never_sent_twice(server, send):
    def parts():
        yield b"a"
        yield b"b"

    async def parts_async():
        yield b"a"
        yield b"b"

    server.plan(503)
    response = await send("PUT", content=parts() if send.is_sync else parts_async())
    assert response.status_code == 503
    assert [body for _, _, _, body in server.seen] == [b"ab"]


async def test_a_broken_connection_is_tried_again_and_a_refused_one_even_for_a_post(server, send):
    server.plan(None)
    assert (await send("GET")).status_code == 200
    server.plan(None)
    with pytest.raises(httpx.RemoteProtocolError) as caught:
        await send("POST", content=b"x")
    assert attempts_of(caught.value).stop == "not_retryable"
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}"
        with pytest.raises(httpx.ConnectError) as caught:
            await send("POST", content=b"x", url=url)
    assert attempts_of(caught.value) == ("d", 3, "attempts_used")


async def test_refusals_are_errors_of_httpx_too(server, send):
    await send("GET", settings={"breaker": BreakerPolicy(open_jitter=0)})
    send.d.force_open()
    with pytest.raises(httpx.TransportError) as caught:
        await send("GET")
    refused = caught.value
    assert isinstance(refused, seawall.BreakerOpen) and isinstance(refused, adapter.BreakerOpen)
    assert refused.request.method == "GET" and refused.name == "d"
    again = pickle.loads(pickle.dumps(refused))
    assert (type(again), again.reason) == (adapter.BreakerOpen, "breaker_forced_open")
    send.d.reset()
    with pytest.raises(httpx.TimeoutException) as caught:
        await send("GET", extensions={"seawall": {"deadline": 0}})
    assert isinstance(caught.value, seawall.DeadlineExceeded) and "deadline" in str(caught.value)
    with seawall.deadline(0), pytest.raises(seawall.DeadlineExceeded):
        await send("GET")
    assert len(server.seen) == 1


async def test_a_deadline_travels(server, send):
    with seawall.deadline(2.0):
        await send("GET", headers={"Content-Type": "application/grpc"})
    headers = server.seen[0][2]
    assert 0 < int(headers["x-request-timeout-ms"]) <= 2000 and headers["grpc-timeout"][-1] == "u"


async def test_faults_of_tests_strike(server, send):
    await send("GET")
    with inject(send.d, error=httpx.ReadError("injected"), times=2):
        assert (await send("GET")).status_code == 200
    assert len(server.seen) == 2 and send.d.snapshot().counts.retries == 2


async def test_an_attempt_ends_in_its_time():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        d = seawall.Seawall().define("d", Policy(0.05, connect_timeout=0.02))
        seen = events_of(d)
        with httpx.Client(transport=adapter.Transport(d)) as client, pytest.raises(httpx.ReadTimeout):
            client.get(url)
        async with httpx.AsyncClient(transport=adapter.AsyncTransport(d), timeout=None) as client:
            with pytest.raises(httpx.ReadTimeout):
                await client.get(url)
        counts = d.snapshot().counts
        assert (counts.timeouts, counts.failures, seen) == (2, 2, [])


async def test_a_cancelled_request_leaves_nothing_behind():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        d = seawall.Seawall().define("d", Policy(30.0, bulkhead=BulkheadPolicy(max_concurrent=1)))
        async with httpx.AsyncClient(transport=adapter.AsyncTransport(d), trust_env=False) as client:
            for turns in (0, 1, 2, 5, 10, 50):
                task = asyncio.ensure_future(client.get(url))
                for _ in range(turns):
                    await asyncio.sleep(0)
                task.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await task
                assert in_use(d) == 0
        counts = d.snapshot().counts
        assert (counts.failures, counts.refused, len(asyncio.all_tasks())) == (0, 0, 1)
        assert counts.cancelled == counts.calls > 0


def test_errors_of_httpx_are_understood_without_an_adapter():
    d = fake_wall().define("d", policy())
    left = [httpx.ConnectTimeout("1"), httpx.ReadError("2")]
    with no_waiting(d):

        def fn():
            if left:
                raise left.pop()
            return "ok"

        assert d.call(fn) == "ok"
        for status, requests in ((404, 1), (503, 3)):
            calls = []

            def get(status=status, calls=calls):
                calls.append(1)
                httpx.Response(status, request=httpx.Request("GET", "http://x")).raise_for_status()

            with pytest.raises(httpx.HTTPStatusError):
                d.call(get)
            assert len(calls) == requests
    with pytest.raises(seawall.ConfigError):
        adapter.Transport("payments")
