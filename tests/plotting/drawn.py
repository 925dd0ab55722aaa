"""What an axes shows, read back from it."""

from __future__ import annotations

import re

import numpy as np
from matplotlib.axes import Axes
from matplotlib.container import ErrorbarContainer


def errorbars(axes: Axes) -> dict[str, ErrorbarContainer]:
    """Return the drawn error bars by label."""
    return {item.get_label(): item for item in axes.containers if isinstance(item, ErrorbarContainer)}


def points(container: ErrorbarContainer) -> np.ndarray:
    """Return the drawn points, shape (n, 2)."""
    return np.column_stack(container.lines[0].get_data()).astype(np.float64)


def bars(container: ErrorbarContainer) -> np.ndarray:
    """Return the lower and upper ends of the error bars, shape (n, 2)."""
    return np.array([segment[:, 1] for segment in container.lines[2][0].get_segments()])


def lines(axes: Axes, label: str) -> list[np.ndarray]:
    """Return the data of all lines of a label, each of shape (n, 2)."""
    return [np.column_stack(line.get_data()) for line in axes.lines if line.get_label() == label]


def texts(axes: Axes) -> str:
    """Return all free text in an axes."""
    return " ".join(text.get_text() for text in axes.texts)


def has_unit(label: str) -> bool:
    """Return whether an axis label ends with something in parentheses: its unit, or what it counts."""
    return re.search(r"\([^()]+\)$", label) is not None
