"""Fifty chains of segments, each killed at random moments and random bytes: no gap, no step twice, the same motion."""

import os
import shutil
import signal
import time

import numpy as np
import pytest

from aiida_concerted.common.md_segments import join_segments
from aiida_concerted.data.vasp_md import read_md_folder
from aiida_concerted.formats.vasprun import read_vasprun_frames
from aiida_concerted.surrogate.imitation import VARIABLE
from aiida_concerted.surrogate.state import STATE_FILE
from tests.surrogate.support import lif, run, write_inputs

N_STEPS = 20
MASSES = np.repeat([6.94, 18.998], 4)
MD = "IBRION = 0\nNSW = {n}\nPOTIM = 1.5\nTEBEG = 300\nISIF = 2\nMDALGO = 2\nSMASS = 0\n"
TORN = ("vasprun.xml", "CONTCAR", "OUTCAR", "OSZICAR", "XDATCAR")


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Return the steps of the run that nobody disturbs, the seconds that it takes, and the bytes that it writes."""
    folder = write_inputs(tmp_path_factory.mktemp("whole"), MD.format(n=N_STEPS), lif(8, displaced=0.01))
    begun = time.perf_counter()
    assert run(folder)[0] == 0
    seconds = time.perf_counter() - begun
    size = sum((folder / name).stat().st_size for name in TORN) + (N_STEPS - 1) * (folder / "CONTCAR").stat().st_size
    return read_vasprun_frames(folder / "vasprun.xml").frames, (seconds, size)


def run_and_kill(folder, seconds):
    """Run in a process of its own, and end it after some time as a scheduler does."""
    child = os.fork()
    if child == 0:
        run(folder)
        os._exit(0)
    time.sleep(seconds)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)


def run_to_byte(folder, byte):
    """Run in a process of its own that ends while it writes this byte."""
    child = os.fork()
    if child == 0:
        os.environ[VARIABLE] = f"kill@{byte}"
        run(folder)
        os._exit(0)
    os.waitpid(child, 0)


def tear(folder, rng):
    """Cut one of the files that VASP does not replace at once, anywhere near its end."""
    path = folder / str(rng.choice(TORN))
    if path.exists():
        content = path.read_bytes()
        path.write_bytes(content[: max(0, len(content) - int(rng.integers(1, 3000)))])


def chain(folder, seed, cost, *, with_state):
    """Return the segments of a run that is killed again and again, cut to the steps that count."""
    rng = np.random.default_rng(seed)
    segments, n_done, start, n_runs = [], 0, None, 0
    while n_done < N_STEPS:
        n_runs += 1
        assert n_runs < 60, "the chain comes no further"
        place = write_inputs(folder / f"{n_runs:02d}", MD.format(n=N_STEPS - n_done), lif(8, displaced=0.01))
        if start is not None:
            (place / "POSCAR").write_text(start.poscar)
            if start.state is not None:
                (place / STATE_FILE).write_bytes(start.state)
        part = rng.uniform(0.1, 0.6) if rng.random() < 0.9 else 3.0
        if rng.random() < 0.5:
            run_and_kill(place, part * cost[0])
        else:
            run_to_byte(place, int(part * cost[1]))
        if not with_state:
            (place / STATE_FILE).unlink(missing_ok=True)
        if rng.random() < 0.5:
            tear(place, rng)
        found = read_md_folder(place, origin=place.name)
        remaining = N_STEPS - n_done
        kept = remaining if found.n_steps >= remaining else found.continuation.n_before if found.continuation else 0
        if kept:
            segments.append(found.segment.first(kept))
            n_done, start = n_done + kept, found.continuation
        shutil.rmtree(place)
    return segments


@pytest.mark.parametrize("block", range(5))
def test_with_the_state_file_the_joined_run_is_the_whole_one(tmp_path, whole, block):
    expected, cost = whole
    n_segments = 0
    for seed in range(10 * block, 10 * block + 10):
        segments = chain(tmp_path, seed, cost, with_state=True)
        joined, seams = join_segments(segments, MASSES)
        assert len(joined) == N_STEPS
        assert all(seam.is_gapless for seam in seams)
        for name in ("positions", "energies", "forces"):
            np.testing.assert_array_equal(getattr(joined.frames, name), getattr(expected, name))
        n_segments += len(segments)
    assert n_segments > 15  # the kills were kills


@pytest.mark.parametrize("block", range(2))
def test_with_contcar_alone_no_step_is_missing_or_doubled(tmp_path, whole, block):
    expected, cost = whole
    for seed in range(100 + 5 * block, 105 + 5 * block):
        segments = chain(tmp_path, seed, cost, with_state=False)
        joined, seams = join_segments(segments, MASSES)
        assert len(joined) == N_STEPS
        assert all(seam.is_gapless and seam.misfit < 0.1 for seam in seams)
        # CONTCAR holds no thermostat here, so that the motion is another one; its first segment is the same.
        np.testing.assert_array_equal(
            joined.frames.positions[: len(segments[0])], expected.positions[: len(segments[0])]
        )
