import pytest

from aiida_concerted.calculations.functions.merge_frames import merge_frames
from aiida_concerted.data.frames import LabelledFramesData
from aiida_concerted.data.versions import compare_versions
from tests.common.test_frames import make

pytestmark = pytest.mark.usefixtures("aiida_profile")


def test_a_merged_dataset_differs_from_its_parent_by_what_was_merged_in():
    known = LabelledFramesData(make(["S", "Li"]), level_of_theory="PBE")
    new = LabelledFramesData(make(["Li", "S"], seed=1, n_frames=2), level_of_theory="PBE")
    merged = merge_frames(a=known, b=new)
    difference = compare_versions(known, merged)
    assert (difference.added.tolist(), difference.removed.tolist(), difference.n_common) == ([3, 4], [], 3)
    assert merged.base.attributes.get("parents") == [known.content_hash, new.content_hash]


def test_versions_of_different_levels_of_theory_are_not_compared():
    frames = make(["Li"])
    older, newer = (LabelledFramesData(frames, level_of_theory=level) for level in ("PBE", "PBEsol"))
    with pytest.raises(ValueError, match="'PBE' and 'PBEsol'"):
        compare_versions(older, newer)
