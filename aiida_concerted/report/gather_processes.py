"""How a study was made: its stages and their cost, codes, versions and settings."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from aiida import orm

from aiida_concerted.queries.calls import calls_of, walk
from aiida_concerted.queries.costs import core_seconds, elapsed_s
from aiida_concerted.report.content import CodeContent, MakingContent, StageContent
from aiida_concerted.report.graph import state_of

SETTING_TYPES = (orm.Dict, orm.List, orm.Int, orm.Float, orm.Str, orm.Bool)


@dataclass(frozen=True)
class Processes:
    """The processes of a study, found by one walk through the graph.

    :param stages: label and node of each child, and everything below it, itself included.
    """

    stages: tuple[tuple[str, Any, tuple[Any, ...]], ...]

    @classmethod
    def of(cls, study: orm.ProcessNode) -> Processes:
        """Return the processes of a study."""
        return cls(tuple((label, child, tuple(walk(child))) for label, child in calls_of(study)))

    @property
    def all(self) -> list[Any]:
        """Return everything below the study."""
        return [node for _, _, members in self.stages for node in members]

    @property
    def jobs(self) -> list[orm.CalcJobNode]:
        """Return the calculations below the study."""
        return _jobs(self.all)

    @property
    def n_failed(self) -> int:
        """Return how many processes below the study ended without success."""
        return sum(1 for node in self.all if node.is_terminated and not node.is_finished_ok)


def gather_making(
    study: orm.ProcessNode, learn: Mapping[str, orm.Data], inputs: Mapping[str, orm.Data]
) -> MakingContent:
    """Return how a study was made.

    :param learn: outputs of the learning loop by label.
    :param inputs: inputs of the study by label.
    """
    processes = Processes.of(study)
    return MakingContent(
        stages=gather_stages(processes),
        codes=gather_codes(processes),
        versions=gather_versions(study, processes, learn),
        settings=gather_settings(inputs),
        n_failed_processes=processes.n_failed,
    )


def gather_stages(processes: Processes) -> tuple[StageContent, ...]:
    """Return the children of a study in the order in which they were called, with what they cost."""
    stages = []
    for label, child, members in processes.stages:
        jobs = _jobs(members)
        times = [elapsed_s(job) for job in jobs]
        stages.append(
            StageContent(
                uuid=child.uuid,
                name=label,
                state=state_of(child),
                is_done=bool(child.is_finished_ok),
                n_calculations=len(jobs),
                elapsed_s=elapsed_s(child),
                job_s=sum(times),
                core_s=core_seconds(jobs),
            )
        )
    return tuple(stages)


def gather_codes(processes: Processes) -> tuple[CodeContent, ...]:
    """Return the executables that ran, without the folders they lie in."""
    counts: Counter[tuple[str, str, str, str]] = Counter()
    for job in processes.jobs:
        code = job.inputs.code if "code" in job.inputs else None
        if code is None:
            continue
        executable = PurePosixPath(str(code.get_executable())).name
        counts[(code.label, job.computer.label if job.computer else "", executable, job.process_type or "")] += 1
    return tuple(
        CodeContent(label, computer, executable, plugin.split(":")[-1], number)
        for (label, computer, executable, plugin), number in sorted(counts.items())
    )


def gather_versions(study: orm.ProcessNode, processes: Processes, learn: Mapping[str, orm.Data]) -> dict[str, str]:
    """Return the versions of the software that made the study, as the graph recorded them."""
    versions = {}
    recorded = study.base.attributes.get("version", {})
    if "core" in recorded:
        versions["aiida-core"] = recorded["core"]
    if "plugin" in recorded:
        versions["aiida-concerted"] = recorded["plugin"]
    for job in processes.jobs:
        plugin = job.base.attributes.get("version", {}).get("plugin")
        if plugin and job.process_type:
            versions[job.process_type.split(":")[-1] + " (plugin)"] = plugin
    for label, node in learn.items():
        attributes = node.base.attributes.all
        if label.startswith("models__") and "version" in attributes:
            versions[f"potentials ({attributes.get('backend', 'backend unknown')})"] = str(attributes["version"])
    return versions


def gather_settings(inputs: Mapping[str, orm.Data]) -> tuple[tuple[str, str], ...]:
    """Return the plain inputs of a study as text; structures, codes and pseudopotentials are not among them."""
    settings = []
    for label, node in sorted(inputs.items()):
        if isinstance(node, SETTING_TYPES):
            value = node.get_dict() if isinstance(node, orm.Dict) else _plain(node)
            settings.append((label.replace("__", "."), json.dumps(value, ensure_ascii=False, indent=1, default=str)))
    return tuple(settings)


def _plain(node: orm.Data) -> object:
    return node.get_list() if isinstance(node, orm.List) else getattr(node, "value", None)


def _jobs(nodes: Iterable[Any]) -> list[orm.CalcJobNode]:
    return [node for node in nodes if isinstance(node, orm.CalcJobNode)]
