"""Molecular dynamics of a committee where it may not yet know what it does."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from aiida import orm
from aiida.engine import ExitCode, ProcessBuilder, ProcessSpec, if_, while_

from aiida_concerted.calculations.functions.make_supercell import make_supercell
from aiida_concerted.calculations.functions.observe_diffusivity import observe_diffusivity
from aiida_concerted.calculations.functions.select_candidates import (
    DEVIATION,
    TRAJECTORY,
    select_candidate_structures,
)
from aiida_concerted.calculations.lammps_md import LammpsMdCalculation
from aiida_concerted.calculations.pick import PickCalculation
from aiida_concerted.common.parameters import from_mapping
from aiida_concerted.formats.md_parameters import MdParameters
from aiida_concerted.learning.schedule import Run, read_schedule, runs_of, stage_of_turn
from aiida_concerted.workflows import checks
from aiida_concerted.workflows.dynamics import dynamics_ports, fill_dynamics
from aiida_concerted.workflows.lammps.md import LammpsMdWorkChain
from aiida_concerted.workflows.lammps.sealing import REDUCE, is_stashed, is_worth_a_try
from aiida_concerted.workflows.protocols import ProtocolMixin
from aiida_concerted.workflows.sections import MD_KEYS, SELECTION_KEYS
from aiida_concerted.workflows.stashing import fill_stash
from aiida_concerted.workflows.values import value_port
from aiida_concerted.workflows.waves import NOT_SEALED, WavesWorkChain, positive, reason_of

SEED_STRIDE = 17


def run_name(structure: str, temperature_K: float) -> str:
    """Return the name of the run of one structure at one temperature."""
    return Run(structure, temperature_K).name


def planned_runs(explore: Any, turn: int) -> dict[str, Run]:
    """Return the runs of a turn by name.

    :param explore: the inputs of an exploration.
    :param turn: turn of the loop, counted from 1.
    """
    stage = stage_of_turn(read_schedule(explore["schedule"].get_list()), turn)
    return {run.name: run for run in runs_of(stage, list(explore["structures"]), explore["temperatures_K"].get_list())}


DIAGNOSES = {
    "ERROR_ATOMS_LOST": "atoms lost",
    "ERROR_EXPLODED": "exploded",
    "ERROR_ENERGY_NOT_CONSERVED": "energy not conserved",
    "ERROR_NOT_FINITE": "not finite",
    "ERROR_COMMITTEE_DISAGREES": "committee disagrees",
    "ERROR_FRAMEWORK_MELTED": "framework melted",
    "ERROR_TEMPERATURE_ADRIFT": "temperature adrift",
    "ERROR_BAD_START": "bad start",
    "ERROR_OUT_OF_MEMORY": "out of memory",
    "ERROR_PAIR_STYLE_MISSING": "pair style missing",
    "ERROR_STOPPED_BY_TIMER": "wall time over",
    "ERROR_CUT_SHORT": "cut short",
}
"""What ended a run before its time, by the label of its calculation's exit code."""


def diagnosis_of(child: orm.ProcessNode) -> str | None:
    """Return in a word or two what ended a run before its time, ``None`` where it came to its end."""
    if child.is_finished_ok:
        return None
    jobs = [node for node in child.called_descendants if isinstance(node, orm.CalcJobNode)]
    status = max(jobs, key=lambda node: node.pk).exit_status if jobs else None
    words = {LammpsMdCalculation.exit_codes[label].status: word for label, word in DIAGNOSES.items()}
    return words.get(status, "other")


