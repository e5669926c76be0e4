import numpy as np
import pytest
from scipy import stats

from pricing.mixture import mean_below, mixture_cdf, mixture_quantile


def gamma_cumulants(shape, scale, shift=0.0):
    return np.array([[shift + shape * scale, shape * scale**2, 2 * shape * scale**3]])


@pytest.mark.parametrize("shape", [0.5, 4.0, 100.0])
@pytest.mark.parametrize("level", [0.01, 0.05, 0.5, 0.95])
def test_a_gamma_is_given_back_exactly(shape, level):
    law = stats.gamma(shape, loc=3.0, scale=2.0)
    found = mixture_quantile(level, gamma_cumulants(shape, 2.0, 3.0))
    assert found == pytest.approx(law.ppf(level), rel=1e-8)


@pytest.mark.parametrize("shape", [0.5, 4.0, 100.0])
def test_the_mean_of_a_gamma_tail_is_closed_form(shape):
    law = stats.gamma(shape, scale=2.0)
    limit = law.ppf(0.05)
    tail = law.expect(lambda x: x, lb=0, ub=limit) / 0.05
    assert mean_below(limit, gamma_cumulants(shape, 2.0)) == pytest.approx(tail, rel=1e-5)


def test_without_skewness_a_path_is_normal():
    cumulants = np.array([[10.0, 1.0, 0.0]])
    limit = mixture_quantile(0.05, cumulants)
    assert limit == pytest.approx(stats.norm.ppf(0.05, 10, 1), abs=1e-9)
    tail = 10 - stats.norm.pdf(limit - 10) / 0.05
    assert mean_below(limit, cumulants) == pytest.approx(tail, abs=1e-9)


@pytest.mark.parametrize("skew", [0.0099, -0.0099])
def test_just_below_the_switch_the_expansion_joins_the_gamma(skew):
    expanded, gamma = np.array([[0.0, 1.0, skew]]), np.array([[0.0, 1.0, skew * 1.02]])
    for level in (0.05, 0.5, 0.95):
        limit = mixture_quantile(level, expanded)
        assert limit == pytest.approx(mixture_quantile(level, gamma), abs=1e-4)
        assert mean_below(limit, expanded) == pytest.approx(mean_below(limit, gamma), abs=5e-4)


def test_negative_skew_is_the_mirror_of_positive_skew():
    right, left = np.array([[0.0, 1.0, 0.8]]), np.array([[0.0, 1.0, -0.8]])
    for level in (0.05, 0.3, 0.9):
        mirrored = -mixture_quantile(1 - level, left)
        assert mixture_quantile(level, right) == pytest.approx(mirrored, abs=1e-8)
    split = mixture_quantile(0.3, right)
    below, above = mean_below(split, right), -mean_below(-split, left)
    assert 0.3 * below + 0.7 * above == pytest.approx(0.0, abs=1e-9)


def test_the_cdf_of_a_mixture_is_the_mean_of_its_parts():
    parts = np.array([[0.0, 1.0, 0.5], [5.0, 2.0, 1.0]])
    mean = (mixture_cdf(2.0, parts[:1]) + mixture_cdf(2.0, parts[1:])) / 2
    assert mixture_cdf(2.0, parts) == pytest.approx(mean)


def test_no_variance_is_a_point():
    certain = np.array([[7.0, 0.0, 0.0]] * 4)
    assert mixture_quantile(0.05, certain) == 7.0
    assert mean_below(7.0, certain) == pytest.approx(7.0)
