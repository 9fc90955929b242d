"""The package itself: what importing costs, what it names, and that its types say what they should."""

import importlib.metadata
import subprocess
import sys
import types
from pathlib import Path

import pytest

import seawall

USES = Path(__file__).with_name("typed_uses.py")


def run(*arguments):
    return subprocess.run([sys.executable, *arguments], capture_output=True, text=True, timeout=300)


def test_importing_is_light():
    done = run("-X", "importtime", "-c", "import sys, seawall; print(*sys.modules)")
    assert done.returncode == 0, done.stderr
    loaded = set(done.stdout.split())
    assert not loaded & {"asyncio", "inspect", "logging", "concurrent.futures", "dataclasses"}


def test_names_and_version():
    assert seawall.__version__ == importlib.metadata.version("seawall")
    for name in seawall.__all__:
        assert hasattr(seawall, name)
        assert getattr(seawall, name).__doc__
    assert (Path(seawall.__file__).parent / "py.typed").exists()


def test_every_public_method_is_documented():
    for name in seawall.__all__:
        thing = getattr(seawall, name)
        if isinstance(thing, type):
            for method in [m for m in vars(thing) if not m.startswith("_")]:
                if isinstance(vars(thing)[method], types.MemberDescriptorType):
                    continue  # described in the source, where Python keeps no text
                assert getattr(thing, method).__doc__, f"{name}.{method}"


def test_the_examples_of_the_manual_are_python():
    manual = Path(__file__).parents[1] / "README.md"
    blocks = [block.partition("```")[0] for block in manual.read_text().split("```python\n")[1:]]
    assert len(blocks) > 4
    for block in blocks:
        compile(block, str(manual), "exec")


def test_the_quick_start_runs():
    example = Path(__file__).parents[2] / "examples" / "python" / "quickstart.py"
    done = run(str(example))
    assert done.returncode == 0, done.stderr
    assert "payments: closed -> open" in done.stdout and "half_open -> closed" in done.stdout


def test_the_example_of_whole_calls_runs():
    done = run(str(Path(__file__).parents[2] / "examples" / "python" / "dependency.py"))
    assert done.returncode == 0, done.stderr
    assert "2. order 18 charged at attempt 3" in done.stdout and "degraded=True last_good" in done.stdout
    assert "9. ledger: 1 call, 2 retries; healthy: True" in done.stdout


@pytest.mark.parametrize("old", ["x", "permit"])
def test_objects_take_no_stray_attributes(old):
    with pytest.raises(AttributeError):
        setattr(seawall.Breaker(), old, 1)


def test_the_types_are_what_users_see(tmp_path):
    pytest.importorskip("mypy")
    done = run("-m", "mypy", "--strict", "--cache-dir", str(tmp_path), str(USES))
    assert done.returncode == 0, done.stdout + done.stderr


SUBINTERPRETERS = """
import sys
import seawall
work = "import seawall; seawall.Breaker('sub').call(int); seawall.Bulkhead(1).acquire().__enter__().release()"
try:
    import _interpreters
except ImportError:
    import _xxsubinterpreters as interpreters
    kinds = {"isolated" if sys.version_info >= (3, 12) else "legacy": ()}
    run = interpreters.run_string
else:
    interpreters, run = _interpreters, _interpreters.exec
    kinds = {"isolated": ("isolated",), "legacy": ("legacy",)}
for kind, arguments in kinds.items():
    interpreter = interpreters.create(*arguments)
    try:
        failed = run(interpreter, work)
        answer = failed.msg if failed else "works"
    except Exception as error:
        answer = str(error)
    print(kind, answer)
    interpreters.destroy(interpreter)
seawall.Breaker("main").call(int)
"""


def test_subinterpreters_share_the_module_or_are_told_no():
    done = run("-c", SUBINTERPRETERS)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines
    for line in lines:
        kind, _, answer = line.partition(" ")
        assert ("does not support loading in subinterpreters" in answer) if kind == "isolated" else answer == "works"
