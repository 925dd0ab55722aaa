"""Runs of molecular dynamics in waves, several to a job where that is asked for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from aiida import orm
from aiida.engine import ProcessBuilder, ProcessSpec

from aiida_concerted.calculations.lammps_replicas import INPUTS, REPLICAS
from aiida_concerted.queries.calls import CONTINUES, calls_of, earlier_processes
from aiida_concerted.queries.replicas import Replica, replica_names
from aiida_concerted.workflows.continuing import lacks_outputs
from aiida_concerted.workflows.lammps.adopting import adopted_jobs, has_replica, is_shared
from aiida_concerted.workflows.lammps.md import has_stash
from aiida_concerted.workflows.lammps.replicas import LammpsReplicasWorkChain
from aiida_concerted.workflows.values import value_port
from aiida_concerted.workflows.waves import WavesWorkChain, positive

PACK = "pack_"
"""What labels of packs begin with."""

OF_JOBS = ("max_segments", "max_iterations", "clean_workdir")
"""Inputs that say how runs are done, which a pack has from the first of them."""


class PackedRunsWorkChain(WavesWorkChain):
    """Waves of `concerted.lammps.md`; with ``runs_per_job`` above one the runs of a wave share jobs.

    A subclass prepares each run as it would run alone. What a run leaves, and how it ended, is found in the same way
    wherever it ran: ``child`` gives a view of it.
    """

    @classmethod
    def define(cls, spec: ProcessSpec) -> None:
        """Define the port."""
        super().define(spec)
        value_port(
            spec, "runs_per_job", orm.Int,
            "Runs that share a job, each as it would be alone; at most `max_concurrent` jobs at once (without unit).",
            default=1, validator=positive,
        )  # fmt: skip

    @property
    def wave_size(self) -> int:
        """Return how many runs are made at once."""
        return super().wave_size * int(self.inputs.runs_per_job.value)

    def submit_wave(self, names: Sequence[str]) -> int:
        """Submit runs, or the jobs that they share, and return for how many runs the jobs under way have room."""
        prepared = {name: self.prepare(name) for name in names}
        n_jobs = 0
        for name in names:
            if (known := self.earlier_replica(name, prepared[name])) is not None:
                self.use(name, known.node, known.node.caller or self.node)
                self.place({name: known.name}, known.node)
                del prepared[name]
        size = self.inputs.runs_per_job.value
        shared = {name: run for name, run in prepared.items() if size > 1 or self.was_shared(name, run)}
        n_jobs += self.submit_packs(shared, size)
        for name, builder in prepared.items():
            if name not in shared:
                n_jobs += self.place_alone(name, self.run_child(name, builder, attempt=self.ctx.attempts[name]))
        return int(n_jobs * size)

    def place_alone(self, name: str, child: orm.ProcessNode) -> bool:
        """Note that a run is a child of its own, wait for it, and return whether this process submitted it."""
        self.note_place(name, None)
        self.to_context(**{f"child_{name}": child})
        return self.is_own(child)

    def was_shared(self, name: str, builder: ProcessBuilder) -> bool:
        """Return whether a run goes on from jobs that it shared, which only a pack can, be it of one run.

        It is the same for each try of a run, so that the tries of it have their labels in one row.
        """
        if CONTINUES not in self.inputs or has_stash(builder):
            return False
        inputs = builder._inputs(prune=True)
        jobs = adopted_jobs(earlier_processes(self.node), name, inputs["md"], replica_inputs(inputs))
        return any(is_shared(job) for job in jobs)

    def submit_packs(self, prepared: Mapping[str, ProcessBuilder], size: int) -> int:
        """Submit jobs of several runs each and return how many there are.

        A run that an earlier process made alone is used as it is.

        :param size: most runs in a job.
        """
        left, n_jobs = {}, 0
        for name, builder in prepared.items():
            known = None
            if CONTINUES in self.inputs and self.ctx.attempts[name] == 1:
                known = self.find_child(name, builder, set())
            if known is None:
                left[name] = builder
            else:
                self.place_alone(name, known)
        number = self.ctx.get("n_packs", 0)
        for names in packs(left, size):
            number += 1
            label = f"{PACK}{number:03d}"
            pack = self.run_child(label, self.pack({name: left[name] for name in names}))
            self.place({name: name for name in names}, pack)
            n_jobs += 1
        self.ctx.n_packs = number
        return n_jobs

    def place(self, replicas: Mapping[str, str], pack: orm.ProcessNode) -> None:
        """Note which runs a pack holds, and wait for it.

        :param replicas: what each run is called there.
        """
        key = f"{PACK}{pack.pk}"
        for name, replica in replicas.items():
            self.note_place(name, (key, replica))
        self.to_context(**{key: pack})

    def note_place(self, name: str, place: tuple[str, str] | None) -> None:
        """Note the key of a run's pack in the context and its name there; nothing where it is a child of its own."""
        places = {other: known for other, known in self.ctx.get("places", {}).items() if other != name}
        self.ctx.places = places if place is None else {**places, name: place}

    def pack(self, builders: Mapping[str, ProcessBuilder]) -> ProcessBuilder:
        """Return the work chain that makes several runs in one job after another."""
        runs = {name: builder._inputs(prune=True) for name, builder in builders.items()}
        first = next(iter(runs.values()))
        shared = {key: value for key, value in first["md"].items() if key not in (*INPUTS, "metadata")}
        options = {key: value for key, value in first["md"]["metadata"]["options"].items() if key != "parser_name"}
        builder = LammpsReplicasWorkChain.get_builder()
        builder.md._update({**shared, "metadata": {"options": options}})
        builder._update({key: first[key] for key in OF_JOBS if key in first})
        builder[REPLICAS] = {name: replica_inputs(run) for name, run in runs.items()}
        if (earlier := next((pack for name in runs for pack in self.earlier_packs(name)), None)) is not None:
            builder[CONTINUES] = earlier.uuid
        return builder

    def find_child(self, label: str, builder: ProcessBuilder, tried: set[str]) -> orm.ProcessNode | None:
        """Return an earlier child that does as this one; the runs of a pack have been looked for one by one."""
        if issubclass(builder.process_class, LammpsReplicasWorkChain):
            return None
        return super().find_child(label, builder, tried)

    def earlier_packs(self, name: str) -> Iterator[orm.ProcessNode]:
        """Yield the packs of the processes that this one continues that held a run of this name, the newest first."""
        kind = LammpsReplicasWorkChain.build_process_type()
        for parent in earlier_processes(self.node) if CONTINUES in self.inputs else ():
            for _, child in reversed(calls_of(parent)):
                if child.process_type == kind and child.is_terminated and name in replica_names(child):
                    yield child

    def earlier_replica(self, name: str, builder: ProcessBuilder) -> Replica | None:
        """Return this run in an earlier pack, where it came to its end with the same inputs, whatever ran beside it."""
        for pack in self.earlier_packs(name):
            if not Replica(pack, name).is_finished_ok or lacks_outputs(pack):
                continue
            inputs = builder._inputs(prune=True)
            if has_replica(pack, name, inputs["md"], replica_inputs(inputs), prefix="md__"):
                return Replica(pack, name)
        return None

    def child(self, name: str) -> Any:
        """Return the last child of this name, or the view of it in a pack."""
        place = self.ctx.get("places", {}).get(name)
        if place is None:
            return super().child(name)
        key, replica = (place, name) if isinstance(place, str) else place  # one of a sweep begun before an upgrade
        return Replica(self.ctx[key], replica)

    def has_child(self, name: str) -> bool:
        """Return whether a child of this name was run, alone or in a pack."""
        return name in self.ctx.get("places", {}) or super().has_child(name)


def packs(runs: Mapping[str, ProcessBuilder], size: int) -> list[list[str]]:
    """Return the names of the runs that share a job, in the order in which the first of each was named.

    Runs of one cell share a job, those of like lengths together: a job lasts as long as the longest of them.

    :param size: most runs in a job.
    """
    by_cell: dict[int, list[str]] = {}
    for name, builder in runs.items():
        by_cell.setdefault(len(builder.md.structure.sites), []).append(name)
    groups = []
    for names in by_cell.values():
        ordered = sorted(names, key=lambda name: runs[name].md.parameters["production_ps"])
        groups += [ordered[start : start + size] for start in range(0, len(ordered), size)]
    return groups


def replica_inputs(run: Mapping[str, Any]) -> dict[str, Any]:
    """Return the inputs of a replica from those of `concerted.lammps.md`."""
    inputs = {key: run["md"][key] for key in INPUTS if key in run["md"]}
    if run.get("before"):
        inputs["before"] = dict(run["before"])
    return inputs
