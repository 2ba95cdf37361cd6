import warnings

import pytest

from skfuse.io import CohortWarning, read_cohort

LABELS = "id,y,age,site\n01,a,60,x\n02,b,61,y\n03,a,62,x\n04,b,63,y\n"
MRI = "id,v,w\n01,1.5,1\n02,2.5,2\n03,3.5,3\n04,4.5,4\n"


@pytest.fixture
def write(tmp_path):
    """Write files, given as name=text or bytes, into one folder; labels and mri are there unless given."""

    def write(files=None, **more):
        files = {"labels.csv": LABELS, "mri.csv": MRI, **(files or {}), **more}
        for name, content in files.items():
            if content is not None:
                data = content.encode() if isinstance(content, str) else content
                (tmp_path / name).write_bytes(data)
        return tmp_path

    return write


@pytest.fixture
def quiet():
    """`read_cohort`, returning the cohort and the texts of its warnings."""

    def quiet(path, target="y", **keywords):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            cohort = read_cohort(path, target, **keywords)
        assert all(issubclass(w.category, CohortWarning) for w in caught)
        assert [str(w.message) for w in caught] == cohort.log.warnings
        return cohort, " | ".join(cohort.log.warnings)

    return quiet
