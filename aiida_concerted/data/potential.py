"""A deep potential as a node."""

from __future__ import annotations

import hashlib
from typing import Any

from aiida import orm
from aiida.common.exceptions import ValidationError

from aiida_concerted.data.migrations import SCHEMA_VERSION


class DeepPotentialData(orm.SinglefileData):
    """A frozen deep potential: the file that LAMMPS reads, and what must be known to use it.

    :param file: path or file object of the frozen model.
    :param type_map: element symbols in the order of the model's type numbers.
    :param cutoff_A: radius in Å beyond which atoms do not see each other.
    :param backend: program behind the model, ``tensorflow`` or ``pytorch``.
    :param version: version of the DeePMD-kit that froze it.
    :param sel: most neighbours of each element within the cutoff, if known; a training that starts from here needs it.
    :param compressed: whether the embedding nets are tabulated.
    :param seed: seed of the training; ``None`` where it is not known.
    :param level_of_theory: what the training labels were computed with.
    :param material: short stable key of the material, such as ``LGPS``.
    """

    BACKENDS = ("tensorflow", "pytorch")
    SUFFIXES = {"tensorflow": ".pb", "pytorch": ".pth"}
    """Endings of the files, by which DeePMD-kit and LAMMPS tell the back end."""

    def __init__(
        self,
        file: Any,
        filename: str | None = None,
        *,
        type_map: list[str],
        cutoff_A: float,
        version: str,
        level_of_theory: str,
        backend: str = "tensorflow",
        sel: list[int] | None = None,
        compressed: bool = False,
        seed: int | None = None,
        material: str | None = None,
        study_uuid: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(file=file, filename=filename, **kwargs)
        attributes = {
            "type_map": list(type_map),
            "cutoff_A": float(cutoff_A),
            "backend": backend,
            "sel": None if sel is None else [int(number) for number in sel],
            "version": version,
            "compressed": compressed,
            "seed": seed,
            "level_of_theory": level_of_theory,
            "material": material,
            "study_uuid": study_uuid,
            "sha256": self._digest(),
            "schema_version": SCHEMA_VERSION,
        }
        self.base.attributes.set_many({key: value for key, value in attributes.items() if value is not None})

    def _digest(self) -> str:
        digest = hashlib.sha256()
        with self.open(mode="rb") as handle:
            while block := handle.read(1 << 20):
                digest.update(block)
        return digest.hexdigest()

    @property
    def type_map(self) -> list[str]:
        """Return the element symbols in the order of the model's type numbers."""
        return list(self.base.attributes.get("type_map"))

    @property
    def cutoff_A(self) -> float:
        """Return the cutoff radius in Å."""
        return float(self.base.attributes.get("cutoff_A"))

    @property
    def program(self) -> str:
        """Return the back end of DeePMD-kit behind the model, ``tensorflow`` or ``pytorch``."""
        return str(self.base.attributes.get("backend"))

    @property
    def suffix(self) -> str:
        """Return the ending that the file needs, by which DeePMD-kit and LAMMPS tell the back end."""
        return self.SUFFIXES[self.program]

    @property
    def sha256(self) -> str:
        """Return the SHA-256 of the file."""
        return str(self.base.attributes.get("sha256"))

    @property
    def level_of_theory(self) -> str:
        """Return what the training labels were computed with."""
        return str(self.base.attributes.get("level_of_theory"))

    def _validate(self) -> bool:
        super()._validate()
        attributes = self.base.attributes.all
        for name in ("version", "level_of_theory"):
            if not attributes.get(name):
                raise ValidationError(f"a deep potential needs its {name}")
        if not attributes["type_map"] or len(set(attributes["type_map"])) != len(attributes["type_map"]):
            raise ValidationError(f"type_map must name each element once, got {attributes['type_map']}")
        if not attributes["cutoff_A"] > 0:
            raise ValidationError(f"cutoff_A must be positive, got {attributes['cutoff_A']} Å")
        if attributes["backend"] not in self.BACKENDS:
            raise ValidationError(f"backend must be one of {self.BACKENDS}, got {attributes['backend']!r}")
        if attributes["sha256"] != self._digest():
            raise ValidationError("the stored file does not match its sha256: make the node anew from the file")
        return True
