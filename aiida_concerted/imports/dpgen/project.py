"""The files of a DP-GEN project: ``param.json``, ``machine.json``, the record and the folders of its iterations."""

from __future__ import annotations

import glob
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiida_concerted.common.strict_yaml import load_strict
from aiida_concerted.formats.elements import SYMBOLS, WEIGHTS
from aiida_concerted.imports.dpgen.account import numbers, shown

RECORD = "record.dpgen"
LAST_STEP = 8
"""Number of the step after which DP-GEN counts an iteration as finished: labels collected."""

_ITERATION = re.compile(r"^iter\.(\d{6})$")


@dataclass(frozen=True)
class Iteration:
    """One finished iteration of a project.

    :param number: from 0.
    :param folder: its ``iter.NNNNNN``.
    """

    number: int
    folder: Path

    @property
    def labels(self) -> Path:
        """Return the folder of its labels."""
        return self.folder / "02.fp"

    def systems(self) -> list[Path]:
        """Return the folders of the labels it collected, ``02.fp/data.NNN`` or one for each formula below."""
        return [path.parent for data in sorted(self.labels.glob("data.*")) for path in sorted(data.rglob("type.raw"))]


@dataclass(frozen=True)
class Project:
    """A DP-GEN project as its files say.

    :param param: content of ``param.json``.
    :param name: name of that file, for messages.
    :param folder: where DP-GEN ran: what relative paths in it refer to.
    :param machine: content of ``machine.json``, empty where none was given.
    :param machine_name: name of that file.
    :param finished: the finished iterations, in order.
    :param messages: what a user should know of them.
    """

    param: Mapping[str, Any]
    name: str
    folder: Path
    machine: Mapping[str, Any] = field(default_factory=dict)
    machine_name: str = "machine.json"
    finished: tuple[Iteration, ...] = ()
    messages: tuple[str, ...] = ()

    @property
    def type_map(self) -> list[str]:
        """Return the elements in the order of the type numbers."""
        return list(self.param["type_map"])

    @property
    def jobs(self) -> list[dict[str, Any]]:
        """Return the explorations, one an iteration."""
        return list(self.param["model_devi_jobs"])

    def path(self, name: str, *prefixes: str) -> Path:
        """Return the file or folder of a name, relative to the project.

        :param prefixes: keys of what stands before it.
        """
        return self.folder.joinpath(*(str(self.param.get(key) or "") for key in prefixes), name)

    def matching(self, prefix_key: str, pattern: str) -> list[Path]:
        """Return the paths that a pattern of ``param.json`` names, sorted.

        :param prefix_key: key of what stands before it.
        """
        return [Path(name) for name in sorted(glob.glob(str(self.path(pattern, prefix_key)), recursive=True))]


def read_project(
    param: Path, machine: Path | None = None, iterations: Path | None = None, *, with_data: bool = True
) -> Project:
    """Return a project.

    :param param: ``param.json``, or the same in YAML.
    :param machine: ``machine.json``, or the same in YAML.
    :param iterations: folder where DP-GEN ran, with ``record.dpgen`` and ``iter.*``; that of ``param`` when not given.
    :param with_data: whether the folders of the finished iterations must be there.
    :raises ValueError: in one line, if a file cannot be read, or is none of a run of DP-GEN.
    """
    content = read_settings(param)
    _check(content, param)
    folder = iterations or param.parent
    if not folder.is_dir():
        raise ValueError(f"there is no folder {folder} with iterations")
    n_jobs = len(content["model_devi_jobs"])
    finished, messages = find_iterations(folder, n_jobs, with_data=with_data)
    if machine is None:
        return Project(content, param.name, folder, finished=finished, messages=tuple(messages))
    settings = read_settings(machine)
    return Project(content, param.name, folder, settings, machine.name, finished, tuple(messages))


def _check(content: Mapping[str, Any], path: Path) -> None:
    """Raise unless the content is that of a project which can be read.

    :raises ValueError: saying which key is missing, or of which kind only one is read.
    """
    jobs, types = content.get("model_devi_jobs"), content.get("type_map")
    if types is None or jobs is None:
        missing = "type_map" if types is None else "model_devi_jobs"
        raise ValueError(f"{path} is no parameter file of 'dpgen run': it has no {missing}")
    if not isinstance(jobs, list) or not jobs or not all(isinstance(job, dict) for job in jobs):
        raise ValueError(f"{path}: model_devi_jobs must be a list of dictionaries, one an iteration")
    _check_elements(content, path)
    for key, only, default in (("model_devi_engine", "lammps", "lammps"), ("fp_style", "vasp", None)):
        if content.get(key, default) != only:
            raise ValueError(f"{path}: {key} is {content.get(key)!r}; only projects with '{only}' are read")
    if content.get("model_devi_nopbc"):
        raise ValueError(f"{path}: model_devi_nopbc is true; crystals only")
    if content.get("use_ele_temp"):
        raise ValueError(f"{path}: use_ele_temp is {content['use_ele_temp']}; potentials with it are not supported")


