"""The page as a file: what it lets happen, what it knows, and whatever texts files bring."""

import base64
import hashlib
import html
import io
import json
import re
from html.parser import HTMLParser
from importlib.resources import files

import numpy as np
import pytest
from astropy.io import fits

from lamost_rare.inference.columns import columns_of_catalogue
from lamost_rare.inference.evidence import LINES
from lamost_rare.report.errors import ReportError
from lamost_rare.report.making import make_page
from lamost_rare.report.page import SCRIPTS, STYLES, write_page
from lamost_rare.report.records import digest_of
from lamost_rare.report.verdict import key_of
from lamost_rare.report.words import FLAGS_IN_WORDS, flag_names, verdict_classes
from lamost_rare.spectra.files import read_spectrum_file
from lamost_rare.spectra.quality import QualityFlag
from report_helpers import check_spectrum, element, read_page, scan, use_standins, write_star
from scan_helpers import table

N = 12


@pytest.fixture(scope="module")
def output(tmp_path_factory):
    root = tmp_path_factory.mktemp("page")
    for i in range(N):
        layout = ("dr1-7", "early", "dr8plus")[i % 3]
        write_star(root / "in" / f"{i:02d}.fits.gz", i, layout=layout, ra=10.0 + i % 6)
    with pytest.MonkeyPatch.context() as patch:
        use_standins(patch)
        return scan(root / "in", root / "out")


@pytest.fixture(scope="module")
def page(output):
    return read_page(make_page(output, progress=False).path)


