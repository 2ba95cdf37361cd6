"""Independent random streams, one for each ingredient of a simulation."""

from zlib import crc32

import numpy as np
from sklearn.utils import check_random_state


class Streams:
    """Generators that are named by words and do not disturb each other.

    The noise of a modality comes from ``streams("noise", "train", "mri")`` whatever else was drawn before, so
    that a change of one ingredient (the missing fraction, say) leaves all others as they were.

    Parameters
    ----------
    random_state : None, int, RandomState or Generator
        An int repeats the same streams; a RandomState or Generator is advanced once.

    Examples
    --------
    >>> streams = Streams(0)
    >>> float(streams("noise").random()) == float(streams("noise").random())
    True
    >>> float(streams("noise").random()) == float(streams("factors").random())
    False
    """

    def __init__(self, random_state):
        if isinstance(random_state, np.random.Generator):
            entropy = random_state.integers(2**32, size=4, dtype=np.uint64)
        else:
            entropy = check_random_state(random_state).randint(2**32, size=4, dtype=np.uint64)
        self.entropy = [int(word) for word in entropy]

    def __call__(self, *words):
        """Return a fresh generator for these words, always in the same initial state."""
        key = tuple(crc32(word.encode()) for word in words)
        return np.random.default_rng(np.random.SeedSequence(self.entropy, spawn_key=key))
