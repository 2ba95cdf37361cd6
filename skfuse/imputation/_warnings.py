"""Warnings about what an imputation can say."""


class UninformativeImputationWarning(UserWarning):
    """What is filled in for a modality explains nothing of it: the mean of the training subjects does as well."""
