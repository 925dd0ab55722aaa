"""Energies, forces and virials of many configurations."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from aiida import orm
from aiida.engine import ExitCode, ProcessBuilder, ProcessSpec, while_
from aiida_vasp.calcs.vasp import VaspCalculation

from aiida_concerted.calculations.functions.collect_labels import collect_labels
from aiida_concerted.data.frames import LabelledFramesData
from aiida_concerted.formats.energy_settings import conflict
from aiida_concerted.workflows.protocols import ProtocolMixin
from aiida_concerted.workflows.vasp.base import VaspBaseWorkChain
from aiida_concerted.workflows.vasp.single_points import (
    KEY,
    altered_tags,
    changes_of,
    find_computed,
    potentials_of,
    requested_settings,
    single_point_key,
)
from aiida_concerted.workflows.vasp.validation import fraction, with_potentials
from aiida_concerted.workflows.waves import WavesWorkChain, reason_of

UNCONVERGED = (
    VaspCalculation.exit_codes.ERROR_ELECTRONIC_NOT_CONVERGED.status,
    VaspCalculation.exit_codes.ERROR_VASP_CRITICAL_ERROR.status,
)
"""Verdicts of VASP itself, which the same inputs would bring about again."""


def validate_structures(inputs: Any, namespace: Any) -> str | None:
    """Return why these structures cannot become one data set."""
    structures = dict(inputs.get("structures") or {}) if inputs else {}
    if not structures:
        return None
    first = next(iter(structures.values())).get_site_kindnames()
    for name, structure in structures.items():
        if structure.get_site_kindnames() != first:
            return (
                f"'{name}' has other atoms or another order than the first structure: label each composition by itself"
            )
    problem = with_potentials(inputs.get("vasp"), structures.values())
    return problem or check_dataset(inputs.get("dataset"), inputs.get("vasp"), structures.values())


def check_dataset(dataset: LabelledFramesData | None, vasp: Any, structures: Iterable[orm.StructureData]) -> str | None:
    """Return why labels would not belong to the dataset that they are for, told by INCAR, POTCARs and k-points.

    :param vasp: the inputs of the runs.
    :param structures: structures with the elements and cells that are labelled.
    """
    if dataset is None or not vasp or not {"parameters", "potential_family", "potential_mapping"} <= set(vasp):
        return None
    structures = list(structures)
    if with_potentials(vasp, structures) is not None:
        return None  # another check says so
    reason = conflict(dataset.energy_settings, requested_settings(structures, vasp))
    return None if reason is None else f"the labels would not belong to the dataset: {reason} (the labels)"


class VaspLabelWorkChain(ProtocolMixin, WavesWorkChain):
    """Labels configurations by single points; some may fail, and they are named.

    A configuration that is there twice, or was computed before with the same inputs, is not computed again: its label
    is read from the files which that run retrieved. Where the electrons did not converge, the run is tried with another
    algorithm or mixing, which the results state; a label whose cutoff, smearing or the like was changed is refused.
    """

    _protocol_file = "vasp_label"

    @classmethod
    def define(cls, spec: ProcessSpec) -> None:
        """Define the ports, the outline and the exit codes."""
        super().define(spec)
        spec.expose_inputs(
            VaspBaseWorkChain, namespace="vasp", exclude=("structure",),
            namespace_options={"help": "The single-point run of each structure."},
        )  # fmt: skip
        spec.input_namespace(
            "structures", dynamic=True, valid_type=orm.StructureData,
            help="Structures to label (Å) by name: the same atoms in the same order, elements grouped.",
        )  # fmt: skip
        spec.input(
            "max_failed_fraction", valid_type=orm.Float, serializer=orm.to_aiida_type, validator=fraction,
            default=lambda: orm.Float(0.05), help="Largest fraction (without unit) of labels that may fail.",
        )  # fmt: skip
        spec.input(
            "dataset", valid_type=LabelledFramesData, required=False,
            help="Frames (eV, eV/Å) that the labels will join: where INCAR, potentials or k-points do not agree with "
            "theirs, the labels are refused.",
        )  # fmt: skip
        spec.input(
            "reuse", valid_type=orm.Bool, serializer=orm.to_aiida_type, default=lambda: orm.Bool(True),
            help="Whether labels are taken from earlier runs with the same inputs.",
        )  # fmt: skip
        spec.inputs.validator = validate_structures
        spec.outline(cls.setup, while_(cls.has_pending)(cls.run_wave, cls.inspect_wave), cls.collect)
        spec.output(
            "frames", valid_type=LabelledFramesData,
            help="The labelled frames in the order of their names: free energies in eV, forces in eV/Å, virials in eV.",
        )  # fmt: skip
        spec.output(
            "results",
            valid_type=orm.Dict,
            help="Numbers requested, computed and labelled (without unit), names in order, failed names and reasons, "
            "what mending changed, names taken from earlier runs or from each other.",
        )
        spec.exit_code(430, "ERROR_NO_STRUCTURES", message="There are no structures to label.")
        spec.exit_code(
            431, "ERROR_LABELS_FAILED", message="Too few labels: {reason}. See `verdi process report` of each."
        )

    @classmethod
    def get_builder_from_protocol(
        cls,
        code: orm.AbstractCode,
        structures: Mapping[str, orm.StructureData] | orm.StructureData,
        *,
        protocol: str | None = None,
        overrides: dict[str, Any] | None = None,
        options: dict[str, Any] | None = None,
    ) -> ProcessBuilder:
        """Return a builder filled from a protocol.

        :param code: a VASP code, or the surrogate.
        :param structures: structures to label by name, or one of them.
        :param overrides: differences from the protocol, in its own nesting; those of the runs under ``vasp``.
        :param options: scheduler options of each run.
        :raises ValueError: if there are no structures.
        """
        named = {"structure": structures} if isinstance(structures, orm.StructureData) else dict(structures)
        if not named:
            raise ValueError("there are no structures to label")
        inputs = cls.get_protocol_inputs(protocol, overrides)
        builder = cls.get_builder()
        vasp = VaspBaseWorkChain.get_builder_from_protocol(
            code, next(iter(named.values())), protocol, inputs["vasp"], options, run_type="static"
        )
        vasp.pop("structure", None)
        builder.vasp._update(vasp)
        builder.structures = named
        builder.max_concurrent = inputs["max_concurrent"]
        builder.max_failed_fraction = inputs["max_failed_fraction"]
        builder.reuse = inputs["reuse"]
        return builder

    def setup(self) -> ExitCode | None:
        """Queue the structures in the order of their names, which a restart cannot change."""
        self.ctx.names = sorted(self.inputs.get("structures", {}))
        if not self.ctx.names:
            return self.exit_codes.ERROR_NO_STRUCTURES
        structures, vasp = self.inputs.structures, self.inputs.vasp
        potentials = potentials_of(structures.values(), vasp)
        self.ctx.content_keys = {name: single_point_key(structures[name], vasp, potentials) for name in self.ctx.names}
        first: dict[str, str] = {}
        for name, key in self.ctx.content_keys.items():
            first.setdefault(key, name)
        known = find_computed(first) if self.inputs.reuse else {}
        self.ctx.same_as = {name: first[key] for name, key in self.ctx.content_keys.items() if first[key] != name}
        self.ctx.earlier = {first[key]: node.uuid for key, node in known.items()}
        self.ctx.pending = [name for key, name in first.items() if key not in known]
        if self.ctx.same_as or known:
            self.report(
                f"{len(self.ctx.pending)} of {len(self.ctx.names)} are computed: {len(known)} were before, "
                f"{len(self.ctx.same_as)} are there twice"
            )
        return None

    def prepare(self, name: str) -> ProcessBuilder:
        """Return the single point of one structure."""
        builder = VaspBaseWorkChain.get_builder()
        builder._update(self.exposed_inputs(VaspBaseWorkChain, "vasp"))
        builder.structure = self.inputs.structures[name]
        return builder

    def judge(self, name: str, child: orm.ProcessNode) -> bool:
        """Return whether a run ended well; one that VASP itself gave up is not repeated."""
        if not child.is_finished_ok and any(
            calculation.exit_status in UNCONVERGED for calculation in child.called[-1:]
        ):
            self.ctx.attempts = {**self.ctx.attempts, name: self.max_attempts}
        if child.is_finished_ok and not altered_tags(child):
            child.base.extras.set(KEY, self.ctx.content_keys[name])
        return bool(child.is_finished_ok)

    def inspect_wave(self) -> None:
        """Judge the wave, and say how far the whole is."""
        super().inspect_wave()
        total, failed, waiting = len(self.ctx.names), len(self.ctx.failed), len(self.ctx.pending)
        done = total - failed - waiting - len(self.ctx.same_as)
        self.report(f"{done} of {total} labelled, {failed} failed, {waiting} to go")

    def run_of(self, name: str) -> orm.WorkChainNode:
        """Return the run that labels a structure, be it of now or earlier, its own or that of an equal one."""
        source = self.ctx.same_as.get(name, name)
        earlier = self.ctx.earlier.get(source)
        return self.child(source) if earlier is None else orm.load_node(earlier)

    def failures(self) -> dict[str, str]:
        """Return why each structure has no label, by its name."""
        reasons = {
            name: f"<{self.child(name).pk}> {reason_of(self.child(name))}" for name in self.ctx.get("failed", [])
        }
        for name in self.ctx.names:
            if self.ctx.same_as.get(name, name) in reasons:
                reasons[name] = reasons[self.ctx.same_as.get(name, name)]
            elif altered := altered_tags(self.run_of(name)):
                reasons[name] = f"mending changed {', '.join(altered)}, which changes energies: not a label of this set"
        return reasons

    def collect(self) -> ExitCode | None:
        """Put the labels together, and name those that are missing."""
        reasons = self.failures()
        labelled = [name for name in self.ctx.names if name not in reasons]
        retried = {name: changes for name in labelled if (changes := changes_of(self.run_of(name)))}
        parameters = orm.Dict(
            {
                "names": list(self.ctx.names),
                "reasons": reasons,
                "max_failed_fraction": self.inputs.max_failed_fraction.value,
                "retried": retried,
                "same_as": dict(self.ctx.same_as),
                "earlier": dict(self.ctx.earlier),
            }
        )
        retrieved = {f"run_{name}": self.run_of(name).outputs.retrieved for name in labelled}
        if "dataset" in self.inputs:
            retrieved["dataset"] = self.inputs.dataset
        outputs = self.call(collect_labels, "collect", parameters, **retrieved)
        if outputs is None:
            return self.exit_codes.ERROR_LABELS_FAILED.format(reason=self.ctx.function_failure[-1])
        self.out("frames", outputs["frames"])
        self.out("results", outputs["results"])
        return None
