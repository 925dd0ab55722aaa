"""Placeholders for POTCAR files: headers that name an element, and no potential."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

# Valence electrons of the usual PBE potentials; others take the electrons outside the last noble gas.
_VALENCES = {"Li_sv": 3.0, "Na_pv": 7.0, "Ge_d": 14.0, "Sn_d": 14.0, "Zr_sv": 12.0, "Y_sv": 11.0, "Ti_pv": 10.0}
_NOBLE_GASES = (0, 2, 10, 18, 36, 54, 86)
_CUTOFF_EV = 400.0


def placeholder_potcar(symbol: str, element: str) -> str:
    """Return the text of a placeholder POTCAR: enough of a header for its readers, and nothing that VASP could run.

    :param symbol: name of the potential, such as ``Li_sv``.
    :param element: the chemical symbol, such as ``Li``.
    :raises ValueError: if the element does not exist, or the name does not begin with it.
    """
    from ase.data import atomic_masses, atomic_numbers

    if element not in atomic_numbers or atomic_numbers[element] == 0:
        raise ValueError(f"there is no element '{element}'")
    if re.fullmatch(rf"{element}(_\w+)?", symbol) is None:
        raise ValueError(f"the potential '{symbol}' must be named '{element}' or '{element}_…'")
    number = int(atomic_numbers[element])
    valence = _VALENCES.get(symbol, float(number - max(core for core in _NOBLE_GASES if core < number)))
    title = f"PAW_PBE {symbol} PLACEHOLDER"
    return (
        f" {title}\n {valence:18.12f}\n"
        " parameters from PSCTR are:\n"
        f"   VRHFIN ={element}: PLACEHOLDER, header only\n"
        "   LEXCH  = PE\n"
        f"   EATOM  = {0.0:10.4f} eV\n"
        f"   TITEL  = {title}\n"
        "   LULTRA =        F    PLACEHOLDER\n"
        "   IUNSCR =        0    PLACEHOLDER\n"
        f"   RPACOR = {0.0:8.3f}    PLACEHOLDER\n"
        f"   POMASS = {float(atomic_masses[number]):8.3f}; ZVAL   = {valence:8.3f}    PLACEHOLDER\n"
        f"   RCORE  = {0.0:8.3f}    PLACEHOLDER\n"
        f"   ENMAX  = {_CUTOFF_EV:8.3f}; ENMIN  = {0.75 * _CUTOFF_EV:8.3f} eV\n"
        "   LCOR   =        T    PLACEHOLDER\n"
        "   LPAW   =        T    PLACEHOLDER\n"
        " END of PSCTR-controll parameters\n"
        f" PLACEHOLDER for {element}: this is not a potential. It was written by aiida-concerted for\n"
        " concerted-vasp-surrogate, which reads names and masses only. VASP cannot run with it.\n"
        f" {0.0:16.8E}\n"  # pymatgen takes the mean of a dataset's numbers, and stumbles over none
        " End of Dataset\n"
    )


def write_placeholder_potcars(folder: str | Path, elements: Mapping[str, str] | Iterable[str]) -> list[Path]:
    """Return the paths of the placeholders written, ``<folder>/<symbol>/POTCAR``, ready for aiida-vasp's upload.

    :param folder: made where absent.
    :param elements: element of each potential's name (``{"Li_sv": "Li", "Ge": "Ge"}``), or names that are elements.
    :raises ValueError: if an element does not exist.
    """
    names = dict(elements) if isinstance(elements, Mapping) else {element: element for element in elements}
    texts = {symbol: placeholder_potcar(symbol, element) for symbol, element in names.items()}
    paths = []
    for symbol, text in texts.items():
        path = Path(folder) / symbol / "POTCAR"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="ascii")
        paths.append(path)
    return paths
