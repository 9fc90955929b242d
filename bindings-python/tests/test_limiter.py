"""What a user of the limiter sees."""

import asyncio
import threading
from datetime import timedelta

import pytest

import seawall
from seawall import Limiter, RateLimited
from seawall.testing import ManualClock


def test_the_burst_then_the_rate():
    clock = ManualClock()
    limiter = Limiter(10, burst=2, name="search", clock=clock)
    limiter.try_acquire()
    limiter.try_acquire()
    with pytest.raises(RateLimited) as caught:
        limiter.try_acquire()
    assert (caught.value.retry_after, caught.value.name, caught.value.reason) == (0.1, "search", "rate_limited")
    clock.advance(0.1)
    limiter.try_acquire()
    seen = limiter.snapshot()
    assert (seen.limit, seen.remaining, seen.reset, seen.retry_after) == (2, 0, 0.2, 0.1)
    assert (seen.allowed, seen.refused) == (3, 1)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("100/s", (100, 1)),
        ("10/minute", (10, 60)),
        (" 5 / 250ms", (5, 0.25)),
        ("1/hour", (1, 3600)),
        ("7/2 days", (7, 172_800)),
        ("3/10s", (3, 10)),
    ],
)
def test_rates_as_text(written, meant):
    plain = Limiter(meant[0], per=meant[1])
    assert Limiter(written)._settings() == plain._settings() == Limiter(meant[0], per=timedelta(seconds=meant[1]))._settings()


@pytest.mark.parametrize("written", ["", "100", "/s", "100/", "100/fortnight", "1.5/s", "-1/s", "100/s/s", "1e3/s", "٣/s", "1/1.5s", "9" * 99 + "/s"])
def test_texts_that_are_no_rate(written):
    with pytest.raises(seawall.ConfigError, match="rate: "):
        Limiter(written)


def test_a_rate_as_text_has_its_own_period():
    with pytest.raises(seawall.ConfigError, match="per: "):
        Limiter("100/s", per=1)


def test_more_than_the_burst_is_an_error_and_not_a_wait():
    limiter = Limiter(10, burst=5)
    for ask in (limiter.try_acquire, limiter.reserve, limiter.acquire_sync, lambda n: asyncio.run(limiter.acquire(n))):
        with pytest.raises(seawall.ExceedsCapacity, match="n: 6 is outside 0..=5, the burst") as caught:
            ask(6)
        assert (caught.value.n, caught.value.burst) == (6, 5)


@pytest.mark.parametrize("odd", [-1, 1.5, float("nan"), "1", True])
def test_odd_numbers_of_tokens(odd):
    limiter = Limiter(10)
    with pytest.raises(seawall.ArgumentError, match="n: "):
        limiter.reserve(odd)
    with pytest.raises(seawall.ArgumentError, match="n: "):
        limiter.try_acquire(odd)
    with pytest.raises(seawall.ArgumentError, match="max_wait: "):
        limiter.reserve(1, max_wait=-1)
    assert limiter.snapshot().remaining == 10


def test_none_are_always_there():
    limiter = Limiter(1)
    limiter.try_acquire()
    limiter.try_acquire(0)
    assert limiter.reserve(0).wait == 0


def test_reservations_wait_their_turn_and_can_be_given_back():
    clock = ManualClock()
    limiter = Limiter(1, clock=clock)
    limiter.try_acquire()
    first, second = limiter.reserve(), limiter.reserve()
    assert (first.wait, second.wait, second.tokens) == (1.0, 2.0, 1)
    with pytest.raises(RateLimited) as caught:
        limiter.reserve(max_wait=2)
    assert caught.value.retry_after == 3.0
    second.cancel()
    assert limiter.reserve(max_wait=2).wait == 2.0
    with pytest.raises(seawall.PermitSpent):
        second.cancel()


async def test_tasks_wait_for_their_turn():
    clock = ManualClock()
    limiter = Limiter(1, burst=2, clock=clock)
    done = []

    async def one(number):
        await limiter.acquire()
        done.append(number)

    tasks = [asyncio.create_task(one(number)) for number in range(4)]
    await asyncio.sleep(0)
    assert done == [0, 1]
    for seconds in (1, 2):
        clock.advance(1)
        await asyncio.sleep(0.001)
        assert len(done) == 2 + seconds
    await asyncio.gather(*tasks)
    assert done == [0, 1, 2, 3]


