"""The stories of HTTP and its headers, through the functions that the adapters use."""

from seawall import _native, deadline, errors
from seawall.deadline import header_span

OUTCOMES = ["success", "failure", "ignored"]
CAUSES = ["failure", "throttled", "timeout"]
TROUBLES = ["not_connected", "connect_timeout", "read_timeout", "reset", "protocol", "other"]


def read(reader, step, *more):
    text = step["text"].encode() * step.get("copies", 1)
    try:
        return {"span_ns": header_span(lambda value: reader(value, *more), text)}
    except errors.HeaderError as error:
        assert deadline and error.header and str(error)
        return "header"


def classified(row):
    outcome, is_retryable, was_not_sent, cause, wait = row
    return {
        "outcome": OUTCOMES[outcome],
        "retryable": is_retryable,
        "not_sent": was_not_sent,
        "cause": CAUSES[cause],
        "retry_after_ns": wait,
    }


def look(step):
    do = step["do"]
    if do == "grpc_timeout":
        return read(_native.header_from_grpc, step)
    if do == "timeout_ms":
        return read(_native.header_from_millis, step)
    if do == "retry_after":
        return read(_native.header_retry_after, step, step["unix_ms"])
    if do == "write_grpc_timeout":
        return {"text": _native.header_to_grpc(step["span_ns"])}
    if do == "write_timeout_ms":
        return {"text": _native.header_to_millis(step["span_ns"])}
    if do == "status":
        return classified(_native.http_status(step["status"], step.get("retry_after_ns", 0)))
    if do == "trouble":
        return classified(_native.http_trouble(TROUBLES.index(step["trouble"]) + 1))
    assert do == "idempotent"
    return {"idempotent": _native.http_is_idempotent(step["method"].encode())}


ARGUMENTS = {"at_ns", "do", "copies", "unix_ms", "status", "trouble", "method"}


def tell_http(case):
    for number, step in enumerate(case["steps"]):
        found = look(step)
        if "expect" in step or isinstance(found, str):
            assert found == step.get("expect"), f"step {number}: {step}"
            continue
        given = {"write_grpc_timeout": {"span_ns"}, "write_timeout_ms": {"span_ns"}, "status": {"retry_after_ns"}}
        skip = ARGUMENTS | given.get(step["do"], {"text"} if "write" not in step["do"] else set())
        for key in step.keys() - skip:
            assert found[key] == step[key], f"step {number}, {key}: {step}"
