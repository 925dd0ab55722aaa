"""Labelling: all that was asked for, in order, with the failures named."""

import numpy as np
import pytest
from aiida import orm
from aiida.common.links import LinkType
from aiida.engine import run_get_node
from aiida.manage.caching import enable_caching
from ase.build import bulk

from aiida_concerted.common.frames import LabelledFrames
from aiida_concerted.data.frames import LabelledFramesData
from aiida_concerted.workflows.vasp.label import VaspLabelWorkChain


def displaced(shift, *, label=""):
    atoms = bulk("LiCl", "rocksalt", a=5.13)
    atoms.positions[1] += [shift, 0.05, 0.0]
    structure = orm.StructureData(ase=atoms)
    structure.label = label
    return structure


def build(code, structures, overrides, **numbers):
    return VaspLabelWorkChain.get_builder_from_protocol(
        code,
        structures,
        protocol="fast",
        overrides={**numbers, "vasp": overrides},
        options={"max_wallclock_seconds": 120},
    )


def test_structures_of_different_atoms_are_refused(surrogate_code, overrides, process_of):
    larger = orm.StructureData(ase=bulk("LiCl", "rocksalt", a=5.13, cubic=True))
    with pytest.raises(ValueError, match="'b' has other atoms"):
        process_of(build(surrogate_code, {"a": displaced(0.1), "b": larger}, overrides))


def test_no_structures_and_wrong_fractions_are_refused(surrogate_code, overrides):
    with pytest.raises(ValueError, match="no structures"):
        build(surrogate_code, {}, overrides)
    with pytest.raises(ValueError, match="between 0 and 1"):
        build(surrogate_code, {"a": displaced(0.1)}, overrides, max_failed_fraction=1.5)


def test_first_wave_holds_no_more_than_may_run_at_once(surrogate_code, overrides, process_of):
    structures = {f"s{index}": displaced(0.01 * index) for index in range(5)}
    process = process_of(build(surrogate_code, structures, overrides, max_concurrent=2))
    process.setup()
    assert process.ctx.pending == sorted(structures)
    submitted = []

    def submit(builder):
        name = builder.metadata.call_link_label
        submitted.append((name, builder.structure.uuid))
        node = orm.WorkChainNode()
        node.base.links.add_incoming(process.node, LinkType.CALL_WORK, name)
        return node.store()

    process.submit = submit
    process.to_context = lambda **children: None
    process.run_wave()
    assert [name for name, _ in submitted] == ["s0", "s1"]
    assert submitted[1][1] == process.inputs.structures["s1"].uuid
    assert process.ctx.pending == ["s2", "s3", "s4"]


@pytest.mark.surrogate
def test_failed_labels_are_named_and_the_others_kept_in_order_and_cached(mortal_code, overrides, tmp_path, monkeypatch):
    (tmp_path / "died").touch()
    monkeypatch.setattr(VaspLabelWorkChain, "max_attempts", 1)  # what always dies need not die four times
    structures = {
        "c_near": displaced(0.1),
        "a_far": displaced(0.3),
        "b_doomed": displaced(0.2, label="DOOMED"),
    }
    with enable_caching(identifier="aiida.calculations:vasp.vasp"):
        outputs, node = run_get_node(
            build(mortal_code, structures, overrides, max_failed_fraction=0.4, max_concurrent=3)
        )
        assert node.is_finished_ok, node.exit_message
        results = outputs["results"].get_dict()
        assert results["names"] == ["a_far", "c_near"]
        assert results["failed"] == ["b_doomed"]
        frames = outputs["frames"].get_frames()
        asked = np.array([structures[name].sites[1].position for name in ("a_far", "c_near")])
        in_cells = np.linalg.solve(frames.cells[0].T, (frames.positions[:, 1] - asked).T)
        assert np.allclose(in_cells, np.round(in_cells), atol=1e-6)  # VASP writes positions wrapped into the cell
        assert not np.isclose(frames.energies[0], frames.energies[1])

        again = {"a_far": displaced(0.3), "doomed": structures["b_doomed"]}
        strict = build(mortal_code, again, overrides, max_failed_fraction=0.0)
        strict.reuse = False  # AiiDA's own cache is asked
        _, node = run_get_node(strict)
    assert node.exit_status == VaspLabelWorkChain.exit_codes.ERROR_LABELS_FAILED.status
    assert "doomed" in node.exit_message
    labelled = next(child for child in node.called if child.is_finished_ok)
    assert labelled.called[0].base.caching.is_created_from_cache


