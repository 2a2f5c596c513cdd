"""Which pixels of which channel make a network say what it says: integrated gradients."""

from __future__ import annotations

from collections.abc import Callable

import torch

# With so many points on the way the attributions add up to the change of the score within a percent or two.
STEPS = 64


def integrated_gradients(
    score: Callable[[torch.Tensor], torch.Tensor], inputs: torch.Tensor, steps: int = STEPS
) -> torch.Tensor:
    """Attribute a score to the values of its input (Sundararajan 2017, arXiv:1703.01365).

    The gradient is averaged on the straight way from an image without anything (0, the mean of a channel) to the input,
    and multiplied by the input. The attributions of an input add up to its score minus that of the empty image.

    Parameters
    ----------
    score
        Gives a number for each of a batch of inputs, (n, channel, y, x) to (n,); each must depend on its own input
        only.
    inputs
        (n, channel, y, x).
    steps
        Points on the way, in the middle of equal parts.

    Returns
    -------
    torch.Tensor
        (n, channel, y, x): how much each value adds to the score.
    """
    total = torch.zeros_like(inputs)
    for step in range(steps):
        at = (inputs * ((step + 0.5) / steps)).detach().requires_grad_(True)
        (gradient,) = torch.autograd.grad(score(at).sum(), at)
        total += gradient
    return inputs * total / steps


def channel_shares(attributions: torch.Tensor) -> torch.Tensor:
    """Return the share of each channel in all attributions, by size, (n, channel); even where there are none."""
    sizes = attributions.abs().sum(dim=(2, 3))
    total = sizes.sum(dim=1, keepdim=True)
    return torch.where(total > 0, sizes / total.clamp(min=1e-30), torch.full_like(sizes, 1 / sizes.shape[1]))
