"""What the evaluation of frames by a committee left behind, as nodes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from aiida import orm
from aiida.engine import ExitCode
from aiida.parsers import Parser

from aiida_concerted.calculations.deepmd_evaluate import DeepmdEvaluateCalculation
from aiida_concerted.formats.deepmd_log import last_complaint
from aiida_concerted.formats.deepmd_test import Evaluation, errors_of, read_evaluations
from aiida_concerted.formats.evaluated_deviation import read_evaluated_deviations


class DeepmdEvaluateParser(Parser):
    """Reads deviations and predictions of a :class:`DeepmdEvaluateCalculation`."""

    def parse(self, retrieved_temporary_folder: str, **_: Any) -> ExitCode | None:
        """Attach what can be read, and return what cannot."""
        folder, inputs = Path(retrieved_temporary_folder), self.node.inputs
        self.frames = dict(sorted(inputs.frames.items()))
        models = sorted(inputs.models)
        results: dict[str, Any] = {}
        if len(models) > 1:
            try:
                results["deviation"] = self._parse_deviations(folder)
            except (OSError, ValueError) as error:
                reason = self._reason(error, DeepmdEvaluateCalculation.DEVIATION_LOG)
                return self.exit_codes.ERROR_NO_DEVIATION.format(reason=reason)
        evaluations: dict[str, list[Evaluation]] = {}
        for model in models if inputs.predict.value else ():
            try:
                evaluations[model] = self._read_test(folder, model)
            except (OSError, ValueError) as error:
                reason = self._reason(error, f"{model}.log")
                return self.exit_codes.ERROR_NO_EVALUATION.format(model=model, reason=reason)
        if evaluations:
            self._attach_predictions(evaluations)
            results["errors"] = {model: self._errors(parts) for model, parts in evaluations.items()}
        self.out("results", orm.Dict(results))
        return None

    def _reason(self, error: Exception, log: str) -> str:
        """Return the words of the program where its file is missing, else those of the reader."""
        if isinstance(error, ValueError) or log not in self.retrieved.base.repository.list_object_names():
            return str(error)
        return last_complaint(
            self.retrieved.base.repository.get_object_content(log, mode="rb").decode(errors="replace")
        )

    def _parse_deviations(self, folder: Path) -> dict[str, Any]:
        """Attach the deviations and return the largest of each name.

        :raises ValueError: if frames are missing.
        """
        found = read_evaluated_deviations((folder / DeepmdEvaluateCalculation.DEVIATION).read_text())
        largest: dict[str, Any] = {}
        for name, frames in self.frames.items():
            columns = found.get(f"{DeepmdEvaluateCalculation.FRAMES}/{name}", {"step": np.empty(0)})
            if len(columns["step"]) != len(frames):
                raise ValueError(f"{len(columns['step'])} of {len(frames)} frames of '{name}' were compared")
            node = orm.ArrayData()
            node.set_array("frame", np.arange(len(frames)))
            for label, column in columns.items():
                if label != "step":
                    node.set_array(label, column)
            self.out(f"deviations.{name}", node)
            force = columns["max_devi_f_eV_A"]
            finite = force[np.isfinite(force)]
            largest[name] = {"n_frames": len(frames), "n_not_finite": len(force) - len(finite)}
            if len(finite):
                largest[name] |= {
                    "mean_deviation_eV_A": float(finite.mean()),
                    "max_deviation_eV_A": float(finite.max()),
                }
        return largest

    def _read_test(self, folder: Path, model: str) -> list[Evaluation]:
        shapes = [(len(node), node.base.attributes.get("n_atoms")) for node in self.frames.values()]
        energies, forces = ((folder / f"{model}.{part}.out").read_text() for part in ("e", "f"))
        return read_evaluations(energies, forces, shapes)

    def _attach_predictions(self, evaluations: dict[str, list[Evaluation]]) -> None:
        for index, name in enumerate(self.frames):
            parts = [of_model[index] for of_model in evaluations.values()]
            node = orm.ArrayData()
            node.set_array("energies_eV", np.array([part.predicted_energies for part in parts]))
            node.set_array("forces_eV_A", np.array([part.predicted_forces for part in parts], dtype=np.float32))
            node.base.attributes.set("models", list(evaluations))
            self.out(f"predictions.{name}", node)

    def _errors(self, parts: list[Evaluation]) -> dict[str, Any]:
        of_each = {name: _errors([part]) for name, part in zip(self.frames, parts, strict=True)}
        return {**_errors(parts), "frames": of_each}


def _errors(parts: list[Evaluation]) -> dict[str, Any]:
    """Return the errors where they are numbers: a potential may give none far from what it knows."""
    return {key: value for key, value in errors_of(parts).items() if np.isfinite(value)}
