"""The Python examples of the documents run as they stand, beside the document's own `seawall.toml` if it shows one."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs" / "guide").glob("*.md"))]


def blocks(text, language):
    """The blocks of a language, in their order."""
    return [block.partition("```")[0] for block in text.split(f"```{language}\n")[1:]]


BLOCKS = [
    pytest.param(block, "".join(blocks(document.read_text(), "toml")[:1]), id=f"{document.relative_to(ROOT)}:{number}")
    for document in DOCUMENTS
    if document.exists()
    for number, block in enumerate(blocks(document.read_text(), "python"), 1)
]


@pytest.mark.parametrize(("block", "file"), BLOCKS)
def test_the_example_runs(block, file, tmp_path):
    if file:
        (tmp_path / "seawall.toml").write_text(file)
    done = subprocess.run([sys.executable, "-c", block], capture_output=True, text=True, cwd=tmp_path, timeout=60)
    assert done.returncode == 0, done.stderr
