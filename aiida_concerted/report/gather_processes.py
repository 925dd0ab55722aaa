"""How a study was made: its stages and their cost, codes, versions and settings."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from pathlib import PurePosixPath

from aiida import orm

from aiida_concerted.report.content import CodeContent, StageContent
from aiida_concerted.report.graph import children_of, elapsed_s, state_of

SETTING_TYPES = (orm.Dict, orm.List, orm.Int, orm.Float, orm.Str, orm.Bool)


def gather_stages(study: orm.ProcessNode) -> tuple[StageContent, ...]:
    """Return the children of a study in the order in which they were called, with what they cost."""
    stages = []
    for label, child in children_of(study).items():
        jobs = _jobs(child)
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
                core_s=sum(time * _cores(job) for time, job in zip(times, jobs, strict=True)),
            )
        )
    return tuple(stages)


def gather_codes(study: orm.ProcessNode) -> tuple[CodeContent, ...]:
    """Return the executables that ran, without the folders they lie in."""
    counts: Counter[tuple[str, str, str, str]] = Counter()
    for job in _jobs(study):
        code = job.inputs.code if "code" in job.inputs else None
        if code is None:
            continue
        executable = PurePosixPath(str(code.get_executable())).name
        counts[(code.label, job.computer.label if job.computer else "", executable, job.process_type or "")] += 1
    return tuple(
        CodeContent(label, computer, executable, plugin.split(":")[-1], number)
        for (label, computer, executable, plugin), number in sorted(counts.items())
    )


def gather_versions(study: orm.ProcessNode, learn: Mapping[str, orm.Data]) -> dict[str, str]:
    """Return the versions of the software that made the study, as the graph recorded them."""
    versions = {}
    recorded = study.base.attributes.get("version", {})
    if "core" in recorded:
        versions["aiida-core"] = recorded["core"]
    if "plugin" in recorded:
        versions["aiida-concerted"] = recorded["plugin"]
    for job in _jobs(study):
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


def _jobs(process: orm.ProcessNode) -> list[orm.CalcJobNode]:
    if isinstance(process, orm.CalcJobNode):
        return [process]
    return [node for node in process.called_descendants if isinstance(node, orm.CalcJobNode)]


def _cores(job: orm.CalcJobNode) -> int:
    resources = job.get_option("resources") or {}
    total = resources.get("tot_num_mpiprocs")
    if not total:
        total = resources.get("num_machines", 1) * resources.get("num_mpiprocs_per_machine", 1)
    return int(total) * int(resources.get("num_cores_per_mpiproc", 1))
