"""Ports that take Python values as well as nodes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from aiida import orm
from aiida.engine import ProcessSpec

Validator = Callable[[Any, Any], str | None]


def value_port(
    spec: ProcessSpec,
    name: str,
    kind: type[orm.Data],
    text: str,
    *,
    validator: Validator | None = None,
    default: Any = None,
) -> None:
    """Define a port that takes a Python value as well as its node.

    :param kind: node type, such as ``orm.Int``.
    :param text: help, with the unit of a number.
    :param default: value of the node that stands where none is given; the port is required without.
    """
    options: dict[str, Any] = {} if default is None else {"default": lambda: kind(default)}
    spec.input(name, valid_type=kind, serializer=orm.to_aiida_type, validator=validator, help=text, **options)
