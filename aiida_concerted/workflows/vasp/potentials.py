"""Which POTCAR stands for which element, found before anything is submitted."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from aiida import orm
from aiida_vasp.data.potcar import PotcarData

ENMAX = re.compile(rb"ENMAX\s*=\s*([0-9.]+)")

_ENMAX_BY_HASH: dict[str, float | None] = {}
"""What POTCARs state, by the SHA-512 of their content."""


MIN_HASH_DIGITS = 8


def choose_potentials(
    family: str,
    structure: orm.StructureData,
    preferred: Mapping[str, str],
    *,
    plain_if_missing: bool,
    hashes: Mapping[str, str] | None = None,
) -> dict[str, str]:
    """Return the POTCAR name of each kind of a structure, and of each element, which later cells are made of.

    :param family: label of the POTCAR family.
    :param preferred: POTCAR name for each element; an element that is not in it takes the POTCAR of its own name.
    :param plain_if_missing: whether an element whose preferred POTCAR the family lacks may take the plain one.
    :param hashes: SHA-512 that the POTCAR of a name must have, or its first eight digits at least.
    :raises ValueError: if the family does not exist, lacks an element, or has a POTCAR of another hash, naming which.
    """
    mapping = {}
    for kind in structure.kinds:
        name = preferred.get(kind.symbol, kind.symbol)
        if plain_if_missing and name not in PotcarData.get_full_names(family_name=family, element=kind.symbol):
            name = kind.symbol
        mapping[kind.name] = name
        mapping.setdefault(kind.symbol, name)
    problem = describe_missing([structure], family, mapping) or describe_other(family, mapping, hashes or {})
    if problem:
        raise ValueError(problem)
    return mapping


def describe_other(family: str, mapping: Mapping[str, str], hashes: Mapping[str, str]) -> str | None:
    """Return one line about the first POTCAR that has another hash than it must, or None.

    :param mapping: POTCAR name of each kind.
    :param hashes: SHA-512 by POTCAR name, or its first digits.
    """
    if not hashes:
        return None
    unknown = sorted(set(hashes) - {node.full_name for node in PotcarData.get_potcar_group(family).nodes})
    if unknown:
        return f"potential_hashes names '{unknown[0]}', which the POTCAR family '{family}' does not have"
    wanted = {kind: name for kind, name in mapping.items() if name in hashes}
    for kind, potcar in PotcarData.get_potcars_dict(list(wanted), family, mapping=wanted).items() if wanted else ():
        expected = str(hashes[wanted[kind]]).lower()
        if len(expected) < MIN_HASH_DIGITS or not potcar.sha512.startswith(expected):
            return (
                f"the POTCAR '{wanted[kind]}' of family '{family}' ({potcar.title}) has the SHA-512 "
                f"{potcar.sha512[:16]}…, not {expected[:16]}…: upload the one that is meant, or give at least "
                f"{MIN_HASH_DIGITS} digits of this"
            )
    return None


def describe_missing(structures: Iterable[orm.StructureData], family: str, mapping: Mapping[str, str]) -> str | None:
    """Return one line about the first POTCAR that the family lacks, or None if it has them all.

    :param mapping: POTCAR name of each kind.
    """
    if PotcarData.get_potcar_group(family) is None:
        known = sorted(group.label for group in PotcarData.get_potcar_groups())
        return (
            f"there is no POTCAR family '{family}' (known: {', '.join(known) or 'none'}): "
            "upload it with `aiida-vasp potcar uploadfamily`"
        )
    for kind in {kind.name: kind for structure in structures for kind in structure.kinds}.values():
        if kind.name not in mapping:
            return f"potential_mapping names no POTCAR of family '{family}' for {kind.name}: add '{kind.name}: <name>'"
        names = PotcarData.get_full_names(family_name=family, element=kind.symbol)
        if mapping[kind.name] not in names:
            return (
                f"the POTCAR family '{family}' has no '{mapping[kind.name]}' for {kind.symbol} "
                f"(it has: {', '.join(sorted(names)) or 'none'}): choose another by potential_mapping or upload it"
            )
    return None


def with_elements(structure: orm.StructureData, mapping: Mapping[str, str]) -> dict[str, str]:
    """Return the mapping with the POTCAR name of each element of a structure beside those of its kinds.

    :raises ValueError: if two kinds of one element take different POTCARs and none is named for the element itself.
    """
    found = dict(mapping)
    for kind in structure.kinds:
        name = mapping.get(kind.name)
        if name is None or kind.symbol in mapping:
            continue
        if found.setdefault(kind.symbol, name) != name:
            raise ValueError(
                f"kinds of {kind.symbol} take different POTCARs ({found[kind.symbol]}, {name}), and cells made from "
                f"the structure do not keep kinds apart: add '{kind.symbol}: <name>' to potential_mapping"
            )
    return found


def largest_enmax(potentials: Iterable[PotcarData]) -> float | None:
    """Return the largest ENMAX in eV of some POTCARs, or None where none states it."""
    found = [_enmax(potential) for potential in potentials]
    return max((value for value in found if value is not None), default=None)


def _enmax(potential: PotcarData) -> float | None:
    """Return the ENMAX in eV that a POTCAR states, read once by a process: every label asks for the same few files."""
    digest = potential.sha512
    if digest not in _ENMAX_BY_HASH:
        match = ENMAX.search(potential.get_content())
        _ENMAX_BY_HASH[digest] = float(match.group(1)) if match else None
    return _ENMAX_BY_HASH[digest]
