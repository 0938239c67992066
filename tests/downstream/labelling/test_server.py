"""The server answers its own page, plays what was listed, and refuses everybody else."""

import http.client
import io
import json
import pathlib
import threading
import urllib.parse

import numpy as np
import pytest
import soundfile
from PIL import Image

from contrastive_audio.errors import UserError
from downstream.encoders import listening_page
from downstream.labelling.guard import Guard
from downstream.labelling.refitting import Refitting
from downstream.labelling.server import LabelServer, Page
from downstream.labelling.sounds import Sounds
from tests.support import assert_close


class Client:
  """Asks as a browser does."""

  def __init__(self, url, session):
    self.session, parts = session, urllib.parse.urlsplit(url)
    self.host, self.query = parts.netloc, f"?{parts.query}"
    self.token = parts.query.removeprefix("token=")

  def ask(self, path, content=None, method=None, **headers):
    """(status, headers, body)"""
    connection = http.client.HTTPConnection(self.host, timeout=60)
    headers = {"Host": self.host} | {name.replace("_", "-"): v for name, v in headers.items()}
    body = content if isinstance(content, (bytes, type(None))) else json.dumps(content).encode()
    method = method or ("GET" if content is None else "POST")
    connection.putrequest(method, path, skip_host=True)
    if body is not None:
      headers.setdefault("Content-Length", str(len(body)))
    for name, value in headers.items():
      if value is not None:
        connection.putheader(name, value)
    connection.endheaders(body)
    answer = connection.getresponse()
    found = answer.status, dict(answer.getheaders()), answer.read()
    connection.close()
    return found

  def post(self, path, content, status=200):
    found, _, body = self.ask(path, content, X_Label_Token=self.token)
    assert found == status, body
    return json.loads(body)

  def get(self, path, **headers):
    return self.ask(path + self.query, **headers)


@pytest.fixture
def client(material, tmp_path):
  session = material.session(tmp_path / "labels.csv", classes=("high", "low"))
  session.refit()
  with (
    Refitting(session.refit) as refitting,
    LabelServer(Page(session, Sounds(material.store), refitting), Guard()) as server,
  ):
    thread = threading.Thread(target=server.serve_forever, args=[0.01])
    thread.start()
    yield Client(server.url, session)
    server.shutdown()
    thread.join()
    refitting.wait()


def test_the_page_is_one_of_its_own_and_loads_nothing_from_elsewhere(client):
  status, headers, page = client.get("/")
  assert status == 200
  assert headers["Content-Security-Policy"].startswith("default-src 'none'; script-src 'self'")
  for name, value in {"X-Frame-Options": "DENY", "Referrer-Policy": "no-referrer"}.items():
    assert headers[name] == value
  scripts = [client.ask(path) for path in ("/page.js", "/page.css")]
  assert [status for status, _, _ in scripts] == [200, 200]
  assert scripts[0][1]["Content-Type"].startswith("text/javascript")
  for text in (page, *(body for _, _, body in scripts)):
    assert b"http:" not in text
    assert b"https:" not in text
    assert b"innerHTML" not in text
  assert client.token.encode() not in page


def test_an_answer_is_in_the_file_when_the_new_state_comes_back(client):
  state = json.loads(client.get("/state")[2])
  first = state["upcoming"][0]
  after = client.post("/mark", {"name": first["name"], "labels": ["low", "new"]})
  row = f"{first['start_s']:g},{first['end_s']:g},low"
  text = pathlib.Path(client.session.table.path).read_text()
  assert row in text
  assert text.count("\n") == 3
  assert after["num_marked"] == 1
  assert first["name"] not in [each["name"] for each in after["upcoming"]]
  assert after["recent"][-1]["labels"] == ["low", "new"]
  undone = client.post("/undo", {})
  assert (undone["undone"]["name"], undone["num_marked"]) == (first["name"], 0)
  assert client.post("/add_class", {"class": "third"})["classes"][2]["name"] in ("new", "third")
  chosen = client.post("/choose", {"strategy": "diverse", "target": None, "like": None})
  assert chosen["strategy"] == "diverse"
  skipped = client.post("/skip", {"name": chosen["upcoming"][0]["name"]})
  assert chosen["upcoming"][0] not in skipped["upcoming"]


@pytest.mark.parametrize(
  "host", ["attacker.example", "127.0.0.1.attacker.example", "localhost@attacker.example", "", None]
)
def test_another_name_of_this_machine_is_refused(client, host):
  for path in ("/", "/state", "/page.js"):
    status, _, body = client.get(path, Host=host)
    assert (status, b"answers to 127.0.0.1" in body) == (403, True)
  status, _, _ = client.ask("/undo", {}, Host=host, X_Label_Token=client.token)
  assert status == 403


def test_a_tunnel_may_have_another_port(client):
  for host in ("localhost:9000", "127.0.0.1:9000", "[::1]:9000", "LOCALHOST"):
    assert client.get("/state", Host=host)[0] == 200


def test_whoever_does_not_know_the_secret_is_refused(client):
  name = client.session.state()["upcoming"][0]["name"]
  for path in ("/", "/state", f"/sound/{name}.wav", f"/picture/{name}.png"):
    for query in (
      "",
      "?token=",
      f"?token={client.token[:-1]}",
      "?token=%ff%00é".encode("latin-1").decode("latin-1").replace("é", "%e9"),
    ):
      assert client.ask(path + query)[0] == 403, (path, query)
  mark = {"name": name, "labels": ["low"]}
  for token in (None, "", "guess"):
    assert client.ask("/mark", mark, X_Label_Token=token)[0] == 403
  # A form of another page could have the secret in its address at best, not in a header.
  assert client.ask("/mark" + client.query, mark)[0] == 403
  assert client.session.state()["num_marked"] == 0


