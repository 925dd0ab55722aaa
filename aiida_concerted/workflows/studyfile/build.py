"""From a study file the builder of the study, or of the one part of it that was asked for."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from typing import Any

from aiida import orm
from aiida.engine import ProcessBuilder, ProcessBuilderNamespace

from aiida_concerted.calculations.functions.order_site_model import order_site_model
from aiida_concerted.data.frames import LabelledFramesData
from aiida_concerted.data.potential import DeepPotentialData
from aiida_concerted.data.sites import SiteNetworkData
from aiida_concerted.data.trajectory import RunData
from aiida_concerted.workflows.analyse import AnalyseWorkChain, run_names
from aiida_concerted.workflows.deepmd.committee import DeepmdCommitteeWorkChain
from aiida_concerted.workflows.learn import LearnWorkChain
from aiida_concerted.workflows.options import calcjob_options
from aiida_concerted.workflows.protocols.loader import merge
from aiida_concerted.workflows.study import StudyWorkChain
from aiida_concerted.workflows.studyfile.nodes import load_code, load_node, load_sites, load_structure
from aiida_concerted.workflows.studyfile.reading import StudyFile
from aiida_concerted.workflows.studyfile.schema import GAMMA_CODE, REDUCE_CODE
from aiida_concerted.workflows.sweep import SweepWorkChain
from aiida_concerted.workflows.vasp.aimd import VaspAimdWorkChain
from aiida_concerted.workflows.vasp.vacancy import VaspVacancyWorkChain

NODES_OF = {
    "committee": ("training", "validation"),
    "learn": ("dataset", "validation", "structures"),
    "sweep": ("models",),
    "analyse": ("trajectories",),
}
"""What stands for the results of earlier parts where a part is run alone."""

NAME = re.compile(r"[A-Za-z](_?[A-Za-z0-9])*")
"""What a label of a link may be, in which two underscores part namespaces."""

VASP_RUNS = {
    "study": ("relax",),
    "aimd": ("vasp",),
    "learn": ("iteration.label.vasp",),
    "vacancy": ("vasp",),
}
"""Where the overrides of runs of VASP stand in each section."""


STASHES = {"sweep": "stash", "learn": "iteration.explore.stash"}
"""Where it stands in a section whether frames stay where they are made, and by which code they are read there."""


class Request:
    """A study file with what is asked of it.

    :param study: the file.
    :param only: the part to run; all of it when not given.
    :param for_real: whether what has to be made first is made, and not only stood for.
    """

    def __init__(self, study: StudyFile, only: str | None, *, for_real: bool) -> None:
        self.study = study
        self.only = only
        self.for_real = for_real
        self.protocol = study.get("protocol")

    @cached_property
    def sites(self) -> SiteNetworkData | None:
        """Return the site model."""
        return load_sites(self.study)

    @cached_property
    def carrier(self) -> str | None:
        """Return the element that moves, where the file or the site model says it."""
        return self.study.get("carrier") or (self.sites and self.sites.base.attributes.get("carrier"))

    @cached_property
    def given_structure(self) -> orm.StructureData | None:
        """Return the structure that the file names."""
        name = self.study.get("structure")
        return None if name is None else load_structure(self.study, name, "structure")

    @cached_property
    def structure(self) -> orm.StructureData:
        """Return the structure; one ordered from the site model where the file names none.

        :raises ValueError: if there is neither, or the model cannot be ordered.
        """
        if self.given_structure is not None:
            return self.given_structure
        sites = self.require_sites("to order a structure from, or a structure")
        if not self.for_real:
            return sites.get_outline()
        parameters = {**self.study.section("study").get("ordering", {}), "seed": self.study.get("seed", 1)}
        result, node = order_site_model.run_get_node(sites, orm.Dict(parameters))
        if not node.is_finished_ok:
            raise ValueError(f"{node.exit_message}: give a structure")
        return result["structure"]

    def require_sites(self, what_for: str) -> SiteNetworkData:
        """Return the site model.

        :raises ValueError: if the file names none.
        """
        if self.sites is None:
            raise ValueError(f"a site model is missing {what_for}: give 'sites', or a 'material' whose sites ship")
        return self.sites

    def code(self, role: str) -> orm.AbstractCode:
        """Return the code that does the work of ``dp``, ``lmp`` or ``vasp``."""
        return load_code(self.study, role)

    def overrides(self, section: str) -> dict[str, Any]:
        """Return a section without the nodes in it, with the POTCARs and resources of its VASP runs put in."""
        given = {
            key: value for key, value in self.study.section(section).items() if key not in NODES_OF.get(section, ())
        }
        for path in VASP_RUNS.get(section, ()):
            given = merge(_nested(path, self._vasp_defaults()), given)
        code = self.study.section("codes").get(REDUCE_CODE)
        if code is not None and section in STASHES:
            given = merge(_nested(STASHES[section], {"code": code}), given)
        if section == "sweep" and self.study.get("analyse"):
            given["analysis"] = self.analysis(given)
        return given

    def analysis(self, sweep: Mapping[str, Any]) -> dict[str, Any]:
        """Return the parameters of the analysis, which stand in ``analyse`` or in ``sweep.analysis``."""
        analyse = {key: value for key, value in self.study.section("analyse").items() if key != "trajectories"}
        if analyse and sweep.get("analysis"):
            raise ValueError("'analyse' and 'sweep.analysis' say the same things: keep one of them")
        return analyse or dict(sweep.get("analysis", {}))

    def _vasp_defaults(self) -> dict[str, Any]:
        potcars = self.study.section("potcars")
        defaults: dict[str, Any] = {}
        if "family" in potcars:
            defaults["potential_family"] = potcars["family"]
        if "mapping" in potcars:
            defaults["potentials"] = potcars["mapping"]
        if "hashes" in potcars:
            defaults["potential_hashes"] = potcars["hashes"]
        if GAMMA_CODE in self.study.section("codes"):
            defaults["gamma_code"] = self.study.section("codes")[GAMMA_CODE]
        resources = self.resources("vasp")
        return {**defaults, "options": resources} if resources else defaults

    def resources(self, role: str) -> dict[str, Any]:
        """Return the scheduler options of the calculations of one code."""
        section = self.study.section("resources")
        return merge(section.get("all", {}), section.get(role, {}))


def build(study: StudyFile, only: str | None = None, *, for_real: bool = True) -> ProcessBuilder:
    """Return the builder of what a study file describes, in the loaded profile.

    :param only: ``aimd``, ``committee``, ``learn``, ``sweep``, ``vacancy`` or ``analyse``; the whole study when not
        given.
    :param for_real: whether a structure that has to be ordered first is; a stand-in takes its place otherwise.
    :raises ValueError: in one line, if something named does not exist or does not fit.
    """
    request = Request(study, only, for_real=for_real)
    builder = BUILDERS[only](request)
    for role in ("dp", "lmp", REDUCE_CODE):
        _set_options(builder, study.section("codes").get(role), request.resources(role))
    problem = builder._process_spec.inputs.validate(builder._inputs(prune=True))
    if problem is not None:
        raise ValueError(f"{study.name}: {' '.join(str(problem.message).split())}")
    return builder


def _whole(request: Request) -> ProcessBuilder:
    sites = request.require_sites("for a study")
    if request.study.section("committee"):
        raise ValueError(
            "committee would be ignored: a whole study trains as learn.iteration.committee says; use --only committee"
        )
    for section, keys in NODES_OF.items():
        for key in keys:
            if key in request.study.section(section):
                raise ValueError(f"{section}.{key} would be ignored: a whole study makes its own; use --only {section}")
    if "temperature_K" in request.study.section("aimd"):
        raise ValueError("aimd.temperature_K would be ignored: a study runs at study.aimd_temperatures_K")
    parts = {name: request.overrides(name) for name in ("aimd", "learn", "sweep", "vacancy")}
    return StudyWorkChain.get_builder_from_protocol(
        request.code("dp"),
        request.code("lmp"),
        request.code("vasp"),
        sites=sites,
        structure=request.given_structure,
        protocol=request.protocol,
        overrides={**request.overrides("study"), **{name: part for name, part in parts.items() if part}},
        seed=request.study.get("seed"),
    )


def _aimd(request: Request) -> ProcessBuilder:
    overrides = request.overrides("aimd")
    builder = VaspAimdWorkChain.get_builder_from_protocol(
        request.code("vasp"), request.structure, protocol=request.protocol, overrides=overrides
    )
    return _with_seed(builder, request)


def _committee(request: Request) -> ProcessBuilder:
    section = request.study.section("committee")
    datasets = {key: _datasets(section.get(key, {}), f"committee.{key}") for key in NODES_OF["committee"]}
    if not datasets["training"]:
        raise ValueError("committee.training is missing: give PK or UUID of the frames to train on, by a name")
    builder = DeepmdCommitteeWorkChain.get_builder_from_protocol(
        request.code("dp"),
        datasets["training"],
        validation=datasets["validation"],
        protocol=request.protocol,
        overrides=request.overrides("committee"),
    )
    return _with_seed(builder, request)


def _datasets(named: Mapping[str, Any], where: str) -> dict[str, orm.Data]:
    for name in named:
        if not NAME.fullmatch(name):
            raise ValueError(f"{where}: '{name}' is no name: letters, digits and single _, a letter first")
    return {name: load_node(place, f"{where}.{name}", LabelledFramesData) for name, place in named.items()}


def _learn(request: Request) -> ProcessBuilder:
    section = request.study.section("learn")
    if "dataset" not in section:
        raise ValueError("learn.dataset is missing: give PK or UUID of the frames to begin with")
    dataset = load_node(section["dataset"], "learn.dataset", LabelledFramesData)
    named = section.get("structures", {})
    structures = {
        name: load_structure(request.study, place, f"learn.structures.{name}") for name, place in named.items()
    } or {"cell": request.structure}
    builder = LearnWorkChain.get_builder_from_protocol(
        request.code("dp"),
        request.code("lmp"),
        request.code("vasp"),
        dataset,
        structures,
        protocol=request.protocol,
        overrides=request.overrides("learn"),
    )
    if "validation" in section:
        builder.validation = load_node(section["validation"], "learn.validation", LabelledFramesData)
    _move_carrier(builder.iteration.explore, request.carrier)
    return _with_seed(builder, request)


def _sweep(request: Request) -> ProcessBuilder:
    names = request.study.section("sweep").get("models")
    if not names:
        raise ValueError("sweep.models is missing: give PK or UUID of a potential, in a list")
    models = {
        f"model_{number}": load_node(name, f"sweep.models[{number}]", DeepPotentialData)
        for number, name in enumerate(names)
    }
    builder = SweepWorkChain.get_builder_from_protocol(
        request.code("lmp"),
        request.structure,
        models,
        sites=request.sites,
        protocol=request.protocol,
        overrides=request.overrides("sweep"),
    )
    _name_material(builder, request)
    _move_carrier(builder, request.carrier)
    return _with_seed(builder, request)


def _vacancy(request: Request) -> ProcessBuilder:
    return VaspVacancyWorkChain.get_builder_from_protocol(
        request.code("vasp"),
        request.structure,
        sites=request.sites,
        carrier=request.carrier,
        protocol=request.protocol,
        overrides=request.overrides("vacancy"),
    )


def _analyse(request: Request) -> ProcessBuilder:
    names = request.study.section("analyse").get("trajectories")
    if not names:
        raise ValueError("analyse.trajectories is missing: give PK or UUID of each run, in a list")
    runs = [load_node(name, f"analyse.trajectories[{number}]", RunData) for number, name in enumerate(names)]
    reduce_code = request.code(REDUCE_CODE) if REDUCE_CODE in request.study.section("codes") else None
    builder = AnalyseWorkChain.get_builder_for_runs(
        run_names(runs),
        sites=request.sites,
        protocol=request.protocol,
        overrides=request.analysis(request.study.section("sweep")),
        structure=request.given_structure,
        reduce_code=reduce_code,
    )
    _name_material(builder, request)
    return _with_seed(builder, request)


BUILDERS: Mapping[str | None, Callable[[Request], ProcessBuilder]] = {
    None: _whole,
    "aimd": _aimd,
    "committee": _committee,
    "learn": _learn,
    "sweep": _sweep,
    "vacancy": _vacancy,
    "analyse": _analyse,
}

ONLY = tuple(name for name in BUILDERS if name is not None)
"""The parts of a study that can be run alone."""


def _nested(path: str, content: dict[str, Any]) -> dict[str, Any]:
    """Return content below a dotted path, nothing where there is none."""
    if not content:
        return {}
    for key in reversed(path.split(".")):
        content = {key: content}
    return copy.deepcopy(content)


def _with_seed(builder: ProcessBuilder, request: Request) -> ProcessBuilder:
    if request.study.get("seed") is not None:
        builder.seed = request.study.get("seed")
    return builder


def _name_material(builder: ProcessBuilder, request: Request) -> None:
    """Let the results carry the material's name where no site model does."""
    material = request.study.get("material")
    if material is not None and request.sites is None:
        builder.analysis = orm.Dict({"material": material, **builder.analysis.get_dict()})


def _move_carrier(dynamics: ProcessBuilderNamespace, carrier: str | None) -> None:
    if carrier is not None:
        dynamics.md = orm.Dict({**dynamics.md.get_dict(), "carrier": carrier})


def _set_options(builder: ProcessBuilder, code: str | int | None, options: dict[str, Any]) -> None:
    """Give every calculation of a code its scheduler options."""
    if code is None or not options:
        return
    uuid = orm.load_code(code).uuid
    for namespace in _namespaces(builder):
        if "code" in namespace and "metadata" in namespace and namespace.code.uuid == uuid:
            namespace.metadata.options = calcjob_options(
                merge(dict(namespace.metadata.options), options), namespace.code
            )


def _namespaces(builder: ProcessBuilderNamespace) -> Iterator[ProcessBuilderNamespace]:
    yield builder
    for value in builder.values():
        if isinstance(value, ProcessBuilderNamespace):
            yield from _namespaces(value)
