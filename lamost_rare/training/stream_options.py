"""The composition of a stream of observations to train on."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field

__all__ = ["PARTS", "StreamOptions"]

PARTS = {
    "blue_only": ((3800, 5600), (3800, 5600), (3800, 5600), (3800, 4620), (3800, 4620)),
    "red_only": ((5672, 6672),),
    "middle_only": ((3803, 7050),),
}
"""Wavelengths (Å) that are all that some libraries have, as often as each is drawn."""


@dataclass
class StreamOptions:
    """Composition of a stream.

    Attributes
    ----------
    class_weights : dict
        Relative frequency of each class; classes that are absent from it have weight 1.
    observed_fraction : float
        Part of a class that comes from observed spectra where both they and library spectra exist;
        less where observed spectra are few, each counting as three library stars.
    difficult : float
        Weight of early B stars and B supergiants, the nearest to O stars, among the B stars.
    invented : dict
        Part of a class that is invented (`simulation.lookalikes`).
    blend : dict
        Part of a class's library draws that are a mixture of two of its stars.
    composite : float
        Part of the hot subdwarfs that are made of an O star and a late B star or a white dwarf: He
        II beside strong and broad Balmer lines.
    snr_range : tuple
        S/N (g), log-uniform.
    blue_only, red_only, middle_only : float
        Parts of the spectra, of any class, that have no more than 3800-5600 Å or 3800-4620 Å (blue
        libraries), 5672-6672 Å (a red one) and 3803-7050 Å (models), cut to it if need be, so that
        coverage says nothing about class.
    """

    class_weights: dict = field(
        default_factory=lambda: {
            "O": 2.4, "B": 1.9, "A": 1.0, "F": 1.0, "G": 1.0, "K": 0.8, "M": 0.5,
            "hot_subdwarf": 1.0, "white_dwarf": 0.9, "other": 1.5,
        }
    )  # fmt: skip
    observed_fraction: float = 0.75
    difficult: float = 3.0
    invented: dict = field(
        default_factory=lambda: {"hot_subdwarf": 0.4, "white_dwarf": 0.4, "other": 0.7}
    )
    blend: dict = field(
        default_factory=lambda: {"O": 0.25, "hot_subdwarf": 0.3, "white_dwarf": 0.2}
    )
    composite: float = 0.0
    snr_range: tuple = (3.0, 200.0)
    blue_only: float = 0.25
    red_only: float = 0.0
    middle_only: float = 0.0

    def to_dict(self) -> dict:
        """Return the ``training`` block of a preset."""
        return asdict(self)