async def test_a_wait_that_would_be_too_long_is_refused_at_once():
    limiter = Limiter(1, clock=ManualClock())
    await limiter.acquire()
    with pytest.raises(RateLimited) as caught:
        await limiter.acquire(max_wait=0.5)
    assert caught.value.retry_after == 1.0


async def test_whoever_is_cancelled_gives_the_tokens_back():
    for clock in (ManualClock(), None):
        limiter = Limiter(1, per=3600, burst=1, clock=clock)
        await limiter.acquire()
        task = asyncio.create_task(limiter.acquire())
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert 3599 < limiter.snapshot().retry_after <= 3600
        assert clock is None or clock.waiting == 0


async def test_a_real_wait():
    limiter = Limiter("100/s", burst=1)
    loop = asyncio.get_running_loop()
    began = loop.time()
    for _ in range(4):
        await limiter.acquire()
    assert loop.time() - began >= 0.0295


def test_threads_wait_for_their_turn():
    clock = ManualClock()
    limiter = Limiter(1, clock=clock)
    limiter.acquire_sync()
    thread = threading.Thread(target=limiter.acquire_sync)
    thread.start()
    while clock.waiting == 0:
        pass
    clock.advance(1)
    thread.join(10)
    assert not thread.is_alive()
    real = Limiter("1000/s", burst=1)
    for _ in range(3):
        real.acquire_sync()
    with pytest.raises(RateLimited):
        limiter.acquire_sync(max_wait=0)
    with pytest.raises(seawall.ExceedsCapacity):
        limiter.try_acquire(1 << 64)


def test_an_interrupted_wait_gives_the_tokens_back(monkeypatch):
    limiter = Limiter("1/h")
    limiter.try_acquire()

    def interrupt(_):
        raise KeyboardInterrupt

    monkeypatch.setattr("time.sleep", interrupt)
    with pytest.raises(KeyboardInterrupt):
        limiter.acquire_sync()
    assert limiter.snapshot().retry_after <= 3600


def test_the_cost_is_corrected_afterwards():
    limiter = Limiter(10, clock=ManualClock())
    limiter.try_acquire(4)
    limiter.adjust(8)
    assert (limiter.snapshot().remaining, limiter.snapshot().retry_after) == (0, 0.3)
    limiter.adjust(-7)
    assert limiter.snapshot().remaining == 5
    limiter.adjust(-(10**6))
    assert limiter.snapshot().remaining == 10
    for odd in (1.5, 1 << 63, True, None):
        with pytest.raises(seawall.ArgumentError):
            limiter.adjust(odd)


def test_http_fields():
    clock = ManualClock()
    limiter = Limiter("2/minute", clock=clock)
    assert limiter.headers() == {"RateLimit-Limit": "2", "RateLimit-Remaining": "2", "RateLimit-Reset": "0"}
    limiter.try_acquire(2)
    clock.advance(0.5)
    assert limiter.headers() == {
        "RateLimit-Limit": "2",
        "RateLimit-Remaining": "0",
        "RateLimit-Reset": "60",
        "Retry-After": "30",
    }


def test_a_new_rate_keeps_what_is_missing():
    limiter = Limiter(10, clock=ManualClock())
    limiter.try_acquire(6)
    limiter.reconfigure(20)
    assert (limiter.snapshot().limit, limiter.snapshot().remaining) == (20, 14)
    limiter.reconfigure("5/s", burst=8)
    assert (limiter.snapshot().limit, limiter.snapshot().remaining) == (8, 2)
    limiter.reconfigure(per=10)
    assert limiter.snapshot().reset == 12.0
    limiter.reconfigure(mode="off")
    limiter.try_acquire(1000)
    with pytest.raises(seawall.ConfigError, match="burst: 0 is outside"):
        limiter.reconfigure(burst=0)
    assert limiter.snapshot().limit == 8


def test_shadow_counts_and_never_refuses():
    limiter = Limiter(1, mode="shadow")
    for _ in range(3):
        limiter.try_acquire()
    assert limiter.snapshot().shadow_refused == 2


def test_threads_together_never_get_more_than_the_bucket_holds():
    limiter = Limiter(50_000, per=1, burst=1_000, clock=ManualClock())
    got = [0] * 8
    barrier = threading.Barrier(8)

    def take(number):
        barrier.wait()
        for _ in range(2_000):
            try:
                limiter.try_acquire()
                got[number] += 1
            except RateLimited:
                pass

    threads = [threading.Thread(target=take, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(got) == 1_000
    assert (limiter.snapshot().allowed, limiter.snapshot().refused) == (1_000, 15_000)
