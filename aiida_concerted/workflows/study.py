"""A whole study: from a structure to the activation energies of diffusion and of each concerted mode."""

from __future__ import annotations

from typing import Any, NamedTuple

from aiida import orm
from aiida.engine import ExitCode, ProcessBuilder, ProcessSpec, if_

from aiida_concerted.calculations.functions.order_site_model import order_site_model
from aiida_concerted.data.sites import SiteNetworkData
from aiida_concerted.workflows import checks
from aiida_concerted.workflows.builders import inputs_of
from aiida_concerted.workflows.iteration import validate_calibration
from aiida_concerted.workflows.learn import LearnWorkChain
from aiida_concerted.workflows.protocols import ProtocolMixin
from aiida_concerted.workflows.resumable import ResumableWorkChain
from aiida_concerted.workflows.sweep import SweepWorkChain
from aiida_concerted.workflows.values import value_port
from aiida_concerted.workflows.vasp.aimd import VaspAimdWorkChain
from aiida_concerted.workflows.vasp.base import VaspBaseWorkChain
from aiida_concerted.workflows.vasp.sample import VaspSampleWorkChain, distortion, repetitions
from aiida_concerted.workflows.vasp.vacancy import VaspVacancyWorkChain
from aiida_concerted.workflows.vasp.validation import fraction, non_negative
from aiida_concerted.workflows.waves import positive

SAMPLING = {
    "aimd_supercell": "supercell",
    "aimd_distortion": "distortion",
    "aimd_temperatures_K": "temperatures_K",
    "held_out_temperatures_K": "held_out_temperatures_K",
    "max_failed_aimd_fraction": "max_failed_fraction",
    "max_concurrent": "max_concurrent",
}
"""Ports of a study and what its sampling calls them."""

SET_BY_THE_STUDY = ("structure", "sites", "temperature_K", "seed", "iteration.explore.structures")
"""What the parts of a study get when it runs, and their builders only hold as a stand-in."""


class Codes(NamedTuple):
    """The executables of a study."""

    dp: orm.AbstractCode
    lammps: orm.AbstractCode
    vasp: orm.AbstractCode


def build_parts(
    codes: Codes, probe: orm.StructureData, sites: SiteNetworkData, inputs: dict[str, Any], common: dict[str, Any]
) -> dict[str, ProcessBuilder]:
    """Return the builder of each part of a study by its namespace.

    :param probe: stands for the structures that the parts get when the study runs; it has their elements.
    :param inputs: the protocol of the study, overrides of its parts in it.
    :param common: ``protocol`` and scheduler ``options`` of every part.
    """
    parts = {
        "relax": VaspBaseWorkChain.get_builder_from_protocol(
            codes.vasp, probe, run_type="relax", overrides=inputs["relax"], **common
        ),
        "aimd": VaspAimdWorkChain.get_builder_from_protocol(codes.vasp, probe, overrides=inputs["aimd"], **common),
        "learn": LearnWorkChain.get_builder_from_protocol(
            *codes, None, {"cell": probe}, overrides=inputs["learn"], **common
        ),
        "sweep": SweepWorkChain.get_builder_from_protocol(
            codes.lammps, None, {}, sites=sites, overrides=inputs["sweep"], **common
        ),
    }
    if inputs["with_vacancy"]:
        parts["vacancy"] = VaspVacancyWorkChain.get_builder_from_protocol(
            codes.vasp, probe, sites=sites, overrides=inputs["vacancy"], **common
        )
    return parts


def move_carrier(builder: ProcessBuilder, carrier: str) -> None:
    """Make every run of molecular dynamics move the carrier of the site model."""
    for dynamics in (builder.sweep, builder.learn.iteration.explore):
        dynamics.md = orm.Dict({**dynamics.md.get_dict(), "carrier": carrier})


