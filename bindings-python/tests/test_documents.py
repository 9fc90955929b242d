"""The Python examples of the documents run as they stand."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs" / "guide").glob("*.md"))]
BLOCKS = [
    pytest.param(block.partition("```")[0], id=f"{document.relative_to(ROOT)}:{number}")
    for document in DOCUMENTS
    if document.exists()
    for number, block in enumerate(document.read_text().split("```python\n")[1:], 1)
]


@pytest.mark.parametrize("block", BLOCKS)
def test_the_example_runs(block, tmp_path):
    done = subprocess.run([sys.executable, "-c", block], capture_output=True, text=True, cwd=tmp_path, timeout=60)
    assert done.returncode == 0, done.stderr
