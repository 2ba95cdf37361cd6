"""Warnings about the shape of a multimodal table."""


class SingleModalityWarning(UserWarning):
    """A fusion estimator was given a table in which it sees one modality only."""


class ImputedModalityWarning(UserWarning):
    """Many subjects share one filled row: an imputer upstream erased who lacks the modality."""


class AlignedTableWarning(UserWarning):
    """A table was changed to fit a model: modalities added as missing, columns left out."""


class NoModalityWarning(UserWarning):
    """Some subjects have no modality at all."""


class SkippedModalityWarning(UserWarning):
    """A modality could not be used in fit; `skipped_modalities_` says why."""
