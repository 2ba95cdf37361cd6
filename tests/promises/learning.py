"""Chance where there is nothing to learn, and word of how far a fit has come."""

import re

import numpy as np
from sklearn.base import is_classifier
from sklearn.metrics import roc_auc_score

from promises.cases import documented_warnings_ignored
from promises.tables import take


def chance_for_permuted_labels(case):
    """Trained on permuted labels, predictions of new subjects are unrelated to theirs: within 3 standard errors."""
    rng, scores, n_permutations = np.random.default_rng(0), [], 8
    sample = case.sample(120)
    train, test = np.arange(60), np.arange(60, 120)
    for _ in range(n_permutations):
        permuted = rng.permutation(120)
        sample.labels, sample.target = sample.labels[permuted], sample.target[permuted]
        with documented_warnings_ignored(*case.entry.warns):  # such as one that there is nothing to predict from
            y, model = case.target(take(sample, test)), case.fit(take(sample, train))
        output = case.output(model, take(sample, test).X)
        if is_classifier(model):
            scores.append(roc_auc_score(y, output[:, 1]) - 0.5)
            cases = y.sum()
            error = np.sqrt((len(y) + 1) / (12 * cases * (len(y) - cases)))
        else:
            scores.append(np.corrcoef(y, output)[0, 1] if np.ptp(output) > 0 else 0.0)
            error = 1 / np.sqrt(len(y) - 1)
    assert abs(np.mean(scores)) < 3 * error / np.sqrt(n_permutations)


class _Recording:
    """A callback that keeps what it is told."""

    def __init__(self):
        self.events = []

    def setup(self, estimator, context):
        self.events.append(("setup", context.task_name))

    def teardown(self, estimator, context):
        self.events.append(("teardown", context.task_name))

    def on_fit_task_begin(self, estimator, context, **data):
        self.events.append(("begin", context.task_name))

    def on_fit_task_end(self, estimator, context, **data):
        self.events.append(("end", context.task_name))


def progress_is_reported(case):
    """A callback sees the fit begin and end, and one task per modality in between, each named.

    What has no modalities says how many permutations, or subjects of a normative set, are done.
    """
    recording = _Recording()
    model = case.make()
    assert model.set_callbacks(recording) is model
    model.fit(case.standard.X, case.target(case.standard))
    events = recording.events
    assert [events[0][0], events[-1][0]] == ["setup", "teardown"]
    begun = [task for event, task in events if event == "begin"]
    assert sorted(begun) == sorted(task for event, task in events if event == "end")
    if case.entry.kind.plain:
        assert re.fullmatch(r"(\d+) of \1 permutations|normative subject \d+", begun[-1])
        return
    names = ("estimators_", "networks_", "modality_weights_")
    learned = next(getattr(model, name) for name in names if hasattr(model, name))
    assert [task for task in begun if "modality" in task] == [f"modality {name}" for name in learned]
