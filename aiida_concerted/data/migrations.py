"""From results of earlier versions of the schema to those of this one, step by step, when they are read.

Stored nodes do not change. What a version wrote otherwise is turned into what this one would have written whenever
attributes or results are read, in nodes and in the rows of queries; filters look under the old names, too. A node of a
newer version is refused, for its numbers may mean something else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

Content = dict[str, Any]


class NewerSchemaError(ValueError):
    """A node was made by a later version of this software; the message says which."""


@dataclass(frozen=True)
class Migration:
    """What changed in one kind of node between a version of the schema and the next.

    :param version: the version that was left behind.
    :param node: name of the class of the nodes.
    :param says: what changed, as the reference tells it.
    :param renamed: new names of attributes by their old ones.
    :param result: returns the result of the next version from attributes, renamed already, and result of the old one.
    """

    version: int
    node: str
    says: str
    renamed: Mapping[str, str] = field(default_factory=dict)
    result: Callable[[Content, Content], Content] | None = None


def _turn_covariance(attributes: Content, result: Content) -> Content:
    """Return the fit of a mode with the covariance of (E_a, ln ν₀); version 1 wrote (ln ν₀, E_a) at first.

    Which of both it is shows in the variance of the energy, whose root is kept beside it.
    """
    covariance, stderr = result.get("covariance"), attributes.get("activation_energy_stderr_eV")
    if attributes.get("quantity") != "mode_frequency" or covariance is None or stderr is None:
        return result
    (first, mixed), (_, last) = covariance
    if abs(first - stderr**2) <= abs(last - stderr**2):
        return result
    return {**result, "covariance": [[last, mixed], [mixed, first]]}


MIGRATIONS: tuple[Migration, ...] = (
    Migration(
        1, "ArrheniusData",
        "`covariance` of the fit of a mode is that of (E_a, ln ν₀), as in every other fit; it was (ln ν₀, E_a).",
        result=_turn_covariance,
    ),
)  # fmt: skip
"""Every change, the oldest first; who changes the meaning of what nodes hold adds one, and the version follows."""

FIRST_VERSION = 1
"""That of nodes that state none."""

SCHEMA_VERSION = MIGRATIONS[-1].version + 1
"""The version that nodes are written with."""


def version_of(attributes: Mapping[str, Any]) -> int:
    """Return the version of the schema that a node was written with."""
    found = attributes.get("schema_version", FIRST_VERSION)
    return found if isinstance(found, int) else FIRST_VERSION


def is_newer(attributes: Mapping[str, Any]) -> bool:
    """Return whether a node was written by a later version than this one."""
    return version_of(attributes) > SCHEMA_VERSION


def current_attributes(node: str, attributes: Content) -> Content:
    """Return attributes under the names of this version.

    :param node: name of the class of the node.
    :raises NewerSchemaError: if a later version wrote them.
    """
    for migration in _after(node, attributes):
        attributes = {migration.renamed.get(name, name): value for name, value in attributes.items()}
    return attributes


def current_result(node: str, attributes: Content, result: Content) -> Content:
    """Return a result as this version would have written it.

    :param node: name of the class of the node.
    :param attributes: those of the node, as stored.
    :raises NewerSchemaError: if a later version wrote it.
    """
    for migration in _after(node, attributes):
        attributes = {migration.renamed.get(name, name): value for name, value in attributes.items()}
        result = migration.result(attributes, result) if migration.result is not None else result
    return result


def earlier_names(node: str, attribute: str) -> tuple[str, ...]:
    """Return the names that an attribute had in earlier versions, the latest first."""
    names: list[str] = []
    for migration in reversed(MIGRATIONS):
        wanted = names[-1] if names else attribute
        old = [before for before, after in migration.renamed.items() if after == wanted and migration.node == node]
        names += old
    return tuple(names)


def _after(node: str, attributes: Mapping[str, Any]) -> Iterator[Migration]:
    """Yield what changed in a kind of node since one was written."""
    version = version_of(attributes)
    if version > SCHEMA_VERSION:
        raise NewerSchemaError(
            f"this {node} is of schema version {version}, this aiida-concerted knows {SCHEMA_VERSION}: upgrade it"
        )
    for migration in MIGRATIONS:
        if migration.node == node and migration.version >= version:
            yield migration
