"""A sweep that runs until it knows, and one that compares cells: real analyses of a lattice gas in place of LAMMPS."""

import dataclasses
import re

import numpy as np
import pytest
from aiida import orm
from aiida.common.links import LinkType
from aiida.engine import run_get_node

from aiida_concerted.calculations.functions.judge_run import judge_run
from aiida_concerted.calculations.lammps_restart import restart_node
from aiida_concerted.data.potential import DeepPotentialData
from aiida_concerted.data.sites import SiteNetworkData
from aiida_concerted.data.trajectory import MolecularDynamicsData
from aiida_concerted.queries.calls import reused_by
from aiida_concerted.workflows.lammps.md import LammpsMdWorkChain
from aiida_concerted.workflows.sweep import SweepWorkChain
from tests.engines import TYPE_MAP
from tests.formats.test_lammps_restart import HEADER, RECORDS, record
from tests.report.synthetic_study import lattice_gas_run
from tests.workflows.ended import ended
from tests.workflows.test_sweep import crystal_of, molten

FRAME_PS = 0.05
MD = {"production_ps": 5.0, "frame_interval_ps": FRAME_PS, "framework_stride": 1, "restart_interval_ps": 1.0}
ANALYSIS = {"material": "LGPS", "charge": 1.0, "window_ps": 0.5, "recrossing_ps": 0.1}
TARGET = {"diffusivity_relative_error": 0.25, "max_production_ps": 400.0}


@pytest.fixture(scope="module")
def sites():
    return SiteNetworkData.from_site_model("lgps").store()


@pytest.fixture(scope="module")
def unit_cell(sites):
    return crystal_of(lattice_gas_run(sites, 600.0, 3, "test", repetitions=(1, 1, 1)).get_trajectory())


def in_order_of(structure, run):
    """Return a run with its framework in the order of the structure that it began from."""
    cell = np.array(structure.cell)
    species = [site.kind_name for site in structure.sites]
    wanted = np.array([site.position for site in structure.sites if site.kind_name != run.carrier])
    away = (wanted[:, None] - run.framework[0][None]) @ np.linalg.inv(cell)
    order = np.linalg.norm((away - np.round(away)) @ cell, axis=-1).argmin(axis=1)
    assert sorted(order) == list(range(len(order)))
    assert [run.framework_species[index] for index in order] == [name for name in species if name != run.carrier]
    return dataclasses.replace(run, framework=run.framework[:, order])


def thinned(run, stride):
    """Return a run with one frame out of so many."""
    series = {name: getattr(run, name)[::stride] for name in ("carriers", "framework", "framework_displacement")}
    return dataclasses.replace(run, frame_interval_ps=stride * run.frame_interval_ps, **series)


class LatticeGas:
    """Stands where LAMMPS would: answers every child of a sweep with a run of the length and the seed it asks for."""

    def __init__(self, process, sites, explode=(), melt=()):
        self.process, self.sites = process, sites
        self.explode, self.melt, self.asked = explode, melt, []

    def answer(self, name):
        builder = self.process.prepare(name)
        md = builder.md.parameters.get_dict()
        self.asked.append((name, md["production_ps"], "restart" in builder.md and "trajectory" in builder.before))
        if name in self.explode:
            frames = lattice_gas_run(self.sites, md["temperature_K"], 20, "test", repetitions=(1, 1, 1))
            outputs = {"trajectory": frames}
            return ended(LammpsMdWorkChain, outputs, exit_status=510, exit_message="atoms were lost")
        volume = builder.md.structure.get_cell_volume() / np.linalg.det(self.sites.get_network().cell)
        repetitions = {1: (1, 1, 1), 2: (2, 1, 1), 4: (2, 2, 1), 8: (2, 2, 2)}[round(volume)]
        n_frames = round(md["production_ps"] / FRAME_PS) + 1
        run = lattice_gas_run(
            self.sites, md["temperature_K"], n_frames, "test", repetitions=repetitions, seed=md["seed"]
        )
        frames = in_order_of(builder.md.structure, run.get_trajectory())
        frames = molten(frames) if name in self.melt else frames
        frames = thinned(frames, round(md["frame_interval_ps"] / FRAME_PS))
        run = MolecularDynamicsData.from_trajectory(frames, level_of_theory="test", material="LGPS")
        thermo = orm.ArrayData()
        thermo.set_array("temperature_K", np.ones(3))
        restart = restart_node(HEADER + b"".join([*RECORDS[:4], record(5, 1000)]) + b"\0\0\0\0" + HEADER[:16], -4.5)
        outputs = {"trajectory": run, "thermo": thermo, "results": orm.Dict({"n_frames": n_frames}), "restart": restart}
        return ended(LammpsMdWorkChain, outputs)

    def make_all(self):
        """Go through the loop of the outline and return the exit code of the sweep."""
        process = self.process
        while process.has_pending():
            names = list(process.ctx.pending)
            process.ctx.wave, process.ctx.pending = names, []
            process.ctx.attempts = {**process.ctx.get("attempts", {}), **dict.fromkeys(names, 2)}
            for name in names:
                process.ctx[f"child_{name}"] = self.answer(name)
            process.inspect_wave()
            if code := process.judge_runs():
                return code
        process.hand_on_stopped()
        if process.lacks_points():
            return process.fail()
        code = process.analyse_transport()
        if process.has_sizes():
            code = code or process.analyse_sizes()
        return code or process.results()