@pytest.mark.parametrize("origin", ["https://attacker.example", "null", "http://localhost:1"])
def test_a_request_that_another_page_has_sent_is_refused(client, origin):
  mark = {"name": client.session.state()["upcoming"][0]["name"], "labels": ["low"]}
  status, _, body = client.ask("/mark", mark, X_Label_Token=client.token, Origin=origin)
  assert (status, b"another page" in body) == (403, True)
  own = {"X_Label_Token": client.token, "Origin": f"http://{client.host}"}
  assert client.ask("/mark", mark, **own)[0] == 200


def test_it_plays_and_draws_exactly_the_stretch_that_was_listed(client, material):
  name = client.session.state()["upcoming"][0]["name"]
  place = client.session.place(name)
  status, headers, body = client.get(f"/sound/{name}.wav")
  assert (status, headers["Content-Type"], headers["Accept-Ranges"]) == (200, "audio/wav", "bytes")
  wave, rate_hz = soundfile.read(io.BytesIO(body))
  whole = material.store.wave(place.clip)[place.first : place.end]
  assert rate_hz == 16_000
  assert_close(wave, whole * (listening_page.PEAK / np.abs(whole).max()), atol=1e-4)
  status, _, body = client.get(f"/picture/{name}.png")
  with Image.open(io.BytesIO(body)) as picture:
    assert picture.size == (1 + (len(wave) - 400) // 160, 64)


@pytest.mark.parametrize(
  ("asked", "part"),
  [
    ("bytes=0-99", slice(0, 100)), ("bytes=100-", slice(100, None)), ("bytes=-7", slice(-7, None)),
    ("bytes=50-999999999", slice(50, None)), ("bytes=999999999-", None), ("bytes=9-5", None),
    ("bytes=a-b", None), ("bytes=-", None), ("bytes=0-1,5-6", None), ("bytes=0-0", slice(0, 1)),
    ("bytes=-999999999", slice(0, None)), ("bytes=-0", None), (f"bytes={5_000 * '9'}-", None),
  ],
)  # fmt: skip
def test_a_browser_may_ask_for_a_part_of_a_sound(client, asked, part):
  path = f"/sound/{client.session.state()['upcoming'][0]['name']}.wav"
  whole = client.get(path)[2]
  status, headers, body = client.get(path, Range=asked)
  if part is None:
    assert (status, body) == (200, whole)
    return
  first, end, _ = part.indices(len(whole))
  assert (status, body) == (206, whole[part])
  assert headers["Content-Range"] == f"bytes {first}-{end - 1}/{len(whole)}"


@pytest.mark.parametrize(
  "path",
  ["/sound/0-0-15601.wav", "/sound/99-0-15600.wav", "/sound/--.wav", "/sound/.wav",
   "/sound/../labels.csv", "/sound/%2e%2e%2fpage.html", "/sound//etc/passwd", "/page.html",
   "/../server.py", "/page/../../server.py", "/state/", "/sound/0-0-15600.png"],
)  # fmt: skip
def test_what_was_not_listed_is_not_played_and_no_other_file_is_read(client, path):
  status, _, body = client.get(path)
  assert status == 404
  assert b"error" in body


@pytest.mark.parametrize(
  ("path", "content", "status"),
  [
    ("/mark", b"no json", 409), ("/mark", b"[" * 30_000, 409), ("/mark", b"[]", 409),
    ("/mark", b"{}", 409), ("/mark", b'{"name": 1, "labels": []}', 409),
    ("/mark", b'{"name": "0-0-9", "labels": ["a"]}', 409), ("/mark", b" " * 70_000, 413),
    ("/choose", b'{"strategy": "best"}', 409), ("/choose", b'{"strategy": "top", "like": 3}', 409),
    ("/add_class", b'{"class": "a;b"}', 409), ("/add_class", b"\xff\xfe", 409),
    ("/close", b"{}", 404), ("/__init__", b"{}", 404),
  ],
)  # fmt: skip
def test_a_malformed_request_is_one_line_and_changes_nothing(client, path, content, status):
  before = client.session.state()
  found, _, body = client.ask(path, content, X_Label_Token=client.token)
  assert found == status
  assert json.loads(body)["error"]
  assert client.session.state() == before


def test_a_fault_of_the_command_is_one_line_on_the_page_and_the_next_request_is_answered(
  client, monkeypatch
):
  def lost(*_):
    raise OSError("the disk is gone")

  path = f"/sound/{client.session.state()['upcoming'][0]['name']}.wav"
  with monkeypatch.context() as patch:
    patch.setattr(Sounds, "wav", lost)
    status, _, body = client.get(path)
  assert status == 500
  assert "a fault of the command (OSError: the disk is gone)" in json.loads(body)["error"]
  assert client.get(path)[0] == 200


def test_other_methods_and_lengths_are_refused(client):
  own = {"X_Label_Token": client.token}
  for length in ("-1", "x", "99999999999"):
    assert client.ask("/undo", b"{}", Content_Length=length, **own)[0] == 413
  assert client.ask("/", method="PUT", **own)[0] == 501
  assert client.ask("/", method="OPTIONS", **own)[0] == 501  # so no other page gets leave


def test_it_listens_on_this_machine_only_and_says_that_a_port_is_taken(client):
  host, port = client.host.split(":")
  assert host == "127.0.0.1"
  with pytest.raises(UserError, match=f"--port={port}: address already in use"):
    LabelServer(None, Guard(), int(port))
