"""Statistics of the log-mels of a data set."""

import dataclasses
import pathlib
import types

import numpy as np
import pytest
import soundfile

import cola.config
from contrastive_audio import datasets
from contrastive_audio.cli import starting
from contrastive_audio.errors import UserError
from contrastive_audio.frontend import statistics
from contrastive_audio.store import preparation
from contrastive_audio.utils.checksums import read_sealed_json
from mixback.config import Config
from tests.support import assert_close, cut_log_mels, write_clips


def by_hand(store, front_end):
  values = []
  for clip_id in range(store.num_clips):
    wave = store.wave(clip_id).astype(float)
    wave = wave - wave.mean()
    wave = wave / (np.abs(wave).max() + 0.005)
    values.append(np.asarray(front_end.log_mel(wave[None].astype("f")), float).ravel())
  values = np.concatenate(values)
  return values.mean(), values.std()


def test_they_are_those_of_all_frames_of_all_whole_clips(clip_store, monkeypatch):
  front_end = Config(sample_rate_hz=16_000, fmax_hz=7_800.0).front_end()
  desired = by_hand(clip_store, front_end)
  assert_close(statistics._measure(clip_store, front_end), desired, rtol=1e-5)
  monkeypatch.setattr(statistics, "FRAMES_AT_ONCE", 7)  # blocks meet without a gap
  assert_close(statistics._measure(clip_store, front_end), desired, rtol=1e-5)


@pytest.mark.parametrize(
  ("config", "longest_samples"),
  [
    (cola.config.Config(), 15_600),
    (Config(sample_rate_hz=16_000, fmax_hz=7_800.0), 2048 + 6 * 220),
  ],
)
def test_a_long_clip_is_measured_in_pieces_and_never_read_whole(
  clip_store, monkeypatch, config, longest_samples
):
  front_end = config.front_end()
  desired = statistics._measure(clip_store, front_end)
  copy, lengths = type(clip_store).copy_excerpt, []

  def spy(self, clip_id, start, out):
    lengths.append(len(out))
    copy(self, clip_id, start, out)

  monkeypatch.setattr(type(clip_store), "copy_excerpt", spy)
  monkeypatch.setattr(statistics, "WHOLE_SAMPLES", 0)
  monkeypatch.setattr(statistics, "FRAMES_AT_ONCE", 7)
  monkeypatch.setattr(statistics, "WINDOWS_AT_ONCE", 1)
  assert_close(statistics._measure(clip_store, front_end), desired, rtol=1e-6)
  assert max(lengths) <= longest_samples < clip_store.num_samples.min()


def test_they_are_computed_once_and_kept_for_each_front_end(clip_store, monkeypatch):
  config = Config(sample_rate_hz=16_000, fmax_hz=7_900.0)
  first = statistics.log_mel_statistics(clip_store, config.front_end())
  monkeypatch.setattr(statistics, "_measure", lambda *_: (9.0, 9.0))
  standardised = dataclasses.replace(config, mean=1.0, std=2.0)  # does not change what is measured
  assert statistics.log_mel_statistics(clip_store, standardised.front_end()) == first
  other = dataclasses.replace(config, fmin_hz=60.0)
  assert statistics.log_mel_statistics(clip_store, other.front_end()) == (9.0, 9.0)
  paths = list(pathlib.Path(clip_store.folders[0]).glob("statistics-*"))
  assert {"mean": first[0], "std": first[1]} in [read_sealed_json(path) for path in paths]
  for path in paths:  # a digit that a disk changed is no statistic
    path.write_text(path.read_text().replace("std", "STD"))
  assert statistics.log_mel_statistics(clip_store, standardised.front_end()) == (9.0, 9.0)


def test_a_silent_data_set_is_refused_in_one_line(tmp_path):
  for number in range(2):
    soundfile.write(tmp_path / f"{number}.wav", np.zeros(22_050), 22_050)
  source = datasets.open_source(f"folder:{tmp_path}")
  store = preparation.prepare(source, 22_050, str(tmp_path / "stores"))
  with pytest.raises(UserError, match="the 2 clips are the same .* nothing but silence"):
    statistics.log_mel_statistics(store, Config().front_end())


def test_excerpts_that_are_brought_to_their_level_one_by_one_are_standardised(clip_store):
  config = cola.config.Config(short_clips="tile", mean=None, std=None)
  config = starting.with_statistics(config, clip_store, "no run yet")
  front_end, values = config.front_end(), []
  for clip_id in range(clip_store.num_clips):
    values.append(np.ravel(cut_log_mels(front_end, clip_store.wave(clip_id))))
  values = np.concatenate(values)
  assert_close([values.mean(), values.std()], [0, 1], atol=1e-3)
  assert starting.with_statistics(config, None, None) is config


def test_statistics_that_are_kept_are_not_those_of_longer_excerpts_which_fill_short_clips_up(
  tmp_path,
):
  folder = write_clips(tmp_path / "clips", clips=2, seconds=1.2, rate_hz=22_050)
  source = datasets.open_source(f"folder:{folder}")
  long = Config(frames=201, short_clips="zeros").front_end()
  kept, fresh = (
    preparation.prepare(source, 22_050, str(tmp_path / name)) for name in ("kept", "fresh")
  )
  usual = statistics.log_mel_statistics(kept, Config(short_clips="zeros").front_end())
  measured = statistics.log_mel_statistics(kept, long)
  assert measured == statistics.log_mel_statistics(fresh, long)
  assert abs(measured[0] - usual[0]) > 0.1


def test_statistics_that_were_given_are_not_called_those_of_the_source(capsys):
  source = types.SimpleNamespace(model="preset:general", statistics=(-3.0, 2.0))
  for given, said in (
    ((-1.0, 2.0), "mean -1.000, standard deviation 2.000 of the log-mels, as given; those of"),
    ((-3.0, 2.0), "mean -3.000, standard deviation 2.000 of the log-mels, those of preset:gen"),
  ):
    starting.with_statistics(Config(mean=given[0], std=given[1]), None, "no run yet", source)
    assert f"statistics {said}" in capsys.readouterr().out
