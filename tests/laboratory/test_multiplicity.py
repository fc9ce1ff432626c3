import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import false_discovery_control

from dasknmf.laboratory.multiplicity import q_values


@given(p=st.lists(st.one_of(st.floats(0, 1), st.just(np.nan)), max_size=12))
def test_q_is_that_of_the_tests_there_are(p):
    p = np.array(p, dtype=float)
    found = q_values(p)
    assert np.array_equal(np.isnan(found), np.isnan(p))
    tested = p[~np.isnan(p)]
    if len(tested):
        np.testing.assert_array_equal(found[~np.isnan(p)], false_discovery_control(tested))
