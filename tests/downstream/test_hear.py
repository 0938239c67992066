"""The interface of HEAR 2021: the rules of its validator, and what it says of a wrong path."""

import shutil
import types

import keras
import numpy as np
import pytest
import tensorflow as tf

import cola.config
import mixback.config
from contrastive_audio.errors import UserError
from contrastive_audio.exporting.saved_model import export_saved_model
from contrastive_audio.runs import Run
from downstream import hear
from downstream.model_names import require_model
from tests import tiny
from tests.support import assert_close

SYSTEMS = {"cola": cola.config.Config(), "mixback": mixback.config.Config()}
SIZE = 4


@pytest.fixture(scope="module")
def exports(tmp_path_factory):
  """System -> run folder with a SavedModel."""
  return {
    name: exported_run(tmp_path_factory.mktemp(name), name, config.front_end())
    for name, config in SYSTEMS.items()
  }


def exported_run(folder, system, front_end):
  """Makes a run folder with an untrained tiny encoder, exported."""
  run = Run.start_or_resume(str(folder / "run"), system, {}, {}, front_end)
  encoder = tiny.build(tiny.config()).encoder if system == "cola" else tiny_encoder(front_end)
  export_saved_model(front_end, encoder, run.saved_model)
  return folder / "run"


def tiny_encoder(front_end):
  """An encoder of other log-mels than COLA's."""
  layers = [keras.layers.Conv2D(SIZE, 5, 4), keras.layers.GlobalMaxPooling2D()]
  return keras.Sequential([keras.Input([None, front_end.log_mel.num_mels, 1]), *layers])


@pytest.fixture(params=SYSTEMS)
def system(request):
  return request.param


@pytest.fixture
def model(exports, system):
  return hear.load_model(str(exports[system]))


def noise(model, sounds, seconds):
  """Uniform noise as the validator makes it."""
  shape = [sounds, int(seconds * model.sample_rate)]
  return np.random.default_rng(0).uniform(-1, 1, shape).astype("f")


def test_the_model_is_a_module_with_whole_numbers(model, system):
  assert isinstance(model, tf.Module)
  numbers = [model.sample_rate, model.scene_embedding_size, model.timestamp_embedding_size]
  assert numbers == [{"cola": 16_000, "mixback": 22_050}[system], SIZE, SIZE]
  assert [type(number) for number in numbers] == [int, int, int]


@pytest.mark.parametrize("seconds", [1.07, 1.98, 4.0])
def test_timestamps_follow_the_rules_of_the_validator(model, seconds):
  audio = tf.constant(noise(model, 2, seconds))
  embeddings, timestamps = hear.get_timestamp_embeddings(audio, model)
  assert embeddings.dtype == timestamps.dtype == tf.float32
  embeddings, timestamps = embeddings.numpy(), timestamps.numpy()
  assert embeddings.ndim == 3
  assert embeddings.shape[::2] == (2, model.timestamp_embedding_size)
  assert timestamps.shape == embeddings.shape[:2]
  check_times(timestamps, 1000 * seconds)


def check_times(times_ms, duration_ms):
  """What the validator refuses and what it warns of."""
  spacing = np.diff(times_ms)
  hop = spacing.mean()
  assert np.abs(spacing - hop).max() <= 1
  assert spacing.max() <= 50
  assert times_ms.min() <= hop
  assert duration_ms - min(hop, 50) <= times_ms.max() <= duration_ms


def test_scenes_follow_the_rules_of_the_validator(model):
  embeddings = hear.get_scene_embeddings(tf.constant(noise(model, 4, 2.74)), model)
  assert embeddings.dtype == tf.float32
  assert embeddings.numpy().shape == (4, model.scene_embedding_size)


def test_timestamps_of_twenty_minutes_neither_drift_nor_end_early(model):
  audio = np.zeros([1, 20 * 60 * model.sample_rate], "f")
  stub = types.SimpleNamespace(sample_rate=model.sample_rate, exported=only_times(model))
  _, timestamps = hear.get_timestamp_embeddings(audio, stub)
  check_times(timestamps.numpy(), 20 * 60 * 1000)
  assert_close(timestamps, 50 * np.arange(24_001)[None])


def only_times(model):
  """The times of the front end, without the encoder, which would take minutes."""
  config = next(c for c in SYSTEMS.values() if c.sample_rate_hz == model.sample_rate)

  def embed_frames(waves):
    times_ms = config.front_end().centred(waves)[2][None]
    return {"embedding": times_ms[..., None], "time_ms": times_ms}

  return types.SimpleNamespace(embed_frames=embed_frames)


@pytest.mark.parametrize("as_tensor", [False, True])
def test_both_functions_agree_with_the_saved_model(exports, system, model, as_tensor):
  exported = tf.saved_model.load(str(exports[system] / "saved_model"))
  audio = noise(model, 3, 3.3)
  given = tf.constant(audio) if as_tensor else audio
  frames = exported.embed_frames(audio)
  embeddings, timestamps = hear.get_timestamp_embeddings(given, model)
  assert_close(embeddings, frames["embedding"], atol=1e-5)
  assert_close(timestamps, frames["time_ms"], atol=1e-2)
  scenes = hear.get_scene_embeddings(given, model)
  assert_close(scenes, exported.embed(audio)["embedding"], atol=1e-5)


