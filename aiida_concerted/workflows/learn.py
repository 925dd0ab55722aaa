"""Concurrent learning until the committee agrees with itself."""

from __future__ import annotations

from functools import partial
from typing import Any, ClassVar

from aiida import orm
from aiida.engine import ExitCode, ProcessBuilder, ProcessSpec, while_

from aiida_concerted.calculations.functions.summarise_learning import (
    CALIBRATION,
    LABELS,
    METRICS,
    OBSERVABLE,
    STATISTICS,
    VERDICT,
    summarise_learning,
)
from aiida_concerted.common.parameters import from_mapping
from aiida_concerted.data.frames import LabelledFramesData
from aiida_concerted.learning.schedule import first_turn_of_last, read_schedule
from aiida_concerted.learning.settings import StoppingSettings
from aiida_concerted.learning.stopping import StoppingPolicy, accurate_fractions
from aiida_concerted.workflows import checks
from aiida_concerted.workflows.builders import inputs_of
from aiida_concerted.workflows.deepmd.committee import DeepmdCommitteeWorkChain, prepare_committee
from aiida_concerted.workflows.explore import observed_runs, planned_runs
from aiida_concerted.workflows.iteration import IterationWorkChain, validate_calibration, validate_labels
from aiida_concerted.workflows.protocols import ProtocolMixin
from aiida_concerted.workflows.resumable import ResumableWorkChain
from aiida_concerted.workflows.sections import STOPPING_KEYS
from aiida_concerted.workflows.turns import turn_of
from aiida_concerted.workflows.values import value_port
from aiida_concerted.workflows.waves import positive

SEED_STRIDE = 100

NET = ("cutoff_A", "smooth_cutoff_A", "sel", "descriptor_neurons", "axis_neurons", "fitting_neurons", "type_one_side")
"""What two trainings must share for one to start from the other's potential."""


FRAMES = ("dataset", "validation")
"""What a turn takes of the loop."""


def validate_inputs(inputs: Any, namespace: Any) -> str | None:
    """Return why the inputs cannot run together."""
    turn = {**inputs.get("iteration", {}), **{key: inputs.get(key) for key in FRAMES}} if inputs else {}
    problem = validate_warm_start(inputs, namespace) or validate_observable(inputs)
    return problem or validate_labels(turn, namespace) or validate_calibration(turn)


def validate_observable(inputs: Any) -> str | None:
    """Return why the diffusivity that ends the loop would never be observed."""
    if not inputs or "stopping" not in inputs:
        return None
    temperature = from_mapping(StoppingSettings, inputs["stopping"].get_dict(), "stopping").observable_temperature_K
    explore = inputs["iteration"]["explore"]
    if temperature is None or not explore.get("structures"):
        return None
    runs = planned_runs(explore, first_turn_of_last(read_schedule(explore["schedule"].get_list())))
    if observed_runs(runs, temperature):
        return None
    known = sorted({run.temperature_K for run in runs.values() if run.pressure_bar is None})
    return (
        f"stopping.observable.temperature_K: the last stage explores nothing at {temperature:g} K and constant volume, "
        f"only {', '.join(f'{T:g}' for T in known) or 'at constant pressure'}"
    )


def validate_warm_start(inputs: Any, _: Any) -> str | None:
    """Return why the committees of the loop cannot start from one another, where they are to."""
    if not inputs or not inputs["warm_start"].value:
        return None
    turns, final = inputs["iteration"]["committee"]["train"], inputs["final"]["train"]
    if turns["compress"].value:
        return (
            "warm_start: a compressed potential holds no weights to start from; turn off iteration.committee.compress"
        )
    for key in NET:
        first, last = turns["parameters"].get_dict().get(key), final["parameters"].get_dict().get(key)
        if first != last:
            return f"warm_start: the final committee cannot start from nets with another {key} ({last}, not {first})"
    return None


