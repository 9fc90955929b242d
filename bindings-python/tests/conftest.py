"""Settings for all tests."""

import os

import hypothesis
import pytest

# No time limit per example: the machine may be busy with another language's tests. No folder of examples beside the sources.
hypothesis.settings.register_profile("seawall", deadline=None, database=None)
hypothesis.settings.load_profile("seawall")


@pytest.fixture(scope="session")
def rig():
    """The server with faults, for the tests that need one."""
    if not os.environ.get("SEAWALL_RIG"):
        reason = "SEAWALL_RIG names no program; `cargo xtask test python` builds it"
        if os.environ.get("REQUIRE_ALL") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    from rig import Rig

    running = Rig()
    yield running
    running.close()
