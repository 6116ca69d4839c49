"""Verdicts for tests, and the files that pages export of them."""

import csv
import io
import json
import re

from hypothesis import strategies as st

from lamost_rare.report.verdict import Verdict, key_of

COLUMNS = (
    "list", "key", "obsid", "name", "path", "ra", "dec", "class", "quality", "flags", "comment",
    "by", "at",
)  # fmt: skip
DIGEST = "ab" * 32
CLASSES = ("O", "B", "A", "hot subdwarf", "white dwarf", "other", "unsure")
QUALITIES = ("certain", "probable", "possible", "no use")


def verdict(number, by="Anna", class_name="O", **known):
    """The verdict on spectrum ``number`` of a list."""
    path = f"/data/spec-{number}.fits.gz"
    given = {
        "key": key_of(path, 100 + number),
        "by": by,
        "class_name": class_name,
        "quality": "certain",
        "at": f"2026-11-29T19:{number // 60 % 60:02d}:{number % 60:02d}.123Z",
        "id": f"{by}-{number}",
        "list": DIGEST,
        "name": f"J{number}",
        "path": path,
        "obsid": 100 + number,
        "ra": 10.5,
        "dec": -3.25,
    }
    return Verdict(**{**given, **known})


def csv_text(verdicts, *, delimiter=",", columns=COLUMNS, end="\r\n", comma=False):
    """The file as a page exports it, or as a spreadsheet writes it again."""

    def shown(value):
        text = "" if value is None else str(value)
        if comma and isinstance(value, float):
            text = text.replace(".", ",")
        formula = not isinstance(value, (int, float)) and re.match(r"'*[=+\-@\t\r]", text)
        return f"'{text}" if formula else text

    file = io.StringIO(newline="")
    writer = csv.writer(file, delimiter=delimiter, lineterminator=end)
    writer.writerow(columns)
    for v in verdicts:
        event = {**v.to_event(), "flags": ";".join(v.flags), "obsid": v.obsid}
        writer.writerow([shown(event.get(name)) for name in columns])
    return file.getvalue()


def json_text(verdicts, digest=DIGEST):
    """The file as a page exports it."""
    made = {"by": "lamost-rare 0.1.0", "at": "2026-11-29T20:00:00Z"}
    head = {"format": 1, "kind": "lamost-rare verdicts", "list": digest, "made": made}
    return json.dumps({**head, "verdicts": [v.to_event() for v in verdicts]}, ensure_ascii=False)


def lines_text(verdicts):
    """The file as the server keeps it."""
    return "".join(json.dumps(v.to_event(), ensure_ascii=False) + "\n" for v in verdicts)


# What a textarea or a line of input gives: no control characters but line ends and tabs.
_PLAIN = st.characters(exclude_categories=("Cs", "Cc"))
TEXTS = st.text(_PLAIN, max_size=30)
COMMENTS = st.text(_PLAIN | st.sampled_from("\n\t\"'';,=+-@"), max_size=60)
NAMES = TEXTS.map(lambda text: " ".join(text.split())).filter(bool)
WORDS = st.sampled_from(("binary", "emission", "nebula", "artefact", "follow up"))


@st.composite
def some_verdicts(draw, most=8):
    """Verdicts of a page: each of another spectrum or person."""
    made = []
    for number in range(draw(st.integers(1, most))):
        v = verdict(
            number,
            class_name=draw(st.sampled_from(("", *CLASSES))),
            quality=draw(st.sampled_from(("", *QUALITIES))),
            flags=tuple(draw(st.lists(WORDS, unique=True))),
            comment=draw(COMMENTS),
            ra=draw(st.none() | st.floats(0, 360)),
            dec=draw(st.none() | st.floats(-90, 90)),
            obsid=draw(st.integers(-1, 2**62)),
            path=draw(TEXTS),
        )
        made.append(v)
    return made
