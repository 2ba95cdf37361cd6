"""Questions about leakage that no table can answer."""

from skfuse.evaluation.leaks._report import Attested

#: From the short name of an item to its question. "The whole cohort" includes the subjects on whom models are tested.
QUESTIONS = {
    "features selected": "Were features chosen with the whole cohort, test subjects included?",
    "scaled": "Were features scaled or normalized with the whole cohort, test subjects included?",
    "harmonized": "Were sites harmonized with the whole cohort, test subjects included?",
    "imputed": "Were missing values filled in with the whole cohort, test subjects included?",
    "segmented or trained": (
        "Were features made by a template, parcellation, segmentation or network that was trained on any of these "
        "subjects?"
    ),
    "settings chosen": "Were models or settings chosen after results on these subjects had been seen?",
    "outcome blind": "Was the outcome assessed by people who did not know the predictors?",
    "predictors first": "Were all predictors measured before the outcome was known?",
    "one row per person": "Is every row another person, or are rows of one person held together by groups?",
}

_ANSWERS = {True: "yes", False: "no", None: "unknown", "yes": "yes", "no": "no", "unknown": "unknown"}


def attest(answers):
    """Put the answers beside the questions.

    Parameters
    ----------
    answers : dict or None
        From items of ``QUESTIONS`` to "yes", "no", "unknown", True, False or None.

    Returns
    -------
    attestation : list of Attested
        Every question; what was not answered is "unknown".

    Raises
    ------
    ValueError
        If an item or an answer is not known.
    """
    answers = {} if answers is None else dict(answers)
    strange = [item for item in answers if item not in QUESTIONS]
    if strange:
        raise ValueError(f"`attestation` has items that are not asked: {strange}. The items are {list(QUESTIONS)}.")
    for item, answer in answers.items():
        if not isinstance(answer, str | bool | None) or answer not in _ANSWERS:
            raise ValueError(f"`attestation` answers {item!r} with {answer!r}; answer 'yes', 'no' or 'unknown'.")
    return [Attested(item, question, _ANSWERS[answers.get(item)]) for item, question in QUESTIONS.items()]
