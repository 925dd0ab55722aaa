"""Energies, forces and virials of many configurations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiida import orm
from aiida.engine import ExitCode, ProcessBuilder, ProcessSpec, while_
from aiida_vasp.calcs.vasp import VaspCalculation

from aiida_concerted.calculations.functions.collect_labels import collect_labels
from aiida_concerted.data.frames import LabelledFramesData
from aiida_concerted.workflows.protocols import ProtocolMixin
from aiida_concerted.workflows.vasp.base import VaspBaseWorkChain
from aiida_concerted.workflows.vasp.validation import fraction, with_potentials
from aiida_concerted.workflows.waves import WavesWorkChain

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
    return with_potentials(inputs.get("vasp"), structures.values())


class VaspLabelWorkChain(ProtocolMixin, WavesWorkChain):
    """Labels configurations by single points; some may fail, and they are named."""

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
        spec.inputs.validator = validate_structures
        spec.outline(cls.setup, while_(cls.has_pending)(cls.run_wave, cls.inspect_wave), cls.collect)
        spec.output(
            "frames", valid_type=LabelledFramesData,
            help="The labelled frames in the order of their names: free energies in eV, forces in eV/Å, virials in eV.",
        )  # fmt: skip
        spec.output(
            "results",
            valid_type=orm.Dict,
            help="Numbers requested and labelled, names in order, failed names, reasons.",
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
        return builder

    def setup(self) -> ExitCode | None:
        """Queue the structures in the order of their names, which a restart cannot change."""
        self.ctx.names = sorted(self.inputs.get("structures", {}))
        self.ctx.pending = list(self.ctx.names)
        return None if self.ctx.names else self.exit_codes.ERROR_NO_STRUCTURES

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
        return bool(child.is_finished_ok)

    def collect(self) -> ExitCode | None:
        """Put the labels together, and name those that are missing."""
        failed = list(self.ctx.get("failed", []))
        parameters = orm.Dict(
            {
                "names": list(self.ctx.names),
                "failed": failed,
                "max_failed_fraction": self.inputs.max_failed_fraction.value,
            }
        )
        retrieved = {f"run_{name}": self.child(name).outputs.retrieved for name in self.ctx.names if name not in failed}
        outputs = self.call(collect_labels, "collect", parameters, **retrieved)
        if outputs is None:
            return self.exit_codes.ERROR_LABELS_FAILED.format(reason=self.ctx.function_failure[-1])
        self.out("frames", outputs["frames"])
        self.out("results", outputs["results"])
        return None
