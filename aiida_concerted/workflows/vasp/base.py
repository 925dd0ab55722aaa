"""One VASP run, mended where it can be mended without changing its physics."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from aiida import orm
from aiida.common.exceptions import NotExistent
from aiida.engine import ProcessBuilder, ProcessHandlerReport, ProcessSpec, process_handler
from aiida_vasp.calcs.vasp import VaspCalculation
from aiida_vasp.workchains.v2.vasp import VaspWorkChain
from aiida_vasp.workchains.v2.vasp import validate_calc_job_custom as validate_upstream

from aiida_concerted.common.hints import nearest
from aiida_concerted.workflows.executables import check_code
from aiida_concerted.workflows.options import calcjob_options
from aiida_concerted.workflows.protocols import ProtocolError, ProtocolMixin
from aiida_concerted.workflows.protocols.loader import merge
from aiida_concerted.workflows.restarting import RestartingWorkChain
from aiida_concerted.workflows.vasp.messages import find_cure
from aiida_concerted.workflows.vasp.potentials import choose_potentials, describe_missing, largest_enmax

GAMMA_BUILD = "vasp_gam"
"""Name by which VASP's makefile calls the build for the Γ point alone."""

RUN_TYPES = ("relax", "static", "aimd")

UNREADABLE = (
    VaspCalculation.exit_codes.ERROR_DID_NOT_FINISH,
    VaspCalculation.exit_codes.ERROR_CRITICAL_MISSING_OBJECT,
    VaspCalculation.exit_codes.ERROR_NOT_ABLE_TO_PARSE_QUANTITY,
    VaspCalculation.exit_codes.ERROR_NO_RETRIEVED_FOLDER,
)
"""What a killed process, a power cut or a vanished file leaves behind."""

STDOUT = "vasp_output"

HELP = {
    "parameters": "The INCAR tags in lower case, under the key `incar`; VASP's own units (eV, Å, fs, kB).",
    "kpoints": "The k-points mesh; either this or `kpoints_spacing`.",
    "kpoints_spacing": "Distance between k-points in units of 2π Å⁻¹; either this or `kpoints`.",
    "potential_family": "Label of the POTCAR family, as `aiida-vasp potcar listfamilies` prints it.",
    "potential_mapping": "POTCAR name of each kind, such as {'Li': 'Li_sv'}.",
    "calc": "Inputs of the calculation itself.",
    "calc.metadata": "Metadata of the calculation.",
    "calc.metadata.options": "Scheduler options: resources, wall time in s, queue.",
    "calc.metadata.options.input_filename": "Input file that `verdi calcjob inputcat` shows.",
    "calc.metadata.options.output_filename": "Output file that `verdi calcjob outputcat` shows.",
    "calc.metadata.options.parser_name": "Entry point of the parser.",
    "metadata": "Label, description and call link of the work chain.",
}


def validate_inputs(inputs: Any, namespace: Any) -> str | None:
    """Return why the inputs cannot run together: a POTCAR that the family lacks, or atoms that POSCAR would reorder."""
    problem: str | None = validate_upstream(inputs, namespace)
    structure = inputs.get("structure") if inputs else None
    if inputs and "settings" in inputs and inputs["settings"].get_dict().get("ALWAYS_STORE") is False:
        return (
            "settings: with ALWAYS_STORE false aiida-vasp's parser finds no files and ends every run with 352, and "
            "frames and energies could not be read: leave it out"
        )
    if problem or structure is None or not isinstance(structure, orm.StructureData):
        return problem
    if "potential_family" in inputs and "potential_mapping" in inputs:
        mapping = inputs["potential_mapping"].get_dict()
        problem = describe_missing([structure], inputs["potential_family"].value, mapping)
    return problem or check_grouped(structure)


def refuse_shadowed(overrides: Mapping[str, Any], inputs: Mapping[str, Any], run_type: str) -> None:
    """Refuse an override of a tag for all runs which the tags of this run type would take back without a word.

    :raises ProtocolError: naming the tag and where to set it.
    """
    section = f"incar_{run_type}"
    for tag, value in overrides.get("incar", {}).items():
        winner = inputs[section].get(tag, value)
        if winner != value and tag not in overrides.get(section, {}):
            raise ProtocolError(
                f"vasp_base.incar.{tag}: {section}.{tag} ({winner}) would overwrite it: set {section}.{tag} instead"
            )


def choose_code(code: orm.AbstractCode, gamma_code: str | None, *, is_gamma: bool) -> orm.AbstractCode:
    """Return the code that a run takes: the build for the Γ point where that is the only k-point and there is one.

    Its real wave functions take half the memory and less than half the time. With other k-points it stops.

    :param gamma_code: label of the code of ``vasp_gam``.
    :raises ProtocolError: if there is no code of this label, or a build for the Γ point would get other k-points.
    """
    if is_gamma and gamma_code is not None:
        try:
            return orm.load_code(gamma_code)
        except NotExistent as error:
            raise ProtocolError(
                f"vasp_base.gamma_code: there is no code '{gamma_code}': see `verdi code list`"
            ) from error
    name = Path(str(getattr(code, "filepath_executable", ""))).name
    if not is_gamma and GAMMA_BUILD in name:
        raise ProtocolError(
            f"the code '{code.full_label}' is {name}, which knows the Γ point alone: give vasp_std as the code and "
            "this one as gamma_code, or set kpoints_spacing_2pi_per_A to null"
        )
    return code


