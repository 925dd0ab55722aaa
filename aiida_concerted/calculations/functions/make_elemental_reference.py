"""The reference structure of an element."""

from __future__ import annotations

from aiida import orm
from aiida.engine import ExitCode, calcfunction

from aiida_concerted.structures.elements import elemental_reference


@calcfunction
def make_elemental_reference(carrier: orm.Str) -> orm.StructureData | ExitCode:
    """Return the element in its reference state, such as bcc lithium.

    :param carrier: element symbol.
    """
    try:
        return orm.StructureData(ase=elemental_reference(carrier.value))
    except ValueError as error:
        return ExitCode(210, str(error))
