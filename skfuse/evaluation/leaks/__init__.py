"""Leakage: what can be seen in a cohort, and an attestation of what cannot."""

from skfuse.evaluation.leaks._attestation import QUESTIONS
from skfuse.evaluation.leaks._check import check_leaks
from skfuse.evaluation.leaks._report import Attested, Finding, LeakReport

__all__ = ["QUESTIONS", "Attested", "Finding", "LeakReport", "check_leaks"]
