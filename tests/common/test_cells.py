import numpy as np

from aiida_concerted.common.cells import cell_heights


def test_heights_are_the_distances_between_faces():
    np.testing.assert_allclose(cell_heights(np.diag([4.0, 5, 6])), [4, 5, 6])
    np.testing.assert_allclose(cell_heights(np.array([[4.0, 0, 0], [3.0, 3.0, 0], [0, 0, 6.0]])), [4 / 2**0.5, 3, 6])
