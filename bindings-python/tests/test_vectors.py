"""The stories that every language tells alike, told through the public classes."""

import json
from fractions import Fraction
from pathlib import Path

import pytest

import seawall
from seawall import settings
from seawall.testing import ManualClock
from vectors_http import tell_http
from vectors_policy import tell_policy

FOLDER = Path(__file__).resolve().parents[2] / "tests" / "vectors"
# owners.json is for languages in which the caller says who asks.
CONCEPTS = [
    *("backoff", "breaker", "bulkhead", "deadline", "histogram", "http", "limiter", "policy", "retry_budget"),
]
FILES = {concept: json.loads((FOLDER / f"{concept}.json").read_text())["cases"] for concept in CONCEPTS}
CASES = [pytest.param(concept, case, id=f"{concept}: {case['name']}") for concept in CONCEPTS for case in FILES[concept]]
PASSED: dict[str, int] = {}

# C's names of settings where they are not ours without the unit.
NAMES = {"failure_permille": "failure_rate", "slow_permille": "slow_rate"}
RENAMED = {"permits": "rate", "period": "per", "max_concurrent_retries": "max_concurrent_retries_ratio"}


def translate(config):
    """Settings of a case as a user of Python writes them, exact to the nanosecond."""
    for key, value in config.items():
        if key.endswith("_ns"):
            key, value = key[:-3], Fraction(value, settings.SECOND)
        elif key.endswith("_permille"):
            key, value = NAMES.get(key, key[:-9]), value / 1_000
        yield RENAMED.get(key, key), value


def ns(seconds):
    return round((seconds or 0) * settings.SECOND)


class Story:
    """One case: the object, and what its steps have put aside."""

    def __init__(self, concept, config):
        self.clock = ManualClock(Fraction(config.pop("now_ns", 1), settings.SECOND))
        self.held = []  # what was never given a name, or lost it, is held all the same
        self.kept, self.transition, self.refused, self.extra = {}, None, None, {}
        settings_of = dict(translate(config)) | {"clock": self.clock}
        if concept == "breaker":
            settings_of.setdefault("seed", 0)
            settings_of.setdefault("probe_lease", 30)
            settings_of["on_transition"] = lambda _, before, after: setattr(self, "transition", f"{before}->{after}")
            self.it = seawall.Breaker(**settings_of)
        elif concept == "bulkhead":
            settings_of.setdefault("capacity", settings_of.get("max_concurrent", 20))
            settings_of.setdefault("max_waiting", 0)
            self.it = seawall.Bulkhead(**settings_of)
        elif concept == "limiter":
            self.it = seawall.Limiter(settings_of.pop("rate", 100), **{"burst": 100} | settings_of)
        elif concept == "retry_budget":
            self.it = seawall.RetryBudget(**settings_of)
        elif concept == "backoff":
            settings_of.pop("clock")
            self.it = seawall.Backoff(**settings_of)
        elif concept == "deadline":
            self.it = seawall.Deadline.never(clock=self.clock)
        else:
            self.it = seawall.Histogram()

    def keep(self, step, thing):
        self.held.append(thing)
        self.kept[step.get("as")] = thing
        return thing

    def breaker(self, do, step):
        retry_after = Fraction(step.get("retry_after_ns", 0), settings.SECOND)
        if do in ("acquire", "call"):
            permit = self.keep(step, self.it.try_acquire())
        if do == "record":
            permit = self.kept[step["permit"]]
        if do in ("record", "call"):
            return "ok" if permit.record(step["outcome"], retry_after=retry_after) or do == "call" else "late"
        if do == "cancel":
            return "ok" if self.kept[step["permit"]].cancel() else "late"
        if do in ("force_open", "disable", "reset"):
            getattr(self.it, do)()

    def bulkhead(self, do, step):
        if do == "acquire":
            self.keep(step, self.it.try_acquire(critical=step.get("critical", False)))
        elif do == "release":
            return "ok" if self.kept[step["permit"]].release() else "stale"
        elif do == "resize":
            self.it.resize(step["max_concurrent"], reserved=step.get("reserved", 0))
        elif do == "begin_wait":
            status = self.it._begin_wait()
            if status:
                raise seawall.errors.refusal(status, None, 0)
        elif do == "end_wait":
            self.it._end_wait()

    def limiter(self, do, step):
        if do == "acquire":
            self.it.try_acquire(step["n"])
        elif do == "reserve":
            wait = Fraction(step["max_wait_ns"], settings.SECOND)
            self.extra["wait_ns"] = self.keep(step, self.it.reserve(step["n"], max_wait=wait)).wait_ns
        elif do == "cancel":
            self.kept[step["reservation"]].cancel()
        elif do == "adjust":
            self.it.adjust(step["n"])
        elif do == "set_rate":
            per = Fraction(step["period_ns"], settings.SECOND)
            self.it.reconfigure(step["permits"], per=per, burst=step["burst"])

    def retry_budget(self, do, step):
        withdrawal = self.kept[step["withdrawal"]] if "withdrawal" in step else None
        if do == "withdraw":
            self.keep(step, self.it.try_withdraw(step.get("class", "failure")))
        elif do == "record":
            self.it.record(step["outcome"], withdrawal)
        elif do == "cancel":
            self.it.cancel(withdrawal)
        elif do != "look":
            getattr(self.it, do)()

    def backoff(self, do, step):
        previous, retry_after = (Fraction(step.get(key, 0), settings.SECOND) for key in ("previous_ns", "retry_after_ns"))
        delay = self.it.delay(step["attempt"], previous=previous, retry_after=retry_after, random=int(step["random"]))
        self.extra["delay_ns"] = ns(delay)

    def deadline(self, do, step):
        if do == "after":
            self.it = seawall.Deadline.after(Fraction(step["duration_ns"], settings.SECOND), clock=self.clock)
        elif do == "nearer":
            other = seawall.Deadline._made(step["at_other_ns"], False, self.clock)
            self.it = self.it.nearer(other)
        elif do == "keep":
            self.it = self.it.keep(Fraction(step["reserve_permille"], 1_000))
        elif do == "attempt_timeout":
            timeout = Fraction(step["timeout_ns"], settings.SECOND)
            self.extra["attempt_ns"] = ns(self.it.attempt_timeout(timeout))
        self.extra |= {"remaining_ns": self.it._remaining(), "expired": self.it.is_expired}

    def histogram(self, do, step):
        if do == "record":
            self.it.record(Fraction(step["value_ns"], settings.SECOND))
        elif do == "quantile":
            self.extra["value_ns"] = ns(self.it.quantile(Fraction(step["ppm"], 1_000_000)))
        self.extra["total"] = self.it.total

    def seen(self, step):
        """Everything a step may check, by the vectors' names."""
        seen = dict(self.extra) | {"transition": self.transition}
        if hasattr(self.it, "snapshot"):
            looked = self.it.snapshot()._asdict()
            seen |= looked | {f"{key}_ns": ns(value) for key, value in looked.items() if isinstance(value, float)}
            seen["retry_after_ns"] = ns(looked.get("retry_after"))
            seen["counters"] = looked
            seen["tokens_milli"] = round(looked.get("tokens", 0) * 1_000)
        if "window" in seen:
            seen["window"] = seen["window"]._asdict()
        if self.refused is not None:
            seen["retry_after_ns"] = ns(self.refused.retry_after)
        return seen


