"""Vacancy energies: the right cells, the same parameters, the definition."""

import pytest
from aiida import orm
from aiida.common.links import LinkType
from aiida.engine import run_get_node
from ase.build import bulk

from aiida_concerted.data.sites import SiteNetworkData
from aiida_concerted.data.vasp import read_last_energy
from aiida_concerted.workflows.vasp.vacancy import VaspVacancyWorkChain
from tests.published import needs, published

ORDERED = published("LGPS_ordered_mp-696138_experimental_lattice.cif")


@pytest.fixture
def conventional():
    """Return eight atoms of LiCl."""
    atoms = bulk("LiCl", "rocksalt", a=5.13, cubic=True)
    return orm.StructureData(ase=atoms[[0, 2, 4, 6, 1, 3, 5, 7]])


@pytest.fixture
def build(surrogate_code, conventional, overrides):
    def make(protocol="fast", structure=None, **more):
        numbers = {key: more.pop(key) for key in list(more) if key in ("supercell", "selection")}
        vasp = {key: more.pop(key) for key in list(more) if key == "gamma_code"}
        return VaspVacancyWorkChain.get_builder_from_protocol(
            surrogate_code,
            structure or conventional,
            protocol=protocol,
            overrides={**numbers, "vasp": {**overrides, **vasp}},
            **more,
        )

    return make


@pytest.mark.parametrize(
    ("wrong", "message"),
    [({"supercell": [2, 2]}, "three whole numbers"), ({"selection": "some"}, "one_per_label")],
)
def test_wrong_numbers_are_refused(build, wrong, message):
    with pytest.raises(ValueError, match=message):
        build(**wrong)


def test_a_carrier_that_is_not_there_is_refused(build, process_of):
    with pytest.raises(ValueError, match="holds no Na"):
        process_of(build(carrier="Na"))


def test_all_cells_run_with_one_set_of_parameters_and_only_the_element_finds_its_lattice(build, process_of):
    process = process_of(build())
    assert process.setup() is None
    assert process.ctx.pending == ["reference", "perfect", "vacancy_000"]
    incars = {name: process.prepare(name).parameters.get_dict()["incar"] for name in process.ctx.pending}
    assert incars["reference"].pop("isif") == 3
    assert {incars[name].pop("isif") for name in ("perfect", "vacancy_000")} == {2}
    assert incars["reference"] == incars["perfect"] == incars["vacancy_000"]
    reference = process.prepare("reference")
    assert "kpoints" not in reference
    assert reference.kpoints_spacing.value == pytest.approx(0.03)


def test_materials_project_settings_of_the_paper(build):
    incar = build("paper").vasp.parameters.get_dict()["incar"]
    assert (incar["encut"], incar["lreal"], incar["isif"], incar["ibrion"]) == (520, False, 2, 2)


def test_site_network_gives_the_carrier(build):
    sites = SiteNetworkData.from_site_model("lgps")
    assert build(sites=sites).carrier.value == "Li"


@pytest.fixture
def two_kinds(conventional):
    """Return the same atoms, the lithium in two kinds."""
    structure = orm.StructureData(cell=conventional.cell)
    for index, site in enumerate(conventional.sites):
        name = "Cl" if index > 3 else "Li1" if index < 2 else "Li2"
        structure.append_atom(symbols=name.rstrip("12"), name=name, position=site.position)
    return structure


def test_kinds_of_one_element_share_cells_potentials_and_reference(build, process_of, two_kinds):
    process = process_of(build(structure=two_kinds, supercell=[2, 1, 1]))
    assert process.setup() is None
    for name in process.ctx.pending:
        builder = process.prepare(name)
        kinds = set(builder.structure.get_kind_names())
        assert kinds <= {"Li", "Cl"}
        assert builder.potential_mapping["Li"] == "Li_sv"
        process_of(builder)


def test_a_mapping_by_kinds_alone_is_enough(build, process_of, two_kinds):
    builder = build(structure=two_kinds)
    builder.vasp.potential_mapping = {"Li1": "Li_sv", "Li2": "Li_sv", "Cl": "Cl"}
    process = process_of(builder)
    process.setup()
    assert process.prepare("reference").potential_mapping["Li"] == "Li_sv"


def test_kinds_of_one_element_with_different_potentials_are_refused(build, process_of, two_kinds, tmp_path):
    from aiida_vasp.data.potcar import PotcarData

    from aiida_concerted.surrogate.potcar import write_placeholder_potcars

    write_placeholder_potcars(tmp_path / "more", {"Li": "Li", "Li_sv": "Li", "Cl": "Cl"})
    PotcarData.upload_potcar_family(str(tmp_path / "more"), "more", "headers only", stop_if_existing=False)
    builder = build(structure=two_kinds)
    builder.vasp.potential_family = "more"
    builder.vasp.potential_mapping = {"Li1": "Li_sv", "Li2": "Li", "Cl": "Cl"}
    with pytest.raises(ValueError, match="kinds of Li take different POTCARs"):
        process_of(builder)