class Elements(HTMLParser):
    """Start tags with their attributes, and what stands in script and style elements."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.tags, self.content = [], []
        self._open = None
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag in ("script", "style"):
            self._open = (tag, dict(attrs), [])

    def handle_data(self, data):
        if self._open:
            self._open[2].append(data)

    def handle_endtag(self, tag):
        if self._open and tag == self._open[0]:
            self.content.append((*self._open[:2], "".join(self._open[2])))
            self._open = None

    def attributes(self, tag, name):
        return [attrs[name] for found, attrs in self.tags if found == tag and name in attrs]


def policy_of(elements):
    (policy,) = [
        attrs["content"]
        for tag, attrs in elements.tags
        if tag == "meta" and attrs.get("http-equiv") == "Content-Security-Policy"
    ]
    rules = [rule.split(maxsplit=1) for rule in policy.split(";")]
    return {name: value[0] if value else "" for name, *value in rules}


def hashed(text):
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def test_the_policy_allows_what_is_there_and_nothing_else(page):
    elements = Elements(page.html)
    policy = policy_of(elements)
    assert policy["default-src"] == "'none'"
    assert policy["base-uri"] == policy["form-action"] == "'none'"
    assert policy["img-src"] == "data: blob:"
    assert "connect-src" not in policy
    run = [text for tag, attrs, text in elements.content if tag == "script" and not attrs]
    assert len(run) == len(SCRIPTS)
    assert policy["script-src"].split() == list(map(hashed, run))
    (style,) = [text for tag, _, text in elements.content if tag == "style"]
    assert policy["style-src"] == hashed(style)
    # It stands before anything that it is about.
    assert page.html.index("Content-Security-Policy") < page.html.index("<style>")


def test_a_page_of_a_server_may_ask_that_server_alone(page):
    file = io.BytesIO()
    write_page(file, page.list | {"served": {"verdicts": "verdicts"}}, [])
    policy = policy_of(Elements(file.getvalue().decode()))
    assert policy["connect-src"] == "'self'"
    assert {**policy, "connect-src": ""} == {**policy_of(Elements(page.html)), "connect-src": ""}


def test_the_page_loads_nothing(page):
    elements = Elements(page.html)
    kinds = {tag for tag, _ in elements.tags}
    assert not kinds & {"img", "iframe", "object", "embed", "base", "audio", "video"}
    assert elements.attributes("form", "action") == []
    assert elements.attributes("script", "src") == []
    assert elements.attributes("link", "href") == ["data:,"]
    for _, attrs in elements.tags:
        assert not [name for name in attrs if name.startswith("on")]
        assert "style" not in attrs
        assert "http" not in attrs.get("src", "") + attrs.get("href", "")
    (style,) = [text for tag, _, text in elements.content if tag == "style"]
    assert not re.search(r"url\(|@import", style)


def test_every_asset_is_on_the_page_and_can_be():
    folder = files("lamost_rare.report").joinpath("assets")
    there = {path.name for path in folder.iterdir()}
    assert there == {*SCRIPTS, *STYLES, "page.html"}
    assert len(set(SCRIPTS)) == len(SCRIPTS)
    for name in there:
        text = folder.joinpath(name).read_bytes().decode("utf-8")
        assert "\r" not in text
        if name != "page.html":
            assert not re.search(r"</script|</style|<!--", text, re.IGNORECASE), name


def test_what_is_drawn_is_what_the_files_hold(page, output):
    paths = page.columns["path"] + page.list["visits"]["path"]
    assert len(paths) == len(page.spectra) == page.list["spectra"] > page.list["rows"]
    for i, path in enumerate(paths):
        check_spectrum(page, i, read_spectrum_file(path))


def test_the_list_says_what_the_catalogue_says(page, output):
    rows = table(output, "candidates")
    listed, columns = page.list, page.columns
    n = listed["rows"]
    assert n == len(rows["path"]) > 2
    assert columns["obsid"] == [str(number) for number in rows["obsid"]]
    assert columns["name"] == rows["designation"]
    assert columns["prediction"] == rows["prediction"]
    assert columns["candidate"] == [1] * n
    assert columns["flags"] == rows["flags"]
    for name, of in (
        ("snr_g", "snr_g"), ("ra", "ra"), ("dec", "dec"), ("evidence", "evidence"),
        ("subtype", "o_subtype"), ("velocity", "velocity"), ("velocity_err", "velocity_err"),
    ):  # fmt: skip
        same(columns[name], rows[of])
    assert columns["p_survey"] == [None] * n  # a preset without odds
    for name in listed["classes"]:
        same(listed["p"][name], rows[f"p_{name}"])
    for name in LINES:
        same(listed["ew"][name], rows[f"ew_{name}"])
        same(listed["ew_err"][name], rows[f"ew_{name}_err"])
    for name, values in columns.items():
        assert len(values) == n, name
    assert columns["survey_class"] == ["STAR"] * n
    assert listed["rare"] == "O"
    assert listed["classes"] == ["O", "F"]
    assert listed["preset"]["name"] == "standin-v1"
    assert listed["made"]["by"].startswith("lamost-rare ")
    assert listed["title"] == f"Candidates of class O in {output.parent.name}/out"
    assert f"<title>{listed['title']}</title>" in page.html


def same(listed, values):
    assert [value is None for value in listed] == [value is None for value in values]
    found = [value for value in listed if value is not None]
    np.testing.assert_allclose(found, [x for x in values if x is not None], rtol=6e-3)


def test_keys_name_spectra_and_their_digest_the_list(page, output):
    rows = table(output, "candidates")
    keys = list(map(key_of, rows["path"], rows["obsid"]))
    assert page.columns["key"] == keys
    assert page.list["digest"] == digest_of(keys)
    assert re.fullmatch("[0-9a-f]{64}", page.list["digest"])
    assert digest_of(keys[::-1]) != digest_of(keys)
    visits = page.list["visits"]["key"]
    assert not set(visits) & set(keys)


def test_visits_are_beside_their_stars(page):
    listed = page.list
    n = listed["rows"]
    assert listed["stars"]
    positions = list(
        zip(*((page.columns[k] + listed["visits"][k]) for k in ("ra", "dec")), strict=True)
    )
    for number, members in enumerate(listed["stars"]):
        assert len(members) == 2
        assert min(members) < n
        assert len({positions[i] for i in members}) == 1
        assert [listed["star"][i] for i in members] == [number] * 2
    alone = set(range(n)) - {i for members in listed["stars"] for i in members}
    assert all(listed["star"][i] == -1 for i in alone)
    assert {len(values) for values in listed["visits"].values()} == {listed["spectra"] - n}


HOSTILE = (
    "</script><script>alert(1)</script>",
    "<!--<script>",
    "\"'><img src=x onerror=alert(1)>",
    "&lt;b&amp;",
    "]]>{{x}}${y}`",
    "Ж中文العربية",
)


def test_texts_of_files_cannot_break_out(tmp_path, monkeypatch):
    use_standins(monkeypatch)
    folder = tmp_path / "<b>&'\"</title><script>alert(2)</script>"
    for i, text in enumerate(HOSTILE):
        name = text.replace("/", "\u2215")
        # FITS is ASCII: other letters come by names of files alone.
        facts = {"designation": text} if text.isascii() else {"designation": ""}
        write_star(folder / f"{i} {name}.fits", i + 8, **facts)
    write_star(folder / "\u202egnp\u200f.fits", 14, designation="")
    write_star(folder / "\x1b[31mred\n.fits", 13)
    output = scan(folder, folder / "out")
    page = read_page(make_page(output, where="ra > 0", progress=False).path)
    elements = Elements(page.html)
    assert len([1 for tag, attrs, _ in elements.content if tag == "script" and not attrs]) == len(
        SCRIPTS
    )
    assert not elements.attributes("img", "src")
    titles = re.findall("<title>(.*?)</title>", page.html, re.DOTALL)
    assert titles == [html.escape(page.list["title"])]
    assert "alert(" not in page.html.replace(titles[0], "")
    by_name = sorted(page.columns["name"])
    assert sorted(page.columns["missing"]) == [""] * len(by_name)
    for text in HOSTILE[:5]:
        assert text.strip() in by_name
    assert any(HOSTILE[5] in name for name in by_name)
    assert r"\u202egnp\u200f.fits" in by_name
    shown = json.dumps(page.list, ensure_ascii=False)
    for character in "\x1b\u202e\u200f":
        assert character not in shown
    assert r"\x1b[31mred\n.fits" in page.columns["path"][page.columns["obsid"].index("1013")]


def few_pixels(n, value=1.0):
    """Return a LAMOST file with so many pixels."""
    names = ("FLUX", "IVAR", "WAVELENGTH", "ANDMASK", "ORMASK", "NORMALIZATION")
    values = np.arange(n) + value, np.ones(n), 5000 + np.arange(float(n)), *[np.zeros(n)] * 3
    table = fits.BinTableHDU.from_columns(
        [fits.Column(name, f"{n}E", array=[row]) for name, row in zip(names, values, strict=True)],
        name="COADD",
    )
    primary = fits.PrimaryHDU()
    primary.header.update(OBSID=1000, RA=10.0, DEC=-1.5)
    content = io.BytesIO()
    fits.HDUList([primary, table]).writeto(content)
    return content.getvalue()


@pytest.mark.parametrize(
    ("content", "shown"),
    [
        (few_pixels(40), True),
        (few_pixels(2), True),
        (few_pixels(1), False),
        (few_pixels(40, np.nan), False),
        (b"", False),
    ],
    ids=["40", "2", "1", "nan", "empty"],
)
def test_a_spectrum_of_few_pixels_or_none(output, tmp_path, content, shown):
    # What is there now need not be what was scanned.
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "00.fits.gz").write_bytes(content)
    asked = {"rows": {"obsid": [1000]}, "spectra": tmp_path / "in", "progress": False}
    made = make_page(output, tmp_path / "p.html", **asked)
    page = read_page(made.path)
    assert made.missing == (not shown)
    if shown:
        check_spectrum(page, 0, read_spectrum_file(tmp_path / "in" / "00.fits.gz"))
    else:
        assert page.columns["missing"][0].startswith("cannot be shown: ")
        assert page.spectra[0] is None


def test_flags_are_told_in_words():
    assert set(FLAGS_IN_WORDS) == set(QualityFlag)
    assert [flag["bit"] for flag in flag_names()] == [flag.value for flag in QualityFlag]
    assert flag_names()[8]["name"] == "OUT_OF_DISTRIBUTION"


@pytest.mark.parametrize(
    ("classes", "rare"),
    [
        (["O", "F"], "O"),
        (["A", "carbon", "quasar", "other"], "carbon"),
        ([f"class{i}" for i in range(40)], "class3"),
        ([], ""),
    ],
)
def test_classes_of_verdicts_have_keys_of_their_own(classes, rare):
    found = verdict_classes(classes, rare)
    names = [one["name"] for one in found]
    keys = [one["key"] for one in found]
    assert len(set(keys)) == len(keys)
    assert not set(keys) & set("cjk")
    assert names[-2:] == ["other", "unsure"]
    assert {"O", "B", "A", "hot_subdwarf", "white_dwarf"} <= set(names)
    assert not rare or names[0] == rare
    assert all(re.fullmatch("[a-z]", key) for key in keys)


def test_the_catalogue_of_today_has_all_columns_that_the_list_knows():
    names = {column.name for column in columns_of_catalogue(["O"], "O")}
    assert {"o_subtype", "o_subtype_err", "velocity", "velocity_err", "novelty"} <= names


def test_a_page_is_not_overwritten_by_chance(output, tmp_path):
    target = tmp_path / "p.html"
    target.write_text("mine")
    with pytest.raises(ReportError, match=r"p.html exists already; overwrite=True replaces it"):
        make_page(output, target, progress=False)
    assert target.read_text() == "mine"
    make_page(output, target, overwrite=True, progress=False)
    assert element(target.read_text(encoding="utf-8"), "list")
    assert [path.name for path in tmp_path.iterdir()] == ["p.html"]
