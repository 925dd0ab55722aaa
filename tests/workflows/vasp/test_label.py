"""Labelling: all that was asked for, in order, with the failures named."""

import numpy as np
import pytest
from aiida import orm
from aiida.engine import run_get_node
from aiida.manage.caching import enable_caching
from ase.build import bulk

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
    process.run_child = lambda name, builder, attempt: (
        submitted.append((name, builder.structure.uuid)) or orm.CalcJobNode()
    )
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
        _, node = run_get_node(strict)
    assert node.exit_status == VaspLabelWorkChain.exit_codes.ERROR_LABELS_FAILED.status
    assert "doomed" in node.exit_message
    labelled = next(child for child in node.called if child.is_finished_ok)
    assert labelled.called[0].base.caching.is_created_from_cache
