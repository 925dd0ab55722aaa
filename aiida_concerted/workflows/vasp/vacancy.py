"""Formation energies of neutral carrier vacancies, site by site."""

from __future__ import annotations

from functools import partial
from typing import Any

from aiida import orm
from aiida.engine import ExitCode, ProcessBuilder, ProcessSpec, if_, while_

from aiida_concerted.calculations.functions.compute_vacancy_energies import compute_vacancy_energies
from aiida_concerted.calculations.functions.make_elemental_reference import make_elemental_reference
from aiida_concerted.calculations.functions.prepare_vacancies import prepare_vacancies
from aiida_concerted.data.results import VacancyFormationData
from aiida_concerted.data.sites import SiteNetworkData
from aiida_concerted.structures.defects import SELECTIONS
from aiida_concerted.structures.elements import elemental_reference
from aiida_concerted.structures.supercells import as_matrix
from aiida_concerted.workflows.protocols import ProtocolMixin
from aiida_concerted.workflows.values import value_port
from aiida_concerted.workflows.vasp.base import VaspBaseWorkChain
from aiida_concerted.workflows.vasp.potentials import with_elements
from aiida_concerted.workflows.vasp.validation import with_potentials
from aiida_concerted.workflows.waves import WavesWorkChain, positive

ESSENTIAL = ("reference", "perfect")
FIXED_LATTICE = (0, 1, 2)
"""Values of ISIF with which the cell stays."""

RELAX_LATTICE = 3
"""ISIF of the element, whose experimental lattice is not that of the functional."""


def validate_supercell(value: Any, _: Any) -> str | None:
    """Return why a supercell is refused."""
    try:
        as_matrix(value.get_list())
    except ValueError as error:
        return str(error)
    return None


def validate_selection(value: Any, _: Any) -> str | None:
    """Return why a selection is refused."""
    return None if value.value in SELECTIONS else f"must be {' or '.join(SELECTIONS)}, got '{value.value}'"


def validate_carrier(inputs: Any, namespace: Any) -> str | None:
    """Return why these inputs cannot give vacancies."""
    if not inputs or "structure" not in inputs or "carrier" not in inputs:
        return None
    structure, carrier = inputs["structure"], inputs["carrier"].value
    if carrier not in structure.get_symbols_set():
        return f"the structure {structure.get_formula()} holds no {carrier}: give its carrier"
    problem = (
        with_potentials(inputs.get("vasp"), [structure])
        or check_reference(inputs.get("reference"), carrier)
        or check_parameters(inputs)
    )
    if problem is None and "potential_mapping" in inputs.get("vasp", {}):
        try:
            with_elements(structure, inputs["vasp"]["potential_mapping"].get_dict())
        except ValueError as error:
            return str(error)
    return problem


def check_reference(reference: orm.StructureData | None, carrier: str) -> str | None:
    """Return why the reference of the element is refused, where it is given or is not known."""
    if reference is not None:
        if reference.get_kind_names() == [carrier]:
            return None
        return f"reference: must hold {carrier} alone, in one kind of this name, got {reference.get_formula()}"
    try:
        elemental_reference(carrier)
    except ValueError as error:
        return f"reference: {error}"
    return None


def check_parameters(inputs: Any) -> str | None:
    """Return why INCAR or k-points do not suit energies that are subtracted from each other."""
    vasp = inputs.get("vasp", {})
    incar = vasp["parameters"].get_dict().get("incar", {}) if "parameters" in vasp else {}
    isif = next((value for tag, value in incar.items() if tag.lower() == "isif"), 2)
    if isif not in FIXED_LATTICE:
        return f"vasp.parameters.incar.isif: must be one of {FIXED_LATTICE}, which keep the lattice, got {isif}"
    spacing = vasp["kpoints_spacing"].value if "kpoints_spacing" in vasp else None
    of_element = inputs["reference_kpoints_spacing"].value
    if spacing is not None and of_element > spacing:
        return f"reference_kpoints_spacing: the element needs a spacing of at most {spacing:g}, got {of_element:g}"
    return None


