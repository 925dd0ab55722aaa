"""Reading a site model from YAML: strict, with one line for every mistake."""

from __future__ import annotations

import difflib
from collections.abc import Collection
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aiida_concerted.analysis.sites import DEFAULT_MAX_EDGE_A, LABEL_PATTERN, Group
from aiida_concerted.common.hints import nearest
from aiida_concerted.common.strict_yaml import load_strict
from aiida_concerted.materials.cell import cell_from_parameters
from aiida_concerted.materials.model import Orbit, SiteModel
from aiida_concerted.materials.symmetry import check_metric, hall_number, orbit

FloatArray = NDArray[np.float64]

MODEL_KEYS = (
    "material", "carrier", "citation", "spacegroup", "origin", "cell", "sites", "framework",
    "max_edge_A", "groups", "modes", "origin_shift",
)  # fmt: skip
CELL_KEYS = ("a", "b", "c", "alpha", "beta", "gamma")
SITE_KEYS = ("wyckoff", "position", "positions", "occupancy", "species")
DEFAULT_CARRIER = "Li"


def shipped_materials() -> list[str]:
    """Return the names under which site models come with the package."""
    names = (Path(entry.name) for entry in files(__package__).iterdir())
    return sorted(name.stem for name in names if name.suffix == ".yaml" and not name.stem.startswith("reference_"))


def load_site_model(name_or_path: str | Path, *, default_carrier: str | None = None) -> SiteModel:
    """Return the site model shipped under a name (in any case), or that of a YAML file.

    :param default_carrier: element that moves where the file does not say; lithium when not given.
    :raises ValueError: if there is neither, or the content is wrong; the message says where.
    """
    content = load_strict(read_site_model(name_or_path), str(name_or_path))
    try:
        return parse_site_model(content, default_carrier=default_carrier)
    except ValueError as error:
        raise ValueError(f"{name_or_path}: {' '.join(str(error).split())}") from error


def read_site_model(name_or_path: str | Path) -> str:
    """Return the YAML text of the site model shipped under a name (in any case), or of a file.

    :raises ValueError: if there is neither.
    """
    name = str(name_or_path)
    if name.lower() in shipped_materials():
        return files(__package__).joinpath(f"{name.lower()}.yaml").read_text(encoding="utf-8")
    if Path(name).is_file():
        try:
            return Path(name).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):
            raise ValueError(f"{name} is no text file: give a SITES.yaml, a SITES.cif or a shipped name") from None
    hint = nearest(name.lower(), shipped_materials())
    raise ValueError(f"'{name}' is neither a file nor a shipped site model: {hint}")


def parse_site_model(content: Any, *, default_carrier: str | None = None) -> SiteModel:
    """Return the site model of parsed YAML.

    :param content: the mapping with keys such as ``material``, ``cell`` and ``sites``.
    :param default_carrier: element that moves where the content does not say; lithium when not given.
    :raises ValueError: if a key is unknown or missing, or a value is wrong.
    """
    mapping = _mapping(content, "the site model")
    _check_keys(mapping, MODEL_KEYS, "the site model", required=("material", "cell", "sites"))
    cell = _cell(mapping["cell"])
    spacegroup = _spacegroup(mapping.get("spacegroup"))
    hall = None if spacegroup is None else hall_number(spacegroup, mapping.get("origin"))
    if spacegroup is not None and hall is not None:
        check_metric(spacegroup, hall, cell)
    carrier = str(mapping.get("carrier") or default_carrier or DEFAULT_CARRIER)
    sites = _orbits(mapping["sites"], "sites", hall, carrier)
    if not sites:
        raise ValueError("sites: name at least one site")
    framework = _orbits(mapping.get("framework") or {}, "framework", hall, None)
    if double := {orbit.label for orbit in sites} & {orbit.label for orbit in framework}:
        raise ValueError(f"'{min(double)}' is a label of the sites and of the framework: give each its own")
    model = SiteModel(
        material=str(mapping["material"]),
        carrier=carrier,
        cell=cell,
        sites=sites,
        framework=framework,
        spacegroup=spacegroup,
        max_edge_A=_number(mapping.get("max_edge_A", DEFAULT_MAX_EDGE_A), "max_edge_A"),
        groups=tuple(_group(group) for group in mapping.get("groups") or ()),
        modes=tuple(str(mode) for mode in mapping.get("modes") or ()),
        origin_shift=_origin_shift(mapping.get("origin_shift")),
        citation=str(mapping.get("citation", "")),
    )
    model.network()  # what the network refuses is refused here
    return model


def _mapping(content: Any, where: str) -> dict[str, Any]:
    if not isinstance(content, dict):
        raise ValueError(f"{where} must be a mapping of keys to values, got {type(content).__name__}")
    return {str(key): value for key, value in content.items()}


def _check_keys(mapping: dict[str, Any], known: Collection[str], where: str, required: Collection[str] = ()) -> None:
    for key in mapping:
        if key not in known:
            closest = difflib.get_close_matches(key, known, n=1, cutoff=0.0)[0]
            raise ValueError(f"{where} has the unknown key '{key}': did you mean '{closest}'?")
    for key in required:
        if mapping.get(key) is None:
            raise ValueError(f"{where} lacks the key '{key}'")


