"""One trajectory analysed by this package and by others: seconds, memory, and whether the numbers agree."""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
from datetime import datetime, timezone
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from aiida_concerted.analysis.placement import place_network
from benchmarks.lattice_gas import LatticeGas, Rates, framework_of, grid_network
from benchmarks.our_jobs import JOBS as OURS
from benchmarks.peer_case import Case
from benchmarks.peer_jobs import JOBS as THEIRS
from benchmarks.tables import markdown_table, write_between_marks

FOLDER = Path(os.environ.get("BENCH_FOLDER", "build/bench"))
PAGE = Path("docs/benchmarks.md")
REFERENCE = {
    **dict.fromkeys(("van_hove", "rdf", "density"), "pymatgen-analysis-diffusion"), "sites": "site-analysis"
}  # fmt: skip
"""The package that Fu et al. (2022) name for each task, to be beaten by ten; for the others they name none."""

TITLES = {
    "msd": "mean squared displacement",
    "diffusivity": "tracer diffusivity with error",
    "van_hove": "van Hove function, one lag, 50 origins",
    "rdf": "radial distribution, 200 frames",
    "sites": "site of every carrier",
    "hops": "hops",
    "pairs": "concerted pairs within 1 ps",
    "residence": "residence time",
    "density": "density, 0.2 Å",
}
ONE_THREAD = {name: "1" for name in ("OMP_NUM_THREADS", "NUMBA_NUM_THREADS", "OPENBLAS_NUM_THREADS", "TBB_NUM_THREADS")}
TIMEOUT_S = 600


def make_case(n_frames: int = 20_000, seed: int = 0) -> Case:
    """Return 200 carriers on 288 sites, vibrating by 0.3 Å, with single hops and pushes."""
    network = grid_network()
    placed = place_network(network, np.diag([3, 3, 4]) @ network.cell)
    rates = Rates(5.5e-3, {"A-B-A": 5e-4, "B-A-B": 5e-4})
    gas = LatticeGas(placed, 200, rates, seed=seed)
    positions = np.concatenate([block for block, _ in gas.blocks(n_frames, 0.3)]).astype(np.float64)
    planted = LatticeGas(placed, 200, rates, seed=seed).history(n_frames).to_dense()
    framework, _ = framework_of(placed)
    sites = placed.positions @ np.linalg.inv(placed.cell)
    return Case(positions, framework[:8], placed.cell, sites, network.cell, planted)


def run_job(python: str, module: str, name: str, folder: Path) -> dict[str, Any]:
    """Return the measurement of one job, done in a process of its own; ``error`` holds its last words if it failed."""
    command = [python, "-m", module, name, str(folder)]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=TIMEOUT_S, env={**os.environ, **ONE_THREAD}, check=False
        )
    except subprocess.TimeoutExpired:
        return {"error": f"not done after {TIMEOUT_S} s"}
    if done.returncode:
        return {"error": (done.stderr.strip().splitlines() or ["no output"])[-1]}
    return dict(json.loads(done.stdout.strip().splitlines()[-1]))


def compare(python: str, only: list[str], folder: Path) -> dict[str, dict[str, dict[str, Any]]]:
    """Return the measurement of every task by every package."""
    results: dict[str, dict[str, dict[str, Any]]] = {}
    for task in only:
        results[task] = {"aiida-concerted": run_job(sys.executable, "benchmarks.our_jobs", task, folder)}
        for name in THEIRS:
            if name.split("/")[0] == task:
                results[task][name.split("/")[1]] = run_job(python, "benchmarks.peer_jobs", name, folder)
        print(f"{task}: {json.dumps(results[task])}", file=sys.stderr)
    return results


def verdict(results: dict[str, dict[str, dict[str, Any]]]) -> list[str]:
    """Return where this package is not the fastest, or not ten times as fast as the reference."""
    complaints = []
    for task, packages in results.items():
        ours = packages["aiida-concerted"].get("seconds")
        if ours is None:
            complaints.append(f"{task}: {packages['aiida-concerted']['error']}")
            continue
        for package, found in packages.items():
            needed = 10.0 if REFERENCE.get(task) == package else 1.0
            if package != "aiida-concerted" and "seconds" in found and found["seconds"] < needed * ours:
                ratio = found["seconds"] / ours
                complaints.append(f"{task}: {package} takes {ratio:.2f} times as long, at least {needed:.0f} is wanted")
    return complaints


def table(results: dict[str, dict[str, dict[str, Any]]]) -> str:
    """Return the table of all tasks."""
    rows = []
    for task, packages in results.items():
        ours = packages["aiida-concerted"].get("seconds", float("nan"))
        for package, found in packages.items():
            title = TITLES[task] if package == "aiida-concerted" else ""
            if "error" in found:
                rows.append((title, package, "failed", "", "", "", found["error"][:60]))
                continue
            mark = "" if found["share"] == 1.0 else " *"
            answer = ", ".join(f"{_words(key)} {value:.6g}" for key, value in found["answer"].items())
            ratio = "" if package == "aiida-concerted" else f"{found['seconds'] / ours:.3g}"
            seconds, clock = f"{found['seconds']:.3g}{mark}", f"{found['clock_seconds']:.3g}"
            rows.append((title, package, seconds, clock, f"{found['growth_MB']:.0f}", ratio, answer))
    return markdown_table(("task", "package", "processor, s", "clock, s", "memory, MB", "times ours", "answer"), rows)


def _words(key: str) -> str:
    units = {"A2": "Å²:", "m2_s": "m² s⁻¹:", "ps": "ps:", "stderr": "±", "n": "number", "g": "relative density"}
    return units.get(key, key.replace("_", " "))


def main(arguments: list[str] | None = None) -> int:
    """Print the comparison and write it as JSON; return 1 where this package is slower than it is meant to be."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.peers", description=main.__doc__)
    parser.add_argument("--python", default=".venv-peers/bin/python", help="interpreter that has the other packages")
    parser.add_argument("--only", choices=list(OURS), action="append", help="one task; may be repeated")
    parser.add_argument("--folder", type=Path, default=FOLDER, help="where trajectory and results go (%(default)s)")
    parser.add_argument("--page", action="store_true", help=f"put the table into {PAGE}")
    options = parser.parse_args(arguments)
    case_folder, output = options.folder / "peers", options.folder / "peers.json"
    if not (case_folder / "planted.npy").exists():
        make_case().save(case_folder)
    known = json.loads(output.read_text(encoding="utf-8"))["tasks"] if options.only and output.exists() else {}
    known |= compare(options.python, options.only or list(OURS), case_folder)
    results = {task: known[task] for task in OURS if task in known}
    about = {
        "date": datetime.now(timezone.utc).date().isoformat(),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}",
        "version": version("aiida-concerted"),
        "tasks": results,
    }
    output.write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")
    complaints = verdict(results)
    print(table(results), *complaints, sep="\n")
    if options.page:
        heading = f"{about['date']}, {about['machine']}, one thread, version {about['version']}."
        write_between_marks(PAGE, "peers", f"{heading}\n\n{table(results)}")
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
