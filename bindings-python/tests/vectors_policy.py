"""The stories of whole calls, told to the engine at their own times, with policies written in code."""

import json
import re

import pytest

import seawall
from seawall.testing import ManualClock

EVENTS = {"begin", "ended", "woke", "cancelled"}
ACTIONS = {"run": 1, "sleep": 2, "wait": 3, "finish": 4}
CAUSES = {"failure": 0, "throttled": 1, "timeout": 2}
ARGUMENTS = {
    *("at_ns", "do", "call", "deadline_ns", "critical", "idempotent", "costs", "outcome", "retryable", "not_sent"),
    *("cause", "retry_after_ns", "random", "as", "place", "limit", "tokens", "policy", "key", "expect"),
}


def inline(value):
    """A value of a case as TOML."""
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {inline(inner)}" for key, inner in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(map(inline, value)) + "]"
    return json.dumps(value)


def toml(policy):
    return "".join(f"{key} = {inline(value)}\n" for key, value in policy.items())


def names(key, error):
    """Whether the message names the key."""
    return re.search(rf"(^|[^\w.]){re.escape(key)}(?![\w.])", str(error)) is not None


class Story:
    def __init__(self, policy):
        self.wall = seawall.Seawall(clock=ManualClock(0), seed=7)
        self.wall._define("d", toml(policy), 1)
        self.it = self.wall.dependency("d")
        self.calls, self.places, self.changes = {}, {}, []

    def event(self, do, step, now):
        name = step["call"]
        call = self.calls.get(name)
        if do == "begin":
            if call is not None and call.is_under_way:
                return "argument"
            choice = {None: 0, True: 1, False: 2}
            costs = step.get("costs")
            if costs is not None:
                costs = (costs + [1, 1, 1, 1])[:4]
            deadline = step.get("deadline_ns", (1 << 64) - 1)
            critical, idempotent = choice[step.get("critical")], choice[step.get("idempotent")]
            try:
                self.calls[name] = self.it._begin(deadline, critical, idempotent, costs, now)
            except seawall.ExceedsCapacity:
                return "exceeds_capacity"
            return None
        if call is None:
            return "argument"
        try:
            if do == "woke":
                call.woke(now)
            elif do == "cancelled":
                return None if call.cancelled(now) else "argument"
            else:
                call.ended(
                    {"success": 0, "failure": 1, "ignored": 2}[step["outcome"]],
                    step.get("retryable", True),
                    step.get("not_sent", False),
                    CAUSES[step.get("cause", "failure")],
                    step.get("retry_after_ns", 0),
                    int(step.get("random", "1")),
                    now,
                )
        except ValueError:
            return "argument"
        return None

    def by_hand(self, do, step, now):
        if do in ("force_open", "disable", "reset"):
            getattr(self.it, do)()
        elif do == "keep":
            self.places[step["as"]] = self.calls[step["call"]].keep()
        elif do == "release":
            return None if self.places[step["place"]].release() else "stale"
        elif do == "adjust":
            assert self.it._adjust(step["limit"], step["tokens"], now)
        elif do == "reload":
            try:
                self.wall._redefine("d", toml(step["policy"]), now)
            except ValueError as error:
                assert names(step["key"], error.args[1]), error.args[1]
                return "config"
        return None

    def seen(self, now):
        look = self.it._look(now)
        seen = {}
        if "breaker" in look:
            seen["state"] = look["breaker"][0]
        if "bulkhead" in look:
            seen["in_use"], seen["waiting"] = look["bulkhead"][2:4]
        if "retry_budget" in look:
            seen["tokens_milli"], seen["retries_in_flight"] = look["retry_budget"][0], look["retry_budget"][3]
        seen["remaining"] = [limit[1] for limit in look["rate_limits"].values()]
        seen["counters"] = seawall.CallCounts(*look["counts"])._asdict()
        return seen


def check_action(call, step, where):
    wanted = next((word for word in ACTIONS if word in step), None)
    assert wanted is not None, where
    assert call.kind == ACTIONS[wanted], where
    action = step[wanted]
    found = {
        "run": lambda: {"attempt": call.attempt, "timeout_ns": call.span_ns},
        "sleep": lambda: {"span_ns": call.span_ns},
        "wait": lambda: {"span_ns": call.span_ns},
        "finish": lambda: {
            "end": call.end,
            "stop": call.stop,
            "attempts": call.attempt,
            "status": call.reason,
            "retry_after_ns": call.retry_after_ns,
            "may_fall_back": call.may_fall_back,
            "limiter": call.limiter,
        },
    }[wanted]()
    assert {key: found[key] for key in action} == action, where


def tell_policy(case):
    if "error" in case:
        with pytest.raises(seawall.PolicyError) as caught:
            seawall.Seawall().define("d", toml(case["policy"]))
        assert names(case["error"]["key"], caught.value), str(caught.value)
        return
    story = Story(case["policy"])
    for number, step in enumerate(case["steps"]):
        where, do, now = f"step {number}: {step}", step["do"], step["at_ns"]
        call = None
        if do in EVENTS:
            answer = story.event(do, step, now)
            call = story.calls.get(step["call"]) if answer is None else None
        else:
            answer = story.by_hand(do, step, now)
        assert (answer or "ok") == step.get("expect", "ok"), where
        if call is not None:
            check_action(call, step, where)
        skip = ARGUMENTS | set(ACTIONS)
        seen = story.seen(now)
        if call is not None:
            change = call.transition
            seen |= {"transition": change and f"{change[0]}->{change[1]}", "freed": call.freed, "late": call.is_late}
        for key in step.keys() - skip:
            wanted, found = step[key], seen[key]
            if isinstance(wanted, dict):
                found = {name: found[name] for name in wanted}
            assert found == wanted, f"{where}, {key}: {found}"
