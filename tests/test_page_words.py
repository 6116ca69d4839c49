"""Numbers on the page as people read them."""

import numpy as np
import pytest

from browser_helpers import visit
from page_helpers import page_of_stars


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return page_of_stars(tmp_path_factory.mktemp("words"))


@pytest.fixture
def page(context, path):
    return visit(context.new_page(), path)


@pytest.mark.parametrize(
    ("p", "said"),
    [(0, "0 %"), (1, "100 %"), (0.9, "90 %"), (0.1, "10 %"), (0.3, "30 %"), (0.1049, "10 %"),
     (0.0999, "10 %"), (0.05, "5 %"), (0.0512, "5.1 %"), (0.005, "0.5 %"), (0.00012, "0.01 %"),
     (0.00001, "< 0.01 %"), (0.9995, "> 99.9 %"), (0.995, "99.5 %"), (0.9934, "99.34 %"),
     (None, "–")],
)  # fmt: skip
def test_percentages(page, p, said):
    assert page.evaluate("p => Words.percent(p)", p) == said


def test_percentages_are_near_the_probability(page):
    given = np.linspace(0.0002, 0.9989, 997).tolist()
    said = page.evaluate("all => all.map((p) => Words.percent(p))", given)
    read = [float(text.removesuffix(" %")) / 100 for text in said]
    np.testing.assert_allclose(read, given, atol=0.0051, rtol=0.06)
