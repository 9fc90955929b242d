"""A checkout service in Python. What it may ask of payment stands in seawall.toml; its customers are in shop.py."""

from contextlib import closing
from http.client import HTTPConnection

import seawall
from shop import Shop

shop = Shop()
wall = seawall.open(shop.policies)
wall.on_event(shop.hear)
payment = wall.dependency("payment")


@shop.watched
def charge(timeout=None, key=""):
    """The HTTP call as anybody would write it: without a timeout unless one is given."""
    with closing(HTTPConnection(shop.address, timeout=timeout)) as connection:
        connection.request("POST", "/pay", headers={"Idempotency-Key": key})
        response = connection.getresponse()
        if response.status != 200:
            raise RuntimeError(f"payment answered {response.status}")
        return response.read().decode()


@payment.protect(fallback="pending: we will confirm the payment later")
def pay(attempt):
    return charge(attempt.remaining, attempt.idempotency_key)


shop.play(charge, pay)  # the first act and the second
