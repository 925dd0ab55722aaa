"""Time and memory of ``aiida-concerted analyse`` on ever longer runs of 900 atoms, written by the lattice gas."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

from benchmarks.lattice_gas import lgps_gas, write_run
from benchmarks.tables import markdown_table, write_between_marks

FOLDER = Path(os.environ.get("BENCH_FOLDER", "build/bench"))
PAGE = Path("docs/benchmarks.md")
SIZES = (50_000, 100_000, 400_000)
REPEAT = (3, 3, 2)


@dataclass(frozen=True)
class Measurement:
    """What the analysis of one run took.

    :param n_frames: frames of the run.
    :param n_atoms: atoms of the run.
    :param file_MB: size of the trajectory file.
    :param clock_s: seconds from the start of the command to its end.
    :param cpu_s: seconds of processor time, of the user and of the system.
    :param peak_MB: largest resident memory.
    :param status: exit status of the command.
    """

    n_frames: int
    n_atoms: int
    file_MB: float
    clock_s: float
    cpu_s: float
    peak_MB: float
    status: int

    def cells(self) -> tuple[str, ...]:
        """Return the row of the table."""
        return (
            f"{self.n_frames:,}", f"{self.n_atoms}", f"{self.file_MB:.0f}", f"{self.clock_s:.0f}",
            f"{self.cpu_s:.0f}", f"{1e5 * self.cpu_s / self.n_frames:.0f}", f"{self.peak_MB:.0f}",
        )  # fmt: skip


INTERVAL_S = 0.02
HEAD = ("frames", "atoms", "file, MB", "clock, s", "processor, s", "s per 100,000 frames", "peak memory, MB")


def run_measured(command: list[str], log: Path) -> tuple[int, float, float, float]:
    """Return exit status, seconds of the clock and of the processor, and peak resident memory in MB of a command.

    The kernel's own high-water mark is read while the command runs. What it reports at the end would include the memory
    of this process, which the child shares until it becomes the command.
    """
    begin, peak = time.perf_counter(), 0.0
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)
        while (waited := os.wait4(process.pid, os.WNOHANG))[0] == 0:
            peak = max(peak, _high_water_MB(process.pid))
            time.sleep(INTERVAL_S)
    _, status, usage = waited
    process.returncode = os.waitstatus_to_exitcode(status)
    return process.returncode, time.perf_counter() - begin, usage.ru_utime + usage.ru_stime, peak


def _high_water_MB(pid: int) -> float:
    """Return the largest resident memory that a process has had, in MB; zero where it is gone."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return 0.0
    return max((float(line.split()[1]) * 1024 / 1e6 for line in lines if line.startswith("VmHWM:")), default=0.0)


def measure(n_frames: int, folder: Path, repeat: tuple[int, int, int], options: list[str]) -> Measurement:
    """Return what the analysis of a run takes; the run is written where it is not there yet."""
    path = folder / f"lgps-{'x'.join(map(str, repeat))}-{n_frames}.h5"
    gas = lgps_gas(repeat)
    if not path.exists():
        unfinished = path.with_suffix(".part")
        write_run(unfinished, gas, n_frames)
        unfinished.rename(path)
    command = [
        sys.executable, "-m", "aiida_concerted", "analyse", str(path), "--carrier", "Li", "--sites", "lgps",
        "--json", str(path.with_suffix(".json")), "--density", str(path.with_suffix(".cube")), *options,
    ]  # fmt: skip
    status, clock, cpu, peak = run_measured(command, path.with_suffix(".log"))
    n_atoms = gas.n_carriers + 30 * gas.placed.n_cells
    return Measurement(n_frames, n_atoms, path.stat().st_size / 1e6, clock, cpu, peak, status)


def growth(measurements: list[Measurement]) -> str:
    """Return how time and memory grow from the shortest to the longest run, in one sentence."""
    short, long = measurements[0], measurements[-1]
    factor = long.n_frames / short.n_frames
    return (
        f"{factor:.3g} times as many frames take {long.cpu_s / short.cpu_s:.2f} times the processor time "
        f"and {long.peak_MB / short.peak_MB:.2f} times the memory."
    )


def main(arguments: list[str] | None = None) -> int:
    """Print time and memory of the analysis of runs of several lengths; return 1 if one failed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.long_run", description=main.__doc__)
    parser.add_argument(
        "--frames", type=int, nargs="+", default=SIZES, help="lengths of the runs (default %(default)s)"
    )
    parser.add_argument("--repeat", type=int, nargs=3, default=REPEAT, metavar=("A", "B", "C"), help="unit cells")
    parser.add_argument("--folder", type=Path, default=FOLDER, help="where the runs are kept (%(default)s)")
    parser.add_argument("--page", action="store_true", help=f"put the table into {PAGE}")
    parser.add_argument("options", nargs="*", help="further options of the command, after --")
    chosen = parser.parse_args(arguments)
    chosen.folder.mkdir(parents=True, exist_ok=True)
    done = []
    for n_frames in sorted(chosen.frames):
        done.append(measure(n_frames, chosen.folder, tuple(chosen.repeat), chosen.options))
        print(done[-1], file=sys.stderr)
    rows = markdown_table(HEAD, [measurement.cells() for measurement in done])
    text = f"{rows}\n\n{growth(done)}" if len(done) > 1 else rows
    print(text)
    (chosen.folder / "long_run.json").write_text(json.dumps([vars(row) for row in done], indent=1) + "\n")
    if failed := [row.n_frames for row in done if row.status]:
        print(f"the analysis of {failed} frames failed: see the .log files in {chosen.folder}", file=sys.stderr)
        return 1
    if chosen.page:
        date = datetime.now(timezone.utc).date().isoformat()
        write_between_marks(PAGE, "long", f"{date}, {os.cpu_count()} cores.\n\n{text}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
