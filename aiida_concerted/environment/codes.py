"""Codes and pseudopotentials of a demonstration profile."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from aiida_concerted.common.executables import SINGLE_THREAD
from aiida_concerted.environment.engines import ENGINES, Engine

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
    from aiida_vasp.data.potcar import PotcarData

    from aiida_concerted.surrogate.potcar import write_placeholder_potcars

    if not missing_potcars():
        return POTCAR_FAMILY
    with tempfile.TemporaryDirectory(prefix="concerted-") as folder:
        write_placeholder_potcars(Path(folder), {symbol: element for element, symbol in POTCAR_MAPPING.items()})
        PotcarData.upload_potcar_family(
            folder, POTCAR_FAMILY, "headers only, for the surrogate; not pseudopotentials", stop_if_existing=False
        )
    return POTCAR_FAMILY


def missing_potcars() -> list[str]:
    """Return the names that the placeholder family lacks."""
    from aiida import orm
    from aiida.plugins import DataFactory

    query = orm.QueryBuilder().append(orm.Group, filters={"label": POTCAR_FAMILY}, tag="family")
    query.append(DataFactory("vasp.potcar"), with_group="family", project="attributes.full_name")
    return sorted(set(POTCAR_MAPPING.values()) - set(query.all(flat=True)))


def _prepare_code(engine: Engine, computer: Computer, executable: Path) -> InstalledCode:
    from aiida import orm

    query = orm.QueryBuilder().append(orm.InstalledCode, filters={"label": engine.label})
    found: list[InstalledCode] = query.all(flat=True)
    for code in found:
        wanted = (str(executable), engine.plugin, PREPEND_TEXT)
        if (str(code.filepath_executable), code.default_calc_job_plugin, code.prepend_text) == wanted:
            return code
        code.label = f"{engine.label}-{code.pk}"  # stored codes cannot change; the old one keeps its provenance
        code.is_hidden = True
    code = orm.InstalledCode(
        label=engine.label,
        description=engine.description,
        computer=computer,
        filepath_executable=str(executable),
        default_calc_job_plugin=engine.plugin,
        prepend_text=PREPEND_TEXT,
        with_mpi=False,
    )
    code.store()
    return code