WHOLE = {"http": tell_http, "policy": tell_policy}
ERRORS = {seawall.PermitSpent: "spent", seawall.ConfigError: "config", seawall.ExceedsCapacity: "exceeds_capacity"}
ARGUMENTS = {
    "breaker": {"as", "outcome", "permit"},
    "bulkhead": {"as", "critical", "max_concurrent", "permit", "reserved"},
    "limiter": {"as", "burst", "max_wait_ns", "n", "period_ns", "permits", "reservation"},
    "retry_budget": {"as", "class", "outcome", "withdrawal"},
    "backoff": {"attempt", "previous_ns", "random", "retry_after_ns"},
    "deadline": {"at_other_ns", "duration_ns", "reserve_permille", "timeout_ns"},
    "histogram": {"ppm"},
}


@pytest.mark.parametrize(("concept", "case"), CASES)
def test_vector(concept, case):
    if concept in WHOLE:
        WHOLE[concept](case)
    elif "error" in case:
        with pytest.raises(seawall.ConfigError) as caught:
            Story(concept, dict(case["config"]))
        assert caught.value.field == case["error"]["field"]
    else:
        tell(Story(concept, dict(case.get("config", {}))), concept, case)
    PASSED[concept] = PASSED.get(concept, 0) + 1


def tell(story, concept, case):
    for number, step in enumerate(case["steps"]):
        story.clock.set(Fraction(step["at_ns"], settings.SECOND))
        do = step["do"]
        for _ in range(step.get("repeat", 1)):
            story.transition, story.refused, answer = None, None, "ok"
            try:
                answer = getattr(story, concept)(do, step) or "ok"
            except seawall.Refused as refused:
                story.refused, answer = refused, refused.reason
            except tuple(ERRORS) as error:
                answer = ERRORS[type(error)]
            assert answer == step.get("expect", "ok"), f"step {number}: {step}"
        skip = {"at_ns", "do", "repeat", "expect"} | ARGUMENTS[concept]
        if concept == "breaker" and do != "look" and story.refused is None:
            skip.add("retry_after_ns")
        if do == "record" and concept == "histogram":
            skip.add("value_ns")
        seen = None
        for key in step.keys() - skip:
            seen = seen or story.seen(step)
            wanted, found = step[key], seen[key]
            if isinstance(wanted, dict):
                found = {name: found[name] for name in wanted}
            assert found == wanted, f"step {number}, {key}: {step}"


def test_every_case_of_every_file_passed(request, capsys):
    chosen = [item for item in request.session.items if item.name.startswith("test_vector[")]
    if len(chosen) != len(CASES):
        pytest.skip("only some of the vectors were chosen")
    with capsys.disabled():
        print(f"\nvectors passed: {sum(PASSED.values())}")
    assert PASSED == {concept: len(FILES[concept]) for concept in CONCEPTS}
    assert len(CASES) >= 567