def test_a_sound_with_one_sample_that_is_no_number_is_nan_alone(model):
  audio = noise(model, 3, 2.0)
  functions = (hear.get_scene_embeddings, lambda *x: hear.get_timestamp_embeddings(*x)[0])
  desired = [np.array(function(audio, model)) for function in functions]
  audio[1, 500] = np.nan
  for function, clean in zip(functions, desired):
    embeddings = np.array(function(audio, model))
    assert np.isnan(embeddings[1]).all()
    np.testing.assert_array_equal(embeddings[::2], clean[::2])


class Recorder:
  """An exported model that notes how much it is given; its embedding is the first sample."""

  sample_rate_hz, embedding_size = 1000, 1

  def __init__(self):
    self.sounds = []

  def embed(self, waves):
    self.sounds.append(len(waves))
    return {"embedding": waves[:, :1]}

  def embed_frames(self, waves):
    self.sounds.append(len(waves))
    return {"embedding": waves[:, :1, None], "time_ms": tf.zeros([len(waves), 1])}


@pytest.mark.parametrize(
  ("seconds", "scenes", "timestamps"),
  [(1, [7], [3, 3, 1]), (16, [4, 3], [1] * 7), (100, [1] * 7, [1] * 7)],
)
def test_a_batch_is_embedded_by_few_sounds_at_a_time_and_in_order(seconds, scenes, timestamps):
  model = hear.HearModel(Recorder())
  audio = np.tile(np.arange(7, dtype="f")[:, None], [1, 1000 * seconds])
  assert_close(hear.get_scene_embeddings(audio, model)[:, 0], np.arange(7))
  assert model.exported.sounds == scenes
  embeddings, _ = hear.get_timestamp_embeddings(audio, model)
  assert_close(embeddings[:, 0, 0], np.arange(7))
  assert model.exported.sounds == scenes + timestamps


@pytest.mark.parametrize(
  ("audio", "description"),
  [
    (np.zeros([16_000], "f"), r"float32 \[16000\]"),
    (np.zeros([1, 2, 100], "f"), r"float32 \[1, 2, 100\]"),
    (np.zeros([2, 100]), r"float64 \[2, 100\]"),
    (tf.zeros([2, 100], tf.int16), r"int16 \[2, 100\]"),
    (np.zeros([2, 0], "f"), r"float32 \[2, 0\]"),
    (np.zeros([0, 100], "f"), r"float32 \[0, 100\]"),
    ([[0.0] * 100], "list"),
  ],
)
@pytest.mark.parametrize("function", [hear.get_scene_embeddings, hear.get_timestamp_embeddings])
def test_audio_of_another_shape_or_type_is_refused(audio, description, function):
  with pytest.raises(UserError, match=rf"^audio is {description}.*float32 \[sounds, samples\].*$"):
    function(audio, hear.HearModel(Recorder()))


def test_a_saved_model_folder_will_do_as_well(exports, tmp_path):
  moved = tmp_path / "elsewhere"
  moved.symlink_to(exports["cola"] / "saved_model")
  assert hear.load_model(moved).sample_rate == 16_000


def test_a_model_that_a_killed_export_moved_aside_is_brought_back(exports, tmp_path):
  aside = tmp_path / ".model-0123abcd.part"
  shutil.copytree(exports["cola"] / "saved_model", aside / "old")
  (aside / "lock").touch()
  require_model(str(tmp_path / "model"))
  assert [path.name for path in tmp_path.iterdir()] == ["model"]
  shutil.move(tmp_path / "model", aside / "old")
  (aside / "lock").touch()
  assert hear.load_model(tmp_path / "model").sample_rate == 16_000


def empty_folder(path):
  path.mkdir()


def some_file(path):
  path.write_text("no model")


def run_without_export(path):
  Run.start_or_resume(str(path), "cola", {}, {}, SYSTEMS["cola"].front_end())


def foreign_saved_model(path):
  tf.saved_model.save(tf.Module(), str(path))


def damaged_saved_model(path):
  path.mkdir()
  (path / "saved_model.pb").write_bytes(b"no protocol buffer")


@pytest.mark.parametrize(
  ("make", "message"),
  [
    (lambda path: None, "there is no folder '{}'"),
    (some_file, "there is no folder '{}'"),
    (empty_folder, "'{}' is neither a run folder nor an exported SavedModel"),
    (run_without_export, "python -m contrastive_audio.export --run={}"),
    (foreign_saved_model, "'{}' has no sample_rate_hz, embedding_size, embed, embed_frames"),
    (damaged_saved_model, "cannot load the SavedModel '{}'"),
  ],
)
def test_a_path_that_holds_no_model_is_one_line(tmp_path, make, message, capfd):
  path = tmp_path / "model"
  make(path)
  with pytest.raises(UserError) as raised:
    hear.load_model(str(path))
  assert message.format(path) in str(raised.value)
  assert "\n" not in str(raised.value)
  assert capfd.readouterr().err == ""


def test_no_path_is_one_line():
  with pytest.raises(UserError, match="^load_model got no path: .*run folder"):
    hear.load_model()
