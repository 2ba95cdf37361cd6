"""Signatures, fitted attributes and scikit-learn's own checks."""

import inspect
import re

import numpy as np
from sklearn.utils import get_tags

from promises.scikit_learn import run_checks


def keyword_only_after_modalities(case):
    """Positional up to `modalities`, which comes first or second, or what has no default; every option by keyword."""
    parameters = [p for p in inspect.signature(case.cls).parameters.values()]
    names = [p.name for p in parameters]
    assert not {"args", "kwargs"} & {p.name for p in parameters if p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD)}
    if "modalities" in names:
        place = names.index("modalities")
        assert place <= 1
        assert all(p.kind is p.POSITIONAL_OR_KEYWORD for p in parameters[: place + 1])
        parameters = parameters[place + 1 :]
        assert inspect.signature(case.cls).parameters["modalities"].default is None
    elif parameters and parameters[0].default is inspect.Parameter.empty:
        parameters = parameters[1:]
    assert all(p.kind is p.KEYWORD_ONLY for p in parameters)


def random_state_and_n_jobs_where_they_apply(case):
    """Who splits subjects takes `random_state`, who fits several estimators `n_jobs`; both are None by default."""
    signature = inspect.signature(case.cls).parameters
    if "cv" in signature:
        assert "random_state" in signature
    if "estimators" in signature:
        assert "n_jobs" in signature
    for name in {"random_state", "n_jobs"} & set(signature):
        assert signature[name].default is None


def fitted_attributes(case):
    """Names of columns and modalities after fit; shares of the modalities, and of each for each subject."""
    X, model = case.standard.X, case.fitted
    assert model.n_features_in_ == X.shape[1]
    np.testing.assert_array_equal(model.feature_names_in_, X.columns)
    if case.has("modalities"):
        expected = list(dict.fromkeys(name.split("__")[0] for name in X.columns if "__" in name))
        assert list(model.modalities_) == expected
    if case.has("modalities") and case.predicts and case.entry.weighs:
        assert set(model.modality_weights_) <= set(model.modalities_)
        np.testing.assert_allclose(sum(model.modality_weights_.values()), 1.0)
        shares = np.asarray(model.subject_weights(X))
        assert shares.shape == (len(X), len(model.modality_weights_))
        np.testing.assert_allclose(shares.sum(axis=1), 1.0)
        by_modality = ("predict_proba_by_modality", "predict_by_modality", "decision_by_modality")
        alone = next(getattr(model, name) for name in by_modality if hasattr(model, name))
        assert list(alone(X)) == list(model.modality_weights_)


def checks_of_scikit_learn(case):
    """All checks that scikit-learn makes pass, none is skipped, and none provokes a warning.

    A failure is expected where `expected` says why, and then must happen.
    """
    model = case.cls(**case.entry.checked)
    assert not get_tags(model)._skip_test
    array_api, checks, warnings = run_checks(model)
    assert array_api == "1"
    assert len(checks) > 40
    failed = [f"{name}: {message}" for name, status, message in checks if status != "passed"]
    expected = case.entry.expected
    assert [failure for failure in failed if not any(re.search(pattern, failure) for pattern in expected)] == []
    assert [pattern for pattern in expected if not any(re.search(pattern, failure) for failure in failed)] == []
    documented = tuple(category.__name__ for category in case.entry.warns)
    assert [warning for warning in warnings if not warning.startswith(documented)] == []
