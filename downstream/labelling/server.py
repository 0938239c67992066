"""The page of a labelling over HTTP, on this machine only.

GET   /                 the page; page.js and page.css beside it
GET   /state            what it shows, as JSON
GET   /sound/NAME.wav   a stretch that was listed, /picture/NAME.png its log-mel
POST  /mark ...         see ACTIONS; a JSON object is sent, and the new state comes back

Everything but the script and the style needs the secret, see guard.
"""

import http
import importlib.resources
import json
import re
import sys
import urllib.parse
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from contrastive_audio.errors import UserError
from downstream.labelling.guard import HEADERS, TOKEN_FIELD, TOKEN_HEADER, Guard
from downstream.labelling.refitting import Refitting
from downstream.labelling.session import Session
from downstream.labelling.settings import HOST
from downstream.labelling.sounds import Sounds

_STATIC = {
  "/page.js": ("page.js", "text/javascript; charset=utf-8"),
  "/page.css": ("page.css", "text/css; charset=utf-8"),
}
_FILE = re.compile(r"/(sound|picture)/([0-9-]{1,60})\.(wav|png)")
_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")
_LARGEST_BODY = 1 << 16
_TIMEOUT_S = 60  # of a connection that says nothing
_LOST = (ConnectionError, TimeoutError)  # what a browser that was closed leaves


class Page:
  """What the server answers, apart from HTTP.

  Example:
    >>> sorted(Page.ACTIONS)
    ['add_class', 'choose', 'mark', 'skip', 'undo']
  """

  def __init__(self, session: Session, sounds: Sounds, refitting: Refitting):
    """Keeps what it asks.

    Args:
      session: the labelling.
      sounds: of the recordings.
      refitting: fits in the background.
    """
    self.sounds, self.session, self._refitting = sounds, session, refitting

  def state(self) -> dict[str, Any]:
    """Returns what the page shows."""
    is_fitting = self._refitting.is_busy  # first: what follows is at least as new
    return self.session.state() | {"fitting": is_fitting, "problem": self._refitting.problem}

  def act(self, action: str, request: Mapping[str, Any]) -> dict[str, Any]:
    """Does what was asked, and returns the new state.

    Args:
      action: one of ACTIONS.
      request: its arguments.

    Raises:
      UserError: it cannot be done, or the request is malformed.
    """
    changes = self.ACTIONS[action](self, request)
    if action in ("mark", "undo", "choose"):
      self._refitting.request()
    return self.state() | changes

  def _mark(self, request: Mapping[str, Any]) -> dict[str, Any]:
    labels = request.get("labels")
    if not isinstance(labels, list):
      raise UserError("labels: a list of names is expected")
    self.session.mark(_text(request, "name"), [_require_text("labels", each) for each in labels])
    return {}

  def _undo(self, request: Mapping[str, Any]) -> dict[str, Any]:
    undone = self.session.undo()
    return {"undone": undone and self.session.describe(undone)}

  def _skip(self, request: Mapping[str, Any]) -> dict[str, Any]:
    self.session.skip(_text(request, "name"))
    return {}

  def _choose(self, request: Mapping[str, Any]) -> dict[str, Any]:
    target, like = (
      None if request.get(field) is None else _text(request, field) for field in ("target", "like")
    )
    self.session.choose(_text(request, "strategy"), target, like)
    return {}

  def _add_class(self, request: Mapping[str, Any]) -> dict[str, Any]:
    self.session.add_class(_text(request, "class"))
    return {}

  ACTIONS: Mapping[str, Callable[["Page", Mapping[str, Any]], dict[str, Any]]] = {
    "mark": _mark,
    "undo": _undo,
    "skip": _skip,
    "choose": _choose,
    "add_class": _add_class,
  }


def _text(request: Mapping[str, Any], field: str) -> str:
  return _require_text(field, request.get(field))


def _require_text(field: str, value: Any) -> str:
  if not isinstance(value, str):
    raise UserError(f"{field}: a text is expected")
  return value


