"""Exact conversions between rates."""

import pytest

from avseld.base.errors import BadInput
from avseld.base.rates import exact_div, samples


def test_rates_without_an_integer_ratio_are_refused():
    assert exact_div(30480, 240) == 127
    with pytest.raises(BadInput, match=r"1000 is not a multiple of 3 .remainder 1."):
        exact_div(1000, 3)
    assert samples(1.27, 24000) == 30480
    with pytest.raises(BadInput, match=r"1\.27001"):
        samples(1.27001, 24000)
