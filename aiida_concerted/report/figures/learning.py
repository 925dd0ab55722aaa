"""Figures of the learning loop."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np

from aiida_concerted.plotting import (
    Exploration,
    new_figure,
    plot_deviation_distributions,
    plot_deviation_over_time,
    plot_learning_curves,
    plot_parity,
    plot_selection,
)
from aiida_concerted.report.content import ParityContent, StudyContent
from aiida_concerted.report.figures.base import ReportFigure, shortened, table_of
from aiida_concerted.report.published import Published

Explorations: TypeAlias = Sequence[tuple[str, Exploration]]

FORCE_COLUMNS = {"rmse_force_validation_eV_A": "held-out", "rmse_force_training_eV_A": "training"}
MAX_PARITY_ROWS = 20_000


DEVIATION_METHOD = (
    "Largest over the atoms of the standard deviation of the force among the members of the committee. "
    "Frames between the trust levels (dashed) are candidates for labels."
)
DEVIATION_COLUMNS = ("turn", "run", "temperature_K", "time_ps", "max_force_deviation_eV_A")


def _explored(content: StudyContent) -> list[tuple[str, Exploration]]:
    return [(uuid, run) for uuid, run in content.learning.explorations if np.isfinite(run.deviation_eV_A).any()]


def deviation_figure(content: StudyContent, _: Published) -> list[ReportFigure]:
    """Return the distributions of the deviations of the committee."""
    runs = _explored(content)
    return [_distributions(runs, content.learning.trust_eV_A)] if runs else []


def deviation_time_figure(content: StudyContent, _: Published) -> list[ReportFigure]:
    """Return the deviations of the committee over time in the last turn."""
    known = _explored(content)
    last = max((run.turn for _, run in known), default=0)
    runs = [(uuid, run) for uuid, run in known if run.turn == last and len(run.time_ps)]
    return [_over_time(runs, content.learning.trust_eV_A)] if runs else []


def _deviation_rows(runs: Explorations) -> list[tuple[object, ...]]:
    return [
        (run.turn, run.name, run.temperature_K, float(run.time_ps[i]) if i < len(run.time_ps) else None, float(value))
        for _, run in runs
        for i, value in enumerate(run.deviation_eV_A)
    ]


def _distributions(runs: Explorations, trust_eV_A: tuple[float, float] | None) -> ReportFigure:
    figure, axes = new_figure(height_ratio=0.9)
    plot_deviation_distributions(axes, [run for _, run in runs], trust_eV_A=trust_eV_A)
    return ReportFigure(
        key="model-deviation",
        section="learning",
        title="Deviation of the committee",
        shows="Distribution of the deviation in every run of every turn: the circle is the median, the thick bar "
        "holds half of the frames, the thin one nine tenths.",
        method=DEVIATION_METHOD,
        alternative=f"Deviation of the committee in {len(runs)} explorations, by turn and temperature",
        uuids=tuple(uuid for uuid, _ in runs),
        figure=figure,
        table=table_of(DEVIATION_COLUMNS, _deviation_rows(runs)),
    )


def _over_time(runs: Explorations, trust_eV_A: tuple[float, float] | None) -> ReportFigure:
    figure, axes = new_figure(height_ratio=0.9)
    plot_deviation_over_time(axes, [run for _, run in runs], trust_eV_A=trust_eV_A)
    turn = runs[0][1].turn
    return ReportFigure(
        key="model-deviation-time",
        section="learning",
        title=f"Deviation over time, turn {turn}",
        shows="Deviation along the runs of the last turn, coloured by temperature.",
        method=DEVIATION_METHOD,
        alternative=f"Deviation of the committee over time in the {len(runs)} runs of turn {turn}",
        uuids=tuple(uuid for uuid, _ in runs),
        figure=figure,
        table=table_of(DEVIATION_COLUMNS, _deviation_rows(runs)),
    )


def selection_figure(content: StudyContent, _: Published) -> list[ReportFigure]:
    """Return the fractions of accurate, candidate and failed frames."""
    runs = [run for _, run in content.learning.explorations]
    if not runs:
        return []
    figure, axes = new_figure(height_ratio=min(0.35 + 0.07 * len(runs), 2.0))
    plot_selection(axes, runs)
    return [
        ReportFigure(
            key="selection",
            section="learning",
            title="Accurate, candidate and failed frames",
            shows="Fractions of the explored frames below, between and above the trust levels, for every run.",
            method="Counts of frames; they are correlated in time, so no error is given.",
            alternative=f"Bars of accurate, candidate and failed fractions of {len(runs)} explorations",
            uuids=tuple(uuid for uuid, _ in content.learning.explorations),
            figure=figure,
            table=table_of(
                ("turn", "run", "temperature_K", "accurate", "candidate", "failed"),
                [
                    (r.turn, r.name, r.temperature_K, *(r.counts[key] for key in ("accurate", "candidate", "failed")))
                    for r in runs
                ],
            ),
        )
    ]


def curve_figure(content: StudyContent, _: Published) -> list[ReportFigure]:
    """Return the force error over the training of the final committee."""
    curves = {item.model: item for item in content.learning.curves if "step" in item.columns}
    column = next((key for key in FORCE_COLUMNS if curves and all(key in c.columns for c in curves.values())), None)
    if column is None:
        return []
    data = {model: (item.columns["step"], item.columns[column]) for model, item in curves.items()}
    figure, axes = new_figure()
    plot_learning_curves(axes, data, label=f"force error, {FORCE_COLUMNS[column]} (eV Å$^{{-1}}$)")
    rows = [
        (model, float(step), float(error)) for model, (s, e) in data.items() for step, error in zip(s, e, strict=True)
    ]
    return [
        ReportFigure(
            key="learning-curve",
            section="learning",
            title="Learning curves of the final committee",
            shows=f"Root mean squared error of force components on {FORCE_COLUMNS[column]} frames over the training.",
            method="As the training program wrote it, on one batch at a time: the scatter is that of the batches.",
            alternative=f"Force error over the training steps of {len(data)} models on a logarithmic axis",
            uuids=tuple(item.uuid for item in curves.values()),
            figure=figure,
            table=table_of(("model", "step", column), rows),
        )
    ]


def parity_energy_figure(content: StudyContent, _: Published) -> list[ReportFigure]:
    """Return predicted against reference energies, for the model that drives production."""
    return [figure for item in content.learning.parities[:1] if (figure := _parity_figure(item, "energy")) is not None]


def parity_force_figure(content: StudyContent, _: Published) -> list[ReportFigure]:
    """Return predicted against reference forces, for the model that drives production."""
    return [figure for item in content.learning.parities[:1] if (figure := _parity_figure(item, "force")) is not None]


def _parity_figure(parity: ParityContent, quantity: str) -> ReportFigure | None:
    pair = parity.energy if quantity == "energy" else parity.force
    if pair is None or not pair[0].size:
        return None
    reference, predicted = (np.ravel(values) for values in pair)
    rmse = float(np.sqrt(np.mean((predicted - reference) ** 2)))
    figure, axes = new_figure(height_ratio=1.0)
    plot_parity(axes, reference, predicted, quantity=quantity, rmse=rmse)
    unit, what = ("eV_per_atom", "energies") if quantity == "energy" else ("eV_A", "force components")
    stride = -(-len(reference) // MAX_PARITY_ROWS)
    thinned = f" The file holds every {stride}th value." if stride > 1 else ""
    values = zip(*(map(shortened, part[::stride]) for part in (reference, predicted)), strict=True)
    return ReportFigure(
        key=f"parity-{quantity}",
        section="learning",
        title=f"Predicted against reference {what}",
        shows=f"{len(reference)} {what} of held-out frames as {parity.model} predicts them; on the line both agree.",
        method=f"Frames of runs that no model was trained on.{thinned}",
        alternative=f"Scatter of predicted against reference {what}, root mean squared error {1000 * rmse:.3g} m{unit}",
        uuids=(parity.uuid,),
        figure=figure,
        table=table_of((f"reference_{unit}", f"predicted_{unit}"), values),
    )
