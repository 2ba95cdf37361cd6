"""check_leaks: all checks in one call."""

from skfuse.evaluation.leaks._attestation import attest
from skfuse.evaluation.leaks._copies import check_copies, check_sums
from skfuse.evaluation.leaks._duplicates import find_duplicates, report_duplicates
from skfuse.evaluation.leaks._inputs import read_inputs
from skfuse.evaluation.leaks._missing import check_missing_cells, check_missing_modalities
from skfuse.evaluation.leaks._names import check_names
from skfuse.evaluation.leaks._order import check_dates, check_ids, check_row_order
from skfuse.evaluation.leaks._preprocessing import (
    check_covariates_removed,
    check_filled,
    check_fitted,
    check_harmonized,
    check_rotated,
    check_scaled,
)
from skfuse.evaluation.leaks._report import LeakReport
from skfuse.evaluation.leaks._sites import check_site_columns, check_site_outcome
from skfuse.evaluation.leaks._splits import check_duplicates_apart, check_splits, check_visits


def check_leaks(
    X,
    y,
    *,
    task="classification",
    site=None,
    groups=None,
    covariates=None,
    splits=None,
    estimators=None,
    target=None,
    attestation=None,
):
    """Look for leakage that can be seen in a cohort, and write down what is known of leakage that cannot.

    A leak lets a model predict from something that it would not have for a new subject. Each check is made so that
    honest cohorts rarely alarm: p-values are exact or from permutations and corrected over all columns, and what a very
    good predictor (AUC .99) or a pair of twins does is no leak.

    Parameters
    ----------
    X : data frame of shape (n_subjects, n_features)
        Columns ``<modality>__<feature>``, the index holds the subject ids; a missing modality is a row of NaN in its
        block. Columns may also hold dates or text.
    y : array-like of shape (n_subjects,)
        Classes of any type, or numbers.
    task : {"classification", "regression"}
        What `y` is.
    site : array-like of shape (n_subjects,) or None
        Where each subject was examined.
    groups : array-like of shape (n_subjects,) or None
        What stays on one side of every split: the person, where there are visits.
    covariates : DataFrame of shape (n_subjects, n_covariates) or None
        Age, sex and the like; also looked at for the target, ids and dates.
    splits : iterable of (train, test) or None
        Row positions (or masks) of the splits that will be used.
    estimators : dict of str to estimator or None
        What will be fitted; expected to be unfitted.
    target : str or None
        Name of the target, looked for in the names of columns; None takes that of `y`, if it has one.
    attestation : dict or None
        From questions that no table can answer to "yes", "no" or "unknown" (or True, False, None). The questions:
        "features selected", "scaled", "harmonized", "imputed", "segmented or trained" (each with the whole cohort,
        test subjects included), "settings chosen", "outcome blind", "predictors first", "one row per person".

    Returns
    -------
    report : LeakReport
        `findings` (a check, its status, level, evidence and advice, the subjects and columns concerned), `attestation`,
        `found` and `table()`.

    Raises
    ------
    ValueError
        If lengths or the order of subjects differ, entries are missing in `y`, `site` or `groups`, splits point outside
        the table, or the attestation has unknown items.

    Notes
    -----
    Checks, in the order of the report: "exact duplicates", "duplicates in one modality", "near duplicates"; "target
    copied", "target transformed", "noisy copy of the target", "target a sum of columns"; "id or row number", "row
    order", "date"; "site and outcome", "site in a column"; "missing modalities and outcome", "missing cells and
    outcome"; "rows across a split", "groups across a split", "duplicates across a split", "duplicates in different
    groups", "repeated visits"; "fitted beforehand", "scaled beforehand", "rotated beforehand", "covariates removed
    beforehand", "harmonized beforehand", "filled beforehand"; "names". The limits of each, and the reasons, stand in
    the docstrings of the functions in this package.

    A clear report proves nothing: features that were selected on all subjects leave no trace in the table. That is
    what the attestation is for.

    References
    ----------
    .. [1] S. Kapoor, A. Narayanan. Patterns 4 (2023). https://doi.org/10.1016/j.patter.2023.100804
    .. [2] S. Kaufman et al. ACM TKDD 6 (2012). https://doi.org/10.1145/2382577.2382579

    Examples
    --------
    >>> from skfuse.datasets import make_cohort
    >>> from skfuse.evaluation.leaks import check_leaks
    >>> cohort = make_cohort(100, n_sites=3, missing=0.2, random_state=0)
    >>> check_leaks(cohort.X, cohort.y, site=cohort.site).found
    []
    >>> X = cohort.X.copy()
    >>> X.iloc[7] = X.iloc[3]
    >>> report = check_leaks(X, cohort.y, site=cohort.site, attestation={"scaled": "no"})
    >>> [(finding.check, finding.subjects) for finding in report.found]
    [('exact duplicates', (('sub-00004', 'sub-00008'),))]
    >>> report.table().columns.tolist()
    ['check', 'status', 'level', 'evidence', 'advice']
    >>> [one.answer for one in report.attestation if one.item == "scaled"]
    ['no']
    """
    attested = attest(attestation)
    data = read_inputs(
        X,
        y,
        task=task,
        site=site,
        groups=groups,
        covariates=covariates,
        splits=splits,
        estimators=estimators,
        target=target,
    )
    duplicates = find_duplicates(data)
    copies, copied_columns = check_copies(data)
    findings = [
        *report_duplicates(duplicates, data),
        *copies,
        check_sums(data, copied_columns),
        check_ids(data),
        check_row_order(data),
        check_dates(data),
        check_site_outcome(data),
        check_site_columns(data),
        check_missing_modalities(data),
        check_missing_cells(data),
        *check_splits(data),
        *check_duplicates_apart(duplicates, data),
        check_visits(data),
        check_fitted(data),
        check_scaled(data),
        check_rotated(data),
        check_covariates_removed(data),
        check_harmonized(data),
        check_filled(data),
        check_names(data),
    ]
    return LeakReport(findings, attested)
