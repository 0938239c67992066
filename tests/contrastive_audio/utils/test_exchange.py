"""A model is replaced whole, wherever the process that replaces it is killed."""

import contextlib
import itertools
import os
import shutil

import filelock
import pytest

from contrastive_audio.utils import exchange
from contrastive_audio.utils.exchange import bring_back, replacing_whole


class Killed(BaseException):
  """The process ends here: nothing that it would do afterwards happens."""


@contextlib.contextmanager
def killed_at(number, afterwards):
  """Lets the process die before, or just after, a step that changes the disk."""
  steps = itertools.count()

  def dying(function):
    def step(*arguments, **options):
      now = next(steps)
      if now < number:
        return function(*arguments, **options)
      if now == number and afterwards:
        function(*arguments, **options)
      raise Killed

    return step

  names = [(os, "rename"), (os, "replace"), (os, "fsync"), (shutil, "rmtree")]
  with pytest.MonkeyPatch.context() as patches:
    for module, name in [*names, (exchange, "_exchange")]:
      patches.setattr(module, name, dying(getattr(module, name)))
    yield


def write(path, content, is_folder):
  if is_folder:
    (path / "variables").mkdir(parents=True)
    path = path / "variables" / "data"
  path.write_text(content)


def read(path):
  return (path / "variables" / "data" if path.is_dir() else path).read_text()


def replace(path, content, is_folder):
  with replacing_whole(path) as unfinished:
    write(type(path)(unfinished), content, is_folder)


@pytest.mark.parametrize("exchanges", [True, False])
@pytest.mark.parametrize("afterwards", [True, False])
@pytest.mark.parametrize("is_folder", [True, False])
def test_wherever_it_is_killed_the_old_or_the_new_model_is_there_and_rubbish_goes(
  is_folder, afterwards, exchanges, tmp_path, monkeypatch
):
  if not exchanges:
    monkeypatch.setattr(exchange, "_exchange", lambda *names: False)
  for number in itertools.count():
    path = tmp_path / str(number) / "model"
    path.parent.mkdir()
    write(path, "old", is_folder)
    try:
      with killed_at(number, afterwards):
        replace(path, "new", is_folder)
      break
    except Killed:
      if exchanges or not is_folder:
        assert read(path) in ("old", "new")
    bring_back(path)
    assert read(path) in ("old", "new")
    assert os.listdir(path.parent) == ["model"]
    replace(path, "newest", is_folder)
    assert read(path) == "newest"
    assert os.listdir(path.parent) == ["model"]
  assert (read(path), os.listdir(path.parent)) == ("new", ["model"])
  assert number >= 4


def test_an_exception_leaves_the_old_model_and_nothing_else(tmp_path):
  path = tmp_path / "model"
  write(path, "old", is_folder=True)
  with pytest.raises(RuntimeError, match="half way"), replacing_whole(path) as unfinished:
    write(type(path)(unfinished), "new", is_folder=True)
    raise RuntimeError("half way")
  assert (read(path), os.listdir(tmp_path)) == ("old", ["model"])


def test_what_a_living_process_writes_is_left_alone(tmp_path):
  path = tmp_path / "model"
  with replacing_whole(path) as unfinished:
    write(type(path)(unfinished), "slow", is_folder=True)
    replace(path, "fast", is_folder=True)
    assert read(path) == "fast"
  assert (read(path), os.listdir(tmp_path)) == ("slow", ["model"])


def test_folders_that_only_look_alike_stay_and_those_of_earlier_versions_go(tmp_path):
  for name in (".model-backup", ".model-0123abcd", ".models-0123abcd.part", ".saved_model-notes"):
    (tmp_path / name).mkdir()
  (tmp_path / ".saved_model-x1_y2z3w").mkdir()  # as version 0.1 named them
  for folder in tmp_path.iterdir():
    os.utime(folder, (0, 0))
  expected = {path.name for path in tmp_path.iterdir()} - {".saved_model-x1_y2z3w"}
  replace(tmp_path / "model", "new", is_folder=True)
  assert {path.name for path in tmp_path.iterdir()} == expected | {"model"}


def test_an_old_model_that_cannot_be_put_back_is_not_thrown_away(tmp_path, monkeypatch):
  workshop = tmp_path / ".model-0123abcd.part"
  write(workshop / "old", "only one", is_folder=True)
  (workshop / "lock").touch()

  def refuse(*names):
    raise PermissionError("no")

  with monkeypatch.context() as patches:
    patches.setattr(os, "rename", refuse)
    bring_back(tmp_path / "model")
  assert read(workshop / "old") == "only one"
  filelock.FileLock(workshop / "lock").acquire(timeout=0).lock.release()  # and is free again
  bring_back(tmp_path / "model")
  assert read(tmp_path / "model") == "only one"
