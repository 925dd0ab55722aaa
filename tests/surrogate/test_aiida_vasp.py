"""The surrogate behind aiida-vasp's own work chain: the real calculation, parser and handlers."""

import numpy as np
import pytest
from aiida import orm
from aiida.engine import run_get_node
from aiida.plugins import WorkflowFactory
from aiida_vasp.data.potcar import PotcarData

from aiida_concerted.formats.vasprun import read_vasprun_frames
from aiida_concerted.surrogate.potcar import write_placeholder_potcars
from aiida_concerted.surrogate.run import SUBVERSION
from tests.surrogate.support import lif

pytestmark = pytest.mark.surrogate

STATIC = {"ibrion": -1, "nsw": 0, "isif": 2, "encut": 400, "ediff": 1e-6, "prec": "Normal", "isym": 0, "lwave": False}
DYNAMICS = {**STATIC, "ibrion": 0, "nsw": 5, "potim": 1.0, "mdalgo": 2, "smass": 0, "tebeg": 300, "teend": 300}


@pytest.fixture
def run_vasp(aiida_profile_clean, surrogate_code, tmp_path):
    """Return a function that runs aiida-vasp's work chain on two atoms of LiF with the tags given."""
    write_placeholder_potcars(tmp_path / "family", {"Li_sv": "Li", "F": "F"})
    PotcarData.upload_potcar_family(tmp_path / "family", "placeholders", "headers only", stop_if_existing=False)
    poscar = lif(2, displaced=0.02)
    structure = orm.StructureData(cell=poscar.cell.tolist())
    for element, position in zip(poscar.species, poscar.positions, strict=True):
        structure.append_atom(position=position, symbols=element)
    kpoints = orm.KpointsData()
    kpoints.set_kpoints_mesh([1, 1, 1])

    def run_vasp(incar):
        builder = WorkflowFactory("vasp.v2.vasp").get_builder()
        builder.code = surrogate_code
        builder.structure = structure
        builder.kpoints = kpoints
        builder.parameters = {"incar": incar}
        builder.potential_family = "placeholders"
        builder.potential_mapping = {"Li": "Li_sv", "F": "F"}
        builder.settings = {
            "no_default_monitors": True,
            "parser_settings": {
                "include_node": ["trajectory", "energies"],
                "energy_type": ["energy_free", "energy_extrapolated"],
            },
        }
        builder.calc.metadata.options = {
            "resources": {"num_machines": 1, "num_mpiprocs_per_machine": 1},
            "withmpi": False,
            "max_wallclock_seconds": 600,
        }
        builder.clean_workdir = False
        builder.max_iterations = 1
        return run_get_node(builder)

    return run_vasp


def retrieved_frames(node, folder):
    """Return the frames in the vasprun.xml that the node's calculation retrieved."""
    path = folder / "retrieved.xml"
    path.write_bytes(node.outputs.retrieved.get_object_content("vasprun.xml", mode="rb"))
    return read_vasprun_frames(path)


def test_a_single_point_is_finished_and_converged(run_vasp, tmp_path):
    outputs, node = run_vasp(STATIC)
    assert node.is_finished_ok, node.exit_message
    misc = outputs["misc"].get_dict()
    result = retrieved_frames(node, tmp_path)
    assert misc["run_status"]["finished"] is True
    assert misc["run_status"]["electronic_converged"] is True
    assert misc["notifications"] == []
    assert misc["version"].strip() == "6.4.2"
    assert misc["total_energies"]["energy_free"] == result.frames.energies[0]
    np.testing.assert_array_equal(misc["forces"], result.frames.forces[0])
    assert result.header.subversion == SUBVERSION
    assert len(node.called) == 1


def test_dynamics_gives_a_trajectory_of_every_step(run_vasp, tmp_path):
    outputs, node = run_vasp(DYNAMICS)
    assert node.is_finished_ok, node.exit_message
    frames = retrieved_frames(node, tmp_path).frames
    trajectory, energies = outputs["trajectory"], outputs["energies"]
    assert outputs["misc"]["run_status"]["ionic_converged"] is None
    assert len(frames) == 5
    np.testing.assert_array_equal(energies.get_array("energy_free"), frames.energies)
    np.testing.assert_array_equal(trajectory.get_array("forces"), frames.forces)
    np.testing.assert_array_equal(trajectory.get_array("cells"), frames.cells)
    # aiida-vasp keeps VASP's fractional positions where TrajectoryData means Cartesian ones.
    np.testing.assert_allclose(trajectory.get_array("positions") @ frames.cells[0], frames.positions, atol=1e-12)
    assert "velocities" not in trajectory.get_arraynames()
    contents = node.outputs.retrieved.list_object_names()
    assert {"CONTCAR", "OUTCAR", "vasprun.xml", "vasp_output"} <= set(contents)
    assert SUBVERSION in node.outputs.retrieved.get_object_content("vasp_output")


def test_a_refused_tag_fails_without_results_and_says_which(run_vasp):
    _, node = run_vasp({**STATIC, "ivdw": 12})
    assert not node.is_finished_ok
    calculation = node.called[0]
    assert calculation.exit_status == 352  # a critical file is missing: VASP never began
    assert "INCAR line" in calculation.outputs.retrieved.get_object_content("vasp_output")
    assert "IVDW = 12" in calculation.outputs.retrieved.get_object_content("vasp_output")
