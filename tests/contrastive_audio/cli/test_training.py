"""The training command as others meet it: signals, a second process, a run that is half made."""

import contextlib
import signal
import types

import pytest

from cola.config import Config
from contrastive_audio.cli import report
from contrastive_audio.cli.open_data import ChosenData, DataChoice, DataLocation
from contrastive_audio.cli.training import System, train_system
from contrastive_audio.cli.training_flags import TrainingRequest
from contrastive_audio.distributed import hosts
from contrastive_audio.errors import UserError
from contrastive_audio.monitoring.monitor import KnnMonitor
from contrastive_audio.runs import Run
from contrastive_audio.training import callbacks
from tests import tiny


def load():
  """A tiny model, and the monitor of COLA."""

  def make_monitor(run, store, front_end, networks):
    return KnnMonitor(run, store, front_end, networks.encoder)

  return tiny.build, make_monitor


@pytest.fixture
def train(clip_folder, tmp_path_factory):
  """Trains a tiny model by the command, in a folder."""
  location = DataLocation(store_dir=str(tmp_path_factory.mktemp("stores")))
  system = System("cola", Config, {"paper": {}}, lambda num_clips: "paper", load)

  def call(folder, path=str(clip_folder), **fields):
    fields = {"batch_size": 4, "steps": 4, "dataset": path} | fields
    request = TrainingRequest(DataChoice((path,)), location, run=str(folder), fields=fields)
    train_system(system, request)

  return call


def test_a_signal_in_the_set_up_is_answered_at_once_and_leaves_nothing_that_is_in_the_way(
  train, tmp_path, monkeypatch, capsys
):
  monkeypatch.setattr(report, "print_recipe", lambda *_, **__: signal.raise_signal(signal.SIGINT))
  with pytest.raises(KeyboardInterrupt):
    train(tmp_path / "run")
  assert "stopping   the same command goes on from what is saved\n" in capsys.readouterr().out
  assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("field", [{"microbatch": 2}, {"xla": True}])
def test_what_one_device_does_is_refused_where_several_train(train, tmp_path, monkeypatch, field):
  @contextlib.contextmanager
  def join_two(strategy):
    yield hosts.Hosts(types.SimpleNamespace(num_replicas_in_sync=2))

  monkeypatch.setattr(hosts, "join_hosts", join_two)
  ((name, value),) = field.items()
  with pytest.raises(UserError, match=f"{name}={value} is for one device, and 2 share"):
    train(tmp_path / "run", **field)
  assert not (tmp_path / "run").exists()


def test_views_on_the_host_are_refused_where_several_hosts_train(train, tmp_path, monkeypatch):
  monkeypatch.setattr(hosts, "join_hosts", lambda _: contextlib.nullcontext(hosts.Hosts(count=2)))
  with pytest.raises(UserError, match="views_on=host needs the clips of all hosts in one place"):
    train(tmp_path / "run", views_on="host")
  assert not (tmp_path / "run").exists()


def test_a_signal_that_comes_after_the_last_step_changes_nothing(train, tmp_path, monkeypatch):
  own = report.print_outcome
  monkeypatch.setattr(
    report, "print_outcome", lambda *a: signal.raise_signal(signal.SIGTERM) or own(*a)
  )
  train(tmp_path / "run")  # no SystemExit
  assert (tmp_path / "run" / "saved_model").exists()


class StopAtTheSecond(callbacks.Stopper):
  """Presses Ctrl-C during the second step."""

  def on_train_batch_end(self, batch, logs=None):
    if batch == 1:
      signal.raise_signal(signal.SIGINT)
    super().on_train_batch_end(batch, logs)


def test_a_stopped_training_ends_with_130_and_the_same_command_goes_on_from_any_path(
  train, clip_folder, tmp_path, monkeypatch, capsys
):
  with monkeypatch.context() as patch, pytest.raises(SystemExit) as ended:
    patch.setattr(callbacks, "Stopper", StopAtTheSecond)
    train(tmp_path / "run")
  assert ended.value.code == 130
  output = capsys.readouterr().out
  assert "stopping   after this step; a second Ctrl-C or SIGTERM ends at once\n" in output
  assert "stopped    after step 2 of 4, saved in " in output
  train(f"{tmp_path}/run/", path=f"folder:{clip_folder}/")
  assert "trained    cola on 12 clips: 4 steps" in capsys.readouterr().out
  assert Run.open(str(tmp_path / "run")).metrics("loss")[0].tolist() == [4]


def test_while_one_process_makes_a_run_another_hears_which_one(train, tmp_path):
  (tmp_path / "run").mkdir()
  with (
    Run.lock(str(tmp_path / "run")).held(),
    pytest.raises(UserError, match=r"another process is training this run \(pid \d+, host "),
  ):
    train(tmp_path / "run")


def test_a_folder_of_other_files_stays_as_it_is_and_is_refused_before_decoding(
  train, tmp_path, monkeypatch
):
  (tmp_path / "thesis.txt").touch()
  monkeypatch.setattr(ChosenData, "store", lambda _: pytest.fail("it decodes"))
  with pytest.raises(UserError, match="holds files but not a run"):
    train(tmp_path)
  assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


@pytest.mark.parametrize("again", ["clips", "./clips", "clips/", "folder:clips", "{}/clips"])
def test_a_folder_counts_once_however_its_path_is_written(again, tmp_path, monkeypatch):
  (tmp_path / "clips").mkdir()
  (tmp_path / "others").mkdir()
  monkeypatch.chdir(tmp_path)
  with pytest.raises(UserError, match="each of its clips would count twice"):
    DataChoice(("clips", "others", again.format(tmp_path)))
  assert DataChoice(("clips", "others")).name == "folder:clips + folder:others"
