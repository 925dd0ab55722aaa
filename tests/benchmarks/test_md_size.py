"""The benchmark of the size of trajectories."""

import pytest

from benchmarks.md_size import measure
from tests.conftest import executable


@pytest.mark.lammps
@pytest.mark.slow
def test_what_is_stored_is_smaller_than_a_text_dump(tmp_path):
    sizes = {name: size for name, _, size in measure(tmp_path, executable("lmp"), 201)}
    assert 25.0 < sizes["`dump custom` (text)"] < 40.0
    dcd = sizes["DCD, what LAMMPS writes for us"]
    assert 12.0 * 360 / 900 < dcd < 12.0 * 360 / 900 + 2.0  # three floats a carrier, a tenth of that for the others
    assert sizes["H5MD, what is stored"] < dcd
