"""One engine for every permutation p-value: draws, p-values, the maximum statistic, adjustment for many tests."""

from skfuse.permutation._draws import draw_permutations
from skfuse.permutation._engine import PermutationResult, permutation_test
from skfuse.permutation._p_values import adjust_p_values, max_statistic_p_values, permutation_p_value

__all__ = [
    "PermutationResult",
    "adjust_p_values",
    "draw_permutations",
    "max_statistic_p_values",
    "permutation_p_value",
    "permutation_test",
]
