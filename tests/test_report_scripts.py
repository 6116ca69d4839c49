"""How the scripts of the page are kept: short, one name each, and no text becomes markup."""

import re
from importlib.resources import files

import pytest

from lamost_rare.report.page import SCRIPTS

ASSETS = files("lamost_rare.report").joinpath("assets")


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_is_short_strict_and_safe(name):
    text = ASSETS.joinpath(name).read_text(encoding="utf-8")
    assert text.startswith('"use strict";\n')
    assert text.count("\n") <= 300
    unsafe = r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function"
    assert not re.search(unsafe, text)
    # A second name would be one more that another script may have.
    assert len(re.findall(r"^(?:const|let|var|class|function|async function) ", text, re.M)) == 1
