"""Components per modality."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.decomposition import PCA

from skfuse.preprocessing import ModalityPCA

NAN = np.nan


def test_it_is_pca_of_the_present_subjects(X):
    model = ModalityPCA(n_components=2).fit(X)
    present = X.filter(like="pet").dropna()
    expected = PCA(2).fit(present.to_numpy())
    out = model.transform(X)
    assert_allclose(out.loc[present.index, ["pet__pca0", "pet__pca1"]], expected.transform(present.to_numpy()))
    assert_allclose(model.components_["pet"], expected.components_)
    assert_allclose(model.explained_variance_ratio_["pet"], expected.explained_variance_ratio_)
    assert_allclose(model.mean_["pet"], present.mean())


def test_number_per_modality(X):
    out = ModalityPCA(n_components={"mri": 3, "pet": None}).fit_transform(X)
    assert list(out)[:6] == ["mri__pca0", "mri__pca1", "mri__pca2", "pet__pca0", "pet__pca1", "pet__pca2"]
    assert list(out.filter(like="eeg")) == list(ModalityPCA(n_components=0.9).fit_transform(X).filter(like="eeg"))


def test_a_fraction_of_variance(X):
    for fraction in (0.3, 0.8):
        model = ModalityPCA(n_components=fraction).fit(X)
        for ratio in model.explained_variance_ratio_.values():
            assert ratio.sum() >= fraction > ratio[:-1].sum()


def test_whitened_components_have_variance_one(X):
    out = ModalityPCA(n_components=2, whiten=True).fit_transform(X).drop(columns="site")
    assert_allclose(out.std(), 1)


def test_a_missing_cell_counts_as_the_mean(X):
    model = ModalityPCA(n_components=None).fit(X)
    subject = X[X["mri__1"].isna() & X["mri__0"].notna()]
    filled = subject.assign(mri__1=X["mri__1"].mean())
    pd.testing.assert_frame_equal(model.transform(subject), model.transform(filled))


def test_a_feature_that_nobody_has_is_left_out(X):
    train = X.assign(mri__3=NAN)
    model = ModalityPCA(n_components=2).fit(train)
    pd.testing.assert_frame_equal(model.transform(X), model.transform(train))
    without = ModalityPCA(n_components=2).fit_transform(X.drop(columns="mri__3"))
    assert_allclose(model.transform(train).drop(columns="site"), without.drop(columns="site"), atol=1e-10)


@pytest.mark.parametrize("n_components", [0.9, 1, None])
@pytest.mark.parametrize("whiten", [True, False])
def test_a_block_without_variance_is_zero(n_components, whiten):
    X = pd.DataFrame({"mri__a": [1.0, 2, 4], "pet__a": [3.0, 3, 3], "pet__b": [0.1, 0.1, NAN]})
    model = ModalityPCA(n_components=n_components, whiten=whiten).fit(X)
    assert_allclose(model.transform(X).filter(like="pet"), 0, atol=1e-12)
    assert_array_equal(model.explained_variance_ratio_["pet"], np.zeros(len(model.components_["pet"])))


def test_planted_components_are_found():
    rng = np.random.default_rng(0)
    factor, direction = rng.normal(size=200), rng.normal(size=30)
    mri = np.outer(factor, direction) + 0.1 * rng.normal(size=(200, 30))
    mri[:50] = NAN
    X = pd.DataFrame(mri).add_prefix("mri__").assign(pet__a=rng.normal(size=200))
    out = ModalityPCA().fit_transform(X)
    assert list(out) == ["mri__pca0", "pet__pca0"]
    assert abs(np.corrcoef(out["mri__pca0"][50:], factor[50:])[0, 1]) > 0.99


def test_the_randomized_solver_repeats(X):
    wide = pd.DataFrame(np.random.default_rng(0).normal(size=(600, 600))).add_prefix("mri__")
    first, second = (ModalityPCA(n_components=3, random_state=0).fit_transform(wide) for _ in range(2))
    pd.testing.assert_frame_equal(first, second)


@pytest.mark.parametrize(
    ("n_components", "message"),
    [
        (4, r"Modality 'pet' cannot have n_components=4: 28 training subjects have it, with 3 features, so at most 3 "),
        ({"mri": 9}, r"Modality 'mri' cannot have n_components=9.*for example n_components={'mri': 4}"),
        (
            {"fmri": 2},
            r"`n_components` has entries for \['fmri'\], which X does not have; X has \['mri', 'pet', 'eeg'\]",
        ),
        (
            {"mri": 2.5},
            r"`n_components` of modality 'mri' must be an int of at least 1, a float between 0 and 1, or None",
        ),
        ({"mri": 0}, "must be an int of at least 1"),
        ({"mri": True}, "must be an int of at least 1"),
        ({"mri": "many"}, "must be an int of at least 1"),
        (0, "The 'n_components' parameter of ModalityPCA must be"),
        (1.5, "The 'n_components' parameter of ModalityPCA must be"),
    ],
)
def test_wrong_numbers_of_components(X, n_components, message):
    with pytest.raises(ValueError, match=message):
        ModalityPCA(n_components=n_components).fit(X)


@pytest.mark.parametrize("n_present", [0, 1])
def test_too_few_subjects_have_a_modality(X, n_present):
    X = X.assign(pet__0=NAN, pet__1=NAN, pet__2=[1.0] * n_present + [NAN] * (40 - n_present))
    with pytest.raises(ValueError, match=f"Modality 'pet' has n_samples={n_present} in training.*at least 2 subjects"):
        ModalityPCA().fit(X)


def test_names_of_a_table_without_prefixes():
    out = ModalityPCA(n_components=1).set_output(transform="pandas").fit_transform(np.eye(4))
    assert list(out) == ["pca0"]
