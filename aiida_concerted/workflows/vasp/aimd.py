"""First-principles molecular dynamics of one structure at one temperature."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from aiida import orm
from aiida.engine import ExitCode, ProcessBuilder, ProcessSpec, while_

from aiida_concerted.calculations.functions.collect_aimd_frames import collect_aimd_frames
from aiida_concerted.data.frames import LabelledFramesData
from aiida_concerted.workflows.protocols import ProtocolError, ProtocolMixin
from aiida_concerted.workflows.resumable import ResumableWorkChain
from aiida_concerted.workflows.values import value_port
from aiida_concerted.workflows.vasp.segment import VaspSegmentWorkChain
from aiida_concerted.workflows.vasp.validation import fraction, non_negative, with_potentials
from aiida_concerted.workflows.waves import positive

SEED_RANGE = 900_000_000
"""VASP takes the first number of RANDOM_SEED from 0 up to here."""

SET_BY_PORTS = {
    "potim": "timestep_fs",
    "nsw": "n_steps",
    "tebeg": "temperature_K",
    "teend": "final_temperature_K",
    "random_seed": "seed",
}
"""INCAR tags that the work chain writes itself, and the port that says what."""

REQUIRED = ("timestep_fs", "n_steps", "max_segments", "seed", "discard_steps", "stride", "max_unconverged_fraction")
OPTIONAL = ("final_temperature_K", "segment_steps")
"""Keys of the protocol that are ports of the same name."""

MAX_IDLE = 2
"""Segments in a row that may bring the run no further."""


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
    """Runs NVT molecular dynamics (Nosé–Hoover) with VASP to a target length and keeps its frames.

    One segment does it where the wall time allows. Where a segment ends early, the next goes on from its last state
    with velocities and thermostat, and only steps after that state are computed again; none is in the result twice.
    Every seam is checked, and how it looks is in the results.
    """

    _protocol_file = "vasp_aimd"

    @classmethod
    def define(cls, spec: ProcessSpec) -> None:
        """Define the ports, the outline and the exit codes."""
        super().define(spec)
        spec.expose_inputs(
            VaspSegmentWorkChain, namespace="vasp", exclude=("structure", "continuation", "state"),
            namespace_options={"help": "The VASP run, each segment of it."},
        )  # fmt: skip
        spec.input("structure", valid_type=orm.StructureData, help="Structure to start from (Å), elements grouped.")
        number = partial(value_port, spec)
        number(
            "temperature_K", orm.Float, "Temperature of the thermostat and of the initial velocities in K.",
            validator=positive,
        )  # fmt: skip
        spec.input(
            "final_temperature_K", valid_type=orm.Float, serializer=orm.to_aiida_type, required=False,
            validator=positive, help="Temperature in K at the last step, reached along a line; the same when absent.",
        )  # fmt: skip
        number("timestep_fs", orm.Float, "Time step in fs (POTIM).", validator=positive)
        number("n_steps", orm.Int, "Ionic steps of the whole run (a number without unit).", validator=positive)
        spec.input(
            "segment_steps", valid_type=orm.Int, serializer=orm.to_aiida_type, required=False, validator=positive,
            help="Most steps of one segment (NSW, without unit); all that remain when not given.",
        )  # fmt: skip
        number(
            "max_segments", orm.Int, "Most segments that are run (a number without unit).",
            validator=positive, default=100,
        )  # fmt: skip
        number("seed", orm.Int, "Seed of the velocities (RANDOM_SEED; without unit).", validator=non_negative)
        number(
            "discard_steps", orm.Int,
            "Steps from the start that are no frames, being equilibration (a number without unit).",
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
        spec.outline(cls.setup, while_(cls.should_run_segment)(cls.run_segment, cls.inspect_segment), cls.collect)
        spec.output(
            "frames", valid_type=LabelledFramesData,
            help="The frames kept: positions in Å, free energies in eV, forces in eV/Å, virials in eV.",
        )  # fmt: skip
        spec.output(
            "results", valid_type=orm.Dict,
            help="Steps, frames, mean temperature in K, level of theory, segments and how they join (eV, K).",
        )  # fmt: skip
        spec.exit_code(431, "ERROR_VASP_FAILED", message="Molecular dynamics with VASP <{pk}> failed: {reason}")
        spec.exit_code(
            432, "ERROR_NO_PROGRESS",
            message="{n} segments in a row brought the run no further than step {step}, the last is <{pk}>: {reason}. "
            "Give it more wall time or memory.",
        )  # fmt: skip
        spec.exit_code(
            433, "ERROR_TOO_MANY_SEGMENTS",
            message="{n} segments have brought the run to step {step} of {n_steps}: give them more wall time, or raise "
            "max_segments.",
        )  # fmt: skip

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
        vasp = VaspSegmentWorkChain.get_builder_from_protocol(
            code, structure, protocol, inputs["vasp"], options, run_type="aimd"
        )
        vasp.pop("structure", None)
        builder.vasp._update(vasp)
        builder.structure = structure
        builder.temperature_K = inputs["temperature_K"] if temperature_K is None else float(temperature_K)
        for key in OPTIONAL + REQUIRED:
            if inputs[key] is not None:
                builder[key] = inputs[key]
        return builder

    def setup(self) -> None:
        """Begin before the first step."""
        self.ctx.n_done = 0
        self.ctx.n_segments = 0
        self.ctx.n_idle = 0
        self.ctx.n_kept = {}
        self.ctx.origin = None

    def should_run_segment(self) -> bool:
        """Return whether steps remain."""
        return self.ctx.n_done < self.inputs.n_steps.value

    def run_segment(self) -> ExitCode | None:
        """Submit the next segment."""
        if self.ctx.n_segments >= self.inputs.max_segments.value:
            return self.exit_codes.ERROR_TOO_MANY_SEGMENTS.format(
                n=self.ctx.n_segments, step=self.ctx.n_done, n_steps=self.inputs.n_steps.value
            )
        self.ctx.n_segments += 1
        builder = VaspSegmentWorkChain.get_builder()
        builder._update(self.exposed_inputs(VaspSegmentWorkChain, "vasp"))
        builder.structure = self.inputs.structure
        parameters = self.inputs.vasp.parameters.get_dict()
        parameters["incar"] |= self.tags()
        builder.parameters = orm.Dict(parameters)
        if self.ctx.origin is not None:
            builder.continuation = self.ctx.origin.outputs.continuation
            if "state" in self.ctx.origin.outputs:
                builder.state = self.ctx.origin.outputs.state
        self.to_context(segment=self.run_child(segment_label(self.ctx.n_segments), builder))
        return None

    def tags(self) -> dict[str, Any]:
        """Return the INCAR tags of the next segment: what remains of the steps and of the way to the last temperature.

        The seed differs in each segment, for a stochastic thermostat would repeat its noise.
        """
        total, done = self.inputs.n_steps.value, self.ctx.n_done
        longest = self.inputs.segment_steps.value if "segment_steps" in self.inputs else total
        steps = min(longest, total - done)
        begin = self.inputs.temperature_K.value
        change = self.final_temperature - begin
        return {
            "potim": self.inputs.timestep_fs.value,
            "nsw": steps,
            "tebeg": begin + change * done / total,
            "teend": begin + change * (done + steps) / total,
            "random_seed": [(self.inputs.seed.value + self.ctx.n_segments - 1) % SEED_RANGE, 0, 0],
        }

    @property
    def final_temperature(self) -> float:
        """Return the temperature in K at the last step."""
        port = "final_temperature_K" if "final_temperature_K" in self.inputs else "temperature_K"
        return float(self.inputs[port].value)

    def inspect_segment(self) -> ExitCode | None:
        """Count the steps that the segment adds, and stop if it failed or nothing comes of it."""
        node, label = self.ctx.segment, segment_label(self.ctx.n_segments)
        if not node.is_finished_ok:
            return self.exit_codes.ERROR_VASP_FAILED.format(pk=node.pk, reason=node.exit_message)
        results = node.outputs.results.get_dict()
        remaining = self.inputs.n_steps.value - self.ctx.n_done
        kept = remaining if results["n_steps"] >= remaining else results["n_steps_before_continuation"]
        if kept == 0:
            return self.note_idle(node, results["problem"] or results["exit_reason"])
        self.ctx.n_idle = 0
        self.ctx.n_done += kept
        self.ctx.n_kept = {**self.ctx.n_kept, label: kept}
        self.ctx.origin = node
        if self.ctx.n_done < self.inputs.n_steps.value:
            done, total = self.ctx.n_done, self.inputs.n_steps.value
            self.report(f"{done} of {total} steps are done; going on from the last state")
        return None

    def note_idle(self, node: orm.ProcessNode, reason: str) -> ExitCode | None:
        """Return the exit code where too many segments in a row brought the run no further."""
        self.ctx.n_idle += 1
        if self.ctx.n_idle < MAX_IDLE:
            self.report(f"{node.process_label} <{node.pk}> added no step ({reason}); running it again")
            return None
        return self.exit_codes.ERROR_NO_PROGRESS.format(
            n=self.ctx.n_idle, step=self.ctx.n_done, pk=node.pk, reason=reason
        )

    def collect(self) -> ExitCode | None:
        """Join the segments and turn them into frames."""
        names = ("discard_steps", "stride", "max_unconverged_fraction", "n_steps", "temperature_K")
        settings = {name: self.inputs[name].value for name in names}
        parameters = orm.Dict(
            {**settings, "final_temperature_K": self.final_temperature, "n_kept": dict(self.ctx.n_kept)}
        )
        segments = {label: self.children_labelled(label)[-1].outputs.trajectory for label in self.ctx.n_kept}
        outputs = self.call(collect_aimd_frames, "collect", parameters, **segments)
        if outputs is None:
            return self.function_failure()
        self.out("frames", outputs["frames"])
        self.out("results", outputs["results"])
        return None


def segment_label(number: int) -> str:
    """Return the label of a segment's call link; in the order of their names segments are in their own.

    :param number: of the segment, from 1.
    """
    return "md" if number == 1 else f"md_{number:03d}"
