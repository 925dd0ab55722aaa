"""What VASP says before it gives up, and what is tried then: other ways to the same energy, never other settings of it.

The algorithm of the electrons and the mixing of densities decide whether and how fast the ground state is reached, not
which one it is [VASP]_. Cutoff, smearing, precision and the like are left alone.

.. [VASP] The VASP Manual, pages ALGO, AMIX and BMIX, https://www.vasp.at/wiki.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

SLOWER = {"fast": "normal", "veryfast": "normal", "normal": "all", "all": None}
"""The algorithm of the electrons to try after another: blocked Davidson alone, then all bands at once."""

CAREFUL_MIXING = {"amix": 0.1, "bmix": 0.0001}
"""Nearly linear mixing with a small step, the manual's advice for densities that slosh."""


@dataclass(frozen=True)
class Cure:
    """What is changed after a message.

    :param message: the name of the message.
    :param tags: INCAR tags to set; empty where the same inputs are to be tried from the last geometry.
    """

    message: str
    tags: dict[str, Any]


_ELECTRONS = {
    "EDDDAV": re.compile(r"Error EDDDAV|Call to ZHEGV failed"),
    "subspace rotation": re.compile(r"Error in subspace rotation|PSSYEVX"),
}
_MIXING = re.compile(r"BRMIX: very serious problems")
_LINE_SEARCH = re.compile(r"ZBRENT: fatal error")


def find_cure(said: str, incar: Mapping[str, Any]) -> Cure | None:
    """Return what to try after the last words of a run; ``None`` if they name nothing known, or all was tried.

    :param said: what the program wrote to its standard output.
    :param incar: the INCAR tags of the run, in lower case.
    """
    for message, pattern in _ELECTRONS.items():
        if pattern.search(said):
            slower = SLOWER.get(str(incar.get("algo", "normal")).lower())
            return None if slower is None else Cure(message, {"algo": slower})
    if _MIXING.search(said):
        is_tried = all(incar.get(tag) == value for tag, value in CAREFUL_MIXING.items())
        return None if is_tried else Cure("BRMIX", dict(CAREFUL_MIXING))
    return Cure("ZBRENT", {}) if _LINE_SEARCH.search(said) else None
