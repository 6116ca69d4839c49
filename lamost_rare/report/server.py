"""The page from a server on this computer, which keeps verdicts in a file beside the scan."""

from __future__ import annotations

import contextlib
import errno
import html
import secrets
import socket
import socketserver
import sys
import tempfile
import threading
from collections.abc import Iterable
from http.server import ThreadingHTTPServer
from io import FileIO
from pathlib import Path

from ..annotations import PathLike, TableLike
from ..text import describe_error, printable
from ..wording import named
from .answering import VERDICTS, Answering, Content
from .asking import Asked, ask
from .blind import check_truth
from .errors import ReportError
from .finished_scan import open_scan
from .making import write_report
from .records import digest_of, keys_of
from .verdict_log import VerdictLog, log_path

__all__ = ["Served", "serve"]

HOST = "127.0.0.1"
_PORTS = range(1, 65536)
_Request = socket.socket | tuple[bytes, socket.socket]


class Served:
    """A page that is served, until `stop`, or to the end of a ``with`` block.

    In a notebook it is shown as a link.

    Attributes
    ----------
    url : str
        Address of the page. Who knows it can read the page and add verdicts.
    path : Path
        The file of verdicts.
    notes : list of str
        What people should know of it.
    """

    def __init__(self, page: FileIO, log: VerdictLog, port: int | None = None):
        self._page = page
        self._log = log
        self.path = log.path
        self.notes: list[str] = []
        if log.half:
            lines = "1 line was" if log.half == 1 else f"{log.half} lines were"
            self.notes.append(
                f"{printable(log.path)}: {lines} half-written, or no verdict on this list"
            )
        token = secrets.token_urlsafe(24)
        content = Content(page.fileno(), token, log)
        self._server = _Server(port, type("Handler", (Answering,), {"content": content}))
        self.url = f"http://{HOST}:{self._server.server_address[1]}/{token}/"
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.1,), name="lamost-rare report", daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        """Stop the server; what was stored is in the file. A second time it does nothing."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
        self._log.close()
        self._page.close()
        if _running.get(self.path) is self:
            del _running[self.path]

    @property
    def stored(self) -> int:
        """Return how many verdicts are in the file, those replaced by later ones included."""
        return len(self._log)

    def __enter__(self) -> Served:
        return self

    def __exit__(self, *error: object) -> None:
        self.stop()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.url}>"

    def _repr_html_(self) -> str:
        link = f'<a href="{html.escape(self.url)}" target="_blank" rel="noopener">the page</a>'
        return f"Open {link}; verdicts go to <code>{html.escape(printable(self.path))}</code>"


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, port: int | None, handler: type[Answering]):
        self._open: set[socket.socket] = set()
        try:
            super().__init__((HOST, port or 0), handler)
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise ReportError(
                    f"port {port} is in use: give another {named('port')}, or none for a free one"
                ) from None
            if error.errno == errno.EACCES:
                raise ReportError(f"port {port} is not for users: give one above 1023") from None
            raise

    def process_request(self, request: _Request, client_address: object) -> None:
        """Answer in a thread; called by the library."""
        assert isinstance(request, socket.socket)  # as of all servers over TCP
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: _Request) -> None:
        """End a connection; called by the library."""
        assert isinstance(request, socket.socket)
        self._open.discard(request)
        super().shutdown_request(request)

    def server_close(self) -> None:
        """End all connections: browsers keep theirs for later."""
        super().server_close()
        for connection in list(self._open):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def server_bind(self) -> None:
        """Bind without looking up the computer's name, which can take long."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = HOST, int(self.server_address[1])

    def handle_error(self, request: object, client_address: object) -> None:
        """Tell in a line what went wrong; a browser that goes away is nothing."""
        error = sys.exception()
        if error is not None and not isinstance(error, (ConnectionError, TimeoutError)):
            print(f"lamost-rare: {describe_error(error)}", file=sys.stderr, flush=True)


_running: dict[Path, Served] = {}
"""Servers of this process by their files of verdicts."""


def serve(
    scan: PathLike,
    *,
    port: int | None = None,
    top: int | None = None,
    where: str | None = None,
    rows: TableLike | None = None,
    spectra: PathLike | None = None,
    verdicts: PathLike | Iterable[PathLike] | None = None,
    blind: int | None = None,
    seed: int = 0,
    known: PathLike | None = None,
    progress: bool | None = None,
) -> Served:
    """Serve a page for looking at spectra of a finished scan, and keep verdicts beside the scan.

    The page is that of `lamost_rare.report`. It answers on this computer alone, to who knows the
    address; from another one it is reached by ``ssh -L``. Verdicts are appended to
    ``verdicts-<list>.jsonl`` in the directory of the scan, each on the disk before the page says
    that it is there; several windows see each other's. A list that is served by this process
    already stays at its address.

    Parameters
    ----------
    scan : path
        The directory that a scan, or a run of a pipeline, wrote. It must be writable.
    port : int, optional
        By default one that is free.
    top, where, rows, spectra, verdicts, blind, seed, known, progress
        As in `lamost_rare.report`. With ``blind`` the truth goes to ``verdicts-<list>.blind.json``.

    Returns
    -------
    Served
        Has ``url`` and ``stop()``; a ``with`` block stops it at its end.

    Raises
    ------
    ReportError
        If the page cannot be made, another process serves this list, or the port is in use.

    Examples
    --------
    >>> import lamost_rare
    >>> with lamost_rare.report.serve("demo-output/candidates", progress=False) as served:
    ...     print(served.url, served.stored)
    http://127.0.0.1:.../ 0
    """
    if port is not None and (isinstance(port, bool) or port not in _PORTS):
        raise ReportError(f"{named('port')} must be from 1 to 65535, not {port}")
    asked = ask(
        open_scan(scan), top=top, where=where, rows=rows, spectra=spectra, verdicts=verdicts,
        blind=blind, seed=seed, known=known, progress=progress,
    )  # fmt: skip
    keys = keys_of(asked.chosen.rows)
    digest = digest_of(keys)
    path = log_path(asked.scan.folder, digest)
    if path in _running:
        url = _running[path].url
        if port is not None and f":{port}/" not in url:
            raise ReportError(
                f"this list is served at {url}: stop that before another {named('port')}"
            )
        return _running[path]
    log = VerdictLog(path, digest, keys)
    page = None
    try:
        if asked.mixture:
            asked.mixture.write(check_truth(path, overwrite=True))
        page, notes = _written(asked)
        _running[path] = Served(page, log, port)
        _running[path].notes[:0] = notes
    except BaseException:
        log.close()
        if page is not None:
            page.close()
        raise
    return _running[path]


def _written(asked: Asked) -> tuple[FileIO, list[str]]:
    """Return the page as an open file that no folder has, so that it is gone with this process;
    and what people should know of it."""
    with tempfile.TemporaryDirectory(prefix="lamost-rare-") as folder:
        target = Path(folder, "page.html")
        made = write_report(target, asked, served=VERDICTS)
        return open(target, "rb", buffering=0), made.notes
