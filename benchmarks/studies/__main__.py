"""Run every study in full (hours), or with ``--reduced`` a short form of each: ``python -m benchmarks.studies``."""

import argparse

from benchmarks.studies import (
    ajive_ranks,
    bemkl_coverage,
    cluster_null,
    interval_coverage,
    lesion_error_control,
    lesion_recovery,
    lesion_volume_form,
    missing_blocks,
    missing_downstream,
    mkl_missing,
    mkl_noise,
    mkl_permutation,
    multiple_imputation,
    permuted_labels,
    planted_leaks,
    sparse_pls_recovery,
    spatial_nulls,
    stroke_fusion,
)

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--reduced", action="store_true", help="a short form that writes no results")
parser.add_argument("--jobs", type=int, default=2)
arguments = vars(parser.parse_args())
studies = (
    permuted_labels,
    planted_leaks,
    cluster_null,
    interval_coverage,
    missing_blocks,
    bemkl_coverage,
    mkl_noise,
    mkl_missing,
    mkl_permutation,
    multiple_imputation,
    missing_downstream,
    ajive_ranks,
    sparse_pls_recovery,
    lesion_error_control,
    lesion_recovery,
    lesion_volume_form,
    spatial_nulls,
    stroke_fusion,
)
for study in studies:
    print(f"\n== {study.__doc__.splitlines()[0]}", flush=True)
    study.main(**arguments)
