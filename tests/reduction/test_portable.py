"""What goes through the two files comes back to the last digit, and nothing else comes back at all."""

import json
import subprocess
import sys

import numpy as np
import pytest

from aiida_concerted.reduction.contents import ResultContent
from aiida_concerted.reduction.portable import ARRAYS, RESULTS, Reduced, read_reduced, write_reduced

NUMBERS = [0.1 + 0.2, 1e-300, np.nextafter(1.0, 2.0), -0.0, 3, 2.0]
REDUCED = Reduced(
    facts={"n_frames": 3, "frame_interval_ps": 0.1},
    segments=[{"place": "/a", "kind": "tar"}],
    contents={
        "diffusivity": ResultContent({"d": NUMBERS[2]}, {"all": NUMBERS}, {"lag_ps": np.array(NUMBERS)}),
        "history": ResultContent({}, {}, {"sites": np.arange(3, dtype=np.int32), "labels": np.array(["a", "bc"])}),
    },
    judgement={"is_sampled": True},
    refused={"sites": "none"},
)


def test_everything_comes_back_to_the_last_digit(tmp_path):
    write_reduced(tmp_path, REDUCED)
    found = read_reduced(tmp_path)
    assert found.contents["diffusivity"].result == REDUCED.contents["diffusivity"].result
    assert [type(number) for number in found.contents["diffusivity"].result["all"]] == [float] * 4 + [int, float]
    for part, content in REDUCED.contents.items():
        for name, array in content.arrays.items():
            other = found.contents[part].arrays[name]
            assert other.dtype == array.dtype
            assert other.tobytes() == array.tobytes()
    for name in ("facts", "segments", "judgement", "refused", "failure", "version"):
        assert getattr(found, name) == getattr(REDUCED, name)


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_what_is_no_number_is_neither_written_nor_read(tmp_path, number):
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_reduced(tmp_path, Reduced(facts={"x": number}))
    assert not (tmp_path / RESULTS).exists()
    write_reduced(tmp_path, REDUCED)
    content = {**json.loads((tmp_path / RESULTS).read_text()), "facts": {"x": number}}
    (tmp_path / RESULTS).write_text(json.dumps(content))
    with pytest.raises(ValueError, match="which is no number"):
        read_reduced(tmp_path)


def test_objects_of_python_are_never_loaded(tmp_path):
    write_reduced(tmp_path, REDUCED)
    with (tmp_path / ARRAYS).open("wb") as handle:
        np.savez(handle, **{"history.sites": np.array([{"an": "object"}], dtype=object)})
    with pytest.raises(ValueError, match=r"reduced\.npz cannot be read"):
        read_reduced(tmp_path)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{", "Expecting"),
        ("[]", "no result of a reduction"),
        ("{}", "no result of a reduction: KeyError 'schema'"),
        ('{"schema": "other/1"}', "of the schema 'other/1'"),
    ],
)
def test_a_damaged_file_says_so(tmp_path, text, reason):
    write_reduced(tmp_path, REDUCED)
    (tmp_path / RESULTS).write_text(text)
    with pytest.raises(ValueError, match=reason):
        read_reduced(tmp_path)
    (tmp_path / RESULTS).unlink()
    with pytest.raises(ValueError, match=r"reduced\.json is not there"):
        read_reduced(tmp_path)


def test_the_command_needs_no_aiida(tmp_path):
    # AiiDA is installed here; on a cluster its import alone would need a folder for its configuration.
    script = (
        "import sys\n"
        "from aiida_concerted.cli.main import main\n"
        "try:\n    main(['reduce', sys.argv[1]])\n"
        "except SystemExit as end:\n    print(end.code, 'aiida' in sys.modules)\n"
    )
    path = tmp_path / "request.json"
    path.write_text('{"schema": "aiida-concerted/reduce/2"}')
    done = subprocess.run(
        [sys.executable, "-c", script, str(path)], capture_output=True, text=True, check=True, cwd=tmp_path
    )
    assert done.stdout.split() == ["1", "False"]
    assert "install the same version of aiida-concerted on both machines" in done.stderr
    assert done.stderr.count("\n") == 1
    assert read_reduced(tmp_path).failure[0] == "request"
