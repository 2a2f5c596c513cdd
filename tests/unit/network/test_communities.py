"""Communities, their stability and the part of each node, on graphs with known answers."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from platewise.network.communities import best_jaccard, community_stability, find_communities, node_roles


def cliques(sizes: list[int]) -> tuple[np.ndarray, np.ndarray]:
    ends, start = [], 0
    for size in sizes:
        ends += list(combinations(range(start, start + size), 2))
        start += size
    return np.array(ends).reshape(-1, 2), np.ones(len(ends))


def test_cliques_are_found_largest_first_and_are_stable() -> None:
    ends, weights = cliques([4, 6, 1, 4])
    found = find_communities(ends, weights, 15, 1.0, 0)
    # Of two of one size the first by number comes first.
    assert found.tolist() == [1] * 4 + [0] * 6 + [3] + [2] * 4
    stability = community_stability(ends, weights, found, 20, 1.0, 0)
    assert (stability[:3] > 0.9).all()
    assert np.isnan(stability[3])


def test_the_same_seed_gives_the_same_communities() -> None:
    rng = np.random.default_rng(0)
    ends = np.array(list(combinations(range(60), 2)))[rng.random(60 * 59 // 2) < 0.1]
    weights = rng.random(len(ends))
    assert (find_communities(ends, weights, 60, 1.0, 3) == find_communities(ends, weights, 60, 1.0, 3)).all()
    # There is nothing to be found in it: most of what is found is not found again.
    found = find_communities(ends, weights, 60, 1.0, 0)
    stability = community_stability(ends, weights, found, 20, 1.0, 0)
    assert np.nanmedian(stability) < 0.6
    np.testing.assert_array_equal(stability, community_stability(ends, weights, found, 20, 1.0, 0))


def test_a_larger_resolution_gives_smaller_communities() -> None:
    ends, weights = cliques([5, 5])
    ends = np.concatenate([ends, [[0, 5], [1, 6], [2, 7], [3, 8]]])
    weights = np.ones(len(ends))
    assert len(np.unique(find_communities(ends, weights, 10, 0.1, 0))) == 1
    assert len(np.unique(find_communities(ends, weights, 10, 1.0, 0))) == 2


def test_jaccard_by_hand() -> None:
    communities, found = np.array([0, 0, 0, 1, 1]), np.array([0, 0, 1, 1, 2])
    # {0, 1, 2} with {0, 1}: 2 of 3; {3, 4} with {4}: 1 of 2.
    assert best_jaccard(communities, found).tolist() == [2 / 3, 0.5]
    assert best_jaccard(found, found).tolist() == [1.0, 1.0, 1.0]


def test_roles_by_hand() -> None:
    # A star of 12 around node 0, and node 13 with one connection to each of three communities.
    ends = np.array([[0, leaf] for leaf in range(1, 13)] + [[13, 1], [13, 14], [13, 15]])
    communities = np.array([0] * 13 + [1, 2, 1])
    roles = node_roles(ends, communities)
    assert roles["Degree"].tolist() == [12, 2] + [1] * 11 + [3, 1, 1]
    # Inside: 12 for the centre, 1 for each of 12 leaves.
    inside = np.array([12.0] + [1.0] * 12)
    assert roles["WithinZ"][0] == pytest.approx((12 - inside.mean()) / inside.std())
    assert roles["Participation"][13] == pytest.approx(1 - 3 * (1 / 3) ** 2)
    assert roles["Participation"][1] == pytest.approx(0.5)
    assert roles["Participation"][0] == 0
    assert np.flatnonzero(roles["Hub"]).tolist() == [0]
    assert np.flatnonzero(roles["Bridge"]).tolist() == [13]


def test_without_edges_every_node_is_alone() -> None:
    ends, weights = np.empty((0, 2), dtype=int), np.empty(0)
    communities = find_communities(ends, weights, 3, 1.0, 0)
    assert communities.tolist() == [0, 1, 2]
    assert np.isnan(community_stability(ends, weights, communities, 5, 1.0, 0)).all()
    roles = node_roles(ends, communities)
    assert roles["Degree"].tolist() == [0, 0, 0]
    assert np.isnan(roles["Participation"]).all()
    assert not roles["Hub"].any()
    assert not roles["Bridge"].any()
    assert len(find_communities(ends, weights, 0, 1.0, 0)) == 0
