"""Checks that the work chains around VASP share."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from aiida import orm

from aiida_concerted.workflows.vasp.base import check_grouped
from aiida_concerted.workflows.vasp.potentials import describe_missing


def non_negative(value: Any, _: Any) -> str | None:
    """Return why a number is refused that must not be negative."""
    return None if value is None or value.value >= 0 else f"must not be negative, got {value.value}"


def fraction(value: Any, _: Any) -> str | None:
    """Return why a number is refused that must lie between zero and one."""
    return None if value is None or 0 <= value.value <= 1 else f"must lie between 0 and 1, got {value.value}"


def with_potentials(vasp: Any, structures: Iterable[orm.StructureData]) -> str | None:
    """Return why these structures cannot run with the potentials and the order of atoms that they have.

    :param vasp: the inputs of the VASP run.
    """
    structures = list(structures)
    problem = next((text for text in map(check_grouped, structures) if text), None)
    if problem or not vasp or "potential_family" not in vasp or "potential_mapping" not in vasp:
        return problem
    return describe_missing(structures, vasp["potential_family"].value, vasp["potential_mapping"].get_dict())