@pytest.fixture
def sweep(process_of, lmp_code, potentials, sites, unit_cell):
    """Return a function that makes a sweep on a lattice gas."""

    def make(explode=(), melt=(), **overrides):
        given = {"supercell": [1, 1, 1], "temperatures_K": [700, 1100], "md": MD, "analysis": ANALYSIS, **overrides}
        builder = SweepWorkChain.get_builder_from_protocol(
            lmp_code, unit_cell, potentials, sites=sites, protocol="fast", overrides=given
        )
        process = process_of(builder)
        assert process.setup() is None
        return LatticeGas(process, sites, explode, melt)

    return make


def test_runs_become_longer_until_their_answer_is_known(sweep):
    gas = sweep(target=TARGET, n_seeds=2)
    assert gas.make_all() is None
    process = gas.process
    plan = process.outputs["plan"]
    assert plan["is_reached"]
    results = process.outputs["diffusivities"]
    assert set(results) == {"run_T1100", "run_T700", "run_T1100_s2", "run_T700_s2"}
    for point in ("run_T700", "run_T1100"):
        known = plan["points"][point]
        assert known["relative_error"] <= 0.25
        assert known["n_runs"] == 2
        pair = [results[point], results[f"{point}_s2"]]
        assert known["duration_ps"] == pytest.approx(pair[0]["duration_ps"])
        together = np.hypot(*[node["diffusivity_stderr_m2_s"] for node in pair]) / 2.0
        assert together / np.mean([node["diffusivity_m2_s"] for node in pair]) == pytest.approx(known["relative_error"])
    assert plan["points"]["run_T700"]["duration_ps"] > plan["points"]["run_T1100"]["duration_ps"] > 5.0
    extended = [goes_on for name, _, goes_on in gas.asked if re.search(r"_x\d+$", name)]
    assert extended
    assert all(extended)  # from the restart file and the frames before, never anew
    assert process.outputs["trajectories"]["run_T700"].duration_ps == results["run_T700"]["duration_ps"]
    assert "activation_energy_stderr_eV" in plan.get_dict()
    fit = process.outputs["arrhenius"]["diffusivity"]
    assert fit["temperatures_K"] == [700.0, 700.0, 1100.0, 1100.0]


def test_without_a_target_every_run_has_one_length(sweep):
    gas = sweep()
    assert gas.make_all() is None
    assert [length for _, length, _ in gas.asked] == [5.0, 5.0]
    assert "plan" not in gas.process.outputs


def test_runs_stay_the_same_when_a_sweep_gets_more_of_them(sweep):
    """Else a sweep that is continued with another temperature would make again what it has."""
    sizes = {"supercells": [[2, 1, 1]], "temperature_K": 900}
    few, more = (
        sweep(**given).process
        for given in ({"sizes": sizes}, {"sizes": sizes, "temperatures_K": [500, 700, 1100], "n_seeds": 2})
    )
    assert few.ctx.runs.keys() < more.ctx.runs.keys()
    for name in few.ctx.runs:
        first, second = (process.prepare(name).md.parameters.get_dict() for process in (few, more))
        assert first == second, name
    assert len({more.prepare(name).md.parameters["seed"] for name in more.ctx.runs}) == len(more.ctx.runs)


