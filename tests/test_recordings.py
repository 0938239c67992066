"""Trainings on long recordings: pieces of them are learned, and whole ones are complained about."""

import json
import re

import numpy as np
import pytest
import soundfile

from contrastive_audio.runs import Run
from tests.support import refused, train

RATE_HZ = 4_000  # of the files: little to decode
pytestmark = pytest.mark.slow
OPTIONS = ["--recipe=small", "--encoder=frame_cnn", "--batch_size=12", "--store_dir=stores"]
# The tones differ in pitch, so that 60 steps learn them if no view changes it.
OPTIONS += ["--augment=level,equalise,specaugment"]


@pytest.fixture(scope="module")
def place(tmp_path_factory):
  """Twelve recordings of three minutes in `field`; every five seconds there is another tone."""
  folder = tmp_path_factory.mktemp("recordings")
  (folder / "field").mkdir()
  rng = np.random.default_rng(0)
  time_s = np.arange(5 * RATE_HZ) / RATE_HZ
  for number in range(12):
    tones = [np.sin(2 * np.pi * hz * time_s) for hz in np.exp(rng.uniform(4.8, 7.4, 36))]
    wave = 0.3 * np.concatenate(tones) + rng.normal(0, 0.01, 180 * RATE_HZ)
    soundfile.write(folder / "field" / f"{number}.wav", wave, RATE_HZ)
  return folder


def trained(place, name, *options):
  """(output, run) of a training on the recordings."""
  done = train("--dataset=field", f"--run={name}", *OPTIONS, *options, cwd=place)
  return done.stdout + done.stderr, Run.open(str(place / name))


def last_accuracy(run):
  return float(np.mean(run.metrics("contrastive_accuracy")[1][-3:]))


@pytest.fixture(scope="module")
def pieces(place):
  """A training that finds out by itself that the recordings are long."""
  return trained(place, "pieces", "--steps=60")


@pytest.fixture(scope="module")
def whole(place):
  """The same training on whole recordings."""
  return trained(place, "whole", "--steps=60", "--piece_s=0")


def test_twelve_recordings_of_three_minutes_are_learned_in_pieces_and_not_as_whole(pieces, whole):
  assert last_accuracy(pieces[1]) > 0.4 > 0.25 > last_accuracy(whole[1])


def test_the_choice_is_said_in_one_line_and_everything_counts_pieces(pieces):
  output, run = pieces
  (line,) = re.findall(r"^pieces .*$", output, re.MULTILINE)
  assert (
    "432 of about 5 s, from 12 clips of 3 min (the median; --piece_s=0 takes them whole)" in line
  )
  assert "recipe     small: 60 steps of 12 pairs, 1.7 epochs" in output
  assert "on 432 pieces: 60 steps" in output
  assert run.config["config"]["piece_s"] == 5.0
  assert run.config["data"]["clips"] == 432
  assert "at chance" not in output
  assert "pairs are found" not in output


def test_a_training_at_chance_says_so_with_the_likely_cause_and_the_flag(whole):
  output, run = whole
  (warning, *_) = re.findall(r"warning +step 60: (only .*)$", output, re.MULTILINE)
  assert re.match(r"only \d+\.\d % of the pairs are found, 8\.3 % by chance: the 12 clips", warning)
  assert "--piece_s=5 cuts them into pieces" in warning
  assert re.search(r"^at chance +\d+\.\d % of the pairs were found", output, re.MULTILINE)
  assert run.config["config"]["piece_s"] == 0.0


def test_the_same_command_goes_on_with_the_pieces_of_the_run(place, pieces):
  output, run = trained(place, "pieces", "--steps=61")
  assert "432 of about 5 s" in output
  assert run.metrics("loss")[0].tolist()[-1] == 61


def test_a_run_of_an_earlier_version_which_knew_no_pieces_goes_on_with_whole_clips(place, whole):
  path = place / "whole" / "config.json"
  config = json.loads(path.read_text())
  del config["config"]["piece_s"]
  path.write_text(json.dumps(config))
  line = refused(
    "--dataset=field", "--run=whole", *OPTIONS, "--piece_s=5", cwd=place, system="cola"
  )
  assert "piece_s" in line
  output, run = trained(place, "whole", "--steps=61")
  assert "\npieces" not in output
  assert run.metrics("loss")[0].tolist()[-1] == 61


def test_what_cannot_be_a_length_of_pieces_is_one_line(place):
  line = refused("--dataset=field", "--piece_s=0.5", *OPTIONS, cwd=place, system="cola")
  assert "piece_s=0.5: pieces may be a third shorter than that" in line
  assert "an excerpt has 0.96 s: use at least 1.44" in line


def test_what_is_printed_before_a_training_leaves_the_length_open(place):
  for options, piece_s in ([], None), (["--piece_s=3"], 3.0):
    printed = train("--dataset=field", "--print_config", *OPTIONS, *options, cwd=place).stdout
    assert json.loads(printed)["config"]["piece_s"] == piece_s


def test_a_training_draws_what_happens_and_its_record_says_so(place):
  output, run = trained(place, "active", "--steps=2", "--active")
  assert "432 of about 5 s" in output
  assert run.config["config"]["active"] is True
  assert len(list((place / "stores").glob("*/activity-*.json"))) == 1
