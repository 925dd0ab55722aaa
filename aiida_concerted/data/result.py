"""The base of all result nodes: small queryable numbers as attributes, the whole result and its curves as files."""

from __future__ import annotations

import io
import json
import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from aiida import orm
from aiida.common.exceptions import ValidationError
from numpy.typing import NDArray

from aiida_concerted.data.migrations import SCHEMA_VERSION, current_attributes, current_result, version_of

REAL = (int, float)


@dataclass(frozen=True)
class Field:
    """One attribute of a result node.

    :param types: the Python types a value may have.
    :param help: what it is, with its unit.
    :param required: whether a node may be stored without it.
    """

    types: tuple[type, ...]
    help: str
    required: bool = True


COMMON_FIELDS: dict[str, Field] = {
    "material": Field((str,), "Short stable key of the material, such as LGPS."),
    "formula": Field((str,), "Reduced chemical formula."),
    "carrier": Field((str,), "Element symbol of the mobile ion."),
    "level_of_theory": Field((str,), "Where energies and forces come from, in the end."),
    "n_atoms": Field((int,), "Atoms in the simulated cell."),
    "schema_version": Field((int,), "Version of the attributes' schema."),
    "study_uuid": Field((str,), "UUID of the study this result belongs to.", required=False),
}


def check_storable(value: Any, path: str) -> None:
    """Raise if a value holds a number that is not finite, a key with a dot, or something that is not JSON.

    :raises ValidationError: naming the place.
    """
    if isinstance(value, dict):
        for key, item in value.items():
            if not isinstance(key, str) or "." in key:
                raise ValidationError(f"'{path}' has the key {key!r}: keys are text without dots")
            check_storable(item, f"{path}.{key}")
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            check_storable(item, f"{path}[{index}]")
    elif isinstance(value, float):
        if not math.isfinite(value):
            raise ValidationError(f"'{path}' is {value}: leave out what is not known or not bounded")
    elif not isinstance(value, str | int | bool | type(None)):
        raise ValidationError(f"'{path}' is a {type(value).__name__}, which is not JSON")


class ResultData(orm.Data):
    """A result: attributes for queries, ``result.json`` with everything, ``arrays.npz`` with the curves.

    :param attributes: values of ``FIELDS`` and of the fields common to all results.
    :param result: the whole result as JSON-compatible dictionary, units in the keys.
    :param arrays: curves and other arrays by name, units in the names.
    """

    FIELDS: ClassVar[dict[str, Field]] = {}
    _RESULT = "result.json"
    _ARRAYS = "arrays.npz"

    def __init__(
        self,
        attributes: dict[str, Any] | None = None,
        result: dict[str, Any] | None = None,
        arrays: dict[str, NDArray[Any]] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        values = {"schema_version": SCHEMA_VERSION, **(attributes or {})}
        self.base.attributes.set_many({key: value for key, value in values.items() if value is not None})
        if result is not None:
            check_storable(result, "result")
            content = json.dumps(result, indent=1, sort_keys=True).encode()
            self.base.repository.put_object_from_filelike(io.BytesIO(content), self._RESULT)
        if arrays:
            buffer = io.BytesIO()
            np.savez_compressed(buffer, **arrays)
            buffer.seek(0)
            self.base.repository.put_object_from_filelike(buffer, self._ARRAYS)

    @classmethod
    def get_fields(cls) -> dict[str, Field]:
        """Return the attributes of this node type, those common to all results first."""
        return {**COMMON_FIELDS, **cls.FIELDS}

    def _validate(self) -> bool:
        super()._validate()
        attributes = self.base.attributes.all
        fields = self.get_fields()
        for name, field in fields.items():
            if name not in attributes:
                if field.required:
                    raise ValidationError(f"{type(self).__name__} needs the attribute '{name}': {field.help}")
                continue
            value = attributes[name]
            if not isinstance(value, field.types) or (isinstance(value, bool) and bool not in field.types):
                expected = " or ".join(kind.__name__ for kind in field.types)
                raise ValidationError(f"'{name}' must be {expected}, got {value!r}")
        self._refuse_unknown(attributes, fields)
        check_storable(attributes, type(self).__name__)
        return True

    @staticmethod
    def _refuse_unknown(attributes: Iterable[str], fields: dict[str, Field]) -> None:
        unknown = [name for name in attributes if name not in fields and not name.startswith("_")]
        if unknown:
            raise ValidationError(f"unknown attributes {unknown}: known are {sorted(fields)}")

    def get_attributes(self) -> dict[str, Any]:
        """Return all attributes under the names of this version of the schema, whichever wrote them.

        :raises NewerSchemaError: if a later version wrote them.
        """
        return current_attributes(type(self).__name__, dict(self.base.attributes.all))

    def __getitem__(self, name: str) -> Any:
        """Return one attribute.

        :raises KeyError: if the node does not have it.
        :raises NewerSchemaError: if a later version of this software wrote the node.
        """
        if version_of({"schema_version": self.base.attributes.get("schema_version", None)}) != SCHEMA_VERSION:
            return self.get_attributes()[name]
        try:
            return self.base.attributes.get(name)
        except AttributeError as error:
            raise KeyError(name) from error

    def get(self, name: str, default: Any = None) -> Any:
        """Return one attribute, or the default where the node does not have it."""
        try:
            return self[name]
        except KeyError:
            return default

    def get_result(self) -> dict[str, Any]:
        """Return the whole result as dictionary, empty where only attributes were given.

        :raises NewerSchemaError: if a later version of this software wrote the node.
        """
        if self._RESULT not in self.base.repository.list_object_names():
            return {}
        content: dict[str, Any] = json.loads(self.base.repository.get_object_content(self._RESULT, mode="r"))
        return current_result(type(self).__name__, dict(self.base.attributes.all), content)

    def get_arrays(self) -> dict[str, NDArray[Any]]:
        """Return the arrays by name."""
        if self._ARRAYS not in self.base.repository.list_object_names():
            return {}
        with self.base.repository.open(self._ARRAYS, "rb") as handle:
            content = io.BytesIO(handle.read())
        with np.load(content, allow_pickle=False) as arrays:
            return {name: arrays[name] for name in arrays.files}