def test_a_second_run_at_one_temperature_is_taken_together_with_the_first(sweep):
    gas = sweep(n_seeds_at={700: 2}, md={**MD, "production_ps": 30.0})
    assert gas.make_all() is None
    assert set(gas.process.outputs["diffusivities"]) == {"run_T1100", "run_T700", "run_T700_s2"}
    assert gas.process.inputs.n_seeds_at.get_dict() == {"700": 2}


def test_what_a_budget_does_not_reach_is_named_with_what_it_would_take(sweep):
    gas = sweep(target={"diffusivity_relative_error": 0.01, "max_production_ps": 10.0})
    code = gas.make_all()
    assert code.status == SweepWorkChain.exit_codes.WARNING_TARGET_MISSED.status
    assert re.search(r"run_T700: diffusivity known to \d+ % after 1 × 10 ps; it would take [\d.]+ ns", code.message)
    assert set(gas.process.outputs["diffusivities"]) == {"run_T700", "run_T1100"}


def test_a_run_that_explodes_while_it_becomes_longer_keeps_what_it_had(sweep):
    gas = sweep(target=TARGET, explode=("run_T700_x2",))
    code = gas.make_all()
    assert code.status == SweepWorkChain.exit_codes.WARNING_TARGET_MISSED.status
    assert "run_T700: " in code.message
    assert "cannot go on: <" in code.message
    assert "atoms were lost" in code.message
    assert gas.process.outputs["diffusivities"]["run_T700"]["duration_ps"] == pytest.approx(5.0)
    assert gas.process.outputs["plan"]["points"]["run_T1100"]["state"] == "reached"
    assert gas.process.outputs["stopped"]["run_T700_x2"].n_frames == 20


def test_a_run_whose_framework_is_lost_gets_no_more(sweep):
    gas = sweep(
        target={**TARGET, "diffusivity_relative_error": 0.5}, temperatures_K=[800, 900, 1000, 1100], melt=("run_T1100",)
    )
    code = gas.make_all()
    assert code.status == SweepWorkChain.exit_codes.WARNING_TARGET_MISSED.status
    assert re.search(r"run_T1100: no diffusivity yet after 1 × 5 ps, and cannot go on: the framework is", code.message)
    assert [name for name, _, _ in gas.asked if name.startswith("run_T1100")] == ["run_T1100"]


def test_a_seed_whose_framework_is_lost_leaves_the_other_alone(sweep):
    target = {**TARGET, "diffusivity_relative_error": 0.5}
    gas = sweep(target=target, n_seeds=2, temperatures_K=[700, 900, 1100], melt=("run_T1100",))
    assert gas.make_all() is None
    points = gas.process.outputs["plan"]["points"]
    assert {point["state"] for point in points.values()} == {"reached"}
    assert (points["run_T1100"]["n_runs"], points["run_T1100"]["n_held"], points["run_T700"]["n_runs"]) == (1, 1, 2)
    assert "activation_energy_stderr_eV" in gas.process.outputs["plan"].get_dict()
    names = [name for name, _, _ in gas.asked]
    assert not [name for name in names if name.startswith("run_T1100_x")]
    assert [name for name in names if name.startswith("run_T1100_s2_x")]


def test_rounds_end(sweep):
    gas = sweep(target={**TARGET, "diffusivity_relative_error": 0.02, "max_rounds": 1})
    code = gas.make_all()
    assert code.status == SweepWorkChain.exit_codes.WARNING_TARGET_MISSED.status
    assert {name for name, _, _ in gas.asked} == {"run_T700", "run_T1100", "run_T700_x2", "run_T1100_x2"}


def test_a_limit_less_than_a_frame_away_starts_no_run(sweep):
    md = {**MD, "production_ps": 5.0, "frame_interval_ps": 0.2}
    gas = sweep(target={"diffusivity_relative_error": 0.01, "max_production_ps": 5.15}, md=md)
    code = gas.make_all()
    assert code.status == SweepWorkChain.exit_codes.WARNING_TARGET_MISSED.status
    assert {name for name, _, _ in gas.asked} == {"run_T700", "run_T1100"}
    assert "going on" not in code.message
    assert {point["state"] for point in gas.process.outputs["plan"]["points"].values()} == {"over budget"}


