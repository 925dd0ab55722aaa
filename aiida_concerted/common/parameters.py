"""Dictionaries of parameters turned into checked objects."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

from aiida_concerted.common.hints import nearest

T = TypeVar("T")


def refuse_unknown(keys: Iterable[str], known: Iterable[str], where: str) -> None:
    """Raise if a key is not known.

    :raises ValueError: naming the key, where it stands and the nearest known one.
    """
    names = list(known)
    for key in keys:
        if key not in names:
            raise ValueError(f"unknown key '{key}' in {where}: {nearest(str(key), names)}")


def from_mapping(cls: type[T], values: Mapping[str, Any], where: str) -> T:
    """Return the dataclass ``cls`` made from a dictionary, lists turned into tuples.

    :param where: what the dictionary is called in messages.
    :raises ValueError: if a key is unknown (with the nearest known one), a required one is missing, or the class
        refuses a value.
    """
    fields = dataclasses.fields(cls)  # type: ignore[arg-type]
    refuse_unknown(values, [field.name for field in fields], where)
    required = [f.name for f in fields if f.default is dataclasses.MISSING and f.default_factory is dataclasses.MISSING]
    missing = [name for name in required if values.get(name) is None]
    if missing:
        raise ValueError(f"{where} lacks {', '.join(missing)}")
    given = {key: tuple(value) if isinstance(value, list) else value for key, value in values.items()}
    try:
        return cls(**given)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{where}: {error}") from error


def positive(**values: Any) -> None:
    """Raise unless every value is a finite number greater than zero.

    :raises ValueError: naming the first that is not.
    """
    for name, value in values.items():
        if isinstance(value, bool) or not isinstance(value, int | float) or not value > 0:
            raise ValueError(f"{name} must be a positive number, got {value!r}")
        _finite(name, value)


def not_negative(**values: Any) -> None:
    """Raise unless every value is a finite number of at least zero.

    :raises ValueError: naming the first that is not.
    """
    for name, value in values.items():
        if isinstance(value, bool) or not isinstance(value, int | float) or not value >= 0:
            raise ValueError(f"{name} must be a number of at least zero, got {value!r}")
        _finite(name, value)


def positive_integer(**values: Any) -> None:
    """Raise unless every value is an integer greater than zero.

    :raises ValueError: naming the first that is not.
    """
    for name, value in values.items():
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise ValueError(f"{name} must be a positive integer, got {value!r}")


def _finite(name: str, value: float) -> None:
    if value == math.inf:
        raise ValueError(f"{name} must be finite, got {value!r}")
