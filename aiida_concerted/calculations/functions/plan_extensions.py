"""From what the runs of a sweep know so far which of them become longer, and by how much."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from aiida import orm
from aiida.engine import ExitCode, calcfunction

from aiida_concerted.analysis.effort import EffortTarget, RunSoFar
from aiida_concerted.analysis.effort_plan import plan_effort
from aiida_concerted.common.parameters import from_mapping

POINT, HELD, IS_SIZE = "point", "held", "is_size"
"""Keys of what is said of each run beside its judgement."""


@calcfunction
def plan_extensions(target: orm.Dict, runs: orm.Dict, is_last: orm.Bool, **judgements: orm.Dict) -> orm.Dict | ExitCode:
    """Return what becomes of every point, see :class:`~aiida_concerted.analysis.effort_plan.EffortPlan`.

    :param target: see :class:`EffortTarget`.
    :param runs: by name of the run the point it belongs to, whether that is a cell of the size test (no point of the
        activation energy), and why it cannot become longer, where it cannot.
    :param is_last: whether no run becomes longer any more.
    :param judgements: what ``judge_run`` says of each run.
    """
    try:
        wanted = from_mapping(EffortTarget, target.get_dict(), "target")
    except ValueError as error:
        return ExitCode(210, str(error))
    given = runs.get_dict()
    points: dict[str, list[RunSoFar]] = defaultdict(list)
    for name, judgement in judgements.items():
        points[given[name][POINT]].append(_run_so_far(judgement.get_dict(), given[name].get(HELD, "")))
    line = list(dict.fromkeys(given[name][POINT] for name in judgements if not given[name].get(IS_SIZE)))
    return orm.Dict(plan_effort(points, wanted, energy_of=line, is_last=is_last.value).as_dict())


def _run_so_far(judgement: dict[str, Any], held: str) -> RunSoFar:
    return RunSoFar(
        temperature_K=judgement["temperature_K"],
        duration_ps=judgement["duration_ps"],
        diffusivity=_pair(judgement.get("diffusivity_m2_s")),
        haven=_pair(judgement.get("haven_ratio")),
        events={mode: (events[0], events[1]) for mode, events in judgement.get("events", {}).items()},
        is_sampled=judgement.get("is_sampled", False),
        held=judgement.get("held") or held,
        frame_interval_ps=judgement.get("frame_interval_ps"),
    )


def _pair(estimate: list[float] | None) -> tuple[float, float] | None:
    return None if estimate is None else (estimate[0], estimate[1])
