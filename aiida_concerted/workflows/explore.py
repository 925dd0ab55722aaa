"""Molecular dynamics of a committee where it may not yet know what it does."""

from __future__ import annotations

from typing import Any, ClassVar

from aiida import orm
from aiida.engine import ExitCode, ProcessBuilder, ProcessSpec, while_

from aiida_concerted.calculations.functions.select_candidates import (
    DEVIATION,
    TRAJECTORY,
    select_candidate_structures,
)
from aiida_concerted.common.parameters import from_mapping
from aiida_concerted.formats.lammps_input import MdParameters
from aiida_concerted.workflows import checks
from aiida_concerted.workflows.dynamics import dynamics_ports, fill_dynamics
from aiida_concerted.workflows.lammps.base import LammpsBaseWorkChain
from aiida_concerted.workflows.protocols import ProtocolMixin
from aiida_concerted.workflows.sections import MD_KEYS, SELECTION_KEYS
from aiida_concerted.workflows.values import value_port
from aiida_concerted.workflows.waves import WavesWorkChain, reason_of

SEED_STRIDE = 17


def run_name(structure: str, temperature_K: float) -> str:
    """Return the name of the run of one structure at one temperature."""
    return f"{structure}_T{temperature_K:g}".replace(".", "p")


class ExploreWorkChain(ProtocolMixin, WavesWorkChain):
    """Runs the committee at several temperatures, compares its members, and picks what to label."""

    _protocol_file = "explore"
    _section_keys: ClassVar = {"md": MD_KEYS, "selection": SELECTION_KEYS}

    @classmethod
    def define(cls, spec: ProcessSpec) -> None:
        """Define the ports, the outline and the exit codes."""
        super().define(spec)
        dynamics_ports(spec)
        spec.input_namespace(
            "structures", dynamic=True, valid_type=orm.StructureData, help="Where the runs begin, by name (cells in Å)."
        )
        spec.input_namespace("models", dynamic=True, help="The committee by name; the first member drives the runs.")
        value_port(
            spec, "selection", orm.Dict,
            "Trust levels trust_lower_eV_A and trust_upper_eV_A, and max_selected, the most frames to pick; optional "
            "rule, choice, scope, levels (eV/Å), screens and more: see the topic on selection.",
            validator=checks.selection,
        )  # fmt: skip
        spec.inputs.validator = checks.exploration
        spec.outline(
            cls.setup,
            while_(cls.has_pending)(cls.run_wave, cls.inspect_wave),
            cls.select,
        )
        spec.output(
            "statistics",
            valid_type=orm.Dict,
            help="Accurate, candidate and failed frames of each run, those of failed runs included; eV/Å.",
        )
        spec.output_namespace(
            "candidates", dynamic=True, required=False, valid_type=orm.StructureData, help="Structures to label (Å)."
        )
        spec.output_namespace("deviations", dynamic=True, help="Deviation of the committee over each run in eV/Å.")
        spec.exit_code(
            430, "ERROR_NO_EXPLORATION", message="Every exploration failed: {names}. The last says: {reason}"
        )

    @classmethod
    def get_builder_from_protocol(
        cls,
        code: orm.AbstractCode,
        structures: dict[str, orm.StructureData],
        models: dict[str, orm.Data],
        *,
        protocol: str | None = None,
        overrides: dict[str, Any] | None = None,
        options: dict[str, Any] | None = None,
    ) -> ProcessBuilder:
        """Return a builder filled from a protocol.

        :param code: the ``lmp`` code.
        :param structures: where the runs begin, by name.
        :param models: the committee by name; may be empty when another work chain will fill it.
        """
        inputs = cls.get_protocol_inputs(protocol, overrides)
        builder = cls.get_builder()
        fill_dynamics(builder, code, inputs, options)
        builder.structures = structures
        if models:
            builder.models = models
        builder.selection = orm.Dict(inputs["selection"])
        return builder

    def setup(self) -> None:
        """Name the runs: every structure at every temperature."""
        self.ctx.runs = {
            run_name(structure, temperature): (structure, temperature)
            for structure in sorted(self.inputs.structures)
            for temperature in self.inputs.temperatures_K
        }
        self.ctx.pending = list(self.ctx.runs)

    def prepare(self, name: str) -> ProcessBuilder:
        """Return the run of one structure at one temperature."""
        structure, temperature = self.ctx.runs[name]
        index = list(self.ctx.runs).index(name)
        builder = LammpsBaseWorkChain.get_builder()
        builder._update(self.exposed_inputs(LammpsBaseWorkChain, "run"))
        builder.md.structure = self.inputs.structures[structure]
        builder.md.models = dict(self.inputs.models)
        builder.md.parameters = orm.Dict(
            {
                **self.inputs.md.get_dict(),
                "temperature_K": temperature,
                "seed": self.inputs.seed.value + SEED_STRIDE * index,
            }
        )
        return builder

    def judge(self, name: str, child: orm.ProcessNode) -> bool:
        """Return whether a run left frames with deviations; an explosion ends a run early but is no failure."""
        return "model_deviation" in child.outputs and "trajectory" in child.outputs

    def unreached(self, name: str) -> dict[str, Any] | None:
        """Return how many frames a run never reached, and why; ``None`` where the potential is not to blame.

        A run that was stopped by its wall time has said nothing about what it did not see.
        """
        child, temperature = self.child(name), self.ctx.runs[name][1]
        has_frames = self.judge(name, child)
        if has_frames and not 500 <= (child.exit_status or 0) < 600:
            return None
        md = from_mapping(MdParameters, {**self.inputs.md.get_dict(), "temperature_K": temperature}, "md")
        seen = len(child.outputs.model_deviation.get_array("frame")) if has_frames else 0
        frames = md.production_steps // md.deviation_steps + 1 - seen
        return {"temperature_K": temperature, "frames": frames, "reason": reason_of(child)} if frames > 0 else None

    def select(self) -> ExitCode | None:
        """Pick the frames to label."""
        survivors = [name for name in self.ctx.runs if self.judge(name, self.child(name))]
        if not survivors:
            return self.exit_codes.ERROR_NO_EXPLORATION.format(
                names=", ".join(self.ctx.runs), reason=self.last_reason()
            )
        runs: dict[str, orm.Data] = {}
        for name in survivors:
            outputs = self.child(name).outputs
            runs[DEVIATION + name] = outputs.model_deviation
            runs[TRAJECTORY + name] = outputs.trajectory
            self.out(f"deviations.{name}", outputs.model_deviation)
        unreached = {name: lack for name in self.ctx.runs if (lack := self.unreached(name))}
        for name, lack in unreached.items():
            self.report(f"{name}: {lack['frames']} frames that it never reached count as failed ({lack['reason']})")
        systems = {name: self.ctx.runs[name][0] for name in survivors}
        of_the_turn = {"seed": self.inputs.seed.value, "unreached": unreached, "systems": systems}
        parameters = {**self.inputs.selection.get_dict(), **of_the_turn}
        outputs = self.call(select_candidate_structures, "select", orm.Dict(parameters), **runs)
        if outputs is None:
            return self.function_failure()
        self.out("statistics", outputs["statistics"])
        for label, node in outputs.items():
            if label.startswith("candidate_"):
                self.out(f"candidates.{label.removeprefix('candidate_')}", node)
        return None