def run(code, structures, overrides, **numbers):
    outputs, node = run_get_node(build(code, structures, overrides, **numbers))
    return outputs, node


def test_nothing_is_computed_twice_within_a_set_and_across_sets_whose_folders_are_gone(killed_code, overrides):
    code = killed_code(step_s=0.0)
    moved = displaced(0.1)
    cell = np.array(moved.cell)
    moved.reset_sites_positions([np.array(moved.sites[0].position) + cell[0], np.array(moved.sites[1].position)])
    outputs, node = run(code, {"a": displaced(0.1), "b": displaced(0.2), "c": moved}, overrides)
    assert node.is_finished_ok, node.exit_message
    results = outputs["results"].get_dict()
    assert (results["requested"], results["computed"], results["labelled"]) == (3, 2, 3)
    assert results["same_as"] == {"c": "a"}
    first = outputs["frames"].get_frames()
    assert first.energies[2] == first.energies[0] != first.energies[1]
    assert all(child.outputs.remote_folder.is_cleaned for child in node.called if "remote_folder" in child.outputs)
    assert "2 of 3 are computed: 0 were before, 1 are there twice" in reports(node)
    assert "2 of 3 labelled" not in reports(node).split("are there twice")[0]

    outputs, node = run(code, {"x": displaced(0.2), "y": displaced(0.3)}, overrides)
    assert node.is_finished_ok, node.exit_message
    assert outputs["results"]["computed"] == 1
    assert set(outputs["results"]["earlier"]) == {"x"}
    second = outputs["frames"].get_frames()
    assert second.energies[0] == first.energies[1]
    assert second.origins[0] == first.origins[1]

    stricter = {**overrides, "incar": {"ediff": 1e-6}}
    outputs, node = run(code, {"x": displaced(0.2)}, stricter)
    assert outputs["results"]["computed"] == 1
    builder = build(code, {"x": displaced(0.2)}, overrides)
    builder.reuse = False
    outputs, node = run_get_node(builder)
    assert outputs["results"]["computed"] == 1


def reports(node):
    from aiida.cmdline.utils.common import get_workchain_report

    return get_workchain_report(node, levelname="REPORT")


def test_electrons_that_did_not_converge_are_tried_otherwise_and_it_is_said(killed_code, overrides, tmp_path):
    once = f"export CONCERTED_SURROGATE_IMITATE=scf@1 CONCERTED_SURROGATE_IMITATE_ONCE={tmp_path / 'unconverged'}"
    outputs, node = run(killed_code(step_s=0.0, prepend=once), {"a": displaced(0.1)}, overrides)
    assert node.is_finished_ok, node.exit_message
    results = outputs["results"].get_dict()
    assert results["retried"] == {"a": ["try 2: ALGO Fast → normal"]}
    assert (results["n_retried"], results["failed"]) == (1, [])


def test_electrons_that_never_converge_are_counted_and_named(killed_code, overrides):
    code = killed_code(step_s=0.0, prepend="export CONCERTED_SURROGATE_IMITATE=scf@1")
    _, node = run(code, {"a": displaced(0.1), "b": displaced(0.2)}, {**overrides, "max_iterations": 2})
    assert node.exit_status == VaspLabelWorkChain.exit_codes.ERROR_LABELS_FAILED.status
    assert "2 of 2 labels failed: a, b" in node.exit_message
    assert [len(child.called) for child in node.called[:2]] == [2, 2]  # not four: VASP's own verdict stands
    assert "0 of 2 labelled, 2 failed, 0 to go" in reports(node)


def dataset(**incar):
    frames = LabelledFrames(
        species=("Cl", "Li"), cells=np.eye(3)[None] * 5, positions=np.zeros((1, 2, 3)), energies=np.zeros(1),
        forces=np.zeros((1, 2, 3)),
    )  # fmt: skip
    return LabelledFramesData(frames, level_of_theory="PBE", energy_settings={"incar": incar, "potentials": {}})


def test_labels_that_would_not_belong_to_their_dataset_are_refused_at_once(surrogate_code, overrides, process_of):
    builder = build(surrogate_code, {"a": displaced(0.1)}, overrides)
    builder.dataset = dataset(ENCUT=400.0)
    process_of(builder)
    builder.dataset = dataset(ENCUT=520.0)
    with pytest.raises(ValueError, match="would not belong to the dataset: ENCUT is 520 in one and 400 in the other"):
        process_of(builder)
