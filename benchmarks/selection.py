"""Does the loop choose better than chance? Concurrent learning on published labels, against random frames.

Exploration is replaced by the frames of a published set: a committee is trained on a few of them, its deviation is
computed on the others, and what a policy picks is "labelled" by the set. Trainings and deviations are work chains and
jobs of this package in a temporary profile; frames are picked by the kernels that the loop uses. Errors are those on
runs of the set that nothing is ever picked from. Both ways of picking share the first committee, the seeds of all nets
and the number of labels, so that differences are paired.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import sysconfig
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aiida_concerted.common.frames import LabelledFrames
from aiida_concerted.learning.deviations import RunDeviation
from aiida_concerted.learning.picking import pick_frames
from aiida_concerted.learning.screens import Geometry
from aiida_concerted.learning.selection import TrustLevels, classify
from aiida_concerted.learning.settings import SelectionSettings
from aiida_concerted.learning.trust import calibrate_levels
from benchmarks.selection_table import PAGE, summary_text
from benchmarks.tables import write_between_marks

FOLDER = Path(os.environ.get("BENCH_FOLDER", "build/bench")) / "selection"
TYPE_MAP = ["Li", "Ge", "P", "S"]
N_ATOMS = 50
STRIDE = 2
START = "LiGePS-init.system"
"""Frames near equilibrium, which a study begins with; all others are from later iterations, hotter and strained."""

HELD_OUT = (
    "LiGePS-iter.000003-data.003", "LiGePS-iter.000009-data.009", "LiGePS-iter.000009-data.017",
    "LiGePS-iter.000011-data.019",
)  # fmt: skip
NO_LIMIT_EV_A = 1.0e6
"""Every frame of the set has a converged label, so that none is beyond learning."""

POLICIES: dict[str, dict[str, Any] | None] = {
    "random": None,
    "window": {"rule": "dpgen", "choice": "random"},
    "highest": {"rule": "dpgen", "choice": "highest", "trust_upper_eV_A": NO_LIMIT_EV_A},
    "farthest": {"rule": "dpgen", "choice": "farthest", "trust_upper_eV_A": NO_LIMIT_EV_A},
    "diverse": {
        "rule": "adaptive", "choice": "farthest", "trust_upper_eV_A": NO_LIMIT_EV_A,
        "adaptive": {"share_force": 0.25, "group": "all"},
    },
}  # fmt: skip
"""Ways of picking: differences from the settings of a selection; ``random`` takes any frame of the pool."""

Rows = dict[str, NDArray[np.intp]]


@dataclass(frozen=True)
class Scale:
    """How large the measurement is.

    :param n_start: frames of the first committee.
    :param n_labels: frames labelled in each turn.
    :param n_turns: turns that label.
    :param n_models: members of a committee.
    :param n_steps: steps of each training.
    """

    n_start: int = 20
    n_labels: int = 20
    n_turns: int = 2
    n_models: int = 2
    n_steps: int = 2000


@dataclass(frozen=True)
class Case:
    """The set, split by run, and the codes that work on it.

    :param pool: frames to pick from, by run.
    :param held_out: frames to test on, by run.
    :param dp: code of DeePMD-kit.
    """

    pool: Mapping[str, LabelledFrames]
    held_out: Mapping[str, LabelledFrames]
    dp: Any
    scale: Scale


def read_parts(folder: Path) -> tuple[dict[str, LabelledFrames], dict[str, LabelledFrames]]:
    """Return the pool and the held-out frames by run, those of fifty atoms.

    :raises ValueError: if the folder is not the published set.
    """
    from aiida_concerted.imports.deepmd import find_systems, read_system

    found = {path.name: path for path in find_systems([folder]) if path.name.startswith("LiGePS-")}
    missing = sorted({START, *HELD_OUT} - set(found))
    if missing:
        raise ValueError(f"{folder} is not the set LiGePS-SSE-PBE: it lacks {', '.join(missing)}")
    parts = {name: read_system(path, level_of_theory="PBE", type_map=TYPE_MAP).frames for name, path in found.items()}
    small = {label_of(name): thinned(frames) for name, frames in parts.items() if frames.n_atoms == N_ATOMS}
    tested = {label_of(name) for name in HELD_OUT}
    return (
        {name: frames for name, frames in small.items() if name not in tested},
        {name: small[name] for name in sorted(tested)},
    )


def thinned(frames: LabelledFrames) -> LabelledFrames:
    """Return every second frame: neighbours are alike, and deviations of all of them cost as much as a training."""
    return frames.select(np.arange(0, len(frames), STRIDE))


def label_of(name: str) -> str:
    """Return a link label from the name of a run."""
    return name.removeprefix("LiGePS-").replace("-", "_").replace(".", "_")


def node_of(frames: LabelledFrames) -> Any:
    """Return frames as a node."""
    from aiida_concerted.data.frames import LabelledFramesData

    return LabelledFramesData(frames, level_of_theory="PBE")


def picked_frames(pool: Mapping[str, LabelledFrames], rows: Rows) -> LabelledFrames:
    """Return the frames of the pool in these rows."""
    parts = [pool[name].select(rows[name]) for name in sorted(rows) if len(rows[name])]
    return LabelledFrames.concatenate(parts)


def train(case: Case, rows: Rows, seed: int) -> Any:
    """Return the finished committee trained on the rows of the pool and tested on what is held out."""
    from aiida.engine import run_get_node

    from aiida_concerted.workflows.deepmd.committee import DeepmdCommitteeWorkChain

    builder = DeepmdCommitteeWorkChain.get_builder_from_protocol(
        case.dp,
        {"known": node_of(picked_frames(case.pool, rows))},
        validation={name: node_of(frames) for name, frames in case.held_out.items()},
        protocol="fast",
        overrides={"n_models": case.scale.n_models, "train": {"n_steps": case.scale.n_steps}},
    )
    builder.seed = seed
    return finished(run_get_node(builder)[1])


def deviations(case: Case, committee: Any) -> dict[str, NDArray[np.float64]]:
    """Return the maximal force deviation in eV/Å of every frame of the pool, by run."""
    from aiida.engine import run_get_node

    from aiida_concerted.calculations.deepmd_evaluate import DeepmdEvaluateCalculation

    builder = DeepmdEvaluateCalculation.get_builder()
    builder.code = case.dp
    builder.models = dict(committee.outputs.models)
    builder.frames = {name: node_of(frames) for name, frames in case.pool.items()}
    builder.predict = False
    node = finished(run_get_node(builder)[1])
    return {name: node.outputs.deviations[name].get_array("max_devi_f_eV_A") for name in case.pool}


def finished(node: Any) -> Any:
    """Return a process that ended well.

    :raises RuntimeError: if it did not.
    """
    if not node.is_finished_ok:
        raise RuntimeError(f"{node.process_label} <{node.pk}> ended with {node.exit_status}: {node.exit_message}")
    return node


def errors_of(committee: Any) -> dict[str, float]:
    """Return the errors on what is held out, each the mean over the members.

    ``rmse_force_eV_A`` is over all components, ``p95_force_eV_A`` the 95th percentile over frames of a frame's own
    root mean square, ``max_force_eV_A`` the largest error of a force; ``rmse_energy_meV_per_atom`` is of the energies.
    """
    rows = []
    for name in committee.outputs.models:
        node = committee.outputs.evaluations[name]
        force = node.get_array("predicted_forces_eV_A") - node.get_array("reference_forces_eV_A")
        energy = node.get_array("predicted_energies_eV_per_atom") - node.get_array("reference_energies_eV_per_atom")
        by_frame = np.sqrt(np.mean(force.astype(float).reshape(-1, N_ATOMS * 3) ** 2, axis=1))
        rows.append(
            {
                "rmse_force_eV_A": float(np.sqrt(np.mean(by_frame**2))),
                "p95_force_eV_A": float(np.quantile(by_frame, 0.95)),
                "max_force_eV_A": float(np.linalg.norm(force, axis=1).max()),
                "rmse_energy_meV_per_atom": float(1000 * np.sqrt(np.mean(energy.astype(float) ** 2))),
            }
        )
    return {key: float(np.mean([row[key] for row in rows])) for key in rows[0]}


def remaining(case: Case, rows: Rows) -> Rows:
    """Return the rows of the pool that are not labelled yet."""
    return {name: np.setdiff1d(np.arange(len(frames)), rows.get(name, [])) for name, frames in case.pool.items()}


def pick(case: Case, policy: str, known: Rows, deviation: dict[str, Any], levels: TrustLevels, seed: int) -> Rows:
    """Return the rows to label next."""
    free = remaining(case, known)
    settings = POLICIES[policy]
    if settings is None:
        return pick_any(free, case.scale.n_labels, seed)
    given = {"trust_lower_eV_A": levels.lower, "trust_upper_eV_A": levels.upper, **settings}
    if given["rule"] == "adaptive":
        del given["trust_lower_eV_A"]
    rule = SelectionSettings(max_selected=case.scale.n_labels, **given).policy()
    runs = {name: RunDeviation(left, deviation[name][left]) for name, left in free.items() if len(left)}

    def geometry(name: str, row: int) -> Geometry:
        frames, index = case.pool[name], int(runs[name].steps[row])
        return Geometry(frames.species, frames.cells[index], frames.positions[index])

    chosen = pick_frames(runs, rule, seed=seed, geometry=geometry)
    return {name: runs[name].steps[rows] for name, rows in chosen.rows.items()}


def pick_any(free: Rows, number: int, seed: int) -> Rows:
    """Return rows drawn at random from all that are not labelled."""
    frames = [(name, row) for name in sorted(free) for row in free[name]]
    drawn = np.random.default_rng(seed).permutation(len(frames))[:number]
    rows: dict[str, list[int]] = {}
    for index in drawn:
        rows.setdefault(frames[index][0], []).append(int(frames[index][1]))
    return {name: np.sort(np.array(found, dtype=np.intp)) for name, found in rows.items()}


def united(known: Rows, new: Rows) -> Rows:
    """Return known and new rows together."""
    names = set(known) | set(new)
    return {name: np.union1d(known.get(name, []), new.get(name, [])).astype(np.intp) for name in names}


def run_seed(case: Case, seed: int, policies: list[str]) -> Iterator[dict[str, Any]]:
    """Yield one row for each policy and turn."""
    start = label_of(START)
    drawn = np.random.default_rng(seed).permutation(len(case.pool[start]))[: case.scale.n_start]
    first: Rows = {start: np.sort(drawn)}
    committee = train(case, first, seed)
    deviation = deviations(case, committee)
    levels = calibrate_levels(deviation[start][remaining(case, first)[start]])
    for policy in policies:
        known, now, here = first, deviation, committee
        for turn in range(case.scale.n_turns + 1):
            if turn:
                new = pick(case, policy, known, now, levels, 1000 * seed + turn)
                known = united(known, new)
                here = train(case, known, seed + 100 * turn)
                now = deviations(case, here)
            yield row_of(case, policy, seed, turn, known, now, levels) | errors_of(here)


def row_of(
    case: Case, policy: str, seed: int, turn: int, known: Rows, deviation: dict[str, Any], levels: TrustLevels
) -> dict[str, Any]:
    """Return what a turn knew and what its committee makes of the frames that are not labelled."""
    left = np.concatenate([deviation[name][rows] for name, rows in remaining(case, known).items()])
    n_known = sum(len(rows) for rows in known.values())
    return {
        "policy": policy, "seed": seed, "turn": turn, "n_labels": n_known - case.scale.n_start,
        "trust_lower_eV_A": levels.lower, **classify(left, levels).counts(), "n_pool": len(left),
        "labelled": {name: len(rows) for name, rows in sorted(known.items())},
    }  # fmt: skip


def measure(chosen: argparse.Namespace, scale: Scale) -> list[dict[str, Any]]:
    """Run all seeds in a temporary profile and return the rows, which are written as they come."""
    from benchmarks.profiles import load_temporary_profile, single_thread_code

    chosen.result.parent.mkdir(parents=True, exist_ok=True)
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder:
        computer = load_temporary_profile(folder)
        pool, held_out = read_parts(chosen.folder)
        code = single_thread_code(computer, "dp", str(Path(chosen.dp).absolute()), "concerted.deepmd.train")
        case = Case(pool, held_out, code, scale)
        for seed in chosen.seeds:
            for row in run_seed(case, seed, chosen.policies):
                rows.append(row)
                print(json.dumps(row), file=sys.stderr, flush=True)
                chosen.result.write_text(json.dumps({"scale": asdict(scale), "rows": rows}, indent=1) + "\n")
    return rows


def arguments_of(arguments: list[str] | None) -> argparse.Namespace:
    """Return what the command line says."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.selection", description=main.__doc__)
    data = os.environ.get("CONCERTED_TEST_DATA")
    parser.add_argument(
        "folder", type=Path, nargs="?", default=Path(data) / "LiGePS-SSE-PBE" if data else None,
        help="the published set LiGePS-SSE-PBE (that below CONCERTED_TEST_DATA)",
    )  # fmt: skip
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3, 4, 5, 6], help="%(default)s")
    parser.add_argument("--policies", nargs="+", default=["random", "highest"], choices=sorted(POLICIES))
    for name, value in asdict(Scale()).items():
        parser.add_argument(f"--{name.replace('_', '-')}", type=int, default=value, help="%(default)s")
    parser.add_argument("--dp", default=str(Path(sysconfig.get_path("scripts")) / "dp"), help="%(default)s")
    parser.add_argument("--result", type=Path, default=FOLDER / "selection.json", help="%(default)s")
    parser.add_argument("--known", type=Path, nargs="+", help="results of earlier calls: nothing is run")
    parser.add_argument("--page", action="store_true", help=f"put the table into {PAGE}")
    chosen = parser.parse_args(arguments)
    if chosen.folder is None and not chosen.known:
        parser.error("name the folder of the published set, or set CONCERTED_TEST_DATA")
    return chosen


def main(arguments: list[str] | None = None) -> int:
    """Print how much better than random frames the frames are that the loop picks, on published labels."""
    chosen = arguments_of(arguments)
    if chosen.known:
        rows = [row for path in chosen.known for row in json.loads(path.read_text())["rows"]]
    else:
        rows = measure(chosen, Scale(**{name: getattr(chosen, name) for name in asdict(Scale())}))
    text = summary_text(rows)
    print(text)
    if chosen.page:
        date = datetime.now(timezone.utc).date().isoformat()
        write_between_marks(PAGE, "selection", f"{date}, {os.cpu_count()} cores.\n\n{text}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
