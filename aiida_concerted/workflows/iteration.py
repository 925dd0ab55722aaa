"""One turn of concurrent learning: train, explore, label."""

from __future__ import annotations

from collections import Counter
from typing import Any

from aiida import orm
from aiida.engine import ExitCode, ProcessBuilder, ProcessSpec, if_, while_

from aiida_concerted.calculations.deepmd_evaluate import DeepmdEvaluateCalculation
from aiida_concerted.calculations.functions.calibrate_trust_levels import calibrate_trust_levels
from aiida_concerted.calculations.functions.merge_frames import merge_frames
from aiida_concerted.common.parameters import from_mapping
from aiida_concerted.data.frames import LabelledFramesData
from aiida_concerted.learning.settings import SelectionSettings
from aiida_concerted.learning.trust import MIN_CALIBRATION_FRAMES, Calibration
from aiida_concerted.queries.origins import frame_temperatures
from aiida_concerted.workflows import checks
from aiida_concerted.workflows.builders import inputs_of
from aiida_concerted.workflows.deepmd.committee import DeepmdCommitteeWorkChain, prepare_committee
from aiida_concerted.workflows.explore import ExploreWorkChain
from aiida_concerted.workflows.protocols import ProtocolMixin
from aiida_concerted.workflows.resumable import ResumableWorkChain
from aiida_concerted.workflows.values import value_port
from aiida_concerted.workflows.vasp.label import VaspLabelWorkChain, check_dataset
from aiida_concerted.workflows.waves import reason_of

OF_A_TRAINING = ("parser_name", "input_filename", "output_filename", "additional_retrieve_list")
"""Options of a training that no other calculation on the same machine shares."""

MAX_EVALUATIONS = 2
"""How often the deviation on known frames is computed at most: a machine may fail once."""


def validate_inputs(inputs: Any, namespace: Any) -> str | None:
    """Return why the inputs cannot run together."""
    return validate_labels(inputs, namespace) or validate_calibration(inputs)


def validate_calibration(inputs: Any) -> str | None:
    """Return why trust levels could not be calibrated on the frames that there are."""
    if not inputs or not {"dataset", "explore"} <= set(inputs) or inputs["dataset"] is None:
        return None
    calibration = _calibration(inputs)
    if calibration is None:
        return None
    name = "validation" if inputs.get("validation") is not None else "dataset"
    frames = inputs[name]
    if len(frames) < MIN_CALIBRATION_FRAMES:
        return (
            f"selection.calibrate needs {MIN_CALIBRATION_FRAMES} frames at least, {name} holds {len(frames)}: "
            "give more held-out frames, or levels"
        )
    if calibration.by == "temperature":
        return _lack_by_temperature(frame_temperatures(frames), name)
    return None


def _lack_by_temperature(temperatures_K: list[float | None], name: str) -> str | None:
    """Return why frames of these temperatures in K give no levels for each of them."""
    counts = Counter(temperatures_K)
    if None in counts:
        return f"selection.calibrate by: temperature: the frames of {name} do not tell their temperatures; use by: all"
    few = sorted(T for T, n in counts.items() if T is not None and n < MIN_CALIBRATION_FRAMES)
    if few:
        listed = ", ".join(f"{T:g} K ({counts[T]})" for T in few)
        return (
            f"selection.calibrate by: temperature needs {MIN_CALIBRATION_FRAMES} frames at each, {name} holds fewer at "
            f"{listed}; use by: all"
        )
    return None


def _calibration(inputs: Any) -> Calibration | None:
    """Return how the levels are to be calibrated, ``None`` where they are given."""
    selection = inputs["explore"]["selection"].get_dict()
    return from_mapping(SelectionSettings, selection, "selection").calibration()


def validate_labels(inputs: Any, _: Any) -> str | None:
    """Return why the labels of a turn would not belong to its dataset."""
    if not inputs or not {"dataset", "label", "explore"} <= set(inputs):
        return None
    structures = dict(inputs["explore"].get("structures") or {})
    return check_dataset(inputs["dataset"], inputs["label"].get("vasp"), structures.values())


