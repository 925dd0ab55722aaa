"""Codes and pseudopotentials of a demonstration profile."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from aiida_concerted.common.executables import SINGLE_THREAD
from aiida_concerted.environment.engines import ENGINES, Engine
from aiida_concerted.environment.setup.codes import code_differences, find_codes, make_code
from aiida_concerted.environment.setup.wishes import CodeWish

if TYPE_CHECKING:
    from aiida.orm import Computer, InstalledCode

POTCAR_FAMILY = "concerted-placeholders"
POTCAR_MAPPING = {"Li": "Li_sv", "Ge": "Ge_d", "P": "P", "S": "S"}
PREPEND_TEXT = "\n".join(f"export {name}={value}" for name, value in SINGLE_THREAD.items())


def prepare_codes(computer: Computer, executables: dict[str, Path]) -> dict[str, InstalledCode]:
    """Return the code of every engine by label, created where it is missing or its executable moved."""
    return {engine.label: _prepare_code(engine, computer, executables[engine.label]) for engine in ENGINES}


def prepare_potcars() -> str:
    """Return the name of the placeholder POTCAR family, uploaded through aiida-vasp where it is incomplete."""
    from aiida_concerted.environment.setup.potcars import upload_placeholders

    if missing_potcars():
        upload_placeholders(POTCAR_FAMILY, POTCAR_MAPPING)
    return POTCAR_FAMILY


def missing_potcars() -> list[str]:
    """Return the names that the placeholder family lacks."""
    from aiida import orm
    from aiida.plugins import DataFactory

    query = orm.QueryBuilder().append(orm.Group, filters={"label": POTCAR_FAMILY}, tag="family")
    query.append(DataFactory("vasp.potcar"), with_group="family", project="attributes.full_name")
    return sorted(set(POTCAR_MAPPING.values()) - set(query.all(flat=True)))


def _prepare_code(engine: Engine, computer: Computer, executable: Path) -> InstalledCode:
    wish = CodeWish(
        label=engine.label,
        computer=computer.label,
        plugin=engine.plugin,
        executable=str(executable),
        description=engine.description,
        prepend_text=PREPEND_TEXT,
        with_mpi=False,
    )
    for code in find_codes(wish.label, wish.computer):
        if not code_differences(code, wish):
            return code
        code.label = f"{engine.label}-{code.pk}"  # stored codes cannot change; the old one keeps its provenance
        code.is_hidden = True
    return make_code(wish, computer)
