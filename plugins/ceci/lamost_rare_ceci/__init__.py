"""The steps of lamost-rare as stages of ceci pipelines; importing this registers them."""

from .stages import LamostRareAugment, LamostRareClassify, LamostRareNormalize, LamostRareRead

__all__ = ["LamostRareAugment", "LamostRareClassify", "LamostRareNormalize", "LamostRareRead"]
