"""What a study file may hold, as a JSON schema made from the protocols and from what the ports behind them take."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

from aiida_concerted.formats.deepmd_input import TrainingParameters
from aiida_concerted.structures.ordering import OrderingOptions
from aiida_concerted.workflows.deepmd.committee import DeepmdCommitteeWorkChain
from aiida_concerted.workflows.explore import ExploreWorkChain
from aiida_concerted.workflows.iteration import IterationWorkChain
from aiida_concerted.workflows.learn import LearnWorkChain
from aiida_concerted.workflows.protocols.loader import ALIASES, FOLDER, ProtocolMixin, load_protocols
from aiida_concerted.workflows.sections import ANALYSIS_KEYS
from aiida_concerted.workflows.study import StudyWorkChain
from aiida_concerted.workflows.sweep import SweepWorkChain
from aiida_concerted.workflows.vasp.aimd import VaspAimdWorkChain
from aiida_concerted.workflows.vasp.base import VaspBaseWorkChain
from aiida_concerted.workflows.vasp.label import VaspLabelWorkChain
from aiida_concerted.workflows.vasp.sample import DISTORTION
from aiida_concerted.workflows.vasp.vacancy import VaspVacancyWorkChain

SCHEMA = "aiida-concerted/study/1"

CODES = {"dp": "DeePMD-kit", "lmp": "LAMMPS with the deepmd pair style", "vasp": "VASP, or the surrogate"}

REDUCE_CODE = "concerted"
"""Key of the code that analyses frames where they stay."""

GAMMA_CODE = "vasp_gam"
"""Key of a code that works beside that of VASP where the Γ point is the only k-point."""

OTHER_CODES = {
    GAMMA_CODE: "VASP's build for runs at the Γ point alone",
    REDUCE_CODE: "aiida-concerted where runs are made, to analyse frames that stay there",
}

Node = dict[str, Any]

PARTS: Mapping[str, Mapping[str, type[ProtocolMixin]]] = {
    "study": {"relax": VaspBaseWorkChain},
    "vasp_aimd": {"vasp": VaspBaseWorkChain},
    "vasp_label": {"vasp": VaspBaseWorkChain},
    "vasp_sample": {"aimd": VaspAimdWorkChain},
    "vasp_vacancy": {"vasp": VaspBaseWorkChain},
    "learn": {"iteration": IterationWorkChain, "final": DeepmdCommitteeWorkChain},
    "iteration": {
        "committee": DeepmdCommitteeWorkChain,
        "explore": ExploreWorkChain,
        "label": VaspLabelWorkChain,
    },
}
"""The work chain whose overrides stand below a key, by the protocol file that has the key."""

NAMES: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "vasp_sample": {"distortion": DISTORTION},
    "committee": {"train": tuple(field.name for field in dataclasses.fields(TrainingParameters))},
    "study": {
        "aimd_distortion": DISTORTION,
        "ordering": ("oxidation_states", *(field.name for field in dataclasses.fields(OrderingOptions))),
    },
}
"""The keys below a key that a protocol leaves open, where something else than a protocol knows them."""

BY_NUMBER: Mapping[str, Mapping[str, Node]] = {"sweep": {"n_seeds_at": {"type": "integer", "minimum": 1}}}
"""What stands below a key whose own keys are numbers, temperatures in K."""

OWN_SECTIONS = ("aimd", "learn", "sweep", "vacancy")
"""Parts of a study that have a section of their own in the file."""


@lru_cache
def study_schema() -> Node:
    """Return the JSON schema of a study file."""
    node = {"type": ["string", "integer"], "description": "PK or UUID of a node"}
    properties: Node = {
        "schema": {"const": SCHEMA, "description": "which kind of file this is"},
        "material": {"type": "string", "description": "short key, such as LGPS; a shipped name brings its site model"},
        "structure": {**node, "description": "ordered unit cell: a file (CIF, POSCAR, …), or PK or UUID of a node"},
        "carrier": {"type": "string", "description": "element that moves; that of the site model when not given"},
        "protocol": {"enum": protocol_names(), "description": "what all sections start from", "default": "balanced"},
        "seed": {"type": "integer", "minimum": 0, "description": "every random choice follows from it", "default": 1},
        "codes": _object(
            {
                name: {"type": ["string", "integer"], "description": text}
                for name, text in {**CODES, **OTHER_CODES}.items()
            }
        ),
        "potcars": _object({"family": {"type": "string"}, "mapping": {"type": "object"}, "hashes": {"type": "object"}}),
        "resources": _object({name: {"type": "object"} for name in ("all", *CODES, REDUCE_CODE)}),
        "sites": {"type": "string", "description": "site model: a shipped name, SITES.yaml or SITES.cif"},
        "study": _without(_protocol(StudyWorkChain), "seed", *OWN_SECTIONS),
        "aimd": _without(_protocol(VaspAimdWorkChain), "seed"),
        "committee": _with(_protocol(DeepmdCommitteeWorkChain), training=_named(node), validation=_named(node)),
        "learn": _with(_protocol(LearnWorkChain), dataset=node, validation=node, structures={"type": "object"}),
        "sweep": _with(_protocol(SweepWorkChain), models={"type": "array", "items": node}),
        "vacancy": _without(_protocol(VaspVacancyWorkChain), "carrier"),
        "analyse": _with(_leaves(ANALYSIS_KEYS), trajectories={"type": "array", "items": node}),
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Study of aiida-concerted",
        **_object(properties),
        "required": ["schema"],
    }


def _named(item: Node) -> Node:
    """Return the schema of items by name."""
    return {"type": "object", "additionalProperties": item}


def protocol_names() -> list[str]:
    """Return the names of the protocols, other words for them included."""
    return [*load_protocols(StudyWorkChain._protocol_file)["protocols"], *ALIASES]


def protocol_files() -> list[str]:
    """Return the names of all protocol files."""
    return sorted(path.stem for path in FOLDER.glob("*.yaml"))


def _protocol(cls: type[ProtocolMixin]) -> Node:
    """Return the schema of the overrides of a work chain."""
    name, inputs = cls._protocol_file, cls.get_protocol_inputs("balanced")
    open_keys = load_protocols(name).get("open_keys", ())
    properties = {}
    for key, value in inputs.items():
        if key in PARTS.get(name, {}):
            properties[key] = _protocol(PARTS[name][key])
        elif key in cls._section_keys:
            properties[key] = _leaves(cls._section_keys[key], value)
        elif key in BY_NUMBER.get(name, {}):
            properties[key] = {"type": "object", "additionalProperties": BY_NUMBER[name][key]}
        elif key in NAMES.get(name, {}):
            properties[key] = _leaves(NAMES[name][key], value)
        else:
            properties[key] = {"type": "object"} if key in open_keys else _leaf(value)
    return _object(properties)


def _leaves(names: Iterable[str], values: Mapping[str, Any] | None = None) -> Node:
    """Return the schema of a section of which only the names are known, and the values that a protocol gives."""
    known = values or {}
    return _object({name: _leaf(known.get(name)) for name in names})


def _leaf(value: Any) -> Node:
    if value is None:
        return {}
    if isinstance(value, dict):
        return _object({key: _leaf(item) for key, item in value.items()})
    if isinstance(value, bool):
        kind: Any = "boolean"
    elif isinstance(value, int | float):
        kind = ["number", "null"]
    else:
        kind = ["array", "null"] if isinstance(value, list) else ["string", "null"]
    return {"type": kind, "default": value}


def _object(properties: Node) -> Node:
    return {"type": "object", "properties": properties, "additionalProperties": False}


def _with(section: Node, **more: Node) -> Node:
    return _object({**section["properties"], **more})


def _without(section: Node, *keys: str) -> Node:
    return _object({key: value for key, value in section["properties"].items() if key not in keys})
