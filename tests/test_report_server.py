"""``report --serve``: over real sockets, and with a server that is killed."""

import base64
import http.client
import json
import os
import re
import resource
import signal
import socket
import subprocess
import sys
import threading
import zlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import lamost_rare
from lamost_rare import cli
from lamost_rare.report.answering import MOST_BYTES
from lamost_rare.report.errors import ReportError
from lamost_rare.report.server import serve
from lamost_rare.report.verdict_files import read_verdict_file
from lamost_rare.report.verdict_log import LogInUseError, VerdictLog
from page_helpers import scan_of_stars
from verdict_helpers import DIGEST, verdict

JSON = {"Content-Type": "application/json"}


@pytest.fixture(scope="module")
def scan(tmp_path_factory):
    return scan_of_stars(tmp_path_factory.mktemp("served"))


def ask(url, method="GET", path="", body=None, headers=(), host=None):
    """Send one request; returns (status, headers, what came back)."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=30)
    connection.putrequest(method, parts.path + path, skip_host=True, skip_accept_encoding=True)
    if host != "":
        connection.putheader("Host", parts.netloc if host is None else host)
    for name, value in dict(headers).items():
        connection.putheader(name, value)
    if body is not None and "Content-Length" not in dict(headers):
        connection.putheader("Content-Length", str(len(body)))
    connection.endheaders(body)
    response = connection.getresponse()
    content = response.read()
    connection.close()
    if response.getheader("Content-Type") == "application/json" and content:
        content = json.loads(content)
    return response.status, response.headers, content


def post(url, events, **headers):
    body = json.dumps(events).encode()
    return ask(url, "POST", "verdicts", body, {**JSON, **headers})


def page_list(content):
    """The list that a page holds."""
    packed = re.search(rb'id="list">([^<]*)<', content)[1]
    return json.loads(zlib.decompress(base64.b64decode(packed)))


@pytest.fixture
def event(served):
    """Make an event on the list that is served."""
    page = page_list(ask(served.url)[2])

    def event(number, row=0, **changes):
        made = {
            **verdict(number, key=page["columns"]["key"][row], list=page["digest"]).to_event(),
            "obsid": page["columns"]["obsid"][row],
        }
        return {**made, **changes}

    return event


def lines(served):
    return [json.loads(line) for line in served.path.read_text(encoding="utf-8").splitlines()]


def test_the_page(served, scan, tmp_path):
    status, headers, content = ask(served.url)
    assert status == 200
    assert int(headers["Content-Length"]) == len(content)
    page = page_list(content)
    assert page["served"] == {"verdicts": "verdicts"}
    assert served.path == scan / f"verdicts-{page['digest'][:8]}.jsonl"
    policy = headers["Content-Security-Policy"]
    written = re.search(r'Content-Security-Policy" content="([^"]*)"', content.decode())[1]
    assert policy == f"{written}; frame-ancestors 'none'"
    assert "default-src 'none'" in policy
    assert "connect-src 'self'" in policy
    # But for that it is the page that is written to a file.
    page = {**page, "served": None, "made": None}
    path = lamost_rare.report(scan, tmp_path / "page.html", progress=False)
    other = page_list(path.read_bytes())
    assert page == {**other, "made": None}


def test_all_answers_have_the_headers_that_protect(served, event):
    answers = [
        ask(served.url),
        ask(served.url, path="verdicts"),
        post(served.url, event(1)),
        ask(served.url, path="nothing"),
        ask(served.url, "PUT"),
        ask(served.url, host="evil.example"),
        post(served.url, 3),
    ]
    assert [status for status, *_ in answers] == [200, 200, 200, 404, 405, 403, 422]
    for _, headers, _ in answers:
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Cache-Control"] == "no-store"
        assert headers["Referrer-Policy"] == "no-referrer"
        assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
        assert headers["X-Frame-Options"] == "DENY"
        assert headers["Content-Security-Policy"].startswith("default-src 'none'")
        assert headers["Server"] == "lamost-rare"


def test_verdicts_are_stored_and_given_back(served, event):
    first, second, third = (event(n, comment="H\u03b1\n\u2028\u661f") for n in range(3))
    assert post(served.url, first)[::2] == (200, {"stored": 1})
    assert post(served.url, [second, third])[::2] == (200, {"stored": 2})
    assert lines(served) == [first, second, third]
    assert ask(served.url, path="verdicts")[2] == {"events": [first, second, third], "next": 3}
    assert ask(served.url, path="verdicts?from=2")[2] == {"events": [third], "next": 3}
    assert ask(served.url, path="verdicts?from=7")[2] == {"events": [], "next": 3}
    found = read_verdict_file(served.path)
    assert [v.id for v in found.verdicts] == [first["id"], second["id"], third["id"]]
    assert found.notes == []


def test_a_number_beyond_all_numbers_is_refused(served, event):
    body = json.dumps(event(1, more=0.25)).replace("0.25", "1e400").encode()
    status, _, answer = ask(served.url, "POST", "verdicts", body, JSON)
    assert (status, served.stored) == (422, 0)
    assert "is not finite" in answer["error"]


def test_an_event_is_stored_once(served, event):
    one, two = event(1), event(2)
    assert post(served.url, [one, one])[2] == {"stored": 2}  # both are in the file: it is one
    assert post(served.url, [one, two])[2] == {"stored": 2}
    assert lines(served) == [one, two]


def test_half_of_a_surrogate_pair_is_kept(served, event):
    odd = event(1, comment="\ud83d")
    assert post(served.url, odd)[0] == 200
    assert lines(served) == [odd]
    assert ask(served.url, path="verdicts")[2]["events"] == [odd]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"list": "00" * 32}, "list 00000000 is not this one"),
        ({"key": "0123456789abcdef"}, "key 0123456789abcdef is not in the list"),
        ({"key": 3}, "key is not text"),
        ({"id": ""}, "id is empty"),
        ({"by": " "}, "by is empty"),
        ({"at": "yesterday"}, "at is not a time"),
        ({"class": ["O"]}, "class is not text"),
        ({"flags": "binary"}, "flags are not a list"),
        ({"comment": "x" * 20_001}, "comment has 20001 characters"),
        ({"ra": 1e300}, "ra is not from 0 to 360"),
        ({"more": "x" * 200_000}, "it is too long"),
    ],
)
def test_what_is_no_verdict_on_the_list_is_refused(served, event, change, says):
    status, _, answer = post(served.url, [event(1), event(2, **change)])
    assert status == 422
    assert answer["error"].startswith("verdict 2: ")
    assert says in answer["error"]
    assert served.stored == 0  # all or none
    assert served.path.read_bytes() == b""


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b"{", JSON, 400),
        (b"\xff", JSON, 400),
        (b"[NaN]", JSON, 400),
        (b"[" * 100_000, JSON, 400),
        (b"9" * 10_000, JSON, 400),
        (b"[]", {}, 415),
        (b"[]", {"Content-Type": "text/plain"}, 415),
        (b"[]", {**JSON, "Content-Length": "-1"}, 411),
        (b"[]", {**JSON, "Content-Length": "many"}, 411),
        (None, JSON, 411),
        (b"2\r\n[]\r\n0\r\n\r\n", {**JSON, "Transfer-Encoding": "chunked"}, 400),
        (b"[" + b"0," * 10_001 + b"0]", JSON, 413),
        (b" " * (MOST_BYTES + 1), JSON, 413),
        (b"[]", {**JSON, "Content-Length": "999999999999"}, 413),
        (b"[]", {**JSON, "Content-Type": "application/json; charset=utf-8"}, 200),
    ],
)
def test_odd_requests_are_answered_and_nothing_is_stored(served, body, headers, status):
    answer = ask(served.url, "POST", "verdicts", body, headers)
    assert answer[0] == status
    assert ("error" in answer[2]) == (status != 200)
    assert served.path.read_bytes() == b""
    assert ask(served.url)[0] == 200


@pytest.mark.parametrize(
    "host", ["localhost", "127.0.0.1:1", "localhost:8888", "[::1]:99", "LOCALHOST"]
)
def test_names_of_this_computer_are_answered(served, event, host):
    assert ask(served.url, host=host)[0] == 200
    body = json.dumps(event(1)).encode()
    headers = {**JSON, "Origin": f"http://{host}"}
    assert ask(served.url, "POST", "verdicts", body, headers, host=host)[0] == 200


@pytest.mark.parametrize(
    "host",
    ["", "evil.example", "127.0.0.1.evil.example", "localhost.evil.example", "127.0.0.1:80@x",
     "127.0.0.2", "0.0.0.0", "localhost:", "::1", "[::2]", "localhost, evil.example"],
)  # fmt: skip
def test_other_hosts_are_refused(served, event, host):
    assert ask(served.url, host=host)[0] == 403
    body = json.dumps(event(1)).encode()
    assert ask(served.url, "POST", "verdicts", body, JSON, host=host)[0] == 403
    assert served.stored == 0


@pytest.mark.parametrize(
    "origin",
    ["http://evil.example", "null", "https://{host}", "http://127.0.0.1:1", "http://{host}.evil",
     "http://localhost:1", "", "file://"],
)  # fmt: skip
def test_other_origins_are_refused(served, event, origin):
    origin = origin.format(host=urlsplit(served.url).netloc)
    for path in ("", "verdicts"):
        assert ask(served.url, path=path, headers={"Origin": origin})[0] == 403
    assert post(served.url, event(1), Origin=origin)[0] == 403
    assert served.stored == 0


def test_who_does_not_know_the_token_finds_nothing(served, event):
    parts = urlsplit(served.url)
    base, token = f"{parts.scheme}://{parts.netloc}/", parts.path.strip("/")
    for path in ("", "verdicts", f"{token[:-1]}/", f"{token}x/", f"x/{token}/", "%2e%2e/", "//",
                 token, f"{token}/../{token}/", f"{token}/x", f"{token}/verdicts/"):  # fmt: skip
        status, _, content = ask(base, path=path)
        assert status == 404
        assert token not in json.dumps(content)
    assert post(f"{base}x/", event(1))[0] == 404
    assert len(token) > 30


@pytest.mark.parametrize("method", ["PUT", "DELETE", "HEAD", "OPTIONS", "TRACE", "PATCH", "get"])
def test_other_methods_are_refused(served, method):
    for path in ("", "verdicts"):
        status, headers, _ = ask(served.url, method, path)
        assert (status, headers["Allow"]) == (405, "GET, POST")
    assert ask(served.url, "POST", "", b"[]", JSON)[0] == 405


@pytest.mark.parametrize("path", ["verdicts?from=-1", "verdicts?from=x", "verdicts?from=1&from=2",
                                  "verdicts?from=", "verdicts?from=99999999999"])  # fmt: skip
def test_from_is_a_number(served, path):
    assert ask(served.url, path=path)[0] == 400


def test_what_is_no_http_does_not_stop_it(served, capsys):
    parts = urlsplit(served.url)
    for sent in (b"\0\xff\n\n", b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"x" * 70_000, b"\r\n",
                 b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 200 + b"\r\n", b"POST / HTTP/1.1\r\nContent-"
                 b"Length: 5\r\nContent-Length: 6\r\n\r\n"):  # fmt: skip
        with socket.create_connection((parts.hostname, parts.port), timeout=30) as connection:
            connection.sendall(sent)
            connection.shutdown(socket.SHUT_WR)
            connection.recv(100)
    assert ask(served.url)[0] == 200
    assert capsys.readouterr().err == ""


ANY_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=12,
)


@settings(max_examples=60, deadline=None,
          suppress_health_check=[HealthCheck.function_scoped_fixture])  # fmt: skip
@given(st.data())
def test_any_json_is_answered(served, event, data):
    """Whatever is in an event, it is stored as it is, or refused."""
    names = st.sampled_from([*event(1), "more"])
    made = {**event(1), **data.draw(st.dictionaries(names, ANY_JSON | st.just("x"), max_size=2))}
    sent = data.draw(st.one_of(ANY_JSON, st.just(made), st.just([made])))
    before = served.stored
    status, _, answer = post(served.url, sent)
    assert status in ((200, 422) if sent != [] else (200,))
    assert ("stored" in answer) == (status == 200)
    assert len(lines(served)) == served.stored
    if status == 422:
        assert served.stored == before


def test_many_at_once(served, event):
    events = [event(n, row=n % 5) for n in range(120)]
    with ThreadPoolExecutor(8) as pool:
        batches = [events[i : i + 3] for i in range(0, 120, 3)]
        answers = list(pool.map(lambda batch: post(served.url, batch)[0], batches))
    assert set(answers) == {200}
    assert sorted(e["id"] for e in lines(served)) == sorted(e["id"] for e in events)


def test_verdicts_are_there_when_it_starts_again(scan, served, event):
    assert post(served.url, [event(1), event(2)])[0] == 200
    url, path = served.url, served.path
    served.stop()
    served.stop()  # does nothing
    with pytest.raises(OSError):
        ask(url)
    with serve(scan, progress=False) as again:
        assert again.path == path
        assert again.url != url
        assert again.notes == []
        assert [e["id"] for e in ask(again.url, path="verdicts")[2]["events"]] == [
            "Anna-1",
            "Anna-2",
        ]


@pytest.mark.parametrize("cut", [1, 2, 40])
def test_a_torn_line_is_ended_and_told(scan, served, event, cut):
    assert post(served.url, [event(1), event(2)])[0] == 200
    served.stop()
    whole = served.path.read_bytes()
    served.path.write_bytes(whole[:-cut])
    with serve(scan, progress=False) as again:
        kept = ["Anna-1", "Anna-2"] if cut == 1 else ["Anna-1"]  # only its end is missing
        assert [e["id"] for e in ask(again.url, path="verdicts")[2]["events"]] == kept
        told = f"{again.path}: 1 line was half-written, or no verdict on this list"
        assert again.notes == ([] if cut == 1 else [told])
        assert post(again.url, event(3))[0] == 200
        assert post(again.url, event(2))[0] == 200
    found = read_verdict_file(served.path)
    assert {v.id for v in found.verdicts} == {"Anna-1", "Anna-2", "Anna-3"}
    assert len(found.notes) == (cut > 1)


def test_nothing_decided_leaves_no_file(scan):
    with serve(scan, progress=False) as served:
        assert served.path.exists()
    assert not served.path.exists()


def test_a_list_has_one_server(scan, served, capsys):
    assert serve(scan, progress=False) is served  # a cell of a notebook that is run again
    with pytest.raises(ReportError, match=f"this list is served at {served.url}: stop that"):
        serve(scan, port=1 + urlsplit(served.url).port, progress=False)
    with pytest.raises(
        LogInUseError, match=r"in use by another lamost-rare report --serve \(process"
    ):
        VerdictLog(served.path, DIGEST, [])
    with serve(scan, top=3, progress=False) as other:  # another list of the same scan
        assert other.path != served.path


def test_a_port_in_use(scan, capsys):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        status = cli.main(["report", str(scan), "--serve", "--port", str(port), "--quiet"])
    said = f"port {port} is in use: give another --port, or none for a free one"
    assert (status, capsys.readouterr()) == (2, ("", f"lamost-rare: error: {said}\n"))
    assert not list(scan.glob("verdicts-*"))  # and the list is free again
    with serve(scan, port=port, progress=False) as served:
        assert served.url.startswith(f"http://127.0.0.1:{port}/")


@pytest.mark.parametrize(
    ("argv", "says"),
    [
        (["--serve", "--port", "0"], "--port must be from 1 to 65535, not 0"),
        (["--serve", "--port", "65536"], "--port must be from 1 to 65535, not 65536"),
        (["--serve", "--output", "x.html"], "--output is for a page in a file"),
        (["--port", "8000"], "--port is for --serve"),
        (["--open"], "--open is for --serve"),
    ],
)
def test_wrong_usage(scan, capsys, argv, says):
    assert cli.main(["report", str(scan), *argv]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"lamost-rare: error: {says}")
    assert err.count("\n") == 1


def test_a_file_that_cannot_be_written(scan, served):
    served.stop()
    served.path.mkdir()
    try:
        with pytest.raises(ReportError, match=f"cannot write verdicts to {served.path}: Is a dir"):
            serve(scan, progress=False)
    finally:
        served.path.rmdir()


def test_a_file_that_was_moved_away_is_written_again(scan, served, event):
    assert post(served.url, [event(1), event(2)])[0] == 200
    served.path.rename(scan / "moved")
    assert post(served.url, event(3))[0] == 200
    assert [e["id"] for e in lines(served)] == ["Anna-1", "Anna-2", "Anna-3"]
    # An editor puts another file in its place.
    (scan / "moved").write_text(json.dumps(event(4)) + "\n" + json.dumps(event(2)))
    (scan / "moved").rename(served.path)
    assert post(served.url, event(5))[0] == 200
    assert {e["id"] for e in lines(served)} == {f"Anna-{n}" for n in range(1, 6)}
    events = ask(served.url, path="verdicts")[2]["events"]
    assert [e["id"] for e in events] == [f"Anna-{n}" for n in (1, 2, 3, 4, 5)]


def test_a_connection_that_is_kept_ends_with_the_server(served):
    parts = urlsplit(served.url)
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=30)
    connection.request("GET", f"{parts.path}verdicts")
    connection.getresponse().read()
    served.stop()
    with pytest.raises((http.client.RemoteDisconnected, ConnectionError)):
        asked_again(connection, parts.path)
    connection.close()


def asked_again(connection, path):
    connection.request("GET", f"{path}verdicts")
    return connection.getresponse()


def test_in_a_notebook_it_is_a_link(served):
    shown = served._repr_html_()
    assert f'href="{served.url}"' in shown
    assert str(served.path) in shown
    assert repr(served) == f"<Served {served.url}>"


def test_the_name_of_the_package_serves(scan):
    with lamost_rare.report.serve(scan, progress=False) as served:
        assert ask(served.url)[0] == 200


def test_it_works_in_a_thread(scan):
    found = []

    def work():
        with serve(scan, progress=False) as served:
            found.append(ask(served.url)[0])

    thread = threading.Thread(target=work)
    thread.start()
    thread.join(60)
    assert found == [200]


@pytest.fixture
def start(scan):
    """Start the command in a process of its own; returns (process, address)."""
    running = []

    def start():
        process = subprocess.Popen(
            [sys.executable, "-m", "lamost_rare", "report", str(scan), "--serve", "--quiet"],
            cwd=Path(lamost_rare.__file__).parent.parent,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        running.append(process)
        url = process.stdout.readline().strip()
        assert url.startswith("http://127.0.0.1:"), process.communicate()
        return process, url

    yield start
    for process in running:
        process.kill()
        process.communicate()
    for path in scan.glob("verdicts-*"):
        path.unlink()


def test_what_was_acknowledged_survives_a_kill(scan, start):
    """Several pages send as fast as they can; the server is killed in the middle of it."""
    kept = set()
    for turn in range(3):
        process, url = start()
        page = page_list(ask(url)[2])
        one = verdict(1, key=page["columns"]["key"][0], list=page["digest"])
        assert {e["id"] for e in ask(url, path="verdicts")[2]["events"]} >= kept
        acknowledged, begun = set(), threading.Event()

        def send(person, url=url, turn=turn, one=one, acknowledged=acknowledged, begun=begun):
            for number in range(10_000):
                batch = [f"{turn}-{person}-{number}-{i}" for i in range(1 + number % 5)]
                events = [replace(one, id=name, comment="x" * 3000).to_event() for name in batch]
                try:
                    if post(url, events)[0] == 200:
                        acknowledged.update(batch)
                except OSError:
                    return
                except http.client.HTTPException:
                    return
                if len(acknowledged) > 30:
                    begun.set()

        threads = [threading.Thread(target=send, args=(person,)) for person in range(3)]
        for thread in threads:
            thread.start()
        assert begun.wait(60)
        process.kill()
        for thread in threads:
            thread.join(60)
        process.communicate()
        kept |= acknowledged
        (path,) = scan.glob("verdicts-*.jsonl")
        assert {v.id for v in read_verdict_file(path).verdicts} >= kept
    assert len(kept) > 90


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_signals_end_it_cleanly(scan, start, signum):
    process, url = start()
    page = page_list(ask(url)[2])
    one = verdict(1, key=page["columns"]["key"][0], list=page["digest"]).to_event()
    assert post(url, one)[0] == 200
    process.send_signal(signum)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, "")
    (path,) = scan.glob("verdicts-*.jsonl")
    assert out.splitlines()[-1] == f"1 verdict in {path}"


def test_a_second_process_is_refused(scan, start):
    start()
    done = subprocess.run(
        [sys.executable, "-m", "lamost_rare", "report", str(scan), "--serve"],
        cwd=Path(lamost_rare.__file__).parent.parent, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert "is in use by another lamost-rare report --serve (process " in done.stderr


@pytest.mark.skipif(not hasattr(resource, "prlimit"), reason="Linux alone limits a process so")
def test_a_full_disk_is_told_and_nothing_is_half_stored(scan, start):
    process, url = start()
    page = page_list(ask(url)[2])
    one = verdict(1, key=page["columns"]["key"][0], list=page["digest"])
    assert post(url, one.to_event())[0] == 200
    (path,) = scan.glob("verdicts-*.jsonl")
    before = path.read_bytes()
    _, hard = resource.prlimit(process.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (len(before) + 100, hard))
    two = replace(one, id="two").to_event()
    status, _, answer = post(url, two)
    assert (status, answer) == (507, {"error": os.strerror(27)})
    assert path.read_bytes() == before
    assert ask(url, path="verdicts")[2]["next"] == 1
    resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (hard, hard))
    assert post(url, two)[0] == 200
    assert [v.id for v in read_verdict_file(path).verdicts] == [one.id, "two"]
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert err == "lamost-rare: verdicts were not stored: File too large\n"
