"""Answers of the server: the page, and verdicts to and from its file.

Whatever a browser is told to ask of this computer, by a page elsewhere, is refused: the name of the
host must be one of this computer's (DNS rebinding), the origin the page's own, and the path must
begin with a token that only who was given the address knows.
"""

from __future__ import annotations

import errno
import json
import os
import re
import sys
from hmac import compare_digest
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlsplit

from ..text import describe_error
from .errors import ReportError
from .verdict_log import FULL, VerdictLog, strict_json

__all__ = ["MOST_BYTES", "VERDICTS", "Answering", "Content", "policy_of"]

VERDICTS = "verdicts"
"""Address of the verdicts, from the page's."""

MOST_BYTES = 8 << 20
"""Of what a page sends at a time."""
MOST_DRAINED = 8 * MOST_BYTES
_DRAINING = 2.0
"""Seconds to wait for the rest of a request that is refused."""
_MOST_EVENTS = 10_000
_BLOCK = 1 << 20
_HOST = re.compile(r"(?:localhost|127\.0\.0\.1|\[::1\])(?::\d{1,5})?", re.IGNORECASE)
_POLICY = re.compile(rb'<meta http-equiv="Content-Security-Policy" content="([^"]+)">')

_HEADERS = {
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
_NOTHING_ALLOWED = "default-src 'none'; frame-ancestors 'none'"


class Content:
    """What is served.

    Parameters
    ----------
    page : int
        Descriptor of the file of the page.
    token : str
        First part of all paths.
    log : VerdictLog
    """

    def __init__(self, page: int, token: str, log: VerdictLog):
        self.page, self.token, self.log = page, token, log
        self.policy = f"{policy_of(page)}; frame-ancestors 'none'"


def policy_of(page: int) -> str:
    """Return the content-security policy that stands in the head of a page."""
    found = _POLICY.search(os.pread(page, 1 << 16, 0))
    if found is None:
        raise ReportError("the page has no content-security policy, and is not served")
    return found[1].decode()


class _Refused(Exception):
    """A request that is answered with a status and a line."""

    def __init__(self, status: HTTPStatus, says: str):
        super().__init__(says)
        self.status = status


class Answering(BaseHTTPRequestHandler):
    """Answers requests; `content` is what it serves."""

    content: ClassVar[Content]
    protocol_version = "HTTP/1.1"
    timeout = 60
    """Seconds that a silent connection is kept."""
    disable_nagle_algorithm = True  # or the body waits for a browser that waits for the body

    def do_GET(self) -> None:
        """Give the page, or the verdicts."""
        self._answer_to({"": self._page, VERDICTS: self._events})

    def do_POST(self) -> None:
        """Store verdicts."""
        self._answer_to({VERDICTS: self._store})

    def _answer_to(self, doors: dict[str, Any]) -> None:
        self._read = False
        try:
            doors[self._door(doors)]()
        except _Refused as refused:
            self._refuse(refused.status, str(refused))
        except OSError as error:
            if isinstance(error, (ConnectionError, TimeoutError)):
                raise
            full = error.errno in FULL
            status = HTTPStatus.INSUFFICIENT_STORAGE if full else HTTPStatus.INTERNAL_SERVER_ERROR
            says = error.strerror or describe_error(error)
            print(f"lamost-rare: verdicts were not stored: {says}", file=sys.stderr, flush=True)
            self._refuse(status, says)

    def _door(self, doors: dict[str, Any]) -> str:
        """Return the part of the path behind the token, if the request may be answered."""
        hosts = self.headers.get_all("Host") or []
        if len(hosts) != 1 or not _HOST.fullmatch(hosts[0]):
            raise _Refused(HTTPStatus.FORBIDDEN, "this server answers to localhost alone")
        origins = self.headers.get_all("Origin") or []
        if origins and (len(origins) > 1 or origins[0].lower() != f"http://{hosts[0].lower()}"):
            raise _Refused(HTTPStatus.FORBIDDEN, "a page of another origin is not answered")
        first, _, door = urlsplit(self.path).path.removeprefix("/").partition("/")
        if not compare_digest(first.encode(), self.content.token.encode()):
            raise _Refused(HTTPStatus.NOT_FOUND, "there is nothing here: is the address complete?")
        if door not in doors:
            known = door in ("", VERDICTS)
            status = HTTPStatus.METHOD_NOT_ALLOWED if known else HTTPStatus.NOT_FOUND
            raise _Refused(status, "there is nothing here")
        return door

    def _page(self) -> None:
        if not urlsplit(self.path).path.endswith("/"):  # its links would lead elsewhere
            raise _Refused(HTTPStatus.NOT_FOUND, "the address ends with a slash")
        page = os.dup(self.content.page)  # which is closed when the server stops
        try:
            size = os.fstat(page).st_size
            self._head(HTTPStatus.OK, "text/html; charset=utf-8", size, self.content.policy)
            place = 0
            while place < size and (block := os.pread(page, _BLOCK, place)):
                self.wfile.write(block)
                place += len(block)
        finally:
            os.close(page)

    def _events(self) -> None:
        events = self.content.log.events
        asked = parse_qs(urlsplit(self.path).query, keep_blank_values=True).get("from", ["0"])
        if len(asked) > 1 or not re.fullmatch("[0-9]{1,9}", asked[0]):
            raise _Refused(HTTPStatus.BAD_REQUEST, "from is not a number of verdicts")
        end = len(events)
        self._give(HTTPStatus.OK, {"events": events[int(asked[0]) : end], "next": end})

    def _store(self) -> None:
        if self.headers.get_content_type() != "application/json":
            raise _Refused(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "verdicts are application/json")
        try:
            found = strict_json(self._body())
        except (ValueError, RecursionError):
            raise _Refused(HTTPStatus.BAD_REQUEST, "this is not JSON") from None
        events = found if isinstance(found, list) else [found]
        if len(events) > _MOST_EVENTS:
            raise _Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "these are too many verdicts")
        for number, event in enumerate(events, start=1):
            try:
                self.content.log.check(event)
            except ReportError as error:
                says = f"verdict {number}: {error}"
                raise _Refused(HTTPStatus.UNPROCESSABLE_ENTITY, says) from None
        self.content.log.append(events)
        self._give(HTTPStatus.OK, {"stored": len(events)})

    def _body(self) -> bytes:
        lengths = self.headers.get_all("Content-Length") or []
        if len(lengths) != 1 or not re.fullmatch("[0-9]{1,12}", lengths[0].strip()):
            raise _Refused(HTTPStatus.LENGTH_REQUIRED, "Content-Length is needed")
        if "Transfer-Encoding" in self.headers:
            raise _Refused(HTTPStatus.BAD_REQUEST, "one length is enough")
        length = int(lengths[0])
        if length > MOST_BYTES:
            says = f"at most {MOST_BYTES >> 20} MiB at a time"
            raise _Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, says)
        body = self.rfile.read(length)
        if len(body) < length:
            raise ConnectionAbortedError(errno.ECONNABORTED, "the browser went away")
        self._read = True
        return body

    def _give(self, status: HTTPStatus, content: dict) -> None:
        body = json.dumps(content, separators=(",", ":")).encode()
        self._head(status, "application/json", len(body), _NOTHING_ALLOWED)
        if self.command != "HEAD":
            self.wfile.write(body)

    def _refuse(self, status: HTTPStatus, says: str) -> None:
        if self.command == "GET" or self._read:
            self._give(status, {"error": says})
            return
        # What was not read of a request would be taken for the next one; and a connection that is
        # closed before all was read may take the answer with it.
        self.close_connection = True
        self._give(status, {"error": says})
        self.connection.settimeout(_DRAINING)
        left = MOST_DRAINED
        while left > 0 and (block := self.rfile.read1(1 << 16)):
            left -= len(block)

    def _head(self, status: HTTPStatus, kind: str, size: int, policy: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(size))
        self.send_header("Content-Security-Policy", policy)
        for name, value in _HEADERS.items():
            self.send_header(name, value)
        if status == HTTPStatus.METHOD_NOT_ALLOWED:
            self.send_header("Allow", "GET, POST")
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Answer what cannot be read, or has another method; called by the library."""
        self.close_connection = True
        status = HTTPStatus(code)
        if status == HTTPStatus.NOT_IMPLEMENTED:
            status = HTTPStatus.METHOD_NOT_ALLOWED
        self._give(status, {"error": message or status.phrase})

    def version_string(self) -> str:
        """Return the server's name, without versions; called by the library."""
        return "lamost-rare"

    def log_message(self, format: str, *args: object) -> None:
        """Leave the terminal to what matters; called by the library."""
