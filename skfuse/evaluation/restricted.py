"""A strategy on some of the modalities only."""

from sklearn.pipeline import Pipeline, make_pipeline


def restricted(estimator, columns):
    """The estimator, made to see some modalities only.

    Parameters
    ----------
    estimator : estimator
        Unfitted. One that has a parameter `modalities`, or is a search over one that has it, is given `columns`; any
        other is put behind a selector of modalities.
    columns : dict of str to columns
        The modalities, as :func:`skfuse.modalities.resolve_modalities` gives them.

    Returns
    -------
    estimator : estimator
        Unfitted.

    Examples
    --------
    >>> from skfuse.evaluation.restricted import restricted
    >>> from skfuse.late_fusion import LateFusionRegressor, StandardizedRidgeCV
    >>> restricted(LateFusionRegressor(), {"mri": [0, 1], "pet": [2]})
    LateFusionRegressor(modalities={'mri': [0, 1], 'pet': [2]})
    >>> restricted(StandardizedRidgeCV(), {"mri": [0, 1], "pet": [2]})[0]
    ModalitySelector(keep=['mri', 'pet'])
    """
    from skfuse.preprocessing import ModalitySelector

    if isinstance(estimator, Pipeline):  # its first step hands on what is in no modality of its own
        return Pipeline([("modalityselector", ModalitySelector(keep=list(columns))), *estimator.steps])
    places = [name for name in estimator.get_params() if name.rpartition("__")[2] == "modalities"]
    if places:
        return estimator.set_params(**{place: dict(columns) for place in places})
    return make_pipeline(ModalitySelector(keep=list(columns)), estimator)
