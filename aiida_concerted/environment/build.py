"""The builder of the demonstration's study."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from aiida.engine import ProcessBuilder
    from aiida.orm import InstalledCode

MATERIAL = "lgps"
PROTOCOLS = ("fast", "balanced", "stringent", "paper")
DEFAULT_PROTOCOL = "fast"
DEFAULT_SEED = 1


def build_demo_study(
    codes: Mapping[str, InstalledCode], settings: Mapping[str, Any], overrides: dict[str, Any] | None = None
) -> ProcessBuilder:
    """Return the builder of the study of LGPS with the surrogate in VASP's place.

    :param codes: codes by label, those of :mod:`aiida_concerted.environment.engines`.
    :param settings: ``protocol`` and ``seed``.
    :param overrides: differences from the protocol of the study, in its own nesting.
    :raises ValueError: if the protocol is unknown.
    """
    from aiida_concerted.environment.codes import POTCAR_FAMILY
    from aiida_concerted.workflows.executables import remember_code
    from aiida_concerted.workflows.protocols.loader import merge
    from aiida_concerted.workflows.study import StudyWorkChain

    vasp = {"potential_family": POTCAR_FAMILY}
    potcars = {
        "relax": vasp,
        "aimd": {"vasp": vasp},
        "learn": {"iteration": {"label": {"vasp": vasp}}},
        "vacancy": {"vasp": vasp},
    }

    for label, program in (("dp", "dp"), ("lmp", "lmp"), ("vasp-surrogate", "vasp")):
        remember_code(codes[label], program)  # `check_engines` has just seen them start
    return StudyWorkChain.get_builder_from_protocol(
        dp_code=codes["dp"],
        lammps_code=codes["lmp"],
        vasp_code=codes["vasp-surrogate"],
        material=MATERIAL,
        protocol=settings["protocol"],
        overrides=merge(potcars, overrides or {}),
        seed=settings["seed"],
    )