def _check_elements(content: Mapping[str, Any], path: Path) -> None:
    types, masses = content["type_map"], content.get("mass_map", "auto")
    if not isinstance(types, list) or not types or not all(isinstance(symbol, str) for symbol in types):
        raise ValueError(f"{path}: type_map must be a list of element symbols, got {shown('type_map', types)}")
    unknown = [symbol for symbol in types if symbol not in SYMBOLS]
    if unknown or len(set(types)) < len(types):
        problem = f"'{unknown[0]}' is no element" if unknown else "an element stands twice"
        raise ValueError(f"{path}: type_map: {problem}")
    if masses == "auto":
        return
    if not isinstance(masses, list) or len(masses) != len(types):
        raise ValueError(
            f"{path}: mass_map must be 'auto' or have a mass for each of {', '.join(types)}, got "
            f"{shown('mass_map', masses)}"
        )
    numbers(masses, "mass_map", str(path))


def has_usual_masses(param: Mapping[str, Any]) -> bool:
    """Return whether the masses are the standard atomic weights, within one per cent."""
    masses = param.get("mass_map", "auto")
    if masses == "auto":
        return True
    return all(abs(float(m) / WEIGHTS[s] - 1) < 0.01 for m, s in zip(masses, param["type_map"], strict=True))


def read_settings(path: Path) -> dict[str, Any]:
    """Return what a JSON file says, or a YAML file by the ending of its name.

    :raises ValueError: in one line, if it cannot be read, names a key twice, or holds no dictionary.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise ValueError(f"{path} is no text file: give a JSON file") from None
    except OSError as error:
        raise ValueError(f"{path} cannot be read ({error.strerror}): give a JSON file that exists") from None
    content = load_strict(text, str(path)) if path.suffix in (".yaml", ".yml") else _load_json(text, path)
    if not isinstance(content, dict):
        raise ValueError(f"{path} holds no dictionary of settings")
    return content


def _load_json(text: str, path: Path) -> Any:
    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        names = [name for name, _ in pairs]
        # Comments are keys in JSON, and DP-GEN's own examples repeat them.
        twice = sorted({name for name in names if names.count(name) > 1 and not name.startswith("_")})
        if twice:
            raise ValueError(f"the key '{twice[0]}' stands twice")
        return dict(pairs)

    def refuse(word: str) -> Any:
        raise ValueError(f"{word} is no number")

    try:
        return json.loads(text, object_pairs_hook=once, parse_constant=refuse)
    except RecursionError:
        raise ValueError(f"{path}: it is nested too deeply") from None
    except ValueError as error:
        raise ValueError(f"{path}: {' '.join(str(error).split())}") from None


def find_iterations(folder: Path, n_jobs: int, *, with_data: bool) -> tuple[tuple[Iteration, ...], list[str]]:
    """Return the finished iterations in a folder, and what a user should know of the others.

    Finished are those of which the record says so, and no others.

    :param n_jobs: number of iterations that the parameters describe.
    :param with_data: whether their folders must be there.
    :raises ValueError: if the record cannot be read or names an iteration whose folder is missing.
    """
    try:
        there = {int(match[1]) for path in folder.iterdir() if (match := _ITERATION.match(path.name))}
        n_finished = _recorded(folder / RECORD)
    except OSError as error:
        raise ValueError(f"{folder} cannot be read: {error.strerror}") from None
    if n_finished is None:
        cure = f"a {RECORD} whose last line is 'N {LAST_STEP}' says that iterations 0 to N are"
        lost = f"{len(there)} iterations there, but no {RECORD}: none counts as finished; {cure}"
        return (), [lost] if there else []
    # The last round of DP-GEN trains only: there is no job for it.
    found = tuple(Iteration(number, folder / f"iter.{number:06d}") for number in range(min(n_finished, n_jobs)))
    missing = [iteration.folder for iteration in found if iteration.number not in there]
    if missing and with_data:
        raise ValueError(f"{missing[0]} is missing, which {RECORD} calls finished: restore it, or give --no-data")
    open_ones = sorted(number for number in there if number >= n_finished and number < n_jobs)
    said = [f"iteration {number} is not finished: its labels were not taken" for number in open_ones]
    return found, said


def _recorded(path: Path) -> int | None:
    """Return how many iterations a record calls finished, ``None`` where there is no record.

    As DP-GEN does when it goes on, only the last line is looked at: it knows no other state.
    """
    if not path.is_file():
        return None
    n_finished = 0
    for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), start=1):
        words = line.split()
        if not words:
            continue
        if len(words) != 2 or not all(word.isascii() and word.isdigit() for word in words):
            raise ValueError(
                f"{path} line {number}: expected the numbers of an iteration and a step, got {shown('', line)!r}"
            )
        n_finished = int(words[0]) + (int(words[1]) >= LAST_STEP)
    return n_finished
