"""First-principles molecular dynamics of one structure at one temperature."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from aiida import orm
from aiida.engine import ExitCode, ProcessBuilder, ProcessSpec

from aiida_concerted.calculations.functions.collect_aimd_frames import collect_aimd_frames
from aiida_concerted.data.frames import LabelledFramesData
from aiida_concerted.workflows.protocols import ProtocolError, ProtocolMixin
from aiida_concerted.workflows.resumable import ResumableWorkChain
from aiida_concerted.workflows.values import value_port
from aiida_concerted.workflows.vasp.base import VaspBaseWorkChain
from aiida_concerted.workflows.vasp.validation import fraction, non_negative, with_potentials
from aiida_concerted.workflows.waves import positive

SEED_RANGE = 900_000_000
"""VASP takes the first number of RANDOM_SEED from 0 up to here."""

SET_BY_PORTS = {
    "potim": "timestep_fs",
    "nsw": "n_steps",
    "tebeg": "temperature_K",
    "teend": "temperature_K",
    "random_seed": "seed",
}
"""INCAR tags that the work chain writes itself, and the port that says what."""


def refuse_tags(incar: Mapping[str, Any]) -> str | None:
    """Return why INCAR tags are refused: the work chain would overwrite them, or they make it no dynamics."""
    for tag, value in incar.items():
        if port := SET_BY_PORTS.get(tag.lower()):
            return f"{tag} would be overwritten, for {port} sets it: give {port} instead"
        if tag.lower() == "ibrion" and value != 0:
            return f"{tag} must be 0 for molecular dynamics, got {value}"
    return None


def validate_inputs(inputs: Any, namespace: Any) -> str | None:
    """Return why the inputs cannot run together."""
    if inputs and "vasp" in inputs and "parameters" in inputs["vasp"]:
        reason = refuse_tags(inputs["vasp"]["parameters"].get_dict().get("incar", {}))
        if reason is not None:
            return f"vasp.parameters.incar: {reason}"
    return validate_lengths(inputs, namespace)


def validate_lengths(inputs: Any, namespace: Any) -> str | None:
    """Return why the inputs cannot run together."""
    if not inputs or "n_steps" not in inputs or "discard_steps" not in inputs:
        return None
    if inputs["discard_steps"].value >= inputs["n_steps"].value:
        discarded, total = inputs["discard_steps"].value, inputs["n_steps"].value
        return f"discard_steps ({discarded}) leaves nothing of n_steps ({total}): discard fewer or run longer"
    return with_potentials(inputs.get("vasp"), [inputs["structure"]] if "structure" in inputs else [])


class VaspAimdWorkChain(ProtocolMixin, ResumableWorkChain):
    """Runs NVT molecular dynamics (Nosé–Hoover) with VASP and keeps its frames."""

    _protocol_file = "vasp_aimd"

    @classmethod
    def define(cls, spec: ProcessSpec) -> None:
        """Define the ports, the outline and the exit codes."""
        super().define(spec)
        spec.expose_inputs(
            VaspBaseWorkChain, namespace="vasp", exclude=("structure",), namespace_options={"help": "The VASP run."}
        )
        spec.input("structure", valid_type=orm.StructureData, help="Structure to start from (Å), elements grouped.")
        number = partial(value_port, spec)
        number(
            "temperature_K", orm.Float, "Temperature of the thermostat and of the initial velocities in K.",
            validator=positive,
        )  # fmt: skip
        number("timestep_fs", orm.Float, "Time step in fs (POTIM).", validator=positive)
        number("n_steps", orm.Int, "Ionic steps (NSW; a number without unit).", validator=positive)
        number("seed", orm.Int, "Seed of the velocities (RANDOM_SEED; without unit).", validator=non_negative)
        number(
            "discard_steps", orm.Int, "Steps from the start that are no frames (a number without unit).",
            validator=non_negative, default=0,
        )  # fmt: skip
        number(
            "stride", orm.Int, "Every how manyth of the other steps is a frame (without unit).",
            validator=positive, default=1,
        )  # fmt: skip
        number(
            "max_unconverged_fraction", orm.Float,
            "Largest fraction (without unit) of steps that may miss electronic convergence; they are left out.",
            validator=fraction, default=0.05,
        )  # fmt: skip
        spec.inputs.validator = validate_inputs
        spec.outline(cls.run_md, cls.inspect_md, cls.collect)
        spec.output(
            "frames", valid_type=LabelledFramesData,
            help="The frames kept: positions in Å, free energies in eV, forces in eV/Å, virials in eV.",
        )  # fmt: skip
        spec.output("results", valid_type=orm.Dict, help="Steps, frames, mean temperature in K, level of theory.")
        spec.exit_code(431, "ERROR_VASP_FAILED", message="Molecular dynamics with VASP <{pk}> failed: {reason}")

    @classmethod
    def get_builder_from_protocol(
        cls,
        code: orm.AbstractCode,
        structure: orm.StructureData,
        *,
        temperature_K: float | None = None,
        protocol: str | None = None,
        overrides: dict[str, Any] | None = None,
        options: dict[str, Any] | None = None,
    ) -> ProcessBuilder:
        """Return a builder filled from a protocol.

        :param code: a VASP code, or the surrogate.
        :param structure: the structure to start from.
        :param temperature_K: temperature in K; the protocol's when not given.
        :param overrides: differences from the protocol, in its own nesting; those of the run itself under ``vasp``.
        :param options: scheduler options.
        :raises ValueError: if an override is unknown or names an INCAR tag that a port sets.
        """
        inputs = cls.get_protocol_inputs(protocol, overrides)
        for section in ("incar", "incar_aimd"):
            if reason := refuse_tags(inputs["vasp"].get(section, {})):
                raise ProtocolError(f"vasp_aimd.vasp.{section}: {reason}")
        builder = cls.get_builder()
        vasp = VaspBaseWorkChain.get_builder_from_protocol(
            code, structure, protocol, inputs["vasp"], options, run_type="aimd"
        )
        vasp.pop("structure", None)
        builder.vasp._update(vasp)
        builder.structure = structure
        builder.temperature_K = inputs["temperature_K"] if temperature_K is None else float(temperature_K)
        for key in ("timestep_fs", "n_steps", "seed", "discard_steps", "stride", "max_unconverged_fraction"):
            builder[key] = inputs[key]
        return builder

    def run_md(self) -> None:
        """Submit the run."""
        builder = VaspBaseWorkChain.get_builder()
        builder._update(self.exposed_inputs(VaspBaseWorkChain, "vasp"))
        builder.structure = self.inputs.structure
        parameters = self.inputs.vasp.parameters.get_dict()
        parameters["incar"] |= {
            "potim": self.inputs.timestep_fs.value,
            "nsw": self.inputs.n_steps.value,
            "tebeg": self.inputs.temperature_K.value,
            "teend": self.inputs.temperature_K.value,
            "random_seed": [self.inputs.seed.value % SEED_RANGE, 0, 0],
        }
        builder.parameters = orm.Dict(parameters)
        self.to_context(md=self.run_child("md", builder))

    def inspect_md(self) -> ExitCode | None:
        """Stop if the run failed."""
        node = self.ctx.md
        if not node.is_finished_ok:
            return self.exit_codes.ERROR_VASP_FAILED.format(pk=node.pk, reason=node.exit_message)
        return None

    def collect(self) -> ExitCode | None:
        """Turn the run into frames."""
        names = ("discard_steps", "stride", "max_unconverged_fraction", "n_steps", "temperature_K")
        parameters = orm.Dict({name: self.inputs[name].value for name in names})
        outputs = self.call(collect_aimd_frames, "collect", self.ctx.md.outputs.retrieved, parameters)
        if outputs is None:
            return self.function_failure()
        self.out("frames", outputs["frames"])
        self.out("results", outputs["results"])
        return None
