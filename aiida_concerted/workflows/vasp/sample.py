"""Configurations from first principles: distorted copies of a structure, each run at several temperatures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from aiida import orm
from aiida.engine import ExitCode, ProcessBuilder, ProcessSpec, if_, while_

from aiida_concerted.calculations.functions.distort_structures import distort_structures
from aiida_concerted.calculations.functions.make_supercell import make_supercell
from aiida_concerted.calculations.functions.merge_frames import merge_frames
from aiida_concerted.data.frames import LabelledFramesData
from aiida_concerted.structures.supercells import as_matrix, check_distortion
from aiida_concerted.workflows import checks
from aiida_concerted.workflows.builders import inputs_of
from aiida_concerted.workflows.explore import run_name
from aiida_concerted.workflows.protocols import ProtocolMixin
from aiida_concerted.workflows.values import value_port
from aiida_concerted.workflows.vasp.aimd import VaspAimdWorkChain
from aiida_concerted.workflows.vasp.validation import fraction
from aiida_concerted.workflows.waves import WavesWorkChain, reason_of

TRAINING, HELD_OUT = "aimd", "held_out"

DISTORTION = ("number", "lattice_amplitude", "displacement_A")
LISTS = ("supercell", "temperatures_K", "held_out_temperatures_K")
SET_BY_THE_SAMPLE = ("structure", "temperature_K", "seed")


@dataclass(frozen=True)
class SampleRun:
    """One run of a sample.

    :param temperature_K: its temperature in K.
    :param copy: number of the distorted copy it begins from; ``None`` for the structure itself.
    :param seed: seed of its velocities.
    """

    temperature_K: float
    copy: int | None
    seed: int


def sample_runs(
    temperatures_K: list[float], held_out_temperatures_K: list[float], n_copies: int, seed: int
) -> dict[str, SampleRun]:
    """Return the runs by name; those that are only tested on are named ``held_out_…``.

    :param n_copies: distorted copies of the structure, each of which is run at every temperature to train on; at those
        to test on the first is. None of them means the structure itself.
    :param seed: seed of the first run; each has another.
    """
    copies: list[int | None] = list(range(n_copies)) or [None]
    wanted = [(TRAINING, T, copy) for T in temperatures_K for copy in copies]
    wanted += [(HELD_OUT, T, copies[0]) for T in held_out_temperatures_K]
    return {
        run_name(kind, T) + ("" if copy is None else f"_{copy:03d}"): SampleRun(float(T), copy, seed + index)
        for index, (kind, T, copy) in enumerate(wanted)
    }


def distortion(value: orm.Dict, _: Any) -> str | None:
    """Return why a distortion is refused; an empty one means none."""
    given = value.get_dict()
    if not given:
        return None
    if set(given) != set(DISTORTION):
        return f"must be empty or hold {', '.join(DISTORTION)}, got {', '.join(sorted(given))}"
    number = given["number"]
    if isinstance(number, bool) or not isinstance(number, int) or number < 1:
        return f"number of distorted copies must be a positive whole number, got {number}"
    amplitudes = {key: given[key] for key in DISTORTION[1:]}
    if any(isinstance(size, bool) or not isinstance(size, int | float) for size in amplitudes.values()):
        return f"lattice_amplitude and displacement_A must be numbers, got {amplitudes}"
    try:
        check_distortion(**amplitudes)
    except ValueError as error:
        return str(error)
    return None


def repetitions(value: orm.List, _: Any) -> str | None:
    """Return why a supercell is refused."""
    try:
        as_matrix(value.get_list())
    except ValueError as error:
        return str(error)
    return None


class VaspSampleWorkChain(ProtocolMixin, WavesWorkChain):
    """Runs first-principles dynamics of distorted copies of a structure at several temperatures.

    The frames of all runs become one dataset to train on, and those of runs of their own one to test on.
    """

    _protocol_file = "vasp_sample"

    @classmethod
    def define(cls, spec: ProcessSpec) -> None:
        """Define the ports, the outline and the exit codes."""
        super().define(spec)
        spec.inputs["max_concurrent"].help = "Most runs of dynamics that are under way at once (without unit)."
        spec.input("structure", valid_type=orm.StructureData, help="Ordered cell (Å) that the supercell repeats.")
        value_port(
            spec, "supercell", orm.List, "Repetitions of the cell along a, b and c (numbers without unit).",
            validator=repetitions, default=[1, 1, 1],
        )  # fmt: skip
        value_port(
            spec, "distortion", orm.Dict,
            "Distorted copies: their `number`, the largest strain `lattice_amplitude` (both without unit) and the "
            "largest displacement `displacement_A` (Å). Empty: the structure itself.",
            validator=distortion, default={},
        )  # fmt: skip
        value_port(
            spec, "temperatures_K", orm.List, "Temperatures in K of the runs to train on, each of every copy.",
            validator=checks.temperatures,
        )  # fmt: skip
        value_port(
            spec, "held_out_temperatures_K", orm.List, "Temperatures in K of the runs that are only tested on.",
            validator=checks.none_or_temperatures, default=[],
        )  # fmt: skip
        value_port(spec, "seed", orm.Int, "Seed of copies and velocities (without unit).", default=1)
        value_port(
            spec, "max_failed_fraction", orm.Float, "Largest fraction (without unit) of the runs that may fail.",
            validator=fraction, default=0.0,
        )  # fmt: skip
        value_port(
            spec, "context", orm.Dict, "`material` and `study_uuid` of the datasets (words without unit).", default={}
        )
        spec.expose_inputs(
            VaspAimdWorkChain, namespace="aimd", exclude=SET_BY_THE_SAMPLE,
            namespace_options={"help": "The molecular dynamics, each run of it."},
        )  # fmt: skip
        spec.outline(
            cls.queue,
            while_(cls.has_pending)(cls.run_wave, cls.inspect_wave),
            cls.collect,
            if_(cls.has_held_out)(cls.collect_held_out),
        )
        spec.output("structure", valid_type=orm.StructureData, help="The undistorted cell of the runs (Å).")
        spec.output(
            "frames", valid_type=LabelledFramesData, help="Frames to train on: Å, free energies in eV, forces in eV/Å."
        )
        spec.output(
            "held_out",
            valid_type=LabelledFramesData,
            required=False,
            help="Frames of other runs to test on: Å, eV, eV/Å.",
        )
        spec.exit_code(
            434, "ERROR_TOO_MANY_FAILED",
            message="{n} of {total} runs failed, among them {name} <{pk}>: {reason}",
        )  # fmt: skip

    @classmethod
    def get_builder_from_protocol(
        cls,
        code: orm.AbstractCode,
        structure: orm.StructureData,
        *,
        protocol: str | None = None,
        overrides: dict[str, Any] | None = None,
        options: dict[str, Any] | None = None,
    ) -> ProcessBuilder:
        """Return a builder filled from a protocol.

        :param code: a VASP code, or the surrogate.
        :param structure: the ordered cell to begin from.
        :param overrides: differences from the protocol, in its own nesting; those of the runs under ``aimd``.
        :param options: scheduler options.
        :raises ValueError: if an override is unknown or not usable.
        """
        inputs = cls.get_protocol_inputs(protocol, overrides)
        builder = cls.get_builder()
        builder.structure = structure
        for key in LISTS:
            builder[key] = orm.List(inputs[key])
        builder.distortion = orm.Dict(inputs["distortion"])
        for key in ("seed", "max_failed_fraction", "max_concurrent"):
            builder[key] = inputs[key]
        aimd = VaspAimdWorkChain.get_builder_from_protocol(
            code, structure, protocol=protocol, overrides=inputs["aimd"], options=options
        )
        builder.aimd._update(inputs_of(aimd, *SET_BY_THE_SAMPLE))
        return builder

    def queue(self) -> ExitCode | None:
        """Make the supercell and its copies, and name the runs."""
        structure = self.inputs.structure
        if self.inputs.supercell.get_list() != [1, 1, 1]:
            structure = self.call(make_supercell, "supercell", structure, self.inputs.supercell)
            if structure is None:
                return self.function_failure()
        self.out("structure", structure)
        self.ctx.structures = {"": structure}
        given = self.inputs.distortion.get_dict()
        if given:
            parameters = orm.Dict({**given, "seed": self.inputs.seed.value})
            copies = self.call(distort_structures, "distort", structure, parameters)
            if copies is None:
                return self.function_failure()
            self.ctx.structures = dict(copies)
        self.ctx.pending = list(self.runs())
        return None

    def runs(self) -> dict[str, SampleRun]:
        """Return all runs by name."""
        training, held_out = (self.inputs[key].get_list() for key in LISTS[1:])
        n_copies = self.inputs.distortion.get_dict().get("number", 0)
        return sample_runs(training, held_out, n_copies, self.inputs.seed.value)

    def prepare(self, name: str) -> ProcessBuilder:
        """Return the run of this name."""
        run = self.runs()[name]
        builder = VaspAimdWorkChain.get_builder()
        builder._update(self.exposed_inputs(VaspAimdWorkChain, "aimd"))
        builder.structure = self.ctx.structures["" if run.copy is None else f"distorted_{run.copy:03d}"]
        builder.temperature_K = orm.Float(run.temperature_K)
        builder.seed = orm.Int(run.seed)
        return builder

    def judge(self, name: str, child: orm.ProcessNode) -> bool:
        """Return that a run is not begun a second time: it mends itself what can be mended."""
        return True

    def collect(self) -> ExitCode | None:
        """Put the frames to train on together."""
        failed = [name for name in self.runs() if not self.child(name).is_finished_ok]
        kept = self.frames_of(TRAINING)
        if len(failed) > self.inputs.max_failed_fraction.value * len(self.runs()) or not kept:
            child = self.child(failed[0])
            return self.exit_codes.ERROR_TOO_MANY_FAILED.format(
                n=len(failed), total=len(self.runs()), name=failed[0], pk=child.pk, reason=reason_of(child)
            )
        for name in failed:
            self.report(f"{name} <{self.child(name).pk}> failed and is left out: {reason_of(self.child(name))}")
        return self.merge("frames", "dataset", kept)

    def has_held_out(self) -> bool:
        """Return whether there are frames of other runs to test on."""
        return bool(self.frames_of(HELD_OUT))

    def collect_held_out(self) -> ExitCode | None:
        """Put the frames to test on together."""
        return self.merge("held_out", "held_out", self.frames_of(HELD_OUT))

    def frames_of(self, kind: str) -> dict[str, LabelledFramesData]:
        """Return the frames of the runs that came through, by name."""
        children = {name: self.child(name) for name in self.runs() if name.startswith(kind)}
        return {name: child.outputs.frames for name, child in children.items() if child.is_finished_ok}

    def merge(self, output: str, label: str, parts: dict[str, LabelledFramesData]) -> ExitCode | None:
        """Attach the union of frames."""
        union = self.call(merge_frames, label, parameters=self.inputs.context, **parts)
        if union is None:
            return self.function_failure()
        self.out(output, union)
        return None