def check_grouped(structure: orm.StructureData) -> str | None:
    """Return why a structure is refused whose elements alternate: POSCAR and POTCAR go by blocks of one kind."""
    names = structure.get_site_kindnames()
    blocks = [name for index, name in enumerate(names) if index == 0 or names[index - 1] != name]
    if len(blocks) == len(set(blocks)):
        return None
    formula, found = structure.get_formula(), " ".join(blocks[:8])
    return f"atoms of {formula} must be grouped by element, as POSCAR has them, got the blocks {found} …"


class VaspBaseWorkChain(ProtocolMixin, RestartingWorkChain, VaspWorkChain):
    """Runs VASP once, and again where that can help.

    aiida-vasp's work chain with three changes. What died is started again once. A molecular-dynamics run is never taken
    for a relaxation: it is not continued from its last geometry, and steps that missed electronic convergence are left
    to whoever collects the frames. The monitors that aiida-vasp attaches by default are not: one of them looks for a
    file that does not exist, the other cuts the output of long runs.
    """

    _protocol_file = "vasp_base"

    @classmethod
    def define(cls, spec: ProcessSpec) -> None:
        """Define the ports and exit codes on top of aiida-vasp's."""
        super().define(spec)
        spec.inputs.validator = validate_inputs
        spec.inputs["potential_family"].validator = None  # Ours names what is there and how to add what is not.
        for path, text in HELP.items():
            spec.inputs.get_port(path).help = text
        spec.outputs["parallel_settings"].help = "NCORE and KPAR that automatic parallelisation chose."
        # aiida-vasp gives 402 a second meaning that it never uses.
        spec.exit_codes.pop("ERROR_UNEXPECTED_CALCULATION_STATE", None)
        spec.exit_code(
            430,
            "ERROR_DIED_TWICE",
            message="VASP died twice before its end; the last said: {said}. "
            "Give it more time or memory, or fewer steps; if it never began, look at the code.",
        )

    @classmethod
    def get_builder_from_protocol(
        cls,
        code: orm.AbstractCode,
        structure: orm.StructureData,
        protocol: str | None = None,
        overrides: dict[str, Any] | None = None,
        options: dict[str, Any] | None = None,
        *,
        run_type: str = "static",
        **_: Any,
    ) -> ProcessBuilder:
        """Return a builder filled from a protocol.

        :param code: a VASP code, or the surrogate.
        :param structure: the structure, elements grouped.
        :param overrides: differences from the protocol, in its own nesting.
        :param options: scheduler options of the calculation.
        :param run_type: ``relax`` (ions move, the lattice stays), ``static`` or ``aimd``.
        :raises ValueError: if the run type is unknown, the POTCAR family lacks an element, or an INCAR tag stands where
            another would overwrite it.
        """
        if run_type not in RUN_TYPES:
            raise ProtocolError(f"unknown run type '{run_type}': {nearest(run_type, list(RUN_TYPES))}")
        inputs = cls.get_protocol_inputs(protocol, overrides)
        refuse_shadowed(overrides or {}, inputs, run_type)
        spacing = inputs["kpoints_spacing_2pi_per_A"]
        code = choose_code(code, inputs["gamma_code"], is_gamma=spacing is None)
        check_code(code, "vasp")
        builder = cls.get_builder()
        builder.code = code
        builder.structure = structure
        builder.parameters = {"incar": merge(inputs["incar"], inputs[f"incar_{run_type}"])}
        builder.potential_family = inputs["potential_family"]
        builder.potential_mapping = choose_potentials(
            inputs["potential_family"], structure, inputs["potentials"],
            plain_if_missing=inputs["plain_potentials_if_missing"], hashes=inputs["potential_hashes"],
        )  # fmt: skip
        builder.update({"kpoints": gamma_only()} if spacing is None else {"kpoints_spacing": spacing})
        for key in ("settings", "clean_workdir", "max_iterations"):
            builder[key] = inputs[key]
        builder.calc.metadata.options = calcjob_options(merge(inputs["options"], options or {}), code)
        return builder

    def setup(self) -> None:
        """Prepare the context."""
        super().setup()
        self.ctx.died = 0

    def init_inputs(self) -> Any:
        """Prepare the inputs of the first calculation without monitors that were not asked for.

        With a folder to restart from, aiida-vasp's calculation reads its settings whether there are any or not.
        """
        exit_code = super().init_inputs()
        if not self.inputs.get("monitors"):
            self.ctx.inputs.pop("monitors", None)
        if "restart_folder" in self.ctx.inputs and "settings" not in self.ctx.inputs:
            self.ctx.inputs.settings = orm.Dict()
        return exit_code

    def setup_potcar(self) -> Any:
        """Find the potentials, and warn where the cutoff is below what they ask for."""
        exit_code = super().setup_potcar()
        if exit_code is not None:
            return exit_code
        cutoff, enmax = self.ctx.inputs.parameters.get("encut"), largest_enmax(self.ctx.inputs.potential.values())
        if cutoff is not None and enmax is not None and float(cutoff) < enmax:
            self.report(f"ENCUT is {cutoff} eV, below the largest ENMAX of {enmax} eV: forces are under-converged")
        return None

    @property
    def is_dynamics(self) -> bool:
        """Return whether the run is molecular dynamics."""
        return int(self.ctx.inputs.parameters.get("ibrion", -1)) == 0

    @process_handler(priority=1050, exit_codes=list(UNREADABLE))
    def handle_died(self, node: orm.CalcJobNode) -> ProcessHandlerReport:
        """Start a run that died again, once, or as long as its last words name something else to try.

        Whatever stopped it (a killed process, a power cut, a file that vanished) was not VASP's verdict, and the same
        inputs may well succeed. That holds for missing files (352) too: a process that is killed at its start has
        written none. An executable that cannot start dies in no time, so that its second try costs little.

        Where VASP said why it gave up (EDDDAV, subspace rotation, BRMIX), the algorithm of the electrons or the mixing
        is changed, which leads to the same energy. A relaxation goes on from the last geometry that can be read, which
        also mends ZBRENT; all else starts over.
        """
        self.ctx.died += 1
        cure = find_cure(standard_output(node), self.ctx.inputs.parameters)
        if self.ctx.died > 1 and not (cure and cure.tags):
            code = self.exit_codes.ERROR_DIED_TWICE.format(said=last_words(node))
            return ProcessHandlerReport(do_break=True, exit_code=code)
        relaxes = int(self.ctx.inputs.parameters.get("ibrion", -1)) > 0
        if relaxes and "structure" in node.outputs:
            self.ctx.inputs.structure = node.outputs.structure
        # A copy of the run that died would be found in the cache.
        self.ctx.inputs.metadata["disable_cache"] = True
        changes = {} if cure is None else cure.tags
        self.ctx.inputs.parameters.update(changes)
        reason = cure.message if cure else node.exit_message or node.exit_status
        with_tags = "".join(f", with {tag.upper()} = {value}" for tag, value in changes.items())
        self.report(f"VASP <{node.pk}> died before its end ({reason}); starting it again{with_tags}")
        return ProcessHandlerReport(do_break=True)

    @process_handler(priority=940, exit_codes=[VaspCalculation.exit_codes.ERROR_ELECTRONIC_NOT_CONVERGED])
    def handle_unconverged_dynamics(self, node: orm.CalcJobNode) -> ProcessHandlerReport | None:
        """Keep an MD run whose last step is not converged electronically.

        aiida-vasp judges a run by its last step and would repeat all of it. Each step is judged where frames are
        collected, and those that reached NELM are left out and counted.
        """
        if not self.is_dynamics:
            return None
        self.report(f"the last step of VASP <{node.pk}> did not converge electronically and will be no frame")
        self.ctx.is_finished = True
        return ProcessHandlerReport(do_break=True)

    @process_handler(priority=910, enabled=False)
    def handler_unfinished_calc_ionic(self, node: orm.CalcJobNode) -> None:
        """Stay out of the way: ``handle_died`` does this, and knows dynamics from relaxation."""

    @process_handler(priority=900, enabled=False)
    def handler_unfinished_calc_generic(self, node: orm.CalcJobNode) -> None:
        """Stay out of the way: ``handle_died`` does this."""


def last_words(node: orm.CalcJobNode) -> str:
    """Return the last line that a calculation or its scheduler wrote."""
    texts = [node.get_scheduler_stderr(), node.get_scheduler_stdout()]
    if "results" in node.outputs:  # of molecular dynamics, whose standard output is not kept
        texts.insert(0, node.outputs.results.get_dict().get("last_lines"))
    texts.insert(0, standard_output(node))
    lines = [line.strip() for text in texts if text for line in text.splitlines() if line.strip()]
    return lines[-1][:200] if lines else "nothing"


def standard_output(node: orm.CalcJobNode) -> str:
    """Return what VASP wrote to its standard output; nothing where it was not kept."""
    if "retrieved" not in node.outputs:
        return ""
    repository = node.outputs.retrieved.base.repository
    return str(repository.get_object_content(STDOUT, mode="r")) if STDOUT in repository.list_object_names() else ""


def gamma_only() -> orm.KpointsData:
    """Return the mesh of the Γ point alone, the same node content for every cell so that caching finds it."""
    kpoints = orm.KpointsData()
    kpoints.set_kpoints_mesh([1, 1, 1])
    return kpoints
