"""Protocols: named sets of numbers, kept in YAML beside this module with a unit and a source for each."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, ClassVar

import yaml

from aiida_concerted.common.hints import nearest

FOLDER = Path(__file__).parent
ALIASES = {"moderate": "balanced", "precise": "stringent"}


class ProtocolError(ValueError):
    """An unknown protocol, or an override that the protocol does not know."""


@lru_cache
def load_protocols(name: str) -> dict[str, Any]:
    """Return what a protocol file holds.

    :param name: the file's, without its ending.
    """
    content: dict[str, Any] = yaml.safe_load((FOLDER / f"{name}.yaml").read_text(encoding="utf-8"))
    return content


def merge(base: dict[str, Any], overrides: dict[str, Any]) -> dict[str, Any]:
    """Return ``base`` with the leaves of ``overrides`` in it; neither argument is changed.

    A whole number in the place of a decimal one becomes one: people write ``600`` where ports insist on ``600.0``.
    """
    merged = copy.deepcopy(base)
    for key, value in overrides.items():
        if isinstance(value, dict) and isinstance(merged.get(key), dict):
            merged[key] = merge(merged[key], value)
        elif isinstance(merged.get(key), float) and type(value) is int:
            merged[key] = float(value)
        else:
            merged[key] = copy.deepcopy(value)
    return merged


def check_keys(overrides: dict[str, Any], known: dict[str, Any], open_keys: set[str], path: str) -> None:
    """Refuse a key that the protocol does not have.

    :param open_keys: keys below which anything may stand, such as the INCAR tags of VASP.
    :raises ProtocolError: naming the key, where it stands, and the nearest known one.
    """
    for key, value in overrides.items():
        if key not in known:
            raise ProtocolError(f"unknown override '{path}{key}': {nearest(key, list(known))}")
        if isinstance(value, dict) and isinstance(known[key], dict) and key not in open_keys:
            check_keys(value, known[key], open_keys, f"{path}{key}.")


class ProtocolMixin:
    """Gives a work chain the protocols of the YAML file named by ``_protocol_file``."""

    _protocol_file: str
    _section_keys: ClassVar[Mapping[str, tuple[str, ...]]] = {}
    """Keys that a section of the overrides may hold beside those that the protocol sets."""

    @classmethod
    def get_protocol_inputs(
        cls, protocol: str | None = None, overrides: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        """Return the numbers of a protocol with the overrides in it.

        :raises ProtocolError: if the protocol or the key of an override is unknown; the message names the nearest.
        """
        content = load_protocols(cls._protocol_file)
        name = ALIASES.get(protocol or "", protocol or content["default_protocol"])
        if name not in content["protocols"]:
            raise ProtocolError(f"unknown protocol '{name}': {nearest(name, list(content['protocols']))}")
        inputs = merge(content["default_inputs"], content["protocols"][name].get("inputs") or {})
        if overrides:
            check_keys(overrides, cls._known_keys(inputs), set(content.get("open_keys", ())), f"{cls._protocol_file}.")
            inputs = merge(inputs, overrides)
        return inputs

    @classmethod
    def _known_keys(cls, inputs: dict[str, Any]) -> dict[str, Any]:
        known = dict(inputs)
        for section, keys in cls._section_keys.items():
            known[section] = {**dict.fromkeys(keys), **inputs[section]}
        return known
