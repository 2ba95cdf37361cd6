"""What a lesion-symptom map is and how it was made, in words that can go into a paper."""

import numpy as np

from skfuse.lesions._choices import LINEAR

_STATISTICS = {
    "t": "Student's t of a linear model",
    "regression": "Student's t of a linear model",
    "welch": "Welch's t",
    "brunner-munzel": "Brunner-Munzel",
    "liebermeister": "Liebermeister's test, as z",
    "chi2": "Pearson's chi-squared, with the sign of the association",
}
_VOLUMES = {
    "covariate": "taken out of score and voxels, as a covariate",
    "residualize": "taken out of the score only (conservative)",
    "dtlvc": "each lesion divided by the root of its volume, a scaling and no correction for confounding",
    "none": "not taken into account",
}
_TAILS = {
    "two-sided": "both (higher and lower scores)",
    "greater": "lesion goes with a higher score",
    "less": "lesion goes with a lower score",
}


def describe(mapping, n_subjects, statistic, found, covariates, blocks):
    """Facts of a fitted map, by name.

    Parameters
    ----------
    mapping : LesionSymptomMapping
        With all but the report.
    n_subjects : int
    statistic : MapStatistic
    found : MapInference
    covariates : ndarray of shape (n_subjects, n_covariates) or None
    blocks : array-like or None

    Returns
    -------
    report : dict of str to str, int or float
    """
    linear = mapping.statistic in LINEAR
    permutations = found.null is not None
    report = {
        "statistic": _STATISTICS[mapping.statistic],
        "sign": "positive where subjects with a lesion score higher",
        "tails": _TAILS[mapping.alternative],
        "correction": _correction(mapping),
        "level": mapping.alpha,
        "permutations": len(found.null) if permutations else 0,
        "side permuted": _side(mapping, linear) if permutations else "none: parametric p-values of patches",
        "precision of permuted statistics": mapping.dtype if permutations else "none",
        "subjects": n_subjects,
        "covariates": 0 if covariates is None else covariates.shape[1],
        "exchangeability blocks": 0 if blocks is None else len(np.unique(np.asarray(blocks).astype(str))),
        "lesion volume": _VOLUMES[mapping.volume],
        "correlation of score and lesion volume": round(mapping.volume_correlation_, 3),
        "voxels": len(mapping.mask_),
        "voxels tested": int(mapping.mask_.sum()),
        "patches tested": mapping.n_patches_,
        "smallest overlap": "none" if mapping.min_overlap is None else str(mapping.min_overlap),
        "threshold": float(mapping.threshold_),
        "voxels significant": int(mapping.significant_.sum()),
        "of these positive": int((mapping.significant_ & (mapping.map_ > 0)).sum()),
        "largest statistic": float(mapping.map_.max()),
        "smallest statistic": float(mapping.map_.min()),
        "smallest p-value": float(mapping.p_values_.min()),
    }
    if mapping.extrapolated_ is not None:
        report["p-values extrapolated"] = int(mapping.extrapolated_.sum())
    return report


def _correction(mapping):
    level, v = mapping.alpha, mapping.cfwer_v
    return {
        "max": f"family-wise error {level:g} over voxels, by the largest statistic of each permutation",
        "cfwer": f"chance of {v} or more false voxels at most {level:g}, by the {v}th largest statistic",
        "cluster": f"family-wise error {level:g} over clusters (voxels with p < {mapping.cluster_p:g}), not of voxels",
        "tfce": f"family-wise error {level:g} over voxels, after threshold-free cluster enhancement",
        "fdr": f"false discovery rate {level:g} over patches (Benjamini-Hochberg)",
        "bonferroni": f"family-wise error {level:g} over patches (Bonferroni)",
    }[mapping.correction]


def _side(mapping, linear):
    if not linear:
        return "score"
    side = "score" if mapping.permuted == "target" else "lesions"
    return f"{side} ({'Freedman-Lane' if mapping.scheme == 'freedman-lane' else 'Draper-Stoneman'})"