class LabelServer(ThreadingHTTPServer):
  """The server; it listens as soon as it is made.

  Attributes:
    url: what to open in a browser, with the secret.

  Example:
    >>> with LabelServer(None, Guard("secret"), port=0) as server:
    ...   server.url.startswith("http://127.0.0.1:"), server.url.endswith("/?token=secret")
    (True, True)
  """

  daemon_threads = True
  block_on_close = False  # an idle browser keeps its connection

  def __init__(self, page: Page, guard: Guard, port: int = 0):
    """Takes a port of the loopback interface.

    Args:
      page: what is answered.
      guard: who may ask.
      port: its number; 0: any that is free.

    Raises:
      UserError: it is taken.
    """
    self.page, self.guard = page, guard
    try:
      super().__init__((HOST, port), _Handler)
    except OSError as error:
      raise UserError(
        f"--port={port}: {(error.strerror or str(error)).lower()}: choose another, or 0 for any"
      ) from error

  @property
  def url(self) -> str:
    return f"http://{HOST}:{self.server_address[1]}/?{TOKEN_FIELD}={self.guard.token}"

  def handle_error(self, request: Any, client_address: Any) -> None:
    """Says nothing of a browser that was closed: that is no fault of anybody."""
    if not isinstance(sys.exc_info()[1], _LOST):
      super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
  """One connection."""

  server: LabelServer
  protocol_version = "HTTP/1.1"
  timeout = _TIMEOUT_S
  server_version, sys_version = "label", ""

  def do_GET(self) -> None:
    url = urllib.parse.urlsplit(self.path)
    if url.path in _STATIC:
      name, kind = _STATIC[url.path]
      self._answer_unless_refused(
        self.server.guard.refusal_of_place(self.headers), lambda: self._send(_static(name), kind)
      )
      return
    field = urllib.parse.parse_qs(url.query).get(TOKEN_FIELD, [""])[0]
    token = self.headers.get(TOKEN_HEADER) or field
    reason = self.server.guard.refusal(self.headers, token)
    self._answer_unless_refused(reason, lambda: self._get(url.path))

  def do_POST(self) -> None:
    # The header, not the address: a form of another page cannot send it.
    reason = self.server.guard.refusal(self.headers, self.headers.get(TOKEN_HEADER, ""))
    self._answer_unless_refused(reason, self._post)

  def _answer_unless_refused(self, reason: str | None, answer: Callable[[], None]) -> None:
    if reason is not None:
      self._refuse(http.HTTPStatus.FORBIDDEN, reason)
      return
    try:
      answer()
    except UserError as error:
      self._refuse(http.HTTPStatus.CONFLICT, str(error))
    except _LOST:
      raise
    except Exception as error:
      reason = f"a fault of the command ({type(error).__name__}: {error}): its terminal says more"
      self._refuse(http.HTTPStatus.INTERNAL_SERVER_ERROR, reason)
      raise

  def _get(self, path: str) -> None:
    if path == "/":
      self._send(_static("page.html"), "text/html; charset=utf-8")
    elif path == "/state":
      self._send_json(self.server.page.state())
    elif match := _FILE.fullmatch(path):
      self._send_file(*match.groups())
    else:
      self._refuse(http.HTTPStatus.NOT_FOUND, "there is no such page")

  def _post(self) -> None:
    action = self.path.removeprefix("/")
    if action not in Page.ACTIONS:
      self._refuse(http.HTTPStatus.NOT_FOUND, "there is no such action")
      return
    length = self.headers.get("Content-Length", "")
    if not length.isdecimal() or int(length) > _LARGEST_BODY:
      reason = "the request is too long, or does not say how long it is"
      self._refuse(http.HTTPStatus.REQUEST_ENTITY_TOO_LARGE, reason)
      return
    try:
      request = json.loads(self.rfile.read(int(length)))
    except (ValueError, RecursionError):
      request = None
    if not isinstance(request, dict):
      raise UserError("the request is no JSON object")
    self._send_json(self.server.page.act(action, request))

  def _send_file(self, kind: str, name: str, extension: str) -> None:
    try:
      place = self.server.page.session.place(name)
    except UserError as error:
      self._refuse(http.HTTPStatus.NOT_FOUND, str(error))
      return
    sounds = self.server.page.sounds
    if (kind, extension) == ("sound", "wav"):
      self._send(sounds.wav(place), "audio/wav", may_be_part=True)
    elif (kind, extension) == ("picture", "png"):
      self._send(sounds.png(place), "image/png")
    else:
      self._refuse(http.HTTPStatus.NOT_FOUND, "there is no such file")

  def _send_json(self, content: Any) -> None:
    self._send(json.dumps(content).encode(), "application/json")

  def _refuse(self, status: http.HTTPStatus, reason: str) -> None:
    self.close_connection = True  # its body may not have been read
    content = json.dumps({"error": reason}).encode()
    self._send(content, "application/json", status, {"Connection": "close"})

  def _send(
    self,
    content: bytes,
    kind: str,
    status: http.HTTPStatus = http.HTTPStatus.OK,
    headers: Mapping[str, str] | None = None,
    may_be_part: bool = False,
  ) -> None:
    """Sends an answer, or the part of it that the browser asks for."""
    more = dict(headers or {})
    if may_be_part:
      more["Accept-Ranges"] = "bytes"
      if (part := _part(self.headers.get("Range"), len(content))) is not None:
        first, end = part
        more["Content-Range"] = f"bytes {first}-{end - 1}/{len(content)}"
        content, status = content[first:end], http.HTTPStatus.PARTIAL_CONTENT
    self.send_response(status)
    for name, value in (HEADERS | {"Cache-Control": "no-store"} | more).items():
      self.send_header(name, value)
    self.send_header("Content-Type", kind)
    self.send_header("Content-Length", str(len(content)))
    self.end_headers()
    self.wfile.write(content)

  def log_message(self, format: str, *arguments: object) -> None:
    """Says nothing: requests would fill the terminal."""


def _static(name: str) -> bytes:
  return importlib.resources.files(__package__).joinpath("page").joinpath(name).read_bytes()


def _part(header: str | None, size: int) -> tuple[int, int] | None:
  """Returns (first byte, end) of a Range header; None: all, also if it makes no sense."""
  match = _RANGE.fullmatch(header or "")
  if match is None or match.groups() == ("", ""):
    return None
  if match[1]:
    first, end = int(match[1]), min(size, int(match[2]) + 1 if match[2] else size)
  else:
    first, end = max(0, size - int(match[2])), size
  return (first, end) if first < end else None
