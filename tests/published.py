"""Published structures and trajectories that tests read and the repository does not hold."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

FOLDER = Path(os.environ.get("CONCERTED_TEST_DATA", Path(__file__).parents[1] / "test-data"))
"""Where they lie: the folder that the variable names, or ``test-data`` in the checkout."""


def published(name: str) -> Path:
    """Return the path of a published file or folder, whether it is there or not."""
    return FOLDER / name


def needs(*paths: Path) -> pytest.MarkDecorator:
    """Return the mark of a test that is skipped, and says why, where a published file is absent."""
    absent = ", ".join(path.name for path in paths if not path.exists())
    return pytest.mark.skipif(bool(absent), reason=f"CONCERTED_TEST_DATA names no folder with {absent}")
