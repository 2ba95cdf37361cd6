"""Kernels of modalities and how they are weighed."""

from skfuse.kernels._alignment import alignment_weights, centered_alignment

__all__ = ["alignment_weights", "centered_alignment"]
