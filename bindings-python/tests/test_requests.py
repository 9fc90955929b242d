"""requests behind a dependency."""

import io
import pickle
import socket

import pytest
import requests

import seawall
import seawall.requests as adapter
from seawall import BulkheadPolicy, Policy, RetryPolicy, attempts_of
from seawall.testing import no_waiting
from server import Server
from walls import PLENTY, fake_wall, in_use

THREE = RetryPolicy(attempts=3, base=0.1, budget=PLENTY)


@pytest.fixture
def server():
    running = Server()
    yield running
    running.close()


@pytest.fixture
def session():
    made = requests.Session()
    made.trust_env = False
    yield made
    made.close()


@pytest.fixture
def mount(session, server):
    def mount(url=None, **settings):
        settings = {"timeout": 5.0, "retry": THREE, "breaker": "off", "bulkhead": BulkheadPolicy(max_concurrent=2)} | settings
        mount.d = fake_wall().define("d", Policy(**settings))
        no_waiting(mount.d)
        session.mount(url or server.url, adapter.Adapter(mount.d))
        return mount.d

    yield mount
    assert in_use(mount.d) == 0


def test_a_good_answer_is_one_attempt(server, session, mount):
    d = mount()
    response = session.get(f"{server.url}/x")
    assert (response.status_code, response.text, response.request.url) == (200, "ok", f"{server.url}/x")
    assert 0 < int(server.seen[0][2]["x-request-timeout-ms"]) <= 5000
    assert d.snapshot().counts.successes == 1


def test_a_5xx_is_tried_again_over_the_same_connection_and_the_last_one_is_returned(server, session, mount):
    d = mount()
    server.plan(503)
    server.plan(500, body=b"x" * 5_000)
    assert session.get(server.url).text == "ok"
    assert len(server.seen) == 3 and len(server.connections) == 1
    for stream in (False, True):
        for _ in range(3):
            server.plan(503, {"X": "y"}, b"down")
        response = session.get(server.url, stream=stream)
        assert (response.status_code, response.text, response.headers["x"]) == (503, "down", "y")
        response.close()
    server.plan(503, body=b"big" * 100_000)
    assert session.get(server.url, stream=True).text == "ok"
    assert d.snapshot().counts.failures == 2


def test_methods_keys_and_bodies(server, session, mount):
    mount()
    server.plan(503)
    assert session.post(server.url, data=b"pay").status_code == 503
    server.plan(503)
    assert session.put(server.url, data=io.BytesIO(b"file")).status_code == 200
    assert [body for _, _, _, body in server.seen] == [b"pay", b"file", b"file"]
    server.plan(503)
    assert session.put(server.url, data=iter([b"a", b"b"])).status_code == 503
    assert server.seen[-1][3] == b"ab"
    server.plan(404)
    assert session.get(server.url).status_code == 404
    mount(idempotency_key=True)
    server.plan(503)
    assert session.post(server.url, data="pay").status_code == 200
    keys = [headers["idempotency-key"] for _, _, headers, _ in server.seen[-2:]]
    assert keys[0] == keys[1]


def test_retry_after_is_waited_for(server, session, mount):
    d = mount()
    start = d._clock.now
    server.plan(429, {"Retry-After": "7"})
    assert session.get(server.url).status_code == 200
    assert d._clock.now - start == 7


def test_broken_and_refused_connections(server, session, mount):
    mount()
    server.plan(None)
    assert session.get(server.url).status_code == 200
    server.plan(None)
    with pytest.raises(requests.exceptions.ConnectionError) as caught:
        session.post(server.url, data=b"x")
    assert attempts_of(caught.value).stop == "not_retryable"
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}"
        mount(url)
        with pytest.raises(requests.exceptions.ConnectionError) as caught:
            session.post(url, data=b"x")
    assert attempts_of(caught.value) == ("d", 3, "attempts_used")


def test_an_attempt_ends_in_its_time(session):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        d = seawall.Seawall().define("d", Policy(0.05))
        session.mount(url, adapter.Adapter(d))
        with pytest.raises(requests.exceptions.ReadTimeout):
            session.get(url, timeout=60)
        assert d.snapshot().counts.timeouts == 1


def test_refusals_are_errors_of_requests_too(server, session, mount):
    d = mount(breaker=None)
    d.force_open()
    with pytest.raises(requests.exceptions.RequestException) as caught:
        session.get(server.url)
    refused = caught.value
    assert isinstance(refused, seawall.BreakerOpen) and "opened by hand" in str(refused)
    again = pickle.loads(pickle.dumps(refused))
    assert (type(again), again.reason, again.name) == (adapter.BreakerOpen, "breaker_forced_open", "d")
    d.reset()
    with seawall.deadline(0), pytest.raises(requests.exceptions.Timeout) as caught:
        session.get(server.url)
    assert isinstance(caught.value, seawall.DeadlineExceeded)
    assert pickle.loads(pickle.dumps(caught.value)).reason == "deadline_exceeded"
    assert server.seen == []


def test_settings_that_belong_to_the_policy_are_refused(mount):
    d = mount()
    with pytest.raises(seawall.ConfigError):
        adapter.Adapter(d, max_retries=3)
    with pytest.raises(seawall.ConfigError):
        adapter.Adapter("payments")


def test_errors_of_requests_are_understood_without_an_adapter(mount):
    d = mount()
    left = [requests.exceptions.ConnectTimeout("1"), requests.exceptions.ChunkedEncodingError("2")]

    def fn():
        if left:
            raise left.pop()
        return "ok"

    assert d.call(fn) == "ok"
    with pytest.raises(requests.exceptions.InvalidURL) as caught:
        d.call(lambda: requests.get("http://"))
    assert attempts_of(caught.value).attempts == 1
