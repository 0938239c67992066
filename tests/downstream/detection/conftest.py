"""Fixtures of the tests of detection."""

import pytest
import soundfile

from tests.downstream.detection.made_recordings import EVENTS, RATE_HZ, hiss, noise, sound
from tests.support import command


@pytest.fixture(scope="session")
def place(tmp_path_factory):
  """Labelled clips, recordings of half a minute with a bad file, and a trained classifier."""
  folder = tmp_path_factory.mktemp("place")
  for name in ("high", "low", "noise"):
    (folder / "labelled" / name).mkdir(parents=True)
    for number in range(10):
      path = folder / "labelled" / name / f"{number}.wav"
      soundfile.write(path, sound(name, seed=number + 10 * len(name)), RATE_HZ)
  (folder / "recordings").mkdir()
  for number, (file, events) in enumerate(EVENTS.items()):
    wave = noise(30, seed=100 + number)
    for name, start_s, end_s in events:
      first, end = round(start_s * RATE_HZ), round(end_s * RATE_HZ)
      wave[first:end] += hiss(name, end_s - start_s, seed=end)
    soundfile.write(folder / "recordings" / file, wave, RATE_HZ)
  (folder / "recordings" / "bad.wav").write_text("no audio")
  options = ["--model=logmel_stats", "--task=folder:labelled", "--store_dir=stores"]
  command("downstream.linear", *options, "--output=linear", cwd=folder)
  return folder
