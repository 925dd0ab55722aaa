"""The learning loop of a study as plain data: explorations, table of turns, learning curves, predictions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from aiida import orm
from aiida.common.links import LinkType
from numpy.typing import NDArray

from aiida_concerted.plotting import Exploration
from aiida_concerted.queries.turns import stop_reason, turns_of
from aiida_concerted.report.content import CurveContent, LearningContent, ParityContent, Result
from aiida_concerted.report.graph import below, children_of, outputs_of

DEVIATION = "max_devi_f_eV_A"
TURN_LABEL = "iteration_"
LOOP, COMMITTEE, TRAINING = "LearnWorkChain", "DeepmdCommitteeWorkChain", "DeepmdBaseWorkChain"
TRAINERS = (LOOP, COMMITTEE, TRAINING)
"""Work chains that return potentials, the one that tells most first."""


def gather_learning(
    study: orm.ProcessNode, learn: Mapping[str, orm.Data], inputs: Mapping[str, orm.Data]
) -> LearningContent:
    """Return the learning loop of a study, as far as it came.

    :param learn: outputs of the loop by label.
    :param inputs: inputs of the study by label.
    """
    loop = study if study.process_label == LOOP else children_of(study).get("learn")
    explorations, trust = _explorations(loop) if loop else ((), None)
    dataset = learn.get("dataset")
    threshold = inputs.get("learn__accurate_fraction") or inputs.get("accurate_fraction")
    return LearningContent(
        uuid=loop.uuid if loop else None,
        turns=_turns(learn),
        explorations=explorations,
        summaries=tuple(turns_of(loop)) if loop else (),
        stopped=stop_reason(loop) if loop else None,
        trust_eV_A=trust,
        threshold=float(threshold.value) if isinstance(threshold, orm.Float) else None,
        n_frames=dataset.base.attributes.get("n_frames", None) if dataset is not None else None,
        dataset_uuid=dataset.uuid if dataset is not None else None,
        curves=tuple(_curve(name, node) for name, node in sorted(below(dict(learn), "learning_curves").items())),
        parities=tuple(_parity(name, node) for name, node in sorted(below(dict(learn), "evaluations").items())),
        models=tuple(_model(name, node) for name, node in sorted(below(dict(learn), "models").items())),
    )


ONE_TRAINING = {
    "model": "models__model",
    "results": "metrics__model",
    "learning_curve": "learning_curves__model",
    "evaluation": "evaluations__model",
}
"""Outputs of a single training and the labels that those of a committee have."""


def training_outputs(process: orm.ProcessNode) -> dict[str, orm.Data]:
    """Return the outputs of a committee or of a single training as a learning loop has them; none of anything else."""
    outputs = outputs_of(process)
    if process.process_label == COMMITTEE:
        return outputs
    if process.process_label == TRAINING:
        return {name: outputs[label] for label, name in ONE_TRAINING.items() if label in outputs}
    return {}


def trainer_of(inputs: Mapping[str, orm.Data]) -> orm.ProcessNode | None:
    """Return what made the potentials that a process was given: a loop, a committee or a training; ``None`` if unknown.

    :param inputs: inputs of the process by label.
    """
    model = next((node for label, node in sorted(inputs.items()) if label.startswith("models__")), None)
    if model is None:
        return None
    links = model.base.links.get_incoming(link_type=LinkType.RETURN)
    returned: dict[str, Any] = {link.node.process_label: link.node for link in links}
    return next((returned[label] for label in TRAINERS if label in returned), None)


def _turns(learn: Mapping[str, orm.Data]) -> tuple[Mapping[str, Any], ...]:
    """Return the turns of a loop; a committee that was trained alone is one turn without explorations."""
    table = learn.get("table")
    if isinstance(table, orm.Dict):
        return tuple(table.get_dict().get("turns", ()))
    metrics = {name: node.get_dict() for name, node in sorted(below(dict(learn), "metrics").items())}
    return ({"turn": 0, "metrics": metrics},) if metrics else ()


def _explorations(
    loop: orm.ProcessNode,
) -> tuple[tuple[tuple[str, Exploration], ...], tuple[float, float] | None]:
    """Return the runs of every turn with the UUID of their deviations, and the trust levels."""
    found: list[tuple[str, Exploration]] = []
    trust = None
    for label, iteration in sorted(children_of(loop).items()):
        explore = children_of(iteration).get("explore") if label.startswith(TURN_LABEL) else None
        outputs = outputs_of(explore) if explore else {}
        if "statistics" not in outputs:
            continue
        statistics = outputs["statistics"].get_dict()
        trust = (statistics["trust_lower_eV_A"], statistics["trust_upper_eV_A"])
        deviations = below(outputs, "deviations")
        turn = int(label.removeprefix(TURN_LABEL))
        for name, run in statistics["runs"].items():
            node = deviations.get(name)
            uuid = node.uuid if node is not None else outputs["statistics"].uuid
            found.append((uuid, _exploration(turn, name, run, node)))
    return tuple(sorted(found, key=lambda item: (item[1].turn, item[1].temperature_K, item[1].name))), trust


def _exploration(turn: int, name: str, run: Mapping[str, Any], node: orm.Data | None) -> Exploration:
    arrays = arrays_of(node)
    deviation = arrays.get(DEVIATION, np.zeros(0))
    interval = _frame_interval_ps(node)
    time = arrays["frame"] * interval if interval and "frame" in arrays else np.zeros(0)
    counts = {key: int(run.get(key, 0)) for key in ("accurate", "candidate", "failed")}
    return Exploration(turn, name, float(run.get("temperature_K") or 0.0), counts, time, deviation)


def _frame_interval_ps(node: orm.Data | None) -> float | None:
    """Return the time between frames of the run that deviations belong to, from its trajectory."""
    creator = node.creator if node is not None else None
    trajectory = outputs_of(creator).get("trajectory") if creator is not None else None
    return trajectory.base.attributes.get("frame_interval_ps", None) if trajectory is not None else None


def arrays_of(node: orm.Data | None) -> dict[str, NDArray[np.float64]]:
    """Return the arrays of an array node as floats, none of anything else."""
    if not isinstance(node, orm.ArrayData):
        return {}
    return {name: np.asarray(node.get_array(name), dtype=np.float64) for name in node.get_arraynames()}


def _curve(name: str, node: orm.Data) -> CurveContent:
    return CurveContent(node.uuid, name, arrays_of(node))


def _parity(name: str, node: orm.Data) -> ParityContent:
    arrays = arrays_of(node)
    return ParityContent(
        uuid=node.uuid,
        model=name,
        energy=_pair(arrays, "energies_eV_per_atom"),
        force=_pair(arrays, "forces_eV_A"),
    )


def _pair(
    arrays: Mapping[str, NDArray[np.float64]], quantity: str
) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
    """Return reference and predicted values of a quantity, ``None`` where they are not kept."""
    reference, predicted = arrays.get(f"reference_{quantity}"), arrays.get(f"predicted_{quantity}")
    return None if reference is None or predicted is None else (reference, predicted)


def _model(name: str, node: orm.Data) -> Result:
    return Result(uuid=node.uuid, attributes={"name": name, **node.base.attributes.all})
