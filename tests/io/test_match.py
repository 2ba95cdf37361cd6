import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from skfuse.io import CohortError, CohortWarning, match_subjects


def pairs(ids, subjects):
    return [part.tolist() for part in match_subjects(ids, subjects)]


@pytest.mark.parametrize(
    ("ids", "subjects"),
    [
        (["Subject_002", "Subject_001"], ["Subject_001", "Subject_002"]),
        (["sub-02", "sub-01"], ["sub-01", "sub-02"]),
        (["sub-02", "sub-01"], ["01", "02"]),
        (["sub-B7_ses-1_label-lesion_mask", "sub-A1_space-MNI_mask"], ["A1", "B7"]),
        (["sub-A_ses-2_mask", "sub-A_ses-1_mask"], ["A@1", "A@2"]),
        (["sub-8_mask", "sub-7_mask"], np.array([7.0, 8.0])),
        (["8", "7"], [7, 8]),
    ],
)
def test_a_file_belongs_to_the_subject_it_is_called_by(ids, subjects):
    assert pairs(ids, subjects) == [[1, 0], [0, 1]]


@given(st.permutations(range(8)), st.sampled_from(["{}", "sub-{}", "sub-{}_ses-1_mask"]))
def test_pairs_follow_the_table_in_any_order(order, form):
    subjects = [f"p{i}" for i in range(8)]
    files, table = match_subjects(
        [form.format(f"p{i}") for i in order] if form != "{}" else [f"p{i}" for i in order], subjects
    )
    assert table.tolist() == list(range(8))
    assert [order[i] for i in files] == list(range(8))


def test_who_has_no_partner_is_named_and_counted():
    with pytest.warns(CohortWarning) as caught:
        found = pairs(["c", "x", "a", "y"], ["a", "b", "c"])
    assert found == [[2, 0], [0, 2]]
    assert [str(one.message) for one in caught] == [
        "1 of 3 subjects of the table have none of the masks, left out: b.",
        "2 of 4 of the masks belong to no subject of the table, left out: x, y.",
    ]


def test_the_beginning_of_a_name_is_no_subject():
    with pytest.raises(
        CohortError, match=r"None of the masks \(sub-011_mask\) belongs to a subject of the table \(01\)"
    ):
        match_subjects(["sub-011_mask"], ["01"])
    with pytest.raises(CohortError, match=r"None of the masks \(01_lesion\).*ids="):
        match_subjects(["01_lesion"], ["01"])


@pytest.mark.parametrize(
    ("ids", "subjects", "said"),
    [
        (
            ["sub-01_ses-1", "sub-01_ses-2", "sub-02"],
            ["01", "02"],
            r"1 subject .* more than one .*: 01 \(sub-01_ses-1, ",
        ),
        (["sub-01"], ["01", "sub-01"], r"1 of 1 of the masks may belong to several subjects .*: sub-01 \(01, sub-01\)"),
        (["a"], ["a", "a", "b"], r"the table has more than one row for 1 id: a\."),
        (["a"], ["a", None], r"An id of the table is missing"),
        (["a"], ["a", float("nan")], r"An id of the table is missing"),
        (["sub-07", "sub-08"], ["7", "08"], r"1 id .* only in spelling: 'sub-07' in the masks, '7' in the table"),
        (["sub-07_mask", "sub-08_mask"], [7, 8], r"2 ids .* only in spelling: 'sub-0.' in the masks"),
        (["Subject_1"], ["subject_001"], r"1 id .* only in spelling"),
    ],
)
def test_what_cannot_be_paired_is_named(ids, subjects, said):
    with pytest.raises(CohortError, match=said):
        match_subjects(ids, subjects)


def test_messages_call_files_and_table_as_told():
    with pytest.raises(CohortError, match=r"None of the lesions \(x\) belongs to a subject of scores\.csv \(a\)"):
        match_subjects(["x"], ["a"], files="the lesions", table="scores.csv")