class VaspVacancyWorkChain(ProtocolMixin, WavesWorkChain):
    """Computes E(vacancy) + μ − E(perfect) for the inequivalent carrier sites of an ordered structure.

    All cells are neutral and relaxed at the lattice they come with, with one set of parameters; only the element, whose
    energy per atom is μ, finds its own lattice. Charged vacancies, which conduction is made of, are another matter.
    """

    _protocol_file = "vasp_vacancy"

    @classmethod
    def define(cls, spec: ProcessSpec) -> None:
        """Define the ports, the outline and the exit codes."""
        super().define(spec)
        spec.expose_inputs(
            VaspBaseWorkChain, namespace="vasp", exclude=("structure",),
            namespace_options={"help": "The relaxation of each cell."},
        )  # fmt: skip
        spec.input("structure", valid_type=orm.StructureData, help="Ordered unit cell (Å), elements grouped.")
        spec.input(
            "reference", valid_type=orm.StructureData, required=False,
            help="The carrier's element (Å), whose energy per atom is its chemical potential; without it the simple "
            "metal that it is at ambient conditions, such as bcc lithium.",
        )  # fmt: skip
        spec.input(
            "reference_code", valid_type=orm.AbstractCode, required=False,
            help="VASP code of the element, for which a build for the Γ point alone will not do; that of the other "
            "cells without.",
        )  # fmt: skip
        spec.input(
            "sites", valid_type=SiteNetworkData, required=False,
            help="Site network (Å) whose labels the vacancies get; without it each inequivalent site is its own label.",
        )  # fmt: skip
        cls.define_values(spec)
        spec.inputs.validator = validate_carrier
        spec.outline(
            cls.setup,
            while_(cls.has_pending)(cls.run_wave, cls.inspect_wave),
            if_(cls.lacks_essentials)(cls.fail),
            cls.compute,
        )
        spec.output("vacancy", valid_type=VacancyFormationData, help="Formation energies in eV by label and by site.")
        spec.exit_code(
            432, "WARNING_SITES_MISSING",
            message="These vacancies failed and are not in the result: {names}. See `verdi process report` of each.",
        )  # fmt: skip

    @classmethod
    def define_values(cls, spec: ProcessSpec) -> None:
        """Define the ports that take Python values."""
        value = partial(value_port, spec)
        value("carrier", orm.Str, "Element symbol of the mobile ion.", default="Li")
        value(
            "selection", orm.Str, "'all' inequivalent sites, or 'one_per_label', the one nearest to its ideal site.",
            validator=validate_selection, default="all",
        )  # fmt: skip
        value(
            "supercell", orm.List, "Supercell: three multiples of the cell or a 3×3 matrix (without unit).",
            validator=validate_supercell, default=[1, 1, 1],
        )  # fmt: skip
        value(
            "symprec_A", orm.Float, "Distance in Å within which symmetry takes positions for the same.",
            validator=positive, default=0.01,
        )  # fmt: skip
        value(
            "max_distance_A", orm.Float,
            "Distance in Å from the ideal site beyond which a label is reported as doubtful.",
            validator=positive, default=1.2,
        )  # fmt: skip
        value(
            "reference_kpoints_spacing", orm.Float, "Distance between k-points of the element, a metal, in 2π Å⁻¹.",
            validator=positive, default=0.03,
        )  # fmt: skip
        value(
            "relax_reference_lattice", orm.Bool,
            "Whether the element finds its own lattice; not where it is a molecule in a box.", default=True,
        )  # fmt: skip
        spec.input(
            "study_uuid", valid_type=orm.Str, serializer=orm.to_aiida_type, required=False,
            help="UUID of the study that the result belongs to.",
        )  # fmt: skip

    @classmethod
    def get_builder_from_protocol(
        cls,
        code: orm.AbstractCode,
        structure: orm.StructureData,
        *,
        sites: SiteNetworkData | None = None,
        carrier: str | None = None,
        protocol: str | None = None,
        overrides: dict[str, Any] | None = None,
        options: dict[str, Any] | None = None,
    ) -> ProcessBuilder:
        """Return a builder filled from a protocol.

        :param code: a VASP code, or the surrogate.
        :param structure: ordered unit cell.
        :param sites: site network whose labels the vacancies get.
        :param carrier: element symbol of the mobile ion; the protocol's when not given.
        :param overrides: differences from the protocol, in its own nesting; those of the runs under ``vasp``.
        :param options: scheduler options of each run.
        """
        inputs = cls.get_protocol_inputs(protocol, overrides)
        builder = cls.get_builder()
        vasp = VaspBaseWorkChain.get_builder_from_protocol(
            code, structure, protocol, inputs["vasp"], options, run_type="relax"
        )
        vasp.pop("structure", None)
        builder.vasp._update(vasp)
        if builder.vasp.code.uuid != code.uuid:
            builder.reference_code = code  # the others run the build for the Γ point
        builder.structure = structure
        builder.carrier = carrier or inputs["carrier"]
        if sites is not None:
            builder.sites = sites
            builder.carrier = carrier or sites.base.attributes.get("carrier")
        for key in ("selection", "supercell", "symprec_A", "max_distance_A", "max_concurrent"):
            builder[key] = inputs[key]
        builder.reference_kpoints_spacing = inputs["reference_kpoints_spacing_2pi_per_A"]
        return builder

    def setup(self) -> ExitCode | None:
        """Find the sites and make the cells."""
        names = ("carrier", "selection", "symprec_A")
        parameters = {name: self.inputs[name].value for name in names} | {"supercell": self.inputs.supercell.get_list()}
        sites = {"sites": self.inputs.sites} if "sites" in self.inputs else {}
        cells = self.call(prepare_vacancies, "prepare", self.inputs.structure, orm.Dict(parameters), **sites)
        element = self.elemental_reference()
        if cells is None or element is None:
            return self.function_failure()
        self.ctx.plan = cells["plan"]
        self.ctx.cells = {name: cell for name, cell in cells.items() if name != "plan"} | {"reference": element}
        self.ctx.pending = [*ESSENTIAL, *(site["name"] for site in self.ctx.plan["sites"])]
        self.report_sites()
        return None

    def elemental_reference(self) -> orm.StructureData | None:
        """Return the given reference of the element, or the one that is known; ``None`` where there is neither."""
        if "reference" in self.inputs:
            return self.inputs.reference
        return self.call(make_elemental_reference, "make_reference", self.inputs.carrier)

    def report_sites(self) -> None:
        """Say how many sites are computed, which labels have none, and which are doubtful."""
        sites, limit = self.ctx.plan["sites"], self.inputs.max_distance_A.value
        found = ", ".join(f"{site['name']} {site['label']}" for site in sites)
        self.report(f"vacancies to compute: {len(sites)} ({found})")
        if missing := ", ".join(self.ctx.plan["missing_labels"]):
            self.report(f"no such site in this structure: {missing}")
        for site in sites:
            if (site["distance_A"] or 0.0) > limit:
                self.report(
                    f"{site['name']} sits {site['distance_A']:.2f} Å from the nearest site, {site['label']}, more than "
                    f"{limit:g} Å: its label is doubtful"
                )

    def prepare(self, name: str) -> ProcessBuilder:
        """Return the relaxation of one cell."""
        builder = VaspBaseWorkChain.get_builder()
        builder._update(self.exposed_inputs(VaspBaseWorkChain, "vasp"))
        builder.structure = self.ctx.cells[name]
        mapping = self.inputs.vasp.potential_mapping.get_dict()
        builder.potential_mapping = with_elements(self.inputs.structure, mapping)
        if name == "reference":
            parameters = self.inputs.vasp.parameters.get_dict()
            if self.inputs.relax_reference_lattice:
                parameters["incar"]["isif"] = RELAX_LATTICE
            builder.parameters = orm.Dict(parameters)
            if "reference_code" in self.inputs:
                builder.code = self.inputs.reference_code
            builder.pop("kpoints", None)
            builder.kpoints_spacing = self.inputs.reference_kpoints_spacing
        return builder

    def lacks_essentials(self) -> bool:
        """Return whether an energy is missing without which there is no result."""
        return bool(set(ESSENTIAL) & set(self.ctx.get("failed", [])))

    def fail(self) -> ExitCode | None:
        """Stop: there is nothing to compare with."""
        return self.children_failed()

    def compute(self) -> ExitCode | None:
        """Subtract the energies; sites that failed are left out and named."""
        failed = list(self.ctx.get("failed", []))
        runs = {f"run_{name}": self.child(name).outputs.retrieved for name in self.ctx.cells if name not in failed}
        settings = {"max_distance_A": self.inputs.max_distance_A.value}
        if "study_uuid" in self.inputs:
            settings["study_uuid"] = self.inputs.study_uuid.value
        cells = self.ctx.cells
        result = self.call(
            compute_vacancy_energies, "compute", self.ctx.plan, cells["perfect"], cells["reference"],
            orm.Dict(settings), **runs,
        )  # fmt: skip
        if result is None:
            return self.function_failure()
        self.out("vacancy", result)
        return self.exit_codes.WARNING_SITES_MISSING.format(names=", ".join(failed)) if failed else None
