"""The node of a run whose frames are elsewhere says what the run is, and is never stored without a way to verify it."""

import numpy as np
import pytest
from aiida import orm
from aiida.common.exceptions import ValidationError

from aiida_concerted.data.stashed import StashedTrajectoryData
from aiida_concerted.formats.md_parameters import MdParameters
from aiida_concerted.reduction.request import RunDescription, Segment

pytestmark = pytest.mark.usefixtures("aiida_profile")

FACTS = {
    "carrier": "Li", "temperature_K": 600.0, "n_frames": 11, "frame_interval_ps": 0.1, "framework_stride": 2,
    "n_atoms": 3, "n_carriers": 1, "volume_A3": 125.0,
}  # fmt: skip
RUN = RunDescription(("Li", "P", "S"), np.eye(3) * 5.0, MdParameters("Li", 600.0, 1.0, framework_stride=2))
SEGMENT = Segment("/frames/a.tar", "tar", None, {"a.tar": "0" * 64})


def stashed_run(computer, segments=(SEGMENT,), **facts):
    """Return the stored node of a run at 600 K."""
    context = {"material": "toy", "level_of_theory": "test", "seed": None}
    return StashedTrajectoryData(RUN, segments, facts={**FACTS, **facts}, computer=computer, context=context).store()


def test_a_run_comes_back_as_it_was(aiida_localhost):
    node = orm.load_node(stashed_run(aiida_localhost).uuid)
    assert node.get_segments() == [SEGMENT]
    found = node.get_run()
    assert (found.species, found.md) == (RUN.species, RUN.md)
    assert np.array_equal(found.cell, RUN.cell)
    assert (node.n_frames, node.duration_ps) == (11, 1.0)
    attributes = node.base.attributes.all
    assert attributes["formula"] == "LiPS"
    assert attributes["places"] == [f"{aiida_localhost.label}:/frames/a.tar"]
    assert "seed" not in attributes


@pytest.mark.parametrize(
    ("segments", "facts", "reason"),
    [
        ((), {}, "needs segments"),
        ((Segment("/frames/a.tar", "tar"),), {}, "needs the SHA-256 of every file"),
        ((SEGMENT,), {"n_frames": None}, "needs n_frames"),
    ],
)
def test_what_could_not_be_verified_or_found_is_not_stored(aiida_localhost, segments, facts, reason):
    with pytest.raises(ValidationError, match=reason):
        stashed_run(aiida_localhost, segments, **facts)


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("frames/a.tar", "tar"), "must be an absolute path"),
        (("/frames/a.rar", "rar"), "a segment lies in a folder or one of tar"),
    ],
)
def test_a_segment_that_is_nowhere_is_refused(words, reason):
    with pytest.raises(ValueError, match=reason):
        Segment(*words)
