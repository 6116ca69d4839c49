"""Steps, their parameters and their order; the registry over entry points."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from lamost_rare.pipeline import (
    Column,
    Parameter,
    PipelineError,
    Step,
    check_order,
    list_steps,
    load_step,
    make_step,
)
from lamost_rare.pipeline.registry import broken_distributions
from pipeline_helpers import SMOOTH, batch_of, install

BUILT_IN = {
    "augment",
    "line_evidence",
    "normalize",
    "o_star_classifier",
    "rare_star_classifier",
    "resample",
}


@pytest.fixture
def site(tmp_path, monkeypatch):
    """A folder on ``sys.path`` in which a test installs what it likes."""
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(folder)
    before = set(sys.modules)
    yield folder
    for name in set(sys.modules) - before:
        if str(getattr(sys.modules[name], "__file__", "")).startswith(str(folder)):
            del sys.modules[name]


def of(name):
    return [entry for entry in list_steps() if entry.name == name]


class Sample(Step):
    name = "sample"
    parameters = (
        Parameter("text", str, "a", choices=("a", "b")),
        Parameter("whole", int, 2),
        Parameter("number", float, 0.5),
        Parameter("switch", bool, False),
        Parameter("maybe", str, None),
    )


def test_parameters_have_their_defaults_and_types():
    step = Sample(number=1, maybe="x")
    assert step.values() == {
        "text": "a", "whole": 2, "number": 1.0, "switch": False, "maybe": "x",
    }  # fmt: skip
    assert isinstance(step.number, float)
    assert Sample(maybe=None).maybe is None


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"txet": "a"}, r"no parameter 'txet', did you mean 'text'\?; it has: text, whole"),
        ({"whole": "2"}, "whole must be a whole number, not '2'"),
        ({"whole": True}, "whole must be a whole number, not True"),
        ({"whole": 2.0}, "whole must be a whole number, not 2.0"),
        ({"number": float("nan")}, "number must be a number, not nan"),
        ({"number": "high"}, "number must be a number, not 'high'$"),
        ({"number": "1e-3"}, "not '1e-3'; YAML takes it for text, write an exponent as in 1.0e-3"),
        ({"switch": 1}, "switch must be true or false, not 1"),
        ({"text": None}, "text must be text, not None"),
        ({"text": "c"}, "text must be one of a, b, not 'c'"),
        ({"maybe": ["x"] * 1000}, r"maybe must be text, not \['x', 'x', .*\.\.\.\]$"),
        ({"a\x1b[2J": 1}, r"no parameter 'a\\x1b\[2J'"),
    ],
)
def test_wrong_parameters_are_named(given, said):
    with pytest.raises(PipelineError, match=f"^step 'sample': .*{said}") as caught:
        Sample(**given)
    assert "\n" not in str(caught.value)
    assert caught.value.status == 2


def test_a_step_without_process_says_so():
    with pytest.raises(NotImplementedError, match="'sample'"):
        Sample().process(batch_of())


@pytest.mark.parametrize("name", ["a b", "1st", "p_<O>", ""])
def test_columns_have_names_that_tables_can_hold(name):
    with pytest.raises(ValueError, match="a column cannot be called"):
        Column(name)
    with pytest.raises(ValueError, match="cannot hold"):
        Column("fine", object)


def step(name, needs=(), adds=(), grid=None):
    made = Sample()
    made.name, made.needs, made.adds, made.grid = name, needs, adds, grid
    return made


@pytest.mark.parametrize(
    ("steps", "said"),
    [
        ([step("a", ["x"]), step("b", adds=[Column("x")])],
         "step 'a': needs 'x', which step 'b' adds: put 'b' before it"),
        ([step("a", ["x"])], "step 'a': needs 'x', which no step adds"),
        ([step("a", adds=["flat"]), step("b", ["not flat"])],
         "step 'b': needs spectra that are not flat, and step 'a' makes them so: put it after"),
        ([step("a", ["not given"])], "step 'a': needs spectra that are not given, and they are"),
        ([step("a", adds=[Column("x")]), step("b", adds=[Column("x")])],
         "step 'b': adds the column 'x', and so does step 'a' before it"),
        ([step("a", grid="G"), step("b", grid="H")],
         "step 'b': needs spectra on H, and for step 'a' before it they are on G: put a resample"),
    ],
)  # fmt: skip
def test_an_impossible_order_is_refused(steps, said):
    with pytest.raises(PipelineError, match=re.escape(said)):
        check_order(steps, have=["given"])


def test_a_possible_order_is_not():
    check_order(
        [step("a", ["given"], [Column("x"), "flat"]), step("b", ["x", "flat", "not odd"])],
        have=["given"],
    )


# Registry


def test_built_in_steps_are_registered_by_the_package_itself():
    ours = {entry.name for entry in list_steps() if entry.distribution == "lamost_rare"}
    assert ours == BUILT_IN
    for name in BUILT_IN:
        made = make_step(name)
        assert isinstance(made, load_step(name))
        assert made.name == name
        assert made.summary
        assert made.origin.startswith("lamost_rare")


def test_listing_and_making_steps_is_light():
    code = (
        "import sys; from lamost_rare.pipeline import list_steps, make_step; names = "
        "[e.name for e in list_steps() if e.distribution == 'lamost_rare']; "
        "listed = {m for m in sys.modules if m.startswith('lamost_rare.pipeline.steps')}; "
        "[make_step(name) for name in names]; "
        "print(len(names), len(listed), *{m.split('.')[0] for m in sys.modules})"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120
    )
    number, listed, *modules = done.stdout.split()
    assert (number, listed) == ("6", "0")
    assert not {"tensorflow", "keras", "specutils", "astropy", "pyarrow"} & set(modules)


def test_a_step_of_another_distribution(site):
    install(site, "smoother", "[lamost_rare.steps]\nsmooth = smoothing:Smooth", smoothing=SMOOTH)
    [entry] = of("smooth")
    assert (entry.distribution, entry.version, entry.problem) == ("smoother", "1.0", "")
    assert "smoothing" not in sys.modules
    made = make_step("smooth", width=5)
    assert made.origin == "smoother 1.0"
    batch = batch_of()
    out = made.process(batch)
    assert out.columns["roughness"].shape == (4,)
    assert np.std(out.flux[:, 10:-10]) < np.std(batch.flux[:, 10:-10])
    with pytest.raises(PipelineError, match="step 'smooth': width must be a whole number"):
        make_step("smooth", width="wide")


def test_two_distributions_with_one_name(site):
    install(site, "one", "[lamost_rare.steps]\nsmooth = smoothing:Smooth", smoothing=SMOOTH)
    install(site, "two", "[lamost_rare.steps]\nsmooth = smoothing:Smooth\nother = smoothing:Smooth")
    assert len(of("smooth")) == 2
    with pytest.raises(PipelineError, match=r"one 1\.0 and two 1\.0 both register a step 'smooth'"):
        make_step("smooth")
    assert make_step("two:smooth").origin == "two 1.0"
    assert make_step("other").width == 3
    assert make_step("normalize").method == "l2"


@pytest.mark.parametrize(
    ("target", "source", "said"),
    [
        ("broken:Smooth", "import not_there", "ModuleNotFoundError: No module named 'not_there'"),
        ("broken:Smooth", "1 / 0", "ZeroDivisionError"),
        ("broken:Smooth", "def", "SyntaxError"),
        ("broken:Smooth", "import sys\nsys.exit(3)", "SystemExit: 3"),
        ("broken:Smooth", "raise BaseException('no')", "BaseException: no"),
        ("broken:Smooth", "", "AttributeError"),
        ("not_there:Smooth", "", "ModuleNotFoundError"),
        ("broken", "", "is not a subclass of lamost_rare's Step"),
        ("broken:x", "x = 3", "is not a subclass of lamost_rare's Step"),
        ("broken:S", "from lamost_rare.pipeline import *\nclass S(Step): parameters = ('a',)",
         "its parameters hold a str"),
        ("broken:S", "from lamost_rare.pipeline import *\nclass S(Step):\n"
         " parameters = (Parameter('process', str),)", "no parameter may be called 'process'"),
    ],
)  # fmt: skip
def test_a_step_that_cannot_be_imported(site, target, source, said):
    install(site, "bad", f"[lamost_rare.steps]\nsmooth = {target}", broken=source)
    with pytest.raises(PipelineError, match=f"^step 'smooth' of bad 1.0.*{said}") as caught:
        make_step("smooth")
    assert "\n" not in str(caught.value)
    assert make_step("normalize").method == "l2"


def test_a_step_that_refuses_to_be_made(site):
    source = (
        "from lamost_rare.pipeline import Step\n"
        "class S(Step):\n def __init__(self): raise OSError('no file x')"
    )
    install(site, "bad", "[lamost_rare.steps]\nsmooth = broken:S", broken=source)
    with pytest.raises(PipelineError, match="step 'smooth': OSError: no file x"):
        make_step("smooth")


def test_a_step_that_exits_when_it_is_made(site):
    source = (
        "from lamost_rare.pipeline import Step\n"
        "class S(Step):\n def __init__(self): raise SystemExit(5)"
    )
    install(site, "bad", "[lamost_rare.steps]\nsmooth = broken:S", broken=source)
    with pytest.raises(PipelineError, match="step 'smooth': SystemExit: 5"):
        make_step("smooth")


def test_ctrl_c_while_a_step_is_imported_is_no_fault_of_the_step(site):
    source = "raise KeyboardInterrupt"
    install(site, "slow", "[lamost_rare.steps]\nsmooth = broken:S", broken=source)
    with pytest.raises(KeyboardInterrupt):
        make_step("smooth")


def test_a_home_directory_in_a_parameter(monkeypatch):
    monkeypatch.setenv("HOME", "/home/me")
    parameter = Parameter("table", str, None, "a file", path=True)
    assert parameter.check("~/a.csv") == "/home/me/a.csv"
    assert parameter.check("racnet~v1") == "racnet~v1"
    assert parameter.check(None) is None
    assert Parameter("text", str).check("~/a.csv") == "~/a.csv"
    with pytest.raises(PipelineError, match="no preset '/home/me/mine"):
        make_step("rare_star_classifier", preset="~/mine")


@pytest.mark.parametrize(
    "text",
    [
        "this is no section",
        "[lamost_rare.steps]\nsmooth = a:B\nsmooth = a:C",
        "[lamost_rare.steps]\nsmooth = two words:B",
        "[lamost_rare.steps]\nsmooth = %(nothing)s",
        "[lamost_rare.steps]\nsmooth = caf\udce9:B",
    ],
)
def test_a_broken_distribution_does_not_hide_the_others(site, text):
    info = site / "bad-2.0.dist-info"
    info.mkdir()
    (info / "entry_points.txt").write_bytes(text.encode("utf-8", "surrogateescape"))
    install(site, "good", "[lamost_rare.steps]\nfine = smoothing:Smooth", smoothing=SMOOTH)
    assert make_step("fine").width == 3
    assert make_step("normalize").method == "l2"
    assert of("smooth") == []
    [line] = broken_distributions()
    assert re.match(r"the entry points of bad.2\.0 cannot be read", line)
    with pytest.raises(PipelineError, match=r"no step 'smooth'.*of bad.2\.0 cannot be read"):
        make_step("smooth")


def test_the_step_of_the_documentation(site):
    text = (Path(__file__).resolve().parent.parent / "docs" / "pipeline.md").read_text("utf-8")
    [source] = re.findall("```python\n(.*?)```", text, re.DOTALL)
    [entry_points] = re.findall(r"```ini\n\[options.entry_points\]\n(.*?)```", text, re.DOTALL)
    section = "[lamost_rare.steps]\n" + entry_points.split("=\n")[1].strip()
    install(site, "yours", section.replace("your_package.steps", "your_steps"), your_steps=source)
    out = make_step("mean_snr", scale=2).process(batch_of())
    assert out.columns["mean_snr"] == pytest.approx(100, rel=0.05)
    code = [line for line in source.split("class ")[1].splitlines() if line.strip()]
    assert len(code) <= 10


def test_an_unknown_step():
    with pytest.raises(PipelineError, match="no step 'normalise', did you mean 'normalize'"):
        load_step("normalise")
    with pytest.raises(PipelineError, match=r"no step 'x\\x1b\[31m'"):
        load_step("x\x1b[31m")
