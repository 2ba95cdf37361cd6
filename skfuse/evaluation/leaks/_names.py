"""Columns whose names say that they are the outcome."""

import re

from skfuse.evaluation.leaks._report import LOOK, clear, found, number_of, shorten
from skfuse.modalities._resolve import SEPARATOR

NAMES = "names"
_WORDS = (
    "target|label|labels|outcome|outcomes|diagnosis|diagnoses|diagnostic|dx|converter|converted|conversion|responder|"
    "nonresponder|remitter|endpoint|groundtruth"
)
_WORD = re.compile(rf"(?i)(?<![a-z])({_WORDS})(?![a-z])")
_CAMEL = re.compile(rf"(?<=[a-z])({'|'.join(map(str.capitalize, _WORDS.split('|')))})(?![a-z])")


def check_names(data):
    """Look for columns that are called like the outcome.

    Whole words only, in snake_case and camelCase: the name of the target, or target, label, outcome, diagnosis, dx,
    converter, conversion, responder, remitter, endpoint. Words that also mean other things (class, group, status,
    response, event) are left out. Worth a look.

    Parameters
    ----------
    data : Inputs

    Returns
    -------
    finding : Finding
    """
    own = None
    words = [re.escape(word) for word in re.split(r"[\W_]+", data.target or "") if word]
    if len("".join(words)) > 1:
        phrase = r"[\W_]*".join(words)
        own = re.compile(rf"(?i)(?<![a-z0-9]){phrase}(?![a-z0-9])")
    columns = []
    for block in data.blocks:
        for name in block.names:
            feature = name.partition(SEPARATOR)[2] or name
            if _WORD.search(feature) or _CAMEL.search(feature) or (own is not None and own.search(feature)):
                columns.append(name)
    if not columns:
        return clear(NAMES)
    return found(
        NAMES,
        LOOK,
        f"{number_of(len(columns), 'column')} with the name of an outcome: {shorten(columns)}",
        "Make sure that each is known before the outcome.",
        columns=columns,
    )
