"""Frames of several files put together to one run: repeated ones dropped, positions unwrapped, framework averaged."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from aiida_concerted.formats.cell_tracker import MAX_FLUCTUATION, CellTracker
from aiida_concerted.formats.frame_source import FrameBlock, FrameSource
from aiida_concerted.formats.position_store import FrameworkStore, PositionStore
from aiida_concerted.formats.step_clock import StepClock
from aiida_concerted.formats.unwrap import MAX_STEP, UnwrapError, Unwrapper, nearest_way

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
Positions = NDArray[np.floating[Any]]

SAME_FRAME_A = 1e-4
"""Frames that differ by less are the same one; between two steps of a run some atom moves a hundred times as far."""

SAME_STEP_A = 0.05
"""What two files may differ by at a step they share: digits, not another run."""


@dataclass(frozen=True)
class Assembled:
    """What was put together.

    :param framework_species: element symbol of each framework atom.
    :param framework: stored framework frames in Å, shape ``(n_stored, n_framework, 3)``.
    :param framework_stride: frames from one stored framework to the next.
    :param displacement: mean displacement of the framework since frame 0 in Å, shape ``(n_frames, 3)``.
    :param cell: lattice vectors as rows in Å.
    """

    framework_species: tuple[str, ...]
    framework: FloatArray | None
    framework_stride: int
    displacement: FloatArray | None
    cell: FloatArray


class Assembler:
    """Takes the files of a run one after the other.

    :param carrier: element symbol of the mobile species.
    :param coordinates: ``auto``, ``wrapped`` or ``unwrapped``.
    :param store: where the carriers go.
    :param framework_bytes: memory for the framework.
    """

    def __init__(self, carrier: str, coordinates: str, store: PositionStore, framework_bytes: int) -> None:
        self.clock = StepClock()
        self.messages: list[str] = []
        self._carrier, self._coordinates = carrier, coordinates
        self._store = store
        self._framework_bytes = framework_bytes
        self._framework: FrameworkStore | None = None
        self._species: tuple[str, ...] = ()
        self._extra_species: tuple[str, ...] = ()
        self._cells: CellTracker | None = None
        self._unwrapper: Unwrapper
        self._carriers: IntArray
        self._others: IntArray
        self._displacements: list[FloatArray] = []
        self._origin = np.zeros(3)
        self._n_long = 0
        self._file_frames = 0
        self._is_first_file = True

    def begin_file(self, source: FrameSource) -> None:
        """Take up a file whose blocks follow."""
        self.clock.begin_file()
        self._source = source
        self._file_frames = 0
        self._file_offset = np.zeros(3)
        self._framework_shift: FloatArray | None = None
        self._must_join = self._must_compare = self._cells is not None

    def add(self, block: FrameBlock) -> None:
        """Take up a block of frames.

        :raises ValueError: naming file and frame, if they do not go on with the run.
        """
        if self._cells is None:
            self._begin(block)
        assert self._cells is not None  # noqa: S101 - made by _begin
        if self._source.facts.species != self._species:
            raise ValueError(
                f"{self._source.path}: the atoms are not those of the first file, or in another order "
                f"({_formula(self._source.facts.species)} after {_formula(self._species)}); give files of one run"
            )
        positions = self._cells.to_first(block.positions, block.cells)
        new = self._new_frames(block, positions)
        if block.framework is not None:
            self._join_framework(block)
        n_before = len(self._store)
        if new.any():
            frames = self._file_frames + np.flatnonzero(new)
            self._keep(positions if new.all() else positions[new], frames, n_before)
            self._cells.count(block.cells if new.all() else block.cells[new])
        if block.displacement is not None:
            self._keep_displacement(block, new, n_before)
        self._file_frames += len(block)

    def _begin(self, block: FrameBlock) -> None:
        """Take up what the first frame of the run tells."""
        facts = self._source.facts
        chosen = np.array([symbol == self._carrier for symbol in facts.species])
        if not chosen.any():
            known = ", ".join(dict.fromkeys(facts.species + facts.framework_species))
            raise ValueError(f"{self._source.path} holds no {self._carrier}: its elements are {known}")
        self._species, self._extra_species = facts.species, facts.framework_species
        self._carriers, self._others = np.flatnonzero(chosen), np.flatnonzero(~chosen)
        self._cells = CellTracker(block.cells[0], block.origin)
        self._unwrapper = Unwrapper(block.cells[0], len(facts.species))
        if len(self._others) or facts.framework_species:
            self._framework = FrameworkStore(self._framework_bytes, facts.framework_stride)

    def _new_frames(self, block: FrameBlock, positions: Positions) -> NDArray[np.bool_]:
        """Return which frames of a block were not read before."""
        new = np.ones(len(block), dtype=bool)
        try:
            steps = block.steps
            if steps is None and block.times is not None:
                steps = self.clock.steps_of_times(block.times)
            if steps is not None and self._source.facts.steps_are_global:
                new = self.clock.select(steps)
                self._compare_repeated(steps, new, positions)
            else:
                if steps is not None:
                    begins = block.begins_segment or self._file_frames == 0
                    self.clock.check_within_file(steps, begins_segment=begins)
                if block.begins_segment or self._must_compare:
                    new[0] = not self._is_last_frame(positions[0])
                    self.clock.n_repeated += int(not new[0])
            if block.times is not None:
                self.clock.measure(block.times, new)
        except ValueError as error:
            raise ValueError(f"{self._source.path}, frames from {self._file_frames}: {error}") from None
        self._must_compare = False
        return new

    def _is_last_frame(self, positions: Positions) -> bool:
        """Return whether a frame is the last one that was read."""
        last = self._unwrapper.last
        return last is not None and nearest_way(last, positions, self._unwrapper.cell) < SAME_FRAME_A

    def _compare_repeated(self, steps: IntArray, new: NDArray[np.bool_], positions: Positions) -> None:
        """Check that a file which begins at a step that was read begins with the same positions.

        A run whose steps were set back to zero would be dropped as repeated otherwise.
        """
        if not self._must_compare or new[0]:
            return
        known = self._store.frame(self.clock.index_of(int(steps[0])))
        way = nearest_way(known.astype(np.float64), positions[0, self._carriers], self._unwrapper.cell)
        if not way < SAME_STEP_A:
            raise ValueError(
                f"step {steps[0]} was read before with other positions ({way:.3g} Å away): the steps were set back or "
                "these are several runs; analyse them one by one, or number the steps on"
            )

    def _keep(self, positions: Positions, frames: IntArray, n_before: int) -> None:
        """Unwrap and store frames that are new; ``frames`` are their numbers in the file."""
        is_unwrapped = self._source.facts.unwrapped is True
        if self._coordinates != "auto":
            is_unwrapped = self._coordinates == "unwrapped"
        try:
            if not is_unwrapped:
                self._unwrapper.unwrap(positions)
            else:
                self._join(positions[0])
                self._n_long += self._unwrapper.keep(positions)
        except UnwrapError as error:
            raise ValueError(self._complaint(error, int(frames[error.frame]))) from None
        self._store.append(positions[:, as_slice(self._carriers)])
        if self._framework is None or not len(self._others):
            return
        means = mean_positions(positions, self._others)
        if not n_before:
            self._origin = means[0].copy()
        self._displacements.append(means - self._origin)
        self._framework.append(positions[:, as_slice(self._others)], n_before + np.arange(len(positions)))

    def _join(self, positions: Positions) -> None:
        """Let unwrapped positions of a further file go on where the last one ended."""
        if not self._must_join:
            return
        self._must_join = False
        n_atoms = self._unwrapper.join(positions, free=self._n_long > 0)
        if n_atoms:
            self.messages.append(
                f"{self._source.path.name}: {n_atoms} atoms begin in another cell than they ended in; "
                "they were shifted by whole cells"
            )

    def _join_framework(self, block: FrameBlock) -> None:
        """Let framework atoms that come apart from the carriers go on where the last file ended."""
        assert self._framework is not None and self._cells is not None and block.framework is not None  # noqa: S101, PT018
        if self._source.facts.framework_species != self._extra_species:
            raise ValueError(f"{self._source.path}: the framework is not that of the first file; give files of one run")
        framework = self._cells.to_first(block.framework, np.broadcast_to(block.cells[0], (len(block.framework), 3, 3)))
        if self._framework_shift is None:
            last = self._framework.last
            if last is None:
                self._origin = framework[0].mean(axis=0)
                self._framework_shift = np.zeros((1, 3))
            else:
                fractional = (framework[0] - last) @ np.linalg.inv(self._cells.cell)
                self._framework_shift = -np.rint(fractional) @ self._cells.cell
            self._file_offset = (framework[0] + self._framework_shift).mean(axis=0) - self._origin
        block.framework = framework + self._framework_shift

    def _keep_displacement(self, block: FrameBlock, new: NDArray[np.bool_], n_before: int) -> None:
        """Store a displacement that the file states, and the framework frames beside it."""
        assert block.displacement is not None  # noqa: S101 - the caller looked
        self._displacements.append(block.displacement[new] + self._file_offset)
        if block.framework is None or block.framework_frames is None or self._framework is None:
            return
        if not np.isfinite(block.framework).all():
            raise ValueError(f"{self._source.path}: a framework position is not finite; leave the broken part out")
        # number in the run of every frame of the block; repeated ones belong to no new frame
        numbers = np.where(new, n_before + np.cumsum(new) - 1, -1)
        own = numbers[block.framework_frames - self._file_frames]
        if (own >= 0).any():
            self._framework.append(block.framework[own >= 0], own[own >= 0])

    def _complaint(self, error: UnwrapError, frame: int) -> str:
        """Return what is wrong with a step that cannot be followed."""
        symbol = self._species[error.atom]
        where = f"{self._source.path} frame {frame}"
        if not np.isfinite(error.length):
            return f"{where}: the position of atom {error.atom} ({symbol}) is not finite; leave the broken part out"
        return (
            f"{where}: atom {error.atom} ({symbol}) moves {error.length:.2f} Å in one frame, more than {MAX_STEP} of "
            "the cell's height: store frames more often, or give unwrapped positions and coordinates=unwrapped"
        )

    def finish(self) -> Assembled:
        """Return what was put together; the store is in the mean cell from now on.

        :raises ValueError: if there are fewer than two frames, or the cell changes too much.
        """
        if self._cells is None or len(self._store) < 2:
            raise ValueError(f"{self._source.path}: {len(self._store)} whole frames were found; a run needs two")
        displacement = np.concatenate(self._displacements) if self._displacements else None
        framework, stride = None, 1
        if self._framework is not None:
            framework, stride = self._framework.finish(len(self._store))
        if not self._cells.is_constant:
            change = self._cells.fluctuation
            if change > MAX_FLUCTUATION:
                raise ValueError(
                    f"{self._source.path}: the cell changes by {change:.1%} from its mean, more than "
                    f"{MAX_FLUCTUATION:.0%}: analyse a part of the run in which it is steady"
                )
            self.messages.append(f"the cell changes by up to {change:.2%}: fractional positions times the mean cell")
            matrix, shift = self._cells.to_mean
            self._store.transform(matrix, shift)
            displacement = None if displacement is None else displacement @ matrix
            framework = None if framework is None else framework @ matrix + shift
        if self._n_long:
            self.messages.append(
                f"{self._n_long} steps span more than half the cell; if these positions are wrapped after all, give "
                "coordinates=wrapped"
            )
        species = tuple(self._species[i] for i in self._others) or self._extra_species
        return Assembled(species, framework, stride, displacement, self._cells.mean)


def as_slice(numbers: IntArray) -> slice | IntArray:
    """Return numbers that follow each other as a slice, with which NumPy need not copy; others as they are."""
    if len(numbers) == numbers[-1] - numbers[0] + 1:
        return slice(int(numbers[0]), int(numbers[-1]) + 1)
    return numbers


def mean_positions(positions: Positions, atoms: IntArray) -> FloatArray:
    """Return the mean position of some atoms at every frame in Å, shape ``(n, 3)``.

    :param positions: shape ``(n, n_atoms, 3)``.
    :param atoms: their numbers.
    """
    return np.asarray(_means(positions, atoms))


@njit(cache=True, nogil=True)
def _means(positions, atoms):  # type: ignore[no-untyped-def]
    # Summed atom by atom, so that the last digit does not depend on how many frames a block holds.
    means = np.zeros((positions.shape[0], 3))
    for frame in range(positions.shape[0]):
        for atom in atoms:
            for k in range(3):
                means[frame, k] += positions[frame, atom, k]
        means[frame] /= len(atoms)
    return means


def _formula(species: tuple[str, ...]) -> str:
    return " ".join(f"{symbol}{species.count(symbol)}" for symbol in dict.fromkeys(species)) or "no atoms"
