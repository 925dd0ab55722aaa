"""What a training left behind, as nodes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from aiida import orm
from aiida.engine import ExitCode
from aiida.parsers import Parser

from aiida_concerted.calculations.deepmd_checkpoint import checkpoint_of
from aiida_concerted.calculations.deepmd_train import DeepmdTrainCalculation, choose_in_set, training_parameters
from aiida_concerted.data.potential import DeepPotentialData
from aiida_concerted.formats.deepmd_checkpoint import read_checkpoint_step
from aiida_concerted.formats.deepmd_log import TrainingLog, last_complaint, read_training_log
from aiida_concerted.formats.deepmd_test import Evaluation, differences_of, errors_of, read_evaluations
from aiida_concerted.formats.lcurve import has_diverged, read_learning_curve

MAX_EVALUATION_ATOMS = 500_000
"""Atoms, over all frames, up to which the evaluation is kept: 25 MB."""


class DeepmdTrainParser(Parser):
    """Reads learning curve, model and test of a :class:`DeepmdTrainCalculation`; stderr is no sign of failure."""

    def parse(self, retrieved_temporary_folder: str, **_: Any) -> ExitCode | None:
        """Attach the outputs that are sound, and return what went wrong."""
        folder = Path(retrieved_temporary_folder)
        names = DeepmdTrainCalculation
        logs = {step: self._text(path) for step, path in names.LOGS.items()}
        try:
            curve = read_learning_curve(self._text(names.CURVE))
        except ValueError as error:
            reason = f"{error}: {last_complaint(logs['train'])}"
            return self.exit_codes.ERROR_NO_LEARNING_CURVE.format(reason=reason)
        self._attach_curve(curve)
        step = int(curve["step"][-1])
        if has_diverged(curve):
            return self.exit_codes.ERROR_TRAINING_DIVERGED.format(step=step)
        log = read_training_log(logs["train"])
        parameters = training_parameters(self.node.inputs.parameters)
        stem = names.COMPRESSED if self.node.inputs.compress.value else names.MODEL
        file = folder / names.file(stem, parameters.backend)
        has_model = file.is_file() and file.stat().st_size > 0
        if has_model:
            self._attach_model(file, log)
        if not log.is_finished:
            return self._stopped(step, parameters.n_steps)
        if not has_model:
            reason = last_complaint(logs["freeze"], logs["compress"])
            return self.exit_codes.ERROR_NO_MODEL.format(reason=reason)
        return self._parse_test(folder, log, logs["test"])

    def _stopped(self, step: int, n_steps: int) -> ExitCode:
        """Say how far the training came, and from where it can go on."""
        checkpoint = read_checkpoint_step(self._text(DeepmdTrainCalculation.CHECKPOINT))
        progress = {"n_steps": n_steps, "steps_done": step, "checkpoint_step": checkpoint}
        self.out("results", orm.Dict({key: value for key, value in progress.items() if value is not None}))
        where = "none" if checkpoint is None else f"step {checkpoint}"
        return self.exit_codes.ERROR_TRAINING_STOPPED.format(step=step, n_steps=n_steps, checkpoint=where)

    def _text(self, path: str) -> str:
        if path not in self.retrieved.base.repository.list_object_names():
            return ""
        return self.retrieved.base.repository.get_object_content(path, mode="rb").decode(errors="replace")

    def _attach_curve(self, curve: dict[str, Any]) -> None:
        node = orm.ArrayData()
        for name, column in curve.items():
            node.set_array(name, column)
        self.out("learning_curve", node)

    def _attach_model(self, file: Path, log: TrainingLog) -> None:
        inputs = self.node.inputs
        model = json.loads(self._text(DeepmdTrainCalculation.FULL_INPUT))["model"]
        first = next(iter(inputs.training.values()))
        self.out(
            "model",
            DeepPotentialData(
                str(file),
                type_map=model["type_map"],
                cutoff_A=model["descriptor"]["rcut"],
                sel=model["descriptor"]["sel"],
                version=log.version,
                backend=training_parameters(inputs.parameters).backend,
                compressed=inputs.compress.value,
                seed=inputs.seed.value,
                level_of_theory=first.level_of_theory,
                material=first.base.attributes.get("material", None),
                study_uuid=first.base.attributes.get("study_uuid", None),
            ),
        )

    def _parse_test(self, folder: Path, log: TrainingLog, test_log: str) -> ExitCode | None:
        inputs = self.node.inputs
        held_out = dict(sorted(inputs.validation.items())) if "validation" in inputs else {}
        shapes = [(len(node), node.base.attributes.get("n_atoms")) for node in held_out.values()]
        in_set = choose_in_set(inputs.training, inputs.seed.value)
        shapes += [(len(frames), frames.n_atoms) for frames in in_set.values()]
        try:
            evaluations = self._evaluations(folder, DeepmdTrainCalculation.DETAIL, shapes)
        except (OSError, ValueError) as error:
            reason = last_complaint(test_log) if isinstance(error, OSError) else str(error)
            return self.exit_codes.ERROR_NO_EVALUATION.format(reason=reason)
        tested, known = evaluations[: len(held_out)], evaluations[len(held_out) :]
        by_dataset = {
            "held_out_by_dataset": dict(zip(held_out, tested, strict=True)),
            "in_set_by_dataset": dict(zip(in_set, known, strict=True)),
        }
        apart = {
            key: {name: _summary([evaluation]) for name, evaluation in parts.items()}
            for key, parts in by_dataset.items()
            if len(parts) > 1
        }
        self._attach_results(log, tested, known, {**apart, **self._precision(folder, evaluations, shapes)})
        if tested and sum(e.reference_forces.size for e in tested) <= 3 * MAX_EVALUATION_ATOMS:
            self._attach_evaluation(dict(zip(held_out, tested, strict=True)))
        return None

    @staticmethod
    def _evaluations(folder: Path, detail: str, shapes: list[tuple[int, int]]) -> list[Evaluation]:
        energies, forces = ((folder / f"{detail}.{part}.out").read_text() for part in "ef")
        return read_evaluations(energies, forces, shapes)

    def _precision(self, folder: Path, evaluations: list[Evaluation], shapes: list[tuple[int, int]]) -> dict[str, Any]:
        """Return what the precision of the nets does to energies and forces.

        Nothing where it is double, and where the test in double precision failed: the training is sound without it.
        """
        parameters = training_parameters(self.node.inputs.parameters)
        if not DeepmdTrainCalculation.has_twin(parameters):
            return {}
        try:
            double = self._evaluations(folder, DeepmdTrainCalculation.DOUBLE, shapes)
        except (OSError, ValueError) as error:
            steps = ("train", "freeze", "test")
            logs = [self._text(f"{DeepmdTrainCalculation.DOUBLE}_{step}.log") for step in steps]
            reason = last_complaint(*logs) if isinstance(error, OSError) else str(error)
            self.logger.warning(f"what the precision does to the forces is not known: {reason}")
            return {}
        n_frames = sum(n_frames for n_frames, _ in shapes)
        found = {"nets": parameters.precision, "n_frames": n_frames, **differences_of(evaluations, double)}
        return {"precision": found}

    def _attach_results(
        self,
        log: TrainingLog,
        held_out: list[Evaluation],
        in_set: list[Evaluation],
        more: dict[str, Any],
    ) -> None:
        results: dict[str, Any] = {
            "n_steps": training_parameters(self.node.inputs.parameters).n_steps,
            "seed": self.node.inputs.seed.value,
            "deepmd_kit_version": log.version,
            "in_set": _summary(in_set),
        }
        checkpoint = checkpoint_of(self.node.inputs.restart_folder) if "restart_folder" in self.node.inputs else None
        if checkpoint is not None:
            results["restarted_from_step"] = checkpoint.step
        if held_out:
            results["held_out"] = _summary(held_out)
        results |= more
        if log.wall_s is not None:
            results["training_wall_s"] = log.wall_s
        if log.seconds_per_step:
            results["steps_per_s"] = 1.0 / log.seconds_per_step
        self.out("results", orm.Dict(results))

    def _attach_evaluation(self, evaluations: dict[str, Evaluation]) -> None:
        node = orm.ArrayData()
        parts = list(evaluations.values())
        for kind in ("reference", "predicted"):
            energies = [getattr(e, f"{kind}_energies") / e.n_atoms for e in parts]
            forces = [getattr(e, f"{kind}_forces").reshape(-1, 3) for e in parts]
            node.set_array(f"{kind}_energies_eV_per_atom", np.concatenate(energies))
            node.set_array(f"{kind}_forces_eV_A", np.concatenate(forces).astype(np.float32))
        node.set_array("n_atoms", np.concatenate([np.full(len(e.reference_energies), e.n_atoms) for e in parts]))
        self.out("evaluation", node)


def _summary(evaluations: list[Evaluation]) -> dict[str, Any]:
    return {**errors_of(evaluations), "n_frames": sum(len(e.reference_energies) for e in evaluations)}
