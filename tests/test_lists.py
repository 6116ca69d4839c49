"""Lists of files as other systems and programs write them, pipes, and paths from Python."""

import codecs
import gzip
import io
import os
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from astropy.table import Column, MaskedColumn, Table
from hypothesis import example, given
from hypothesis import strategies as st

from lamost_rare import cli
from lamost_rare.survey import ScanError, ScanInterrupted, pack, scan
from lamost_rare.survey.inputs.discovery import Walk, is_archive
from lamost_rare.survey.inputs.opening import open_inputs
from lamost_rare.survey.inputs.text_lines import text_lines
from scan_helpers import (
    MACHINERY,
    digests,
    manifest,
    scan_directory,
    standin_preset,
    table,
    use_network,
    write_file,
)

ENDS = ("\n", "\r\n", "\r", "\0")
TEXT_ENCODINGS = {
    "utf-8": b"",
    "utf-8-sig": b"",
    "utf-16-le": codecs.BOM_UTF16_LE,
    "utf-16-be": codecs.BOM_UTF16_BE,
}


def paths(source, root=None):
    found = list(open_inputs(source, root).entries(Walk()))
    assert not any(entry.reason for entry in found)
    return [entry.path for entry in found]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("lists")


def as_line(name, end, quoted):
    """A name in a list: where it would be read as something else, behind ./ or in quotes."""
    if end == "\0":
        return name
    if quoted:
        return '"' + name.replace('"', '""') + '"'
    return "./" + name if name[0] in "#\"' \t" else name


@given(
    names=st.lists(
        st.text(
            st.characters(exclude_characters="\0\n\r/", exclude_categories=["Cs"]), min_size=1
        ).map(lambda name: name + ".fits"),
        min_size=1,
    ),
    encoding=st.sampled_from(sorted(TEXT_ENCODINGS)),
    end=st.sampled_from(ENDS),
    quoted=st.booleans(),
    zipped=st.booleans(),
    last=st.booleans(),
    blank=st.booleans(),
)
@example(["#a", " b ", '"c"', "'d'", "\ufeffe"], "utf-16-le", "\r", False, True, True, True)
def test_any_names_in_any_encoding_come_back(
    folder, names, encoding, end, quoted, zipped, last, blank
):
    end = end if end != "\0" or encoding.startswith("utf-8") else "\n"
    lines = [as_line(name, end, quoted) for name in names]
    text = end.join(lines) + (end if last else "")
    if blank and end != "\0":
        text = f"# a comment{end}{end}  \t{end}{text}{end}#another"
    if encoding == "utf-8" and text.startswith("\ufeff"):
        return  # which is a mark there
    content = TEXT_ENCODINGS[encoding] + text.encode(encoding)
    suffix = ".txt.gz" if zipped else ".lst"
    (folder / f"l{suffix}").write_bytes(gzip.compress(content, 1) if zipped else content)
    wanted = [name.encode() for name in names]
    found = [path.removeprefix(b"./") for path in paths(folder / f"l{suffix}")]
    assert found == wanted


def file_name(name):
    return not set(name) & set(b"\0\r\n") and not is_archive(name)


@given(st.lists(st.binary(min_size=5).filter(file_name)))
def test_names_of_any_bytes_come_back(folder, names):
    # Behind ./ nothing is a comment, a quote or a mark.
    names = [b"./" + name for name in names]
    (folder / "bytes.txt").write_bytes(b"".join(name + b"\n" for name in names))
    assert paths(folder / "bytes.txt") == names
    (folder / "bytes.txt").write_bytes(b"".join(name + b"\0" for name in names))
    assert paths(folder / "bytes.txt") == names


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_utf16_is_known_without_a_mark(folder, encoding):
    (folder / "u.txt").write_bytes("a.fits\r\nü星.fits\r\n".encode(encoding))
    assert paths(folder / "u.txt") == [b"a.fits", "ü星.fits".encode()]


def test_utf16_over_several_blocks(folder):
    names = [f"/data/{i:06d}-星{chr(0x1F600 + i % 9)}.fits" for i in range(20_000)]
    (folder / "long.txt").write_bytes("\r\n".join(names).encode("utf-16"))
    assert paths(folder / "long.txt") == [name.encode() for name in names]


def test_half_a_pair_of_a_windows_name_is_kept(folder):
    (folder / "half.txt").write_bytes("a\ud800.fits\n".encode("utf-16", "surrogatepass"))
    assert paths(folder / "half.txt") == ["a\ud800.fits".encode("utf-8", "surrogatepass")]


def test_quotes_that_do_not_enclose_a_line_stay(folder):
    lines = [b"it's.fits", b'a "b".fits', b"'open", b'"', b"'two words.fits'", b'  "indented.fits"']
    (folder / "q.txt").write_bytes(b"\n".join(lines))
    assert paths(folder / "q.txt") == [*lines[:4], b"two words.fits", b"indented.fits"]


