"""A run whose frames stay on the computer that made them, as a node."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from typing import Any

from aiida import orm
from aiida.common.exceptions import ValidationError

from aiida_concerted.common.parameters import from_mapping
from aiida_concerted.data.formula import reduced_formula
from aiida_concerted.data.migrations import SCHEMA_VERSION
from aiida_concerted.data.trajectory import RunData
from aiida_concerted.reduction.request import RunDescription, Segment


class StashedTrajectoryData(RunData):
    """One run whose frames stay on the computer that made them: where they lie, their SHA-256, and what they are.

    It says of the run what :class:`MolecularDynamicsData` says; ``concerted.reduce`` makes it and reads it.

    :param run: how the files are read.
    :param segments: its segments in order, with the digests of their files.
    :param facts: what was found when they were read first: numbers of frames and atoms, interval, temperature, volume.
    :param computer: where the files lie.
    :param context: level_of_theory, material, study_uuid, potential_sha256 and seed, where they are known.
    """

    _RUN = "run.json"
    REQUIRED = ("formula", "carrier", "n_frames", "frame_interval_ps", "n_atoms", "segments")

    def __init__(
        self,
        run: RunDescription,
        segments: Sequence[Segment],
        *,
        facts: dict[str, Any],
        computer: orm.Computer,
        context: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(computer=computer, **kwargs)
        attributes = {
            "formula": reduced_formula(run.species),
            **facts,
            **(context or {}),
            "segments": [segment.as_dict() for segment in segments],
            "places": [f"{computer.label}:{segment.place}" for segment in segments],
            "schema_version": SCHEMA_VERSION,
        }
        self.base.attributes.set_many({key: value for key, value in attributes.items() if value is not None})
        content = json.dumps(run.as_dict(), indent=1, sort_keys=True).encode()
        self.base.repository.put_object_from_filelike(io.BytesIO(content), self._RUN)

    def get_run(self) -> RunDescription:
        """Return how the files are read."""
        return RunDescription.from_dict(json.loads(self.base.repository.get_object_content(self._RUN, mode="r")))

    def get_segments(self) -> list[Segment]:
        """Return where the files lie and their digests, in the order of the segments."""
        return [from_mapping(Segment, segment, "segments") for segment in self.base.attributes.get("segments")]

    def _validate(self) -> bool:
        super()._validate()
        attributes = self.base.attributes.all
        missing = [name for name in self.REQUIRED if not attributes.get(name)]
        if missing or self.computer is None:
            raise ValidationError(f"a stashed trajectory needs {', '.join(missing) or 'a computer'}")
        try:
            segments = self.get_segments()
            self.get_run()
        except (FileNotFoundError, KeyError, ValueError) as error:
            raise ValidationError(f"this node describes no run: {error}") from error
        if any(not segment.sha256 for segment in segments):
            raise ValidationError("a stashed trajectory needs the SHA-256 of every file")
        return True