class LearnWorkChain(ProtocolMixin, ResumableWorkChain):
    """Repeats turns of learning until a rule holds or the budget ends, then trains the final committee."""

    _protocol_file = "learn"
    _section_keys: ClassVar = {"stopping": STOPPING_KEYS}

    @classmethod
    def define(cls, spec: ProcessSpec) -> None:
        """Define the ports, the outline and the exit codes."""
        super().define(spec)
        spec.expose_inputs(IterationWorkChain, namespace="iteration", exclude=("dataset", "validation", "seed"))
        spec.expose_inputs(
            DeepmdCommitteeWorkChain, namespace="final", exclude=("train.training", "train.validation", "seed")
        )
        spec.input("dataset", valid_type=LabelledFramesData, help="Frames to begin with (eV, eV/Å).")
        spec.input("validation", valid_type=LabelledFramesData, required=False, help="Held-out frames to test on.")
        number = partial(value_port, spec, validator=positive)
        value_port(
            spec, "seed", orm.Int, "Seed of the loop (without unit), which every turn's follows from.", default=1
        )
        number("min_iterations", orm.Int, "Turns before the stopping rule is asked (without unit).", default=1)
        number("max_iterations", orm.Int, "Budget of turns (a number without unit).", default=12)
        number(
            "accurate_fraction", orm.Float, "Least accurate fraction of every run that ends the loop (without unit).",
            default=0.99,
        )  # fmt: skip
        number("consecutive", orm.Int, "Turns in a row that must reach it (a number without unit).", default=1)
        spec.input(
            "stopping", valid_type=orm.Dict, serializer=orm.to_aiida_type, required=False, validator=checks.stopping,
            help="Rules beside the accurate fraction, how they combine, and a budget of labels: see the topic on "
            "selection (eV/Å, K).",
        )  # fmt: skip
        value_port(
            spec, "warm_start", orm.Bool,
            "Whether every committee but the first starts from the potentials of the turn before.", default=False,
        )  # fmt: skip
        spec.input(
            "warm_start_learning_rate", valid_type=orm.Float, serializer=orm.to_aiida_type, required=False,
            validator=positive, help="Learning rate (without unit) at which a warm start begins; that of a cold one "
            "without.",
        )  # fmt: skip
        spec.inputs.validator = validate_inputs
        spec.outline(
            cls.setup,
            while_(cls.should_iterate)(cls.run_iteration, cls.inspect_iteration),
            cls.run_final,
            cls.inspect_final,
            cls.results,
        )
        spec.expose_outputs(DeepmdCommitteeWorkChain)
        spec.output("dataset", valid_type=LabelledFramesData, help="All frames the final committee was trained on.")
        spec.output("table", valid_type=orm.Dict, help="Counts, labels and errors of each turn (eV/atom, eV/Å).")
        spec.exit_code(434, "ERROR_ITERATION_FAILED", message="Turn {turn} <{pk}> failed: {reason}")
        spec.exit_code(435, "ERROR_FINAL_FAILED", message="The final committee <{pk}> could not be trained: {reason}")

    @classmethod
    def get_builder_from_protocol(
        cls,
        dp_code: orm.AbstractCode,
        lammps_code: orm.AbstractCode,
        vasp_code: orm.AbstractCode,
        dataset: LabelledFramesData | None,
        structures: dict[str, orm.StructureData],
        *,
        protocol: str | None = None,
        overrides: dict[str, Any] | None = None,
        options: dict[str, Any] | None = None,
    ) -> ProcessBuilder:
        """Return a builder filled from a protocol.

        :param dataset: frames to begin with; may be ``None`` when another work chain will fill it.
        :param structures: where the explorations begin, by name.
        """
        inputs = cls.get_protocol_inputs(protocol, overrides)
        builder = cls.get_builder()
        if dataset is not None:
            builder.dataset = dataset
        common = {"protocol": protocol, "options": options}
        iteration = IterationWorkChain.get_builder_from_protocol(
            dp_code, lammps_code, vasp_code, dataset, structures, overrides=inputs["iteration"], **common
        )
        final = DeepmdCommitteeWorkChain.get_builder_from_protocol(dp_code, {}, overrides=inputs["final"], **common)
        builder.iteration._update(inputs_of(iteration, "dataset"))
        builder.final._update(inputs_of(final))
        for key in ("min_iterations", "max_iterations", "accurate_fraction", "consecutive", "warm_start"):
            builder[key] = inputs[key]
        if inputs["stopping"]:
            builder.stopping = orm.Dict(inputs["stopping"])
        if inputs["warm_start_learning_rate"] is not None:
            builder.warm_start_learning_rate = inputs["warm_start_learning_rate"]
        return builder

    def setup(self) -> None:
        """Begin with the given frames."""
        self.ctx.turn = 0
        self.ctx.dataset = self.inputs.dataset
        self.ctx.history = []

    def should_iterate(self) -> bool:
        """Return whether there is another turn."""
        turns = [turn_of(self.ctx[self.turn_label(i)], accurate) for i, accurate in enumerate(self.ctx.history)]
        verdict = self.stopping_policy().decide(turns)
        if verdict.stop:
            self.ctx.verdict = {"rule": verdict.rule, "reason": verdict.reason}
            self.report(f"ends after {self.ctx.turn} turns by the rule {verdict.rule}: {verdict.reason}")
        return not verdict.stop

    def stopping_policy(self) -> StoppingPolicy:
        """Return when the loop ends."""
        max_turns = self.inputs.max_iterations.value
        return self.stopping.policy(
            fraction=self.inputs.accurate_fraction.value,
            consecutive=self.inputs.consecutive.value,
            max_turns=max_turns,
            min_turns=max(self.inputs.min_iterations.value, min(self.first_turn_of_last_stage(), max_turns)),
        )

    @property
    def stopping(self) -> StoppingSettings:
        """Return what is asked of the end of the loop."""
        given = self.inputs.stopping.get_dict() if "stopping" in self.inputs else {}
        return from_mapping(StoppingSettings, given, "stopping")

    def first_turn_of_last_stage(self) -> int:
        """Return the turn before which the schedule of the exploration has not been gone through."""
        return first_turn_of_last(read_schedule(self.inputs.iteration.explore.schedule.get_list()))

    def turn_label(self, turn: int) -> str:
        """Return the label of a turn's call link; turns count from one for people."""
        return f"iteration_{turn + 1:02d}"

    def run_iteration(self) -> None:
        """Run the next turn."""
        builder = IterationWorkChain.get_builder()
        builder._update(self.exposed_inputs(IterationWorkChain, "iteration"))
        builder.dataset = self.ctx.dataset
        if "validation" in self.inputs:
            builder.validation = self.inputs.validation
        builder.seed = orm.Int(self.inputs.seed.value + SEED_STRIDE * (self.ctx.turn + 1))
        builder.explore.turn = orm.Int(self.ctx.turn + 1)
        if self.stopping.observable_temperature_K is not None:
            builder.explore.observable_temperature_K = orm.Float(self.stopping.observable_temperature_K)
        if self.ctx.turn and "selection" in (first := self.ctx[self.turn_label(0)].outputs):
            builder.explore.selection = first.selection
        self.start_warm(builder.committee)
        label = self.turn_label(self.ctx.turn)
        self.to_context(**{label: self.run_child(label, builder)})

    def start_warm(self, committee: Any) -> None:
        """Give a committee the potentials of the turn before to start from, where that is wanted and there is one."""
        if not self.inputs.warm_start.value or self.ctx.turn == 0:
            return
        models = self.ctx[self.turn_label(self.ctx.turn - 1)].outputs.committee.models
        committee.initial_models = {name: models[name] for name in models}
        if "warm_start_learning_rate" in self.inputs:
            rate = {"start_learning_rate": self.inputs.warm_start_learning_rate.value}
            committee.train.parameters = orm.Dict({**committee.train.parameters.get_dict(), **rate})

    def inspect_iteration(self) -> ExitCode | None:
        """Take over the dataset of the turn."""
        node = self.ctx[self.turn_label(self.ctx.turn)]
        self.ctx.turn += 1
        if not node.is_finished_ok:
            return self.exit_codes.ERROR_ITERATION_FAILED.format(
                turn=self.ctx.turn, pk=node.pk, reason=node.exit_message
            )
        counted = accurate_fractions(node.outputs.statistics["runs"])
        self.ctx.history = [*self.ctx.history, {**dict.fromkeys(self.expected_runs(), 0.0), **counted}]
        if "dataset" in node.outputs:
            self.ctx.dataset = node.outputs.dataset
        return None

    def expected_runs(self) -> list[str]:
        """Return the names of all explorations of a turn; one that is not heard of is not accurate."""
        return list(planned_runs(self.inputs.iteration.explore, self.ctx.turn))

    def run_final(self) -> None:
        """Train the committee that production will use on everything."""
        builder = prepare_committee(self, "final", self.ctx.dataset)
        self.start_warm(builder)
        self.to_context(final=self.run_child("final", builder))

    def inspect_final(self) -> ExitCode | None:
        """Stop unless there is a final committee."""
        node = self.ctx.final
        if not node.is_finished_ok:
            return self.exit_codes.ERROR_FINAL_FAILED.format(pk=node.pk, reason=node.exit_message)
        return None

    def results(self) -> None:
        """Attach the final committee, its dataset and the table of turns."""
        self.out_many(self.exposed_outputs(self.ctx.final, DeepmdCommitteeWorkChain))
        self.out("dataset", self.ctx.dataset)
        columns: dict[str, orm.Data] = {}
        for turn in range(self.ctx.turn):
            outputs = self.ctx[self.turn_label(turn)].outputs
            columns[f"{STATISTICS}{turn + 1:02d}"] = outputs.statistics
            if "observable" in outputs:
                columns[f"{OBSERVABLE}{turn + 1:02d}"] = outputs.observable
            if "calibration" in outputs:
                columns[f"{CALIBRATION}{turn + 1:02d}"] = outputs.calibration
            if "labels" in outputs:
                columns[f"{LABELS}{turn + 1:02d}"] = outputs.labels
            for name, metrics in outputs.committee.metrics.items():
                columns[f"{METRICS}{turn + 1:02d}__{name}"] = metrics
        for name, metrics in self.ctx.final.outputs.metrics.items():
            columns[f"{METRICS}{self.ctx.turn + 1:02d}__{name}"] = metrics
        if "verdict" in self.ctx:
            columns[VERDICT] = orm.Dict(self.ctx.verdict)
        self.out("table", self.call(summarise_learning, "table", **columns))
