"""Use one extra in the environment it was installed into: `python check_extra.py EXTRA` (`core`: no extra)."""

import re
import subprocess
import sys
import sysconfig
import tempfile
from importlib import import_module, metadata, util
from pathlib import Path

import numpy as np

from skfuse.late_fusion import LateFusionClassifier


def arrays():
    """Two modalities of which a third of the subjects lack one, and a target that both tell about."""
    rng = np.random.default_rng(0)
    y = np.repeat([0, 1], 30)
    X = rng.normal(size=(60, 6)) + y[:, None]
    X[::3, 3:] = np.nan
    return X, y


def check_core():
    """Without extras the estimators work on arrays, and pandas is not there."""
    for package in ("pandas", "typer", "pyarrow"):
        assert util.find_spec(package) is None, f"{package} came with the core"
    X, y = arrays()
    model = LateFusionClassifier(modalities={"mri": slice(0, 3), "pet": slice(3, 6)}).fit(X, y)
    assert model.score(X, y) > 0.7


def check_app():
    """The command runs, tables are joined, a simulated cohort is fitted, compared and reported."""
    from skfuse.datasets import alzheimer_conversion
    from skfuse.evaluation import compare_strategies
    from skfuse.modalities import join_modalities, split_modalities
    from skfuse.report import write_report

    command = Path(sysconfig.get_path("scripts")) / "skfuse"
    subprocess.run([command, "--help"], check=True, stdout=subprocess.DEVNULL)
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([command, "demo", "--help"], check=True, cwd=folder, stdout=subprocess.DEVNULL)
    cohort = alzheimer_conversion(n_subjects=80, random_state=0)
    joined = join_modalities(split_modalities(cohort.X)).loc[cohort.X.index]
    assert LateFusionClassifier().fit(joined, cohort.y).score(joined, cohort.y) > 0.5
    with tempfile.TemporaryDirectory() as folder:
        kept = Path(folder, "kept")
        found = compare_strategies(cohort.X, cohort.y, strategies=["late-mean"], n_repeats=1, checkpoint=kept)
        assert write_report(found, Path(folder, "report")).stat().st_size > 10_000


def check_imaging():
    """Masks are read, mapped and written as an image again."""
    import nibabel

    from skfuse.io import read_masks, write_map
    from skfuse.lesions import LesionSymptomMapping

    rng = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as folder:
        for subject in range(20):
            image = nibabel.Nifti1Image((rng.random((4, 5, 6)) < 0.4).astype(np.uint8), np.diag([2.0, 2.0, 2.0, 1.0]))
            image.to_filename(Path(folder, f"sub-{subject:02}.nii.gz"))
        masks = read_masks(folder)
        mapping = LesionSymptomMapping(n_permutations=19, random_state=0).fit(masks.X, rng.normal(size=20))
        written = write_map(mapping.map_, masks, Path(folder, "map.nii.gz"))
        assert nibabel.load(written).shape == (4, 5, 6)


CHECKS = {"core": check_core, "app": check_app, "imaging": check_imaging}


def packages_of(extra):
    """Import names of the distributions that `extra` adds."""
    marker = re.compile(rf"""extra\s*==\s*['"]{re.escape(extra)}['"]""")
    wanted = {
        re.match(r"[\w.-]+", requirement).group().lower().replace("_", "-")
        for requirement in metadata.requires("skfuse")
        if marker.search(requirement)
    }
    return sorted(
        package
        for package, distributions in metadata.packages_distributions().items()
        if not package.startswith("_") and wanted & {name.lower().replace("_", "-") for name in distributions}
    )


def main():
    """Import the packages of the extra, then use them through skfuse."""
    (extra,) = sys.argv[1:]
    packages = packages_of(extra)
    for package in packages:
        import_module(package)
    if extra not in CHECKS:
        sys.exit(f"No check for the extra {extra!r}: write one in {__file__}.")
    CHECKS[extra]()
    print(f"extra {extra}: works ({', '.join(packages) or 'no packages of its own'})")


if __name__ == "__main__":
    main()
