"""The network that an architecture names. Another one is its own file and a line in `NETWORKS`."""

from __future__ import annotations

from .architectures import network_name
from .gan import build_discriminator, build_generator
from .layers import keras
from .racnet import build_racnet

__all__ = ["NETWORKS", "build_network"]

NETWORKS = {
    "classifier": {"racnet": build_racnet},
    "generator": {"lcgan": build_generator, "sgan": build_generator},
    "discriminator": {"lcgan": build_discriminator, "sgan": build_discriminator},
}
"""For each role, what builds a `keras.Model` from an architecture, by the name of the network."""


def build_network(architecture: dict, role: str = "classifier") -> keras.Model:
    """Build the network that an architecture names.

    Parameters
    ----------
    architecture : dict
        ``network`` names one of `NETWORKS`; without it, the first of its role is meant, as in old
        presets. The other keys are the network's own.
    role : {"classifier", "generator", "discriminator"}

    Raises
    ------
    ValueError
        If there is no such network, or a key is unknown to it.
    """
    known = NETWORKS[role]
    return known[network_name(architecture, known)](architecture)