class IterationWorkChain(ProtocolMixin, ResumableWorkChain):
    """Trains a committee on a dataset, explores with it, and labels what the committee did not agree on."""

    _protocol_file = "iteration"

    @classmethod
    def define(cls, spec: ProcessSpec) -> None:
        """Define the ports, the outline and the exit codes."""
        super().define(spec)
        spec.input(
            "dataset", valid_type=LabelledFramesData, help="Frames known so far (energies in eV, forces in eV/Å)."
        )
        spec.input("validation", valid_type=LabelledFramesData, required=False, help="Held-out frames to test on.")
        value_port(spec, "seed", orm.Int, "Seed of the turn (without unit), which its parts' follow from.", default=1)
        spec.expose_inputs(
            DeepmdCommitteeWorkChain, namespace="committee", exclude=("train.training", "train.validation", "seed")
        )
        spec.inputs["committee"]["n_models"].validator = checks.committee_size
        spec.expose_inputs(ExploreWorkChain, namespace="explore", exclude=("models", "seed"))
        spec.expose_inputs(VaspLabelWorkChain, namespace="label", exclude=("structures", "dataset"))
        spec.inputs.validator = validate_inputs
        spec.outline(
            cls.run_committee,
            cls.inspect_committee,
            while_(cls.needs_deviation)(cls.run_evaluation, cls.inspect_evaluation),
            if_(cls.needs_levels)(cls.calibrate),
            cls.run_explore,
            cls.inspect_explore,
            if_(cls.should_label)(cls.run_label, cls.inspect_label, cls.merge),
            cls.results,
        )
        spec.expose_outputs(DeepmdCommitteeWorkChain, namespace="committee")
        spec.output(
            "statistics",
            valid_type=orm.Dict,
            help="Accurate, candidate and failed frames of each run; deviations in eV/Å.",
        )
        spec.output(
            "observable", valid_type=orm.Dict, required=False, help="Diffusivity in m²/s that the explorations give."
        )
        for name, text in (
            ("selection", "What the frames were selected by, the calibrated trust levels in it (eV/Å)."),
            ("calibration", "How the trust levels were calibrated: frames, quantile, levels (eV/Å, K)."),
        ):
            spec.output(name, valid_type=orm.Dict, required=False, help=text)
        spec.output("labels", valid_type=LabelledFramesData, required=False, help="Frames labelled in this turn.")
        spec.output(
            "dataset", valid_type=LabelledFramesData, required=False, help="The dataset with the new labels in it."
        )
        spec.exit_code(431, "ERROR_COMMITTEE_FAILED", message="The committee <{pk}> could not be trained: {reason}")
        spec.exit_code(432, "ERROR_EXPLORE_FAILED", message="The exploration <{pk}> failed: {reason}")
        spec.exit_code(
            434, "ERROR_CALIBRATION_FAILED", message="The committee's deviation on known frames <{pk}> failed: {reason}"
        )
        spec.exit_code(433, "ERROR_LABEL_FAILED", message="The labelling <{pk}> failed: {reason}")

    @classmethod
    def get_builder_from_protocol(
        cls,
        dp_code: orm.AbstractCode,
        lammps_code: orm.AbstractCode,
        vasp_code: orm.AbstractCode,
        dataset: LabelledFramesData,
        structures: dict[str, orm.StructureData],
        *,
        protocol: str | None = None,
        overrides: dict[str, Any] | None = None,
        options: dict[str, Any] | None = None,
    ) -> ProcessBuilder:
        """Return a builder filled from a protocol.

        :param dataset: frames known so far; may be ``None`` when another work chain will fill it.
        :param structures: where the explorations begin, by name.
        """
        inputs = cls.get_protocol_inputs(protocol, overrides)
        builder = cls.get_builder()
        if dataset is not None:
            builder.dataset = dataset
        common = {"protocol": protocol, "options": options}
        committee = DeepmdCommitteeWorkChain.get_builder_from_protocol(
            dp_code, {}, overrides=inputs["committee"], **common
        )
        explore = ExploreWorkChain.get_builder_from_protocol(
            lammps_code, structures, {}, overrides=inputs["explore"], **common
        )
        label = VaspLabelWorkChain.get_builder_from_protocol(vasp_code, structures, overrides=inputs["label"], **common)
        builder.committee._update(inputs_of(committee))
        builder.explore._update(inputs_of(explore))
        builder.label._update(inputs_of(label, "structures"))
        return builder

    def run_committee(self) -> None:
        """Train the committee on what is known."""
        builder = prepare_committee(self, "committee", self.inputs.dataset)
        self.to_context(committee=self.run_child("committee", builder))

    def inspect_committee(self) -> ExitCode | None:
        """Stop unless there is a committee."""
        node = self.ctx.committee
        if not node.is_finished_ok:
            return self.exit_codes.ERROR_COMMITTEE_FAILED.format(pk=node.pk, reason=node.exit_message)
        self.out_many(self.exposed_outputs(node, DeepmdCommitteeWorkChain, namespace="committee"))
        return None

    def needs_levels(self) -> bool:
        """Return whether the committee is to give the trust levels."""
        return _calibration(self.inputs) is not None

    def needs_deviation(self) -> bool:
        """Return whether the committee's deviation on known frames is still to be computed."""
        evaluation = self.ctx.get("evaluation")
        return self.needs_levels() and (evaluation is None or not evaluation.is_finished_ok)

    def known_frames(self) -> dict[str, LabelledFramesData]:
        """Return the frames that the levels are calibrated on: held-out ones where there are any."""
        if "validation" in self.inputs:
            return {"held_out": self.inputs.validation}
        return {"known": self.inputs.dataset}

    def run_evaluation(self) -> None:
        """Compute how far the committee disagrees on known frames."""
        train = self.inputs.committee.train
        builder = DeepmdEvaluateCalculation.get_builder()
        builder.code = train.code
        builder.models = dict(self.ctx.committee.outputs.models)
        builder.frames = self.known_frames()
        builder.predict = orm.Bool(False)
        options = {key: value for key, value in train.metadata.options.items() if key not in OF_A_TRAINING}
        builder.metadata.options = options
        self.ctx.evaluations = self.ctx.get("evaluations", 0) + 1
        self.to_context(evaluation=self.run_child("evaluate", builder, attempt=self.ctx.evaluations))

    def inspect_evaluation(self) -> ExitCode | None:
        """Try again what failed once; stop where it failed twice."""
        node = self.ctx.evaluation
        if node.is_finished_ok or self.ctx.evaluations < MAX_EVALUATIONS:
            return None
        return self.exit_codes.ERROR_CALIBRATION_FAILED.format(pk=node.pk, reason=reason_of(node))

    def calibrate(self) -> ExitCode | None:
        """Let the deviation on known frames give the trust levels."""
        ((name, frames),) = self.known_frames().items()
        inputs: dict[str, orm.Data] = {name: self.ctx.evaluation.outputs.deviations[name]}
        if _calibration(self.inputs).by == "temperature":
            inputs["temperatures_K"] = orm.List(frame_temperatures(frames))
        calibrated = self.call(calibrate_trust_levels, "calibrate", self.inputs.explore.selection, **inputs)
        if calibrated is None:
            return self.function_failure()
        self.ctx.selection = calibrated["selection"]
        self.out_many(calibrated)
        levels = calibrated["selection"]
        self.report(
            f"trust levels {levels['trust_lower_eV_A']:.3g} and {levels['trust_upper_eV_A']:.3g} eV/Å, calibrated on "
            f"{len(frames)} {'held-out' if name == 'held_out' else 'training'} frames"
        )
        return None

    def run_explore(self) -> None:
        """Explore with the committee."""
        builder = ExploreWorkChain.get_builder()
        builder._update(self.exposed_inputs(ExploreWorkChain, "explore"))
        builder.selection = self.ctx.get("selection") or self.inputs.explore.selection
        builder.models = dict(self.ctx.committee.outputs.models)
        builder.seed = self.inputs.seed
        self.to_context(explore=self.run_child("explore", builder))

    def inspect_explore(self) -> ExitCode | None:
        """Stop unless there are deviations to judge by."""
        node = self.ctx.explore
        if not node.is_finished_ok:
            return self.exit_codes.ERROR_EXPLORE_FAILED.format(pk=node.pk, reason=node.exit_message)
        self.out("statistics", node.outputs.statistics)
        if "observable" in node.outputs:
            self.out("observable", node.outputs.observable)
        return None

    def should_label(self) -> bool:
        """Return whether the committee disagreed on anything worth labelling."""
        return "candidates" in self.ctx.explore.outputs

    def run_label(self) -> None:
        """Label the candidates."""
        builder = VaspLabelWorkChain.get_builder()
        builder._update(self.exposed_inputs(VaspLabelWorkChain, "label"))
        builder.structures = dict(self.ctx.explore.outputs.candidates)
        builder.dataset = self.inputs.dataset
        self.to_context(label=self.run_child("label", builder))

    def inspect_label(self) -> ExitCode | None:
        """Stop if more labels failed than may."""
        node = self.ctx.label
        if not node.is_finished_ok:
            return self.exit_codes.ERROR_LABEL_FAILED.format(pk=node.pk, reason=node.exit_message)
        self.out("labels", node.outputs.frames)
        return None

    def merge(self) -> ExitCode | None:
        """Add the new labels to the dataset."""
        parts = {"a_known": self.inputs.dataset, "b_labelled": self.ctx.label.outputs.frames}
        merged = self.call(merge_frames, "merge", **parts)
        if merged is None:
            return self.function_failure()
        self.out("dataset", merged)
        return None

    def results(self) -> None:
        """Say what the turn brought."""
        runs = self.ctx.explore.outputs.statistics["runs"]
        total = {key: sum(run[key] for run in runs.values()) for key in ("accurate", "candidate", "failed")}
        labelled = len(self.ctx.label.outputs.frames.get_frames()) if "label" in self.ctx else 0
        counts = ", ".join(f"{number} {key}" for key, number in total.items())
        self.report(f"{counts}; {labelled} labelled")
