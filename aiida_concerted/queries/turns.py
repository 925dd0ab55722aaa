"""The turns of a learning loop, of one that is under way as of one that ended: what each brought, and what it cost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from aiida import orm
from aiida.common.links import LinkType

from aiida_concerted.queries.calls import calls_of, walk
from aiida_concerted.queries.costs import core_seconds, elapsed_s

LOOP, TURN = "LearnWorkChain", "iteration_"
CLASSES = ("accurate", "candidate", "failed")


@dataclass(frozen=True)
class RunCounts:
    """What became of the frames of one exploration.

    :param labelled: frames that were labelled; ``None`` while nobody knows.
    :param rejected: candidates that the screens dropped, and picked ones whose label failed.
    """

    name: str
    temperature_K: float | None
    accurate: int
    candidate: int
    failed: int
    labelled: int | None
    rejected: int

    @property
    def accurate_fraction(self) -> float | None:
        """Return the fraction of accurate frames, ``None`` where there are no frames."""
        total = self.accurate + self.candidate + self.failed
        return self.accurate / total if total else None


@dataclass(frozen=True)
class TurnSummary:
    """One turn, as far as it came.

    :param number: of the turn, from 1.
    :param stage: ``training``, ``exploration``, ``labelling`` while it is under way, then ``done`` or ``failed``.
    :param runs: its explorations in the order of their temperatures.
    :param labelled: frames that were labelled; ``None`` while nobody knows.
    :param force_rmse_eV_A: error of the committee on held-out frames, mean over its members; ``None`` without any.
    :param energy_rmse_eV: the same of the energy by atom.
    :param diffusivity_m2_s: what the explorations gave for the rule ``observable``, with its standard error.
    :param observable_temperature_K: temperature of that diffusivity.
    :param levels_eV_A: trust levels in effect, the widest window over all runs.
    :param calibrated_on: number of frames that the levels were calibrated on, where this turn calibrated them.
    :param elapsed_s: from its begin to its end, or to its last sign of life.
    :param core_s: time of its calculations times their cores; ``None`` where it was not asked for.
    """

    number: int
    stage: str
    runs: tuple[RunCounts, ...] = ()
    labelled: int | None = None
    force_rmse_eV_A: float | None = None
    energy_rmse_eV: float | None = None
    diffusivity_m2_s: tuple[float, float] | None = None
    observable_temperature_K: float | None = None
    levels_eV_A: tuple[float, float] | None = None
    calibrated_on: int | None = None
    elapsed_s: float = 0.0
    core_s: float | None = None

    def total(self, name: str) -> int:
        """Return a number of frames over all runs, by its name in :class:`RunCounts`."""
        return sum(getattr(run, name) for run in self.runs)

    @property
    def least_accurate(self) -> RunCounts | None:
        """Return the run with the least accurate fraction, ``None`` where nothing was explored."""
        known = [(run.accurate_fraction, number) for number, run in enumerate(self.runs)]
        found = [(fraction, number) for fraction, number in known if fraction is not None]
        return self.runs[min(found)[1]] if found else None


def find_loop(process: orm.ProcessNode) -> orm.ProcessNode | None:
    """Return a learning loop: the process itself, or the one that it called or took over; ``None`` without."""
    if process.process_label == LOOP:
        return process
    return next((child for label, child in calls_of(process) if child.process_label == LOOP), None)


def turns_of(loop: orm.ProcessNode, *, with_cost: bool = True) -> list[TurnSummary]:
    """Return the turns of a learning loop in order.

    :param with_cost: whether to look at every calculation below them for its time.
    """
    children = {label: node for label, node in calls_of(loop) if label.startswith(TURN)}
    found = [_summary(int(label.removeprefix(TURN)), node) for label, node in sorted(children.items())]
    if not with_cost:
        return found
    costs = {int(label.removeprefix(TURN)): core_seconds(walk(node)) for label, node in children.items()}
    return [replace(turn, core_s=costs[turn.number]) for turn in found]


def stop_reason(loop: orm.ProcessNode) -> str | None:
    """Return in one line why a loop ended, ``None`` where it has not."""
    table = _outputs(loop).get("table")
    content: Mapping[str, Any] = table.get_dict() if isinstance(table, orm.Dict) else {}
    stopped = content.get("stopped")
    if stopped:
        turns = sum("runs" in turn for turn in content["turns"])
        word = "turn" if turns == 1 else "turns"
        return f"Ended after {turns} {word} by the rule {stopped['rule']}: {stopped['reason']}"
    if loop.is_terminated and not loop.is_finished_ok:
        return f"Ended without a final committee: {loop.exit_message or 'killed'}"
    return None


def _summary(number: int, node: orm.ProcessNode) -> TurnSummary:
    """Return what a turn brought, from its own outputs and those of its parts."""
    parts = dict(calls_of(node))
    explored = _outputs(parts["explore"]) if "explore" in parts else {}
    statistics = explored["statistics"].get_dict() if "statistics" in explored else {}
    outputs, committee = _outputs(node), _outputs(parts["committee"]) if "committee" in parts else {}
    observed = explored["observable"].get_dict() if "observable" in explored else {}
    value = observed.get("diffusivity_m2_s")
    labelled = _labelled(parts.get("label"))
    return TurnSummary(
        number=number,
        stage=_stage(node, parts),
        runs=_runs(statistics, labelled),
        labelled=_total(node, outputs, labelled),
        force_rmse_eV_A=_held_out(committee, "rmse_force_eV_A"),
        energy_rmse_eV=_held_out(committee, "rmse_energy_eV_per_atom"),
        diffusivity_m2_s=None if value is None else (value, observed["diffusivity_stderr_m2_s"]),
        observable_temperature_K=observed.get("temperature_K"),
        levels_eV_A=(statistics["trust_lower_eV_A"], statistics["trust_upper_eV_A"]) if statistics else None,
        calibrated_on=outputs["calibration"]["n_frames"] if "calibration" in outputs else None,
        elapsed_s=elapsed_s(node),
    )


def _outputs(process: orm.ProcessNode) -> dict[str, Any]:
    links = process.base.links.get_outgoing(link_type=(LinkType.RETURN, LinkType.CREATE)).all()
    return {link.link_label: link.node for link in links}


def _stage(node: orm.ProcessNode, parts: Mapping[str, Any]) -> str:
    if node.is_terminated:
        return "done" if node.is_finished_ok else "failed"
    words = {"label": "labelling", "explore": "exploration"}
    return next((word for part, word in words.items() if part in parts), "training")


def _runs(statistics: Mapping[str, Any], labelled: Mapping[str, int] | None) -> tuple[RunCounts, ...]:
    """Return the counts of each run.

    :param labelled: labelled frames of each run; ``None`` while nobody knows, and none counts as rejected for it.
    """
    picked = {name: len(frames) for name, frames in statistics.get("selected", {}).items()}
    screened = {name: sum(why.values()) for name, why in statistics.get("decision", {}).get("screened", {}).items()}
    found = []
    for name, run in statistics.get("runs", {}).items():
        wanted = picked.get(name, 0)
        done = 0 if not wanted else None if labelled is None else labelled.get(name, 0)
        lost = 0 if done is None else wanted - done
        accurate, candidate, failed = (int(run.get(key, 0)) for key in CLASSES)
        rejected = screened.get(name, 0) + lost
        found.append(RunCounts(name, run.get("temperature_K"), accurate, candidate, failed, done, rejected))
    return tuple(sorted(found, key=lambda run: (run.temperature_K or 0.0, run.name)))


def _total(node: orm.ProcessNode, outputs: Mapping[str, Any], labelled: Mapping[str, int] | None) -> int | None:
    """Return how many frames a turn labelled, ``None`` while nobody knows."""
    if labelled is not None:
        return sum(labelled.values())
    if "labels" in outputs:
        return int(outputs["labels"].base.attributes.get("n_frames"))
    return 0 if node.is_finished_ok else None


def _labelled(label: orm.ProcessNode | None) -> dict[str, int] | None:
    """Return how many frames of each run have labels, ``None`` where labelling left no word."""
    results = _outputs(label).get("results") if label is not None else None
    if not isinstance(results, orm.Dict):
        return None
    return dict(Counter(str(name).rpartition("_f")[0] for name in results.get_dict().get("names", ())))


def _held_out(committee: Mapping[str, Any], key: str) -> float | None:
    """Return an error on held-out frames, mean over the members, ``None`` without such frames."""
    metrics = [node.get_dict() for label, node in committee.items() if label.startswith("metrics__")]
    known = [part["held_out"][key] for part in metrics if part.get("held_out", {}).get(key) is not None]
    return sum(known) / len(known) if known else None
