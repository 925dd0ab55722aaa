"""Which things hang together when some pairs of them do."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

IntArray = NDArray[np.int64]


def connected(first: IntArray, second: IntArray, n_members: int) -> NDArray[np.int32]:
    """Return the number of the group of each member, counted from zero: groups are joined by pairs of members.

    :param first: one member of each pair, shape ``(n_pairs,)``; pairs may be there twice and either way round.
    :param second: the other member, same shape.
    :param n_members: how many members there are, with a pair or without.
    """
    # Not at the top: graphs take longer to import than all else that a process needs which only reads settings.
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    graph = coo_array((np.ones(len(first)), (first, second)), shape=(n_members, n_members))
    groups: NDArray[np.int32] = connected_components(graph, directed=False)[1]
    return groups
