"""Labelled configurations as a node."""

from __future__ import annotations

import hashlib
import io
import json
import re
from typing import Any

import numpy as np
from aiida import orm
from aiida.common.exceptions import ValidationError
from numpy.typing import NDArray

from aiida_concerted.common.frames import LabelledFrames
from aiida_concerted.data.formula import kinds_of, reduced_formula
from aiida_concerted.data.migrations import SCHEMA_VERSION
from aiida_concerted.formats.energy_settings import EnergySettings

ARRAYS = ("cells", "positions", "energies", "forces", "virials")


def content_hash(frames: LabelledFrames) -> str:
    """Return the SHA-256 of what a potential learns from: species, cells, positions, energies, forces, virials.

    Where the frames came from does not count, so the same numbers imported twice have one hash.
    """
    digest = hashlib.sha256(" ".join(frames.species).encode())
    for name in ARRAYS:
        array = getattr(frames, name)
        if array is not None:
            digest.update(f"{name}{array.shape}".encode())
            digest.update(np.ascontiguousarray(array, dtype="<f8").tobytes())
    return digest.hexdigest()


class LabelledFramesData(orm.Data):
    """Energies, forces and optionally virials of frames of one composition, and where each frame came from.

    Positions and cells are in Å, energies and virials in eV, forces in eV Å⁻¹.

    :param frames: the frames; at least one.
    :param level_of_theory: what the labels were computed with, such as ``PBE VASP 6.4.2``.
    :param material: short stable key of the material, such as ``LGPS``.
    :param study_uuid: UUID of the study the frames belong to.
    :param source: the files they were read from, where no process of ours made them.
    :param energy_settings: what decides the energies (INCAR tags, potentials, k-points), the JSON form of
        :class:`~aiida_concerted.formats.energy_settings.EnergySettings`; left out where it is not known.
    :param parents: content hashes of the datasets it was put together from; with it a version can be traced in an
        export without provenance too.
    """

    _ARRAYS = "frames.npz"
    _ORIGINS = "origins.json"

    def __init__(
        self,
        frames: LabelledFrames,
        *,
        level_of_theory: str,
        material: str | None = None,
        study_uuid: str | None = None,
        source: dict[str, Any] | None = None,
        parents: list[str] | None = None,
        energy_settings: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        attributes = {
            "formula": reduced_formula(frames.species),
            "species": kinds_of(frames.species),
            "n_frames": len(frames),
            "n_atoms": frames.n_atoms,
            "has_virials": frames.virials is not None,
            "content_hash": content_hash(frames),
            "level_of_theory": level_of_theory,
            "material": material,
            "study_uuid": study_uuid,
            "source": source,
            "parents": parents,
            "energy_settings": energy_settings,
            "schema_version": SCHEMA_VERSION,
        }
        self.base.attributes.set_many({key: value for key, value in attributes.items() if value is not None})
        arrays: dict[str, NDArray[Any]] = {name: getattr(frames, name) for name in ARRAYS}
        arrays = {name: array for name, array in arrays.items() if array is not None}
        buffer = io.BytesIO()
        np.savez(buffer, allow_pickle=False, species=np.array(frames.species), **arrays)
        self.base.repository.put_object_from_bytes(buffer.getvalue(), self._ARRAYS)
        self.base.repository.put_object_from_bytes(json.dumps(frames.origins).encode(), self._ORIGINS)

    def get_frames(self) -> LabelledFrames:
        """Return the frames."""
        with self.base.repository.open(self._ARRAYS, "rb") as handle:
            content = io.BytesIO(handle.read())
        with np.load(content, allow_pickle=False) as arrays:
            found = {name: arrays[name] for name in arrays.files}
        species = tuple(str(symbol) for symbol in found.pop("species"))
        origins = json.loads(self.base.repository.get_object_content(self._ORIGINS, mode="r"))
        return LabelledFrames(species=species, origins=tuple((uuid, step) for uuid, step in origins), **found)

    def __len__(self) -> int:
        """Return the number of frames."""
        return int(self.base.attributes.get("n_frames"))

    @property
    def content_hash(self) -> str:
        """Return the SHA-256 of species, cells, positions, energies, forces and virials."""
        return str(self.base.attributes.get("content_hash"))

    @property
    def level_of_theory(self) -> str:
        """Return what the labels were computed with."""
        return str(self.base.attributes.get("level_of_theory"))

    @property
    def energy_settings(self) -> EnergySettings:
        """Return what decides the energies, empty where it is not known."""
        return EnergySettings.from_dict(self.base.attributes.get("energy_settings", {}))

    def _validate(self) -> bool:
        super()._validate()
        if not self.base.attributes.get("level_of_theory", None):
            raise ValidationError("labelled frames need a level_of_theory, such as 'PBE VASP 6.4.2'")
        if self.base.attributes.get("n_frames") < 1 or self.base.attributes.get("n_atoms") < 1:
            raise ValidationError("labelled frames need at least one frame and one atom")
        if content_hash(self.get_frames()) != self.content_hash:
            raise ValidationError(
                "the stored arrays do not match their content_hash: make the node anew from its frames"
            )
        return True


def find_by_content(beginning: str) -> list[LabelledFramesData]:
    """Return the stored datasets whose content hash begins so, oldest first; none for fewer than eight hex digits."""
    if re.fullmatch(r"[0-9a-f]{8,64}", beginning) is None:
        return []
    builder = orm.QueryBuilder()
    builder.append(LabelledFramesData, filters={"attributes.content_hash": {"like": f"{beginning}%"}})
    builder.order_by({LabelledFramesData: "ctime"})
    return builder.all(flat=True)
