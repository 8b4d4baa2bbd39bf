import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.optimize import linear_sum_assignment

from avseld.base.assignment import assign_rows

SIZES = st.tuples(st.integers(1, 7), st.integers(1, 7))


def test_three_people_keep_their_boxes_though_two_are_nearest_to_the_same():
    cost = np.array([[0.1, 0.4, 0.9], [0.2, 0.9, 0.9], [0.9, 0.8, 0.3]])
    rows, columns = assign_rows(cost)
    assert rows.tolist() == [0, 1, 2] and columns.tolist() == [1, 0, 2]


@settings(max_examples=200, deadline=None)
@given(SIZES.flatmap(lambda size: arrays(float, size, elements=st.floats(-5, 5))))
def test_pairs_are_those_of_scipy(cost):
    for ours, theirs in zip(assign_rows(cost), linear_sum_assignment(cost), strict=True):
        assert ours.tolist() == theirs.tolist()


@settings(max_examples=200, deadline=None)
@given(SIZES.flatmap(lambda size: arrays(float, size, elements=st.sampled_from([0.0, 0.5, 1.0, 1e3]))))
def test_ties_fall_as_in_scipy(cost):
    for ours, theirs in zip(assign_rows(cost), linear_sum_assignment(cost), strict=True):
        assert ours.tolist() == theirs.tolist()


@pytest.mark.parametrize("shape", [(0, 3), (3, 0), (0, 0)])
def test_nobody_is_assigned_where_there_is_nobody(shape):
    assert [len(each) for each in assign_rows(np.zeros(shape))] == [0, 0]