class StudyWorkChain(ProtocolMixin, ResumableWorkChain):
    """Relaxes, samples, learns, sweeps and analyses one material, with its vacancy energies beside."""

    _protocol_file = "study"

    @classmethod
    def define(cls, spec: ProcessSpec) -> None:
        """Define the ports, the outline and the exit codes."""
        super().define(spec)
        value_port(
            spec, "max_concurrent", orm.Int, "Most first-principles runs that are under way at once (without unit).",
            validator=positive, default=4,
        )  # fmt: skip
        spec.input("sites", valid_type=SiteNetworkData, help="Site model of the carriers (Å).")
        spec.input(
            "structure", valid_type=orm.StructureData, required=False,
            help="Ordered unit cell (Å); without it one is ordered from the site model by electrostatic energy.",
        )  # fmt: skip
        value_port(
            spec, "ordering", orm.Dict, "Parameters of the ordering (see `order_site_model`; energies in eV).",
            default={},
        )  # fmt: skip
        value_port(
            spec, "seed", orm.Int, "Seed of the study (without unit); every random choice follows from it.", default=1,
            validator=non_negative,
        )  # fmt: skip
        value_port(
            spec, "aimd_supercell", orm.List,
            "Repetitions of the unit cell in the first-principles runs and in exploration (numbers without unit).",
            validator=repetitions, default=[1, 1, 1],
        )  # fmt: skip
        value_port(
            spec, "aimd_distortion", orm.Dict,
            "Distorted copies that first-principles runs begin from: `number`, `lattice_amplitude` (both without "
            "unit), `displacement_A` (Å); empty for the undistorted cell.",
            validator=distortion, default={},
        )  # fmt: skip
        value_port(
            spec, "max_failed_aimd_fraction", orm.Float,
            "Largest fraction (without unit) of the first-principles runs that may fail.",
            validator=fraction, default=0.0,
        )  # fmt: skip
        value_port(
            spec, "aimd_temperatures_K", orm.List,
            "Temperatures in K of the first-principles runs whose frames are trained on.",
            validator=checks.temperatures,
        )  # fmt: skip
        value_port(
            spec, "held_out_temperatures_K", orm.List,
            "Temperatures in K of the first-principles runs that are only tested on.",
            validator=checks.none_or_temperatures, default=[],
        )  # fmt: skip
        cls.expose_parts(spec)
        spec.inputs.validator = checks.study
        spec.outline(
            if_(cls.needs_structure)(cls.order_structure),
            cls.run_relax,
            cls.inspect_relax,
            cls.run_aimd,
            cls.inspect_aimd,
            cls.run_learn,
            cls.inspect_learn,
            cls.run_production,
            cls.inspect_production,
        )
        spec.output("structure", valid_type=orm.StructureData, help="Relaxed unit cell (Å).")
        cls.define_exit_codes(spec)

    @classmethod
    def expose_parts(cls, spec: ProcessSpec) -> None:
        """Expose what the parts of a study take and leave."""
        spec.expose_inputs(VaspBaseWorkChain, namespace="relax", exclude=("structure",))
        spec.expose_inputs(VaspAimdWorkChain, namespace="aimd", exclude=("structure", "temperature_K", "seed"))
        spec.expose_inputs(LearnWorkChain, namespace="learn", exclude=(
            "dataset", "validation", "seed", "iteration.explore.structures",
        ))  # fmt: skip
        spec.expose_inputs(SweepWorkChain, namespace="sweep", exclude=("structure", "models", "sites", "seed"))
        spec.expose_inputs(
            VaspVacancyWorkChain, namespace="vacancy", exclude=("structure", "sites", "study_uuid"),
            namespace_options={"required": False, "populate_defaults": False},
        )  # fmt: skip
        spec.expose_outputs(LearnWorkChain, namespace="learn")
        spec.expose_outputs(SweepWorkChain, namespace="sweep", namespace_options={"required": False})
        spec.expose_outputs(VaspVacancyWorkChain, namespace="vacancy", namespace_options={"required": False})

    @classmethod
    def define_exit_codes(cls, spec: ProcessSpec) -> None:
        """Define the exit codes."""
        spec.exit_code(440, "ERROR_RELAX_FAILED", message="The relaxation <{pk}> failed: {reason}")
        spec.exit_code(441, "ERROR_AIMD_FAILED", message="First-principles molecular dynamics <{pk}> failed: {reason}")
        spec.exit_code(
            447, "ERROR_NOT_CALIBRATED", message="The frames of the sampling <{pk}> give no trust levels: {reason}"
        )
        spec.exit_code(442, "ERROR_LEARN_FAILED", message="Learning <{pk}> failed: {reason}")
        spec.exit_code(443, "ERROR_SWEEP_FAILED", message="The sweep <{pk}> failed: {reason}")
        spec.exit_code(
            444, "WARNING_VACANCY_FAILED", message="All is done but the vacancy energies <{pk}>, which failed: {reason}"
        )
        spec.exit_code(
            445, "WARNING_POINTS_MISSING", message="The study is done with gaps in the sweep <{pk}>: {reason}"
        )
        spec.exit_code(449, "WARNING_TARGET_MISSED", message="The study is done, and of its sweep <{pk}>: {reason}")
        spec.exit_code(446, "WARNING_FRAMEWORK_LOST", message="The study is done, and its sweep <{pk}> warns: {reason}")

    @classmethod
    def get_builder_from_protocol(
        cls,
        dp_code: orm.AbstractCode,
        lammps_code: orm.AbstractCode,
        vasp_code: orm.AbstractCode,
        *,
        material: str = "lgps",
        sites: SiteNetworkData | None = None,
        structure: orm.StructureData | None = None,
        protocol: str | None = None,
        overrides: dict[str, Any] | None = None,
        seed: int | None = None,
        options: dict[str, Any] | None = None,
    ) -> ProcessBuilder:
        """Return a builder filled from a protocol.

        :param dp_code: DeePMD-kit's ``dp``.
        :param lammps_code: ``lmp`` with the deepmd pair style.
        :param vasp_code: VASP.
        :param material: name of a site model of the package, or the path of one.
        :param sites: a site model instead.
        :param structure: ordered unit cell; without it one is ordered from the site model.
        :param overrides: differences from the protocol, in its own nesting.
        :param seed: seed of the study.
        :param options: scheduler options of every calculation.
        :raises ValueError: if a name, a key or a structure is not usable; the message says which and what to do.
        """
        inputs = cls.get_protocol_inputs(protocol, overrides)
        sites = sites or SiteNetworkData.from_site_model(material)
        builder = cls.get_builder()
        builder.sites = sites
        if structure is not None:
            builder.structure = structure
        builder.seed = orm.Int(inputs["seed"] if seed is None else seed)
        builder.ordering = orm.Dict(inputs["ordering"])
        for key in SAMPLING:
            builder[key] = inputs[key]
        codes = Codes(dp_code, lammps_code, vasp_code)
        probe = structure if structure is not None else sites.get_outline()
        parts = build_parts(codes, probe, sites, inputs, {"protocol": protocol, "options": options})
        for name, part in parts.items():
            builder[name]._update(inputs_of(part, *SET_BY_THE_STUDY))
        move_carrier(builder, sites.base.attributes.get("carrier"))
        return builder

    def needs_structure(self) -> bool:
        """Return whether a structure has to be made."""
        return "structure" not in self.inputs

    def order_structure(self) -> ExitCode | None:
        """Order the site model into one cell by electrostatic energy."""
        parameters = orm.Dict({**self.inputs.ordering.get_dict(), "seed": self.inputs.seed.value})
        ordered = self.call(order_site_model, "order", self.inputs.sites, parameters)
        if ordered is None:
            return self.function_failure()
        self.ctx.structure = ordered["structure"]
        return None

    def run_relax(self) -> None:
        """Relax the positions at the fixed lattice."""
        builder = VaspBaseWorkChain.get_builder()
        builder._update(self.exposed_inputs(VaspBaseWorkChain, "relax"))
        builder.structure = self.inputs.get("structure") or self.ctx.structure
        self.to_context(relax=self.run_child("relax", builder))

    def inspect_relax(self) -> ExitCode | None:
        """Take the relaxed structure."""
        node = self.ctx.relax
        if not node.is_finished_ok:
            return self.exit_codes.ERROR_RELAX_FAILED.format(pk=node.pk, reason=node.exit_message)
        self.ctx.structure = node.outputs.structure
        self.out("structure", self.ctx.structure)
        return None

    def run_aimd(self) -> None:
        """Sample configurations from first principles."""
        builder = VaspSampleWorkChain.get_builder()
        builder.aimd._update(self.exposed_inputs(VaspAimdWorkChain, "aimd"))
        builder.structure = self.ctx.structure
        for port, name in SAMPLING.items():
            builder[name] = self.inputs[port]
        builder.seed = self.inputs.seed
        builder.context = self.context()
        self.to_context(aimd=self.run_child("aimd", builder))

    def inspect_aimd(self) -> ExitCode | None:
        """Take the frames: those to train on, and those of other runs to test on."""
        node = self.ctx.aimd
        if not node.is_finished_ok:
            return self.exit_codes.ERROR_AIMD_FAILED.format(pk=node.pk, reason=node.exit_message)
        return None

    def context(self) -> orm.Dict:
        """Return what the datasets of the study, and so its potentials and trajectories, say of where they belong."""
        return orm.Dict({"material": self.inputs.sites.base.attributes.get("material"), "study_uuid": self.origin_uuid})

    def run_learn(self) -> ExitCode | None:
        """Learn a potential, unless the sampling left too few frames for what is asked of them."""
        sampled = self.ctx.aimd.outputs
        known = {"dataset": sampled.frames, "validation": sampled.held_out if "held_out" in sampled else None}
        if (lack := validate_calibration({**known, "explore": self.inputs.learn.iteration.explore})) is not None:
            return self.exit_codes.ERROR_NOT_CALIBRATED.format(pk=self.ctx.aimd.pk, reason=lack)
        builder = LearnWorkChain.get_builder()
        builder._update(self.exposed_inputs(LearnWorkChain, "learn"))
        builder.dataset = sampled.frames
        if "held_out" in sampled:
            builder.validation = sampled.held_out
        builder.iteration.explore.structures = {"cell": sampled.structure}
        builder.seed = self.inputs.seed
        self.to_context(learn=self.run_child("learn", builder))
        return None

    def inspect_learn(self) -> ExitCode | None:
        """Take the final committee."""
        node = self.ctx.learn
        if not node.is_finished_ok:
            return self.exit_codes.ERROR_LEARN_FAILED.format(pk=node.pk, reason=node.exit_message)
        self.out_many(self.exposed_outputs(node, LearnWorkChain, namespace="learn"))
        return None

    def run_production(self) -> None:
        """Sweep the temperatures with the first potential; compute the vacancy energies beside."""
        builder = SweepWorkChain.get_builder()
        builder._update(self.exposed_inputs(SweepWorkChain, "sweep"))
        builder.structure = self.ctx.structure
        builder.sites = self.inputs.sites
        models = dict(self.ctx.learn.outputs.models)
        first = sorted(models)[0]
        builder.models = {first: models[first]}
        builder.analysis = orm.Dict({**builder.analysis.get_dict(), "study_uuid": self.origin_uuid})
        builder.seed = self.inputs.seed
        self.to_context(sweep=self.run_child("sweep", builder))
        if "vacancy" in self.inputs:
            vacancy = VaspVacancyWorkChain.get_builder()
            vacancy._update(self.exposed_inputs(VaspVacancyWorkChain, "vacancy"))
            vacancy.structure = self.ctx.structure
            vacancy.sites = self.inputs.sites
            vacancy.study_uuid = orm.Str(self.origin_uuid)
            self.to_context(vacancy=self.run_child("vacancy", vacancy))

    def inspect_production(self) -> ExitCode | None:
        """Attach the results; vacancy energies that failed do not take the sweep with them."""
        sweep, vacancy = self.ctx.sweep, self.ctx.get("vacancy")
        if vacancy is not None and vacancy.is_finished_ok:
            self.out_many(self.exposed_outputs(vacancy, VaspVacancyWorkChain, namespace="vacancy"))
        codes = SweepWorkChain.exit_codes
        warnings = {
            codes.WARNING_POINTS_MISSING.status: self.exit_codes.WARNING_POINTS_MISSING,
            codes.WARNING_FRAMEWORK_LOST.status: self.exit_codes.WARNING_FRAMEWORK_LOST,
            codes.WARNING_TARGET_MISSED.status: self.exit_codes.WARNING_TARGET_MISSED,
        }
        warning = warnings.get(sweep.exit_status)
        if not (sweep.is_finished_ok or warning):
            return self.exit_codes.ERROR_SWEEP_FAILED.format(pk=sweep.pk, reason=sweep.exit_message)
        self.out_many(self.exposed_outputs(sweep, SweepWorkChain, namespace="sweep"))
        if warning is not None:
            return warning.format(pk=sweep.pk, reason=sweep.exit_message)
        if vacancy is not None and not vacancy.is_finished_ok:
            return self.exit_codes.WARNING_VACANCY_FAILED.format(pk=vacancy.pk, reason=vacancy.exit_message)
        return None
