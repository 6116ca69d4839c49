"""The epochs of a training: how they went, when to stop, and what the log says of them."""

from __future__ import annotations

import logging

import numpy as np

__all__ = ["report_epoch", "report_start", "stopped", "validation_losses"]

_log = logging.getLogger(__name__)


def validation_losses(log: list[dict]) -> list[float]:
    """Return the validation loss of each epoch that has one."""
    return [entry["validation_loss"] for entry in log if "validation_loss" in entry]


def stopped(log: list[dict], patience: int) -> bool:
    """Return whether the validation loss has not fallen for so many epochs; 0: never."""
    losses = validation_losses(log)
    return bool(patience and losses and len(losses) - 1 - int(np.argmin(losses)) >= patience)


def report_start(log: list[dict], left: int) -> None:
    """Log how much of a training is done and how much is left, at the most."""
    _log.info("training: %d epochs done before, %d to come at the most", len(log), left)


def report_epoch(log: list[dict], epochs: int) -> None:
    """Log how the last epoch went."""
    entry = log[-1]
    numbers = ", ".join(
        f"{name.replace('_', ' ')} {value:.4g}" for name, value in entry.items() if name != "epoch"
    )
    losses = validation_losses(log)
    best = ", the best so far" if losses and losses[-1] <= min(losses) else ""
    _log.info("epoch %d of %d: %s%s", entry["epoch"], epochs, numbers, best)