def _number(value: Any, where: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not np.isfinite(value):
        raise ValueError(f"{where} must be a number, got {value!r}")
    return float(value)


def _coordinates(value: Any, where: str) -> FloatArray:
    if not isinstance(value, list | tuple) or len(value) != 3:
        raise ValueError(f"{where} must be three fractional coordinates, got {value!r}")
    return np.array([_number(number, where) for number in value])


def _cell(content: Any) -> FloatArray:
    cell = _mapping(content, "cell")
    _check_keys(cell, CELL_KEYS, "cell", required=("a", "b", "c"))
    lengths = [_number(cell[key], f"cell: {key}") for key in ("a", "b", "c")]
    angles = [_number(cell.get(key, 90.0), f"cell: {key}") for key in ("alpha", "beta", "gamma")]
    return cell_from_parameters(lengths, angles)


def _spacegroup(value: Any) -> int | None:
    if value is None or value == "none":
        return None
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError(f"spacegroup must be a number from 1 to 230 or none, got {value!r}")
    return value


def _orbits(content: Any, where: str, hall: int | None, carrier: str | None) -> tuple[Orbit, ...]:
    return tuple(
        _orbit(str(label), entry, f"{where}: {label}", hall, carrier)
        for label, entry in _mapping(content, where).items()
    )


def _orbit(label: str, content: Any, where: str, hall: int | None, carrier: str | None) -> Orbit:
    if not LABEL_PATTERN.fullmatch(label):
        raise ValueError(f"{where}: a label must begin with a letter and hold only letters, digits and _")
    entry = _mapping(content, where)
    _check_keys(entry, SITE_KEYS, where)
    listed = _positions(entry, where)
    if hall is not None and len(listed) > 1:
        raise ValueError(f"{where}: with a space group give one representative position, got {len(listed)}")
    positions = listed % 1.0 if hall is None else orbit(hall, listed[0])
    wyckoff = str(entry.get("wyckoff", ""))
    if hall is not None and wyckoff:
        _check_multiplicity(wyckoff, len(positions), where)
    return Orbit(label, positions, _occupancy(entry, where, carrier), wyckoff)


def _positions(entry: dict[str, Any], where: str) -> FloatArray:
    if ("position" in entry) == ("positions" in entry):
        raise ValueError(f"{where} needs either 'position' or 'positions'")
    if "position" in entry:
        return _coordinates(entry["position"], f"{where}: position")[None, :]
    listed = entry["positions"]
    if not isinstance(listed, list) or not listed:
        raise ValueError(f"{where}: positions must be a list of positions, got {listed!r}")
    return np.array([_coordinates(position, f"{where}: positions") for position in listed])


def _check_multiplicity(wyckoff: str, n_sites: int, where: str) -> None:
    digits, letter = wyckoff[:-1], wyckoff[-1:]
    if not digits.isdecimal() or not letter.isalpha():
        raise ValueError(f"{where}: wyckoff must be a multiplicity and a letter such as 16h, got '{wyckoff}'")
    if int(digits) != n_sites:
        raise ValueError(
            f"{where}: the position has {n_sites} images in the cell, but wyckoff says {wyckoff}: "
            "check the coordinates and the origin choice"
        )


def _occupancy(entry: dict[str, Any], where: str, carrier: str | None) -> tuple[tuple[str, float | None], ...]:
    species = entry.get("species", carrier)
    if species is None:
        raise ValueError(f"{where} needs 'species': an element, elements with their occupancies, or a list of them")
    if isinstance(species, list):
        return tuple((str(element), None) for element in species)
    if isinstance(species, dict):
        if "occupancy" in entry:
            raise ValueError(f"{where}: occupancies stand in 'species' already, leave out 'occupancy'")
        shares = {str(element): _share(share, f"{where}: {element}") for element, share in species.items()}
    else:
        share = entry.get("occupancy", 1.0 if carrier is None else None)
        shares = {str(species): None if share is None else _share(share, f"{where}: occupancy")}
    if sum(share or 0.0 for share in shares.values()) > 1.0 + 1e-6:
        raise ValueError(f"{where}: the occupancies add up to more than one")
    return tuple(shares.items())


def _share(value: Any, where: str) -> float | None:
    share = _number(value, where)
    if not 0.0 < share <= 1.0:
        raise ValueError(f"{where} must be above 0 and at most 1, got {share}")
    return share


def _group(content: Any) -> Group:
    if not isinstance(content, list | tuple) or len(content) != 3:
        raise ValueError(f"groups: each must be [label, label, distance in Å], got {content!r}")
    return (str(content[0]), str(content[1]), _number(content[2], "groups: the distance"))


def _origin_shift(content: Any) -> tuple[float, float, float] | None:
    if content is None:
        return None
    x, y, z = _coordinates(content, "origin_shift")
    return (float(x), float(y), float(z))