def test_a_deviation_of_one_potential_is_refused_at_the_door(process_of, lmp_code, potentials, unit_cell):
    builder = SweepWorkChain.get_builder_from_protocol(
        lmp_code, unit_cell, {"one": potentials["model_0"]}, protocol="fast",
        overrides={"supercell": [1, 1, 1], "md": {"max_deviation_eV_A": 0.3}},
    )  # fmt: skip
    with pytest.raises(ValueError, match="one potential has no deviation; give a committee"):
        process_of(builder)


def test_modes_can_be_what_is_to_be_known(sweep):
    mode = "Li1-Li3-Li1"
    gas = sweep(
        target={
            "diffusivity_relative_error": 0.9,
            "modes": [mode],
            "modes_relative_error": 0.5,
            "max_production_ps": 30.0,
        }
    )
    gas.make_all()
    points = gas.process.outputs["plan"]["points"]
    assert {point["quantity"] for point in points.values()} == {f"mode {mode}"}


def test_a_mode_of_the_target_is_counted_in_either_direction(sites):
    run = lattice_gas_run(sites, 1100.0, 1000, "test")
    target = {**TARGET, "modes": ["Li1-Li3-Li2", "Li2-Li3-Li1"], "modes_relative_error": 0.1}
    events = judge_run(run, orm.Dict({**ANALYSIS, "seed": 1}), orm.Dict(target), sites=sites)["events"]
    assert events["Li1-Li3-Li2"] == events["Li2-Li3-Li1"]
    assert all(stderr > 0 for _, stderr in events.values())


def test_cells_of_several_sizes_are_compared_and_the_own_cell_is_not_run_twice(sweep):
    sizes = {"supercells": [[2, 2, 2], [1, 1, 1], [2, 1, 1], [2, 2, 1]], "temperature_K": 1100, "tolerance": 0.5}
    gas = sweep(sizes=sizes, md={**MD, "production_ps": 30.0})
    assert gas.make_all() is None
    names = [name for name, _, _ in gas.asked]
    assert names == ["run_T1100", "run_T700", "size_2x1x1_T1100", "size_2x2x1_T1100", "size_2x2x2_T1100"]
    found = gas.process.outputs["sizes"]
    assert set(found["trajectories"]) == set(names[2:])
    assert set(found["diffusivities"]) == {"size_1x1x1_T1100", *names[2:]}
    own = gas.process.outputs["diffusivities"]["run_T1100"]
    assert found["diffusivities"]["size_1x1x1_T1100"].uuid == own.uuid
    test = found["test"]
    assert test["cell_sizes_n_atoms"] == [50, 100, 200, 400]
    assert test["verdict"] == "converged"  # a lattice gas of independent cells has no size effect to speak of
    assert test["temperature_K"] == 1100.0
    assert test["material"] == "LGPS"
    assert test.get_result()["ab_share"]["points"][0]["n_atoms"] == 50
    assert set(gas.process.outputs["arrhenius"]["diffusivity"]["temperatures_K"]) == {700.0, 1100.0}


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"target": {"diffusivity_relative_error": 0.1}}, "target lacks max_production_ps"),
        ({"target": {"max_production_ps": 4.0}}, r"max_production_ps of 4 is less than md.production_ps, 5"),
        (
            {"target": {**TARGET, "modes": ["Li1-Li5-Li1"], "modes_relative_error": 0.1}},
            "target.modes: Li1-Li5-Li1 has the site Li5: ",
        ),
        (
            {"target": {**TARGET, "modes": ["Li4-Li3-Li4"], "modes_relative_error": 0.1}},
            "target.modes: no path of the site model is Li4-Li3-Li4: did you mean",
        ),
        ({"target": {**TARGET, "modes": ["Li1-Li3"], "modes_relative_error": 0.1}}, "no path of the site model is"),
        ({"target": {**TARGET, "modes": "Li1-Li3-Li1", "modes_relative_error": 0.1}}, "modes must be a list such as"),
        ({"target": {"max_production_ps": float("inf")}}, "max_production_ps must be finite, got inf"),
        ({"temperatures_K": [700, float("inf")]}, "must be a list of positive temperatures"),
        ({"sizes": {"supercells": [[1, 1, 1]]}}, "supercells and temperature_K belong together"),
        ({"n_seeds": 0}, "must be positive, got 0"),
        ({"n_seeds_at": {600: 2}}, "n_seeds_at: 600 K is none of temperatures_K, 700, 1100"),
        ({"n_seeds_at": {700: "two"}}, "n_seeds_at: 700 must be a positive"),
        ({"target": {**TARGET, "activation_energy_error_eV": 0.01}, "temperatures_K": [700]}, "needs two"),
        (
            {"temperatures_K": [700, 900, 700]},
            "holds 700 K twice: give each once; for more runs, .* n_seeds and n_seeds_at",
        ),
    ],
)
def test_what_cannot_be_is_refused_at_the_door(sweep, overrides, message):
    with pytest.raises(ValueError, match=message):
        sweep(**overrides)


