"""What a reduction is asked for: the segments of one run where they lie, and what is to be known of it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aiida_concerted.analysis.effort import EffortTarget
from aiida_concerted.analysis.sites import SiteNetwork
from aiida_concerted.common.parameters import from_mapping, refuse_unknown
from aiida_concerted.formats.md_parameters import MdParameters, RestartPoint
from aiida_concerted.reduction.files import check_schema
from aiida_concerted.reduction.parameters import AnalysisParameters

SCHEMA = "aiida-concerted/reduce/1"

FOLDER = "folder"
ARCHIVES = ("tar", "tar.gz", "tar.bz2", "tar.xz")
"""What a segment may lie in."""


@dataclass(frozen=True)
class Segment:
    """The files of one segment of a run, where they lie.

    :param place: absolute path of a folder or an archive.
    :param kind: :data:`FOLDER` or one of :data:`ARCHIVES`.
    :param start_step: step of the restart file that it went on from; ``None`` for one that began anew.
    :param sha256: digest of each file by its name (of the archive by its own); none before they were read first.
    """

    place: str
    kind: str
    start_step: int | None = None
    sha256: Mapping[str, str] = dataclasses.field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.kind not in (FOLDER, *ARCHIVES):
            raise ValueError(f"a segment lies in a {FOLDER} or one of {', '.join(ARCHIVES)}, got {self.kind!r}")
        if not isinstance(self.place, str) or not self.place.startswith("/"):
            raise ValueError(f"the place of a segment must be an absolute path, got {self.place!r}")

    @property
    def start(self) -> RestartPoint | None:
        """Return where the segment began, ``None`` for one that began anew."""
        return None if self.start_step is None else RestartPoint(self.start_step, 0.0)

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {**dataclasses.asdict(self), "sha256": dict(self.sha256)}


@dataclass(frozen=True)
class RunDescription:
    """What must be known of a run to read its files.

    :param species: element symbol of each atom of the structure that it began from.
    :param cell: lattice vectors of that structure as rows in Å, shape ``(3, 3)``.
    :param md: parameters of the run, of its longest segment where they differ in length.
    """

    species: tuple[str, ...]
    cell: NDArray[np.float64]
    md: MdParameters

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> RunDescription:
        """Return what :meth:`as_dict` was taken of.

        :raises ValueError: if a parameter is unknown or refused.
        """
        cell = np.array(content["cell_A"], dtype=np.float64)
        return cls(tuple(content["species"]), cell, from_mapping(MdParameters, content["md"], "md"))

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {"species": list(self.species), "cell_A": self.cell.tolist(), "md": dataclasses.asdict(self.md)}

    @property
    def has_framework(self) -> bool:
        """Return whether there are atoms besides the carriers."""
        return any(symbol != self.md.carrier for symbol in self.species)


@dataclass(frozen=True)
class ReduceRequest:
    """One run, and what is to be known of it.

    :param run: how its files are read.
    :param segments: its segments.
    :param analysis: parameters of the analysis; without them only the run itself is described.
    :param crystal: positions in Å of all atoms of the crystal that the run began from, where it is known.
    :param network: the sites; without them no sites and modes.
    :param target: what is to be known how well, where a judgement of the run is wanted.
    """

    run: RunDescription
    segments: tuple[Segment, ...]
    analysis: AnalysisParameters | None = None
    crystal: NDArray[np.float64] | None = None
    network: SiteNetwork | None = None
    target: EffortTarget | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {
            "schema": SCHEMA,
            "run": self.run.as_dict(),
            "segments": [segment.as_dict() for segment in self.segments],
            "analysis": None if self.analysis is None else dataclasses.asdict(self.analysis),
            "crystal_A": None if self.crystal is None else self.crystal.tolist(),
            "network": None if self.network is None else self.network.as_dict(),
            "target": None if self.target is None else dataclasses.asdict(self.target),
        }

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> ReduceRequest:
        """Return the request of a JSON form, which another version may have written.

        :raises ValueError: if it is none, or asks for what this version does not know.
        """
        check_schema(content, SCHEMA)
        refuse_unknown(content, ("schema", *(field for field in _FIELDS)), "the request")
        analysis, network, target, crystal = (content.get(k) for k in ("analysis", "network", "target", "crystal_A"))
        return cls(
            RunDescription.from_dict(content["run"]),
            tuple(from_mapping(Segment, segment, "segments") for segment in content["segments"]),
            analysis=None if analysis is None else from_mapping(AnalysisParameters, analysis, "analysis"),
            crystal=None if crystal is None else np.array(crystal, dtype=np.float64),
            network=None if network is None else SiteNetwork.from_dict(network),
            target=None if target is None else from_mapping(EffortTarget, target, "target"),
        )


_FIELDS = ("run", "segments", "analysis", "crystal_A", "network", "target")