@pytest.mark.surrogate
def test_energies_follow_the_definition(build):
    outputs, node = run_get_node(build())
    assert node.is_finished_ok, node.exit_message
    energies = {
        link.link_label: read_last_energy(link.node.outputs.retrieved)
        for link in node.base.links.get_outgoing(link_type=LinkType.CALL_WORK).all()
    }
    vacancy = outputs["vacancy"]
    expected = energies["vacancy_000"] + energies["reference"] - energies["perfect"]
    assert vacancy["formation_energy_eV"] == {"Li1": pytest.approx(expected, abs=1e-9)}
    assert 1.0 < vacancy["formation_energy_eV"]["Li1"] < 8.0
    assert vacancy["n_sites"] == {"Li1": 1}
    assert (vacancy["carrier"], vacancy["formula"], vacancy["n_atoms"]) == ("Li", "LiCl", 8)
    assert "NOT DFT" in vacancy["level_of_theory"]
    assert vacancy.get_result()["sites"][0]["multiplicity"] == 4


def test_other_references_are_for_the_user_to_give(build, process_of):
    builder = build()
    builder.reference = orm.StructureData(ase=bulk("Li", "fcc", a=4.3))
    process = process_of(builder)
    assert process.setup() is None
    assert process.prepare("reference").structure.uuid == builder.reference.uuid
    builder.relax_reference_lattice = False
    process = process_of(builder)
    process.setup()
    assert process.prepare("reference").parameters["incar"]["isif"] == 2
    builder.reference = orm.StructureData(ase=bulk("LiCl", "rocksalt", a=5.1))
    with pytest.raises(ValueError, match="reference: must hold Li alone"):
        process_of(builder)


def test_a_carrier_whose_element_is_no_simple_metal_needs_a_reference(build, process_of):
    with pytest.raises(ValueError, match=r"reference state of Cl is not one of bcc.*give its structure as input"):
        process_of(build(carrier="Cl"))


def test_a_lattice_that_moves_and_coarse_points_of_the_element_are_refused(build, process_of):
    builder = build()
    incar = builder.vasp.parameters.get_dict()["incar"]
    builder.vasp.parameters = {"incar": {**incar, "isif": 3}}
    with pytest.raises(ValueError, match=r"isif: must be one of \(0, 1, 2\)"):
        process_of(builder)
    builder = build("balanced")
    builder.reference_kpoints_spacing = 0.2
    with pytest.raises(ValueError, match=r"at most 0\.08, got 0\.2"):
        process_of(builder)


def test_a_build_for_the_gamma_point_runs_the_cells_and_not_the_element(build, process_of, gamma_code, surrogate_code):
    builder = build(gamma_code=gamma_code.full_label)
    assert builder.vasp.code.uuid == gamma_code.uuid
    process = process_of(builder)
    process.setup()
    assert process.prepare("perfect").code.uuid == gamma_code.uuid
    assert process.prepare("reference").code.uuid == surrogate_code.uuid
    assert "reference_code" not in build("balanced", gamma_code=gamma_code.full_label)


def test_far_sites_and_absent_ones_are_said(build, process_of, lgps_potcars, caplog):
    from aiida_concerted.calculations.functions.order_site_model import order_site_model

    sites = SiteNetworkData.from_site_model("lgps")
    structure = order_site_model(sites, orm.Dict({"seed": 1}))["structure"]
    builder = VaspVacancyWorkChain.get_builder_from_protocol(
        build().vasp.code, structure, sites=sites, protocol="balanced",
        overrides={"max_distance_A": 0.05, "vasp": {"potential_family": lgps_potcars}},
    )  # fmt: skip
    process = process_of(builder)
    assert process.setup() is None
    plan = process.ctx.plan.get_dict()
    far = [site for site in plan["sites"] if site["distance_A"] > 0.05]
    assert caplog.text.count("its label is doubtful") == len(far)
    for label in plan["missing_labels"]:
        assert f"no such site in this structure: {label}" in caplog.text
    assert f"vacancies to compute: {len(plan['sites'])} (vacancy_000" in caplog.text


@needs(ORDERED)
@pytest.mark.slow
@pytest.mark.surrogate
@pytest.mark.timeout(3600)
def test_every_lithium_of_an_ordered_cell_in_one_run(surrogate_code, lgps_potcars, tmp_path):
    from ase.io import read

    from aiida_concerted.plotting.files import write_figure
    from aiida_concerted.report.node_figures import figure_of_node

    builder = VaspVacancyWorkChain.get_builder_from_protocol(
        surrogate_code, orm.StructureData(ase=read(ORDERED)), sites=SiteNetworkData.from_site_model("lgps"),
        protocol="fast",
        overrides={"selection": "all", "vasp": {"potential_family": lgps_potcars, "incar_relax": {"ediffg": -0.5}}},
    )  # fmt: skip
    outputs, node = run_get_node(builder)
    assert node.is_finished_ok, node.exit_message
    vacancy = outputs["vacancy"]
    assert vacancy["n_sites"] == {"Li1": 11, "Li2": 4, "Li3": 4, "Li4": 1}
    assert vacancy["missing_labels"] == []
    assert all(1.0 < energy < 4.0 for energy in vacancy["formation_energy_eV"].values())
    figure = figure_of_node("vacancy", vacancy)
    assert len(figure.csv_text.splitlines()) >= 21
    assert write_figure(figure.figure, tmp_path / "vacancy.png").stat().st_size > 10_000