def test_a_cell_too_small_for_the_potential_is_refused_by_its_name(process_of, lmp_code, potentials, sites, unit_cell):
    primitive = orm.StructureData(cell=[[4, 0, 0], [0, 4, 0], [0, 0, 4]])
    primitive.append_atom(symbols="Li", position=(0, 0, 0))
    builder = SweepWorkChain.get_builder_from_protocol(
        lmp_code, primitive, potentials, protocol="fast",
        overrides={"supercell": [2, 2, 2], "sizes": {"supercells": [[1, 1, 1]], "temperature_K": 900}},
    )  # fmt: skip
    with pytest.raises(ValueError, match=r"sizes.supercells \[1, 1, 1\]: the cell is 4.00 Å high"):
        process_of(builder)


@pytest.mark.lammps
def test_a_real_run_becomes_longer_from_its_restart_file(lmp_code, tiny_models, sound_structure):
    with tiny_models[0].open("rb") as handle:
        model = DeepPotentialData(
            handle, filename="model.pb", type_map=TYPE_MAP, cutoff_A=5.0, version="3", level_of_theory="test"
        )
    md = {
        "anneal_ps": 0.1, "equilibration_ps": 0.04, "production_ps": 0.4, "frame_interval_ps": 0.02, "wall_A": None,
        "framework_stride": 2, "restart_interval_ps": 0.12,
    }  # fmt: skip

    builder = SweepWorkChain.get_builder_from_protocol(
        lmp_code, sound_structure, {"m": model}, protocol="fast",
        overrides={
            "supercell": [1, 1, 1], "temperatures_K": [150], "md": md, "analysis": ANALYSIS,
            "target": {"max_production_ps": 1.2},
        },
    )  # fmt: skip
    outputs, node = run_get_node(builder)
    assert node.exit_status == SweepWorkChain.exit_codes.WARNING_TARGET_MISSED.status, node.exit_message
    labels = [link.link_label for link in node.base.links.get_outgoing(link_type=LinkType.CALL_WORK).all()]
    assert labels[:2] == ["run_T150", "run_T150_x2"]
    plan = outputs["plan"]["points"]["run_T150"]
    trajectory = outputs["trajectories"]["run_T150"]
    assert trajectory.duration_ps == pytest.approx(plan["duration_ps"])
    assert plan["duration_ps"] > 0.4
    assert outputs["diffusivities"]["run_T150"]["duration_ps"] == trajectory.duration_ps
    last = orm.load_node(node.base.links.get_outgoing(link_label_filter=labels[-1]).one().node.pk)
    assert last.inputs.before.trajectory.n_frames < trajectory.n_frames
    assert last.outputs.results["n_segments"] == len(labels)

    # Continued with more to spend, it goes on from what the limit had cut short; nothing of it is computed again.
    builder.target, builder.continues = orm.Dict({"max_production_ps": 1.6}), node.uuid
    outputs, node = run_get_node(builder)
    made = {link.link_label: link.node for link in node.base.links.get_outgoing(link_type=LinkType.CALL_WORK).all()}
    assert list(made) == labels[-1:]
    assert made[labels[-1]].inputs.before.trajectory.uuid == trajectory.uuid
    assert outputs["trajectories"]["run_T150"].duration_ps == pytest.approx(1.6)
    runs = [name for name, child in reused_by(node) if child.process_label == LammpsMdWorkChain.__name__]
    assert sorted(runs) == sorted(labels[:-1])

    # With less to spend it takes what there is.
    builder.target, builder.continues = orm.Dict({"max_production_ps": 1.6, "budget_ps": 1.1}), node.uuid
    outputs, node = run_get_node(builder)
    assert not node.base.links.get_outgoing(link_type=LinkType.CALL_WORK).all()
    assert outputs["trajectories"]["run_T150"].uuid == trajectory.uuid