@pytest.mark.parametrize(
    "content",
    [
        gzip.compress(b"a.fits\n" * 999, mtime=0)[:-9],
        b"\x1f\x8bnoise",
        b"\xff\xfea\0.",  # half a character
    ],
)
def test_a_damaged_list_is_one_clear_line(folder, content):
    (folder / "damaged.txt").write_bytes(content)
    with pytest.raises(ScanError, match=r"damaged.txt is no list that can be read") as error:
        paths(folder / "damaged.txt")
    assert str(error.value).isprintable()


def test_lines_that_are_too_long_do_not_fill_memory():
    lines = list(text_lines(_Endless(2**24), 100))
    assert len(lines) == 1
    assert 100 < len(lines[0]) < 2**20


class _Endless(io.RawIOBase):
    """A file of one long line."""

    def __init__(self, size):
        self.size = size

    def readable(self):
        return True

    def readinto(self, buffer):
        n = min(len(buffer), self.size)
        buffer[:n] = b"x" * n
        self.size -= n
        return n


@pytest.fixture
def network(monkeypatch):
    monkeypatch.setattr(MACHINERY, "shard_size", 8)
    return use_network(monkeypatch)


@pytest.fixture
def preset(tmp_path):
    return standin_preset(tmp_path / "preset")


@pytest.fixture
def here(tmp_path, monkeypatch):
    """The current directory, with three spectra."""
    folder = tmp_path / "here"
    for i in range(3):
        write_file(folder / f"{i}.fits", i)
    monkeypatch.chdir(folder)
    return folder


def through_a_pipe(content, use):
    """What ``use`` does with the path of a pipe into which ``content`` goes a byte at a time."""
    reading, writing = os.pipe()

    def write():
        with open(writing, "wb", buffering=0) as file:
            for i in range(len(content)):
                file.write(content[i : i + 1])

    thread = threading.Thread(target=write)
    thread.start()
    try:
        return use(f"/dev/fd/{reading}")
    finally:
        os.close(reading)
        thread.join()


@pytest.mark.skipif(not os.path.exists("/dev/fd"), reason="no /dev/fd here")
@pytest.mark.parametrize("before", ["", "@"])
def test_a_pipe_is_a_list_relative_to_the_current_directory(here, before):
    content = b"\xef\xbb\xbf2.fits\n# no\n0.fits\n"
    for packed in (content, gzip.compress(content)):
        assert through_a_pipe(packed, lambda path: paths(before + path)) == [b"2.fits", b"0.fits"]
    assert open_inputs(before + "-").root == os.fsencode(here)


def test_a_named_pipe_is_a_list(here):
    os.mkfifo("pipe")
    thread = threading.Thread(target=lambda: Path("pipe").write_bytes(b"1.fits\n"))
    thread.start()
    assert paths("pipe") == [b"1.fits"]
    thread.join()


@pytest.mark.parametrize("name", ["-", "/dev/stdin"])
def test_standard_input_is_a_list(here, name):
    program = (
        "from lamost_rare.survey.inputs.opening import open_inputs\n"
        "from lamost_rare.survey.inputs.discovery import Walk\n"
        f"print([e.path for e in open_inputs({name!r}).entries(Walk())])"
    )
    (here / "list").write_bytes(b"1.fits\r\n\r\n2.fits")
    for kind in ("pipe", "file"):
        with open("list", "rb") as file:
            given = {"input": b"1.fits\n2.fits\n"} if kind == "pipe" else {"stdin": file}
            done = subprocess.run([sys.executable, "-c", program], capture_output=True, **given)
        assert done.stdout.decode().strip() == "[b'1.fits', b'2.fits']", done.stderr.decode()


def test_no_standard_input_is_one_clear_line(here):
    program = "from lamost_rare import cli; raise SystemExit(cli.main())"
    command = [sys.executable, "-c", program, "scan", "-", "--output", "out", "--quiet"]
    closed = subprocess.run(["sh", "-c", '"$@" <&-', "sh", *command], capture_output=True)
    assert closed.returncode == 2
    assert b"there is no standard input" in closed.stderr
    nothing = subprocess.run(command, input=b"", capture_output=True)
    assert nothing.returncode == 1
    assert b"no paths came from standard input" in nothing.stderr
    assert len(nothing.stderr.splitlines()) == 1