class ExploreWorkChain(ProtocolMixin, WavesWorkChain):
    """Runs the committee at several temperatures, compares its members, and picks what to label."""

    _protocol_file = "explore"
    _section_keys: ClassVar = {"md": MD_KEYS, "selection": SELECTION_KEYS}

    @classmethod
    def define(cls, spec: ProcessSpec) -> None:
        """Define the ports, the outline and the exit codes."""
        super().define(spec)
        dynamics_ports(spec, may_stay_there=True)
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
        value_port(
            spec, "schedule", orm.List,
            "Stages that the turns go through, each with any of turns, structures, supercell, temperatures_K (K), "
            "pressures_bar (bar), production_ps (ps); the last goes on. Without, every turn explores the same.",
            default=[],
        )  # fmt: skip
        value_port(
            spec, "turn", orm.Int, "Turn of the loop, which finds the stage (a number without unit).", default=1,
            validator=positive,
        )  # fmt: skip
        spec.input(
            "observable_temperature_K", valid_type=orm.Float, serializer=orm.to_aiida_type, required=False,
            validator=positive, help="Temperature in K of the explorations whose diffusivity is observed.",
        )  # fmt: skip
        spec.inputs.validator = checks.exploration
        spec.outline(
            cls.setup,
            cls.prepare_cells,
            while_(cls.has_pending)(cls.run_wave, cls.inspect_wave),
            while_(cls.should_pick_there)(cls.pick_there),
            cls.select,
            if_(cls.is_observed)(cls.observe),
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
        spec.output(
            "observable",
            valid_type=orm.Dict,
            required=False,
            help="Diffusivity in m²/s that the explorations at `observable_temperature_K` give.",
        )
        spec.exit_code(
            431,
            "ERROR_NOT_PICKED",
            message="The frames of the explorations stay where they were made, and none could be picked there "
            "<{pk}>: {reason}",
        )
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
        fill_stash(builder.run, inputs["stash"])
        builder.structures = structures
        if models:
            builder.models = models
        builder.selection = orm.Dict(inputs["selection"])
        builder.schedule = orm.List(inputs["schedule"])
        return builder

    def setup(self) -> None:
        """Name the runs of the turn's stage: every structure at every temperature and pressure."""
        self.ctx.runs = planned_runs(self.inputs, self.inputs.turn.value)
        self.ctx.pending = list(self.ctx.runs)

    def prepare_cells(self) -> ExitCode | None:
        """Build the supercells that the stage asks for."""
        cells = dict(self.inputs.structures)
        for run in self.ctx.runs.values():
            if run.supercell is not None and run.system not in cells:
                arguments = (cells[run.structure], orm.List(list(run.supercell)))
                cells[run.system] = self.call(make_supercell, run.system, *arguments)
                if cells[run.system] is None:
                    return self.function_failure()
        self.ctx.cells = cells
        return None

    def parameters_of(self, run: Run) -> dict[str, Any]:
        """Return the parameters of a run without its seed."""
        own = {"pressure_bar": run.pressure_bar, "production_ps": run.production_ps}
        given = {key: value for key, value in own.items() if value is not None}
        return {**self.inputs.md.get_dict(), "temperature_K": run.temperature_K, **given}

    def prepare(self, name: str) -> ProcessBuilder:
        """Return the run of one structure at one temperature."""
        run = self.ctx.runs[name]
        index = list(self.ctx.runs).index(name)
        builder = LammpsMdWorkChain.get_builder()
        builder._update(self.exposed_inputs(LammpsMdWorkChain, "run"))
        builder.md.structure = self.ctx.cells[run.system]
        builder.md.models = dict(self.inputs.models)
        seed = self.inputs.seed.value + SEED_STRIDE * index
        builder.md.parameters = orm.Dict({**self.parameters_of(run), "seed": seed})
        if self.is_observed() and name in self.observed():
            bring_home(builder)
        return builder

    def judge(self, name: str, child: orm.ProcessNode) -> bool:
        """Return whether a run left frames with deviations; an explosion ends a run early but is no failure."""
        return "model_deviation" in child.outputs and "trajectory" in child.outputs

    def is_usable(self, label: str, child: orm.ProcessNode) -> bool:
        """Return whether a run of an earlier exploration would do: also one that the physics ended."""
        outputs = child.outputs
        if self.is_observed() and label in self.observed() and "trajectory" in outputs:
            if is_stashed(outputs["trajectory"]):
                return False  # its diffusivity is computed at home
        return child.is_finished_ok or (500 <= (child.exit_status or 0) < 600 and self.judge(label, child))

    def unreached(self, name: str) -> dict[str, Any] | None:
        """Return how many frames a run never reached, and why; ``None`` where the potential is not to blame.

        A run that was stopped by its wall time has said nothing about what it did not see, and neither has one whose
        frames could not be read where they stay.
        """
        child, run = self.child(name), self.ctx.runs[name]
        has_frames = self.judge(name, child)
        if child.exit_status == NOT_SEALED:
            return None
        if has_frames and not 500 <= (child.exit_status or 0) < 600:
            return None
        md = from_mapping(MdParameters, self.parameters_of(run), "md")
        seen = len(child.outputs.model_deviation.get_array("frame")) if has_frames else 0
        frames = md.production_steps // md.deviation_steps + 1 - seen
        if frames <= 0:
            return None
        return {"temperature_K": run.temperature_K, "frames": frames, "reason": reason_of(child)}

    def of_runs(self, label: str) -> dict[str, orm.Data]:
        """Return an output of each run that left frames with deviations, by the name of the run."""
        children = {name: self.child(name) for name in self.ctx.runs}
        return {name: child.outputs[label] for name, child in children.items() if self.judge(name, child)}

    def all_unreached(self) -> dict[str, dict[str, Any]]:
        """Return of each run that ended early how many frames it never reached, and why."""
        return {name: lack for name in self.ctx.runs if (lack := self.unreached(name))}

    def selection_parameters(self) -> orm.Dict:
        """Return the settings of the selection with what it has to know of the runs."""
        of_the_turn = {
            "seed": self.inputs.seed.value,
            "unreached": self.all_unreached(),
            "systems": {name: self.ctx.runs[name].structure for name in self.of_runs("model_deviation")},
            "diagnoses": {name: word for name in self.ctx.runs if (word := diagnosis_of(self.child(name)))},
        }
        return orm.Dict({**self.inputs.selection.get_dict(), **of_the_turn})

    def should_pick_there(self) -> bool:
        """Return whether frames have still to be picked where they stay."""
        stays = any(is_stashed(node) for node in self.of_runs("trajectory").values())
        return stays and is_worth_a_try(self.ctx.get("picked"), self.n_tries("pick"))

    def pick_there(self) -> None:
        """Pick the frames to label where they stay; these alone are brought home."""
        builder = PickCalculation.get_builder()
        builder.code = self.inputs.run[REDUCE].code
        options = self.inputs.run[REDUCE].metadata.options
        builder.metadata.options = {key: value for key, value in options.items() if key != "parser_name"}
        builder.parameters = self.selection_parameters()
        builder.trajectories = self.of_runs("trajectory")
        builder.deviations = self.of_runs("model_deviation")
        self.to_context(picked=self.try_child("pick", builder))

    def select(self) -> ExitCode | None:
        """Pick the frames to label, or hand on those that were picked where they stay."""
        deviations = self.of_runs("model_deviation")
        if not deviations:
            return self.exit_codes.ERROR_NO_EXPLORATION.format(
                names=", ".join(self.ctx.runs), reason=self.last_reason()
            )
        for name, node in deviations.items():
            self.out(f"deviations.{name}", node)
        for name, lack in self.all_unreached().items():
            self.report(f"{name}: {lack['frames']} frames that it never reached count as failed ({lack['reason']})")
        if "picked" in self.ctx:
            return self.hand_on_picked(self.ctx.picked)
        runs = {DEVIATION + name: node for name, node in deviations.items()}
        runs |= {TRAJECTORY + name: node for name, node in self.of_runs("trajectory").items()}
        outputs = self.call(select_candidate_structures, "select", self.selection_parameters(), **runs)
        if outputs is None:
            return self.function_failure()
        self.out("statistics", outputs["statistics"])
        for label, node in outputs.items():
            if label.startswith("candidate_"):
                self.out(f"candidates.{label.removeprefix('candidate_')}", node)
        return None

    def hand_on_picked(self, node: orm.CalcJobNode) -> ExitCode | None:
        """Attach what was picked where the frames stay."""
        if not node.is_finished_ok:
            return self.exit_codes.ERROR_NOT_PICKED.format(pk=node.pk, reason=reason_of(node))
        self.out("statistics", node.outputs.statistics)
        for label in node.outputs.candidates if "candidates" in node.outputs else ():
            self.out(f"candidates.{label}", node.outputs.candidates[label])
        return None

    def is_observed(self) -> bool:
        """Return whether a diffusivity is asked for."""
        return "observable_temperature_K" in self.inputs

    def observed(self) -> list[str]:
        """Return the names of the runs whose diffusivity is asked for; their frames are brought home."""
        return observed_runs(self.ctx.runs, self.inputs.observable_temperature_K.value)

    def observe(self) -> ExitCode | None:
        """Attach the diffusivity of the explorations at one temperature, where all of them came to their end."""
        temperature, names = self.inputs.observable_temperature_K, self.observed()
        broken = [name for name in names if not self.child(name).is_finished_ok]
        if broken or not names:
            why = f"{', '.join(broken)} ended early" if broken else "nothing is explored there"
            self.report(f"no diffusivity at {temperature.value:g} K: {why}")
            return None
        runs = {name: self.child(name).outputs.trajectory for name in names}
        observed = self.call(observe_diffusivity, "observe", temperature, self.inputs.seed, **runs)
        if observed is None:
            return self.function_failure()
        self.out("observable", observed)
        return None


def observed_runs(runs: Mapping[str, Run], temperature_K: float) -> list[str]:
    """Return the names of the runs at a temperature in K whose cell is fixed: in one that breathes nothing diffuses."""
    return [name for name, run in runs.items() if run.temperature_K == temperature_K and run.pressure_bar is None]


def bring_home(builder: ProcessBuilder) -> None:
    """Have a run bring its frames home, whatever was asked of all runs."""
    options = dict(builder.md.metadata.options)
    options.pop("stash", None)
    builder.md.metadata.options = options
