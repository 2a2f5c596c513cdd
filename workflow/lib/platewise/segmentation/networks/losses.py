"""What dense networks are trained for."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch.nn import functional

Losses = dict[str, torch.Tensor]

# Boundaries are few pixels and decide everything.
_CLASS_WEIGHTS = (1.0, 1.0, 3.0)


def unet_losses(raw: torch.Tensor, truth: torch.Tensor) -> Losses:
    """Cross entropy of the three classes, boundaries weighted, and soft Dice of inside and boundary.

    Parameters
    ----------
    raw
        (n, 3, y, x) scores.
    truth
        (n, 1, y, x) class numbers.
    """
    classes = truth[:, 0].long()
    weights = torch.tensor(_CLASS_WEIGHTS, device=raw.device)
    shares = raw.softmax(dim=1)
    dice = [soft_dice(shares[:, number], (classes == number).float()) for number in (1, 2)]
    return {"class": functional.cross_entropy(raw, classes, weight=weights), "dice": 0.5 * (dice[0] + dice[1])}


def flow_losses(raw: torch.Tensor, truth: torch.Tensor) -> Losses:
    """Cross entropy of the foreground, and half the squared error of the flow (Stringer 2021)."""
    return {
        "foreground": functional.binary_cross_entropy_with_logits(raw[:, 0], truth[:, 0]),
        "flow": 0.5 * functional.mse_loss(raw[:, 1:], truth[:, 1:]),
    }


def fpn_losses(raw: torch.Tensor, truth: torch.Tensor) -> Losses:
    """Cross entropy of the foreground, squared errors of distance and of direction inside objects."""
    inside = truth[:, :1]
    pixels = inside.sum().clamp(min=1)
    return {
        "foreground": functional.binary_cross_entropy_with_logits(raw[:, :1], inside),
        "distance": 10 * functional.mse_loss(raw[:, 1:2], truth[:, 1:2]),
        "direction": (inside * (raw[:, 2:] - truth[:, 2:]).square()).sum() / pixels,
    }


def soft_dice(share: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
    """One minus the Dice coefficient of probabilities against 0 or 1, over the whole batch."""
    shared = (share * truth).sum()
    return 1 - (2 * shared + 1) / (share.sum() + truth.sum() + 1)


LOSSES: dict[str, Callable[[torch.Tensor, torch.Tensor], Losses]] = {
    "unet": unet_losses,
    "fpn": fpn_losses,
    "flow": flow_losses,
}