def sequences(names):
    text = [os.fsdecode(name) for name in names]
    return {
        "list": text,
        "tuple": tuple(map(Path, text)),
        "generator": (name for name in text),
        "bytes": [os.fsencode(name) for name in text],
        "array of text": np.array(text),
        "array of bytes": np.array(names, dtype="S"),
        "array of objects": np.array(text, dtype=object),
        "Column": Column(text),
        "Column of bytes": Table({"path": np.array(names, dtype="S")})["path"],
        "MaskedColumn": MaskedColumn(text),
        "Series": pd.Series(text, index=range(7, 7 + len(text))),
        "nullable Series": pd.Series(text, dtype="string"),
        "categories": pd.Series(text, dtype="category"),
        "Index": pd.Index(text),
        "pyarrow array": pa.array(text),
        "large strings": pa.chunked_array([text[:1], text[1:]], pa.large_string()),
    }


@pytest.mark.parametrize("kind", sorted(sequences([b"x"])))
def test_a_sequence_of_paths_is_a_list(here, kind):
    names = [b"2.fits", b"nowhere/1.fits", os.fsencode(here / "0.fits")]
    source = open_inputs(sequences(names)[kind])
    assert [entry.path for entry in source.entries(Walk())] == names
    assert source.root == os.fsencode(here)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (pd.DataFrame({"path": ["a"]}), r"source is a DataFrame: give its column of paths"),
        (Table({"path": ["a"]}), r"source is a Table: give its column of paths"),
        (pa.table({"path": ["a"]}), r"source is a Table: give its column of paths"),
        ({"a.fits"}, r"source is a set, which has no order: give sorted\(\.\.\.\) of it"),
        ({"a.fits": 1}, r"cannot read spectra from a dict"),
        (np.ones(3), r"array of float64 with 1 axes: give paths of files$"),
        (np.array([["a"]]), r"with 2 axes"),
        (MaskedColumn(["a", "b"], mask=[False, True]), r"source has masked items"),
        (7, r"cannot read spectra from a int"),
        (["a.fits", None], r"item 1 of source is a NoneType: a scan takes paths"),
        (pd.Series(["a", np.nan]), r"item 1 of source is a float: a scan takes paths"),
    ],
)
def test_what_is_no_sequence_of_paths_says_what_to_give(here, source, message):
    with pytest.raises(TypeError, match=message):
        paths(source)


def test_an_empty_name_in_a_sequence_is_refused(here):
    with pytest.raises(ValueError, match="item 1 of source is empty"):
        paths(["a.fits", ""])


def test_a_name_that_no_file_can_have_is_a_reject(here, preset, network):
    summary = scan_directory(["0.fits", "\ud800.fits"], "out", preset=preset, workers=1)
    assert (summary.classified, summary.reasons) == (1, {"unreadable": 1})


def test_a_scan_of_a_sequence_resumes_if_it_is_the_same(
    here, preset, network, tmp_path, monkeypatch
):
    names = [f"{i}.fits" for i in (2, 0, 1)]
    options = {"preset": preset, "workers": 1, "batch_size": 4}

    def stop(*args, **kwargs):
        raise ScanInterrupted(None)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scan, "merge_shards", stop)
        with pytest.raises(ScanInterrupted):
            scan_directory(names, "out", **options)
    assert manifest(here / "out")["source"] == str(here / "-")
    with pytest.raises(ScanError, match="holds a scan of other inputs"):
        scan_directory(sorted(names), "out", **options)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ScanError, match=r"holds a scan of .*, not of"):
        scan_directory(names, here / "out", **options)
    monkeypatch.chdir(here)
    # It is the same list from a pipe.
    resumed = through_a_pipe(
        "\n".join(names).encode(), lambda path: scan_directory(path, "out", **options)
    )
    assert (resumed.done_before, resumed.classified) == (3, 3)
    (here / "l.txt").write_text("\n".join(names))
    scan_directory("l.txt", "listed", **options)
    assert digests(here / "out") == digests(here / "listed")
    assert table(here / "out")["path"] == [str(here / name) for name in names]


def test_a_sequence_is_packed(here):
    summary = pack.pack_spectra(np.array(["1.fits", "gone.fits"]), "store.h5", workers=1)
    assert (summary.classified, summary.reasons) == (1, {"unreadable": 1})


@pytest.mark.parametrize("source", [["0.fits"], "-", "@-"])
def test_a_catalogue_is_a_file(here, source):
    with pytest.raises(ScanError, match="with root the source is a catalogue in a file, not"):
        open_inputs(source, here)


@pytest.mark.parametrize("command", ["scan", "pack"])
def test_several_sources_are_answered_with_what_to_do(here, capsys, command):
    for arguments in (["0.fits", "1.fits", "--output", "o"], ["--output", "o", "0.fits", "1.fits"]):
        assert cli.main([command, *arguments]) == 2
        said = capsys.readouterr().err
        assert f"printf '%s\\n' FILE... | lamost-rare {command} -" in said
        assert len(said.splitlines()) == 1
    assert not os.path.exists("o")
