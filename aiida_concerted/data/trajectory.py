"""One molecular-dynamics run as a node."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from aiida import orm
from aiida.common.exceptions import ValidationError
from numpy.typing import NDArray

from aiida_concerted.common.trajectory import Trajectory
from aiida_concerted.data.formula import reduced_formula
from aiida_concerted.data.migrations import SCHEMA_VERSION
from aiida_concerted.formats.h5md import H5mdReader, run_facts
from aiida_concerted.formats.h5md_writer import write_h5md


class RunData(orm.Data):
    """What nodes of a run say of it, wherever its frames are."""

    @property
    def n_frames(self) -> int:
        """Return the number of frames."""
        return int(self.base.attributes.get("n_frames"))

    @property
    def frame_interval_ps(self) -> float:
        """Return the time between frames in ps."""
        return float(self.base.attributes.get("frame_interval_ps"))

    @property
    def duration_ps(self) -> float:
        """Return the time between the first and the last frame in ps."""
        return (self.n_frames - 1) * self.frame_interval_ps


class MolecularDynamicsData(RunData):
    """One replica and segment of a run: an H5MD file with carriers at every frame and the framework at its stride.

    :param path: H5MD file written by :mod:`aiida_concerted.formats.h5md`; it is copied into the repository.
    :param supercell: repetitions of the unit cell along each axis, if known.
    :param level_of_theory: where the forces come from, in the end.
    :param material: short stable key of the material, such as ``LGPS``.
    :param seed: seed of the initial velocities.
    :param potential_sha256: SHA-256 of the potential that drove the run.
    :param study_uuid: UUID of the study the run belongs to.
    :param source: the files it was read from, where no process of ours made it.
    :param content_hash: SHA-256 of what was read from them.
    """

    FILENAME = "trajectory.h5"
    REQUIRED = ("formula", "carrier", "n_frames", "frame_interval_ps", "n_atoms")

    def __init__(
        self,
        path: str | Path,
        *,
        supercell: tuple[int, int, int] | None = None,
        level_of_theory: str | None = None,
        material: str | None = None,
        seed: int | None = None,
        potential_sha256: str | None = None,
        study_uuid: str | None = None,
        source: dict[str, Any] | None = None,
        content_hash: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        with H5mdReader(path) as reader:
            header, n_frames = reader.header, reader.n_frames
        attributes = {
            "formula": reduced_formula((header.carrier,) * len(header.carrier_ids) + header.framework_species),
            **run_facts(header, n_frames),
            "supercell": None if supercell is None else [int(n) for n in supercell],
            "level_of_theory": level_of_theory,
            "material": material,
            "seed": seed,
            "potential_sha256": potential_sha256,
            "study_uuid": study_uuid,
            "source": source,
            "content_hash": content_hash,
            "schema_version": SCHEMA_VERSION,
        }
        self.base.attributes.set_many({key: value for key, value in attributes.items() if value is not None})
        self.base.repository.put_object_from_file(str(Path(path).resolve()), self.FILENAME)

    @classmethod
    def from_trajectory(
        cls,
        trajectory: Trajectory,
        *,
        carrier_ids: NDArray[np.intp] | None = None,
        framework_ids: NDArray[np.intp] | None = None,
        **context: Any,
    ) -> MolecularDynamicsData:
        """Return an unstored node of a trajectory in memory.

        :param carrier_ids: number of each carrier in the structure, counted from 0; carriers first when not given.
        :param framework_ids: number of each framework atom likewise.
        :param context: what the class takes besides the path.
        :raises ValueError: if the trajectory names framework species but holds no framework positions.
        """
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / cls.FILENAME
            write_h5md(path, trajectory, carrier_ids=carrier_ids, framework_ids=framework_ids)
            return cls(path, **context)

    @contextmanager
    def reader(self) -> Iterator[H5mdReader]:
        """Yield a reader of the file, for work by chunks."""
        with self.base.repository.open(self.FILENAME, "rb") as handle, H5mdReader(handle) as reader:
            yield reader

    def get_trajectory(self) -> Trajectory:
        """Return the whole trajectory."""
        with self.reader() as reader:
            return reader.trajectory()

    def _validate(self) -> bool:
        super()._validate()
        attributes = self.base.attributes.all
        missing = [name for name in self.REQUIRED if name not in attributes]
        if missing:
            raise ValidationError(f"a trajectory needs the attributes {missing}")
        if attributes["n_frames"] < 2:
            raise ValidationError(f"a trajectory needs two frames, got {attributes['n_frames']}")
        with self.reader() as reader:
            if reader.n_frames != attributes["n_frames"] or reader.header.n_atoms != attributes["n_atoms"]:
                raise ValidationError("n_frames and n_atoms do not match the file: make the node anew from the file")
        return True
