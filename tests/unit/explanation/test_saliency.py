"""Integrated gradients: exact for a linear score, complete for a network, blind to what the score does not see."""

from __future__ import annotations

import torch

from platewise.embedding.network import build_network
from platewise.explanation.saliency import channel_shares, integrated_gradients


def test_of_a_linear_score_each_value_gets_its_own_part():
    weights = torch.tensor([[[1.0, -2.0]], [[0.5, 0.0]]])
    inputs = torch.tensor([[[[3.0, 1.0]], [[2.0, 7.0]]]])
    found = integrated_gradients(lambda seen: (seen * weights).sum(dim=(1, 2, 3)), inputs, steps=3)
    torch.testing.assert_close(found, inputs * weights)


def test_of_a_square_the_way_matters():
    # The gradient 2 x, averaged from 0 to x, is x: the attribution is x squared.
    inputs = torch.full((1, 1, 1, 1), 3.0)
    found = integrated_gradients(lambda seen: seen.square().sum(dim=(1, 2, 3)), inputs)
    torch.testing.assert_close(found, torch.full((1, 1, 1, 1), 9.0))


def test_attributions_add_up_to_the_change_of_the_score():
    network = build_network("small", 3, 8, 16, seed=0).eval()
    weights = torch.randn(16, generator=torch.Generator().manual_seed(1))
    inputs = torch.randn(2, 3, 24, 24, generator=torch.Generator().manual_seed(2))

    def score(seen):
        return network.features(seen) @ weights

    found = integrated_gradients(score, inputs, steps=256).sum(dim=(1, 2, 3))
    with torch.no_grad():
        change = score(inputs) - score(torch.zeros_like(inputs))
    torch.testing.assert_close(found, change, rtol=0.02, atol=0.01)


def test_a_channel_that_the_score_does_not_see_has_no_share():
    inputs = torch.ones(1, 3, 2, 2)
    found = integrated_gradients(lambda seen: seen[:, 0].sum(dim=(1, 2)) - 3 * seen[:, 2].sum(dim=(1, 2)), inputs)
    torch.testing.assert_close(channel_shares(found), torch.tensor([[0.25, 0.0, 0.75]]))


def test_without_attributions_shares_are_even():
    torch.testing.assert_close(channel_shares(torch.zeros(1, 4, 2, 2)), torch.full((1, 4), 0.25))
