"""Tiny crystals, placeholder potentials and an executable that dies on demand for the work chains around VASP."""

import stat
import sys
from pathlib import Path

import pytest
from aiida import orm
from aiida_vasp.data.potcar import PotcarData
from ase.build import bulk

from aiida_concerted.surrogate.potcar import write_placeholder_potcars
from tests.surrogate.killed import write_killed_script

FAMILY = "placeholders"

MORTAL = """#!/bin/bash
# Dies before it writes anything: at its first start in this test, or always where POSCAR says so.
if grep -q DOOMED POSCAR || ! [ -e {marker} ]; then touch {marker}; echo killed; exit 137; fi
exec {surrogate}
"""


@pytest.fixture
def potcar_family(aiida_profile, tmp_path):
    """Return the label of a POTCAR family with headers for Li, Na and Cl."""
    folder = tmp_path / "potcars"
    write_placeholder_potcars(folder, {"Li_sv": "Li", "Na": "Na", "Cl": "Cl"})
    PotcarData.upload_potcar_family(str(folder), FAMILY, "headers only", stop_if_existing=False)
    return FAMILY


@pytest.fixture
def rock_salt():
    """Return two atoms of LiCl, the anion displaced so that there are forces."""
    atoms = bulk("LiCl", "rocksalt", a=5.13)
    atoms.positions[1] += [0.1, 0.05, 0.0]
    return orm.StructureData(ase=atoms)


@pytest.fixture
def overrides(potcar_family):
    """Return the overrides that point a run at the placeholder potentials."""
    return {"potential_family": potcar_family}


@pytest.fixture
def mortal_code(aiida_code_installed, fast_localhost, tmp_path):
    """Return the code of the surrogate behind a script that is killed at its first start."""
    script = tmp_path / "mortal-vasp"
    surrogate = Path(sys.executable).with_name("concerted-vasp-surrogate")
    script.write_text(MORTAL.format(marker=tmp_path / "died", surrogate=surrogate))
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    return aiida_code_installed(
        label="mortal-vasp", computer=fast_localhost, default_calc_job_plugin="vasp.vasp",
        filepath_executable=str(script), prepend_text="export OMP_NUM_THREADS=1",
    )  # fmt: skip


@pytest.fixture
def gamma_code(aiida_code_installed, fast_localhost, tmp_path):
    """Return a code whose executable is named as VASP's build for the Γ point."""
    script = tmp_path / "vasp_gam"
    script.write_text(f"#!/bin/bash\nexec {Path(sys.executable).with_name('concerted-vasp-surrogate')}\n")
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    return aiida_code_installed(
        label="vasp-gam", computer=fast_localhost, default_calc_job_plugin="vasp.vasp", filepath_executable=str(script)
    )


@pytest.fixture
def killed_code(aiida_code_installed, fast_localhost, tmp_path):
    """Return a function that makes the code of a surrogate which is killed after these seconds at its first starts."""

    def make(*delays, step_s=0.02, factory="Springs", module="tests.surrogate.support", prepend=""):
        script = write_killed_script(tmp_path, *delays, step_s=step_s, factory=factory, module=module)
        return aiida_code_installed(
            label=f"killed-vasp-{tmp_path.name}", computer=fast_localhost, default_calc_job_plugin="vasp.vasp",
            filepath_executable=str(script), prepend_text=f"export OMP_NUM_THREADS=1\n{prepend}",
        )  # fmt: skip

    return make


@pytest.fixture
def failed_calculation(fast_localhost, tmp_path):
    """Return a function that makes a VASP calculation which ended with an exit status."""

    def make(exit_status, inputs=None, **outputs):
        from aiida.common import LinkType
        from plumpy.process_states import ProcessState

        node = orm.CalcJobNode(computer=fast_localhost, process_type="aiida.calculations:vasp.vasp")
        for label, value in (inputs or {}).items():
            node.base.links.add_incoming(value.store(), LinkType.INPUT_CALC, label)
        node.store()
        outputs["remote_folder"] = orm.RemoteData(computer=fast_localhost, remote_path=str(tmp_path))
        for label, output in outputs.items():
            output.base.links.add_incoming(node, LinkType.CREATE, label)
            output.store()
        node.set_process_state(ProcessState.FINISHED)
        node.set_exit_status(exit_status)
        node.set_exit_message("as VASP left it")
        return node

    return make
