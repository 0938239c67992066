"""Every command and example of the README and of docs is run, made small."""

import importlib.util
import re
import shlex
import subprocess
import sys

import numpy as np
import pytest
import soundfile

from downstream.papers import budgets
from tests.contrastive_audio.datasets.corpora import fake_audioset
from tests.support import ROOT, command, tone, write_clips

README = (ROOT / "README.md").read_text()
DOCUMENTS = [README, *(path.read_text() for path in sorted((ROOT / "docs").glob("*.md")))]
COMMANDS = re.findall(r"```bash\n(.*?)```", "".join(DOCUMENTS), re.DOTALL)
EXAMPLES = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
EXPORT_EXAMPLES = re.findall(
  r"```python\n(.*?)```", (ROOT / "docs" / "export.md").read_text(), re.DOTALL
)
PRESET_EXAMPLES = re.findall(
  r"```python\n(.*?)```", (ROOT / "docs" / "presets.md").read_text(), re.DOTALL
)
HAS_ONNX = bool(importlib.util.find_spec("tf2onnx") and importlib.util.find_spec("onnxruntime"))
TINY = ["--steps=2", "--batch_size=4"]
# What makes a command small, by the end of its module's name.
SMALL = {"train": TINY, "finetune": ["--epochs=1"]}
SMALL["tables"] = [*TINY, "--seeds=0", "--tasks=instrument", "--pretraining_tasks=instrument"]
PLACES = {"your/audio": "audio", "audio_root": "root", "audioset": "audioset"}
PLACES |= {"your/call.wav": "audio/high/0.wav", "recordings": "recordings"}
# Commands that other tests run: test_real_audio, test_general_encoder, test_going_on,
# test_import_weights, test_label, test_open_suite, test_soundscapes, test_prepare, test_builders,
# test_gpu_benchmark.
ELSEWHERE = (
  *("spoken_digit", "general_encoder", "going_on", "import_weights", "downstream.label"),
  *("suite=open", "soundscapes", "beam_pipeline_options", "tfds build", "benchmarks.gpu"),
)


def pieces():
  """All single commands of all blocks, in order."""
  return [
    piece.strip() for block in COMMANDS for piece in re.split(r"&&|\n", block) if piece.strip()
  ]


def test_the_blocks_are_found():
  assert len(pieces()) == 71
  assert len(EXAMPLES) == 1
  assert len(EXPORT_EXAMPLES) == 4
  assert len(PRESET_EXAMPLES) == 1


def test_installing_and_testing_is_what_ci_does():
  ci = (ROOT / ".ci" / "run").read_text()
  assert 'pip install -e ".[test]" && pytest' in README
  assert '-e ".[test]"' in ci
  assert "\npytest\n" in ci


def test_the_readme_is_a_front_page():
  assert len(README.splitlines()) <= 125
  for path in re.findall(r"\]\((?!http)([^)#]+)\)", README):
    assert (ROOT / path).exists(), path


@pytest.fixture
def small_tables(monkeypatch, trainings_in_this_process):
  """Lets tables train a small network."""
  monkeypatch.setattr(budgets, "_SMALL_RECIPE", "small")


def write_recordings(folder):
  """Three recordings of 12 s with labels, as label tracks of Audacity and as a table with times."""
  (folder / "recordings").mkdir()
  rows = ["file,start_s,end_s,label"]
  for name in "abc":
    high, low = tone(2000, 3.0), tone(300, 3.0)
    wave = np.concatenate([high, low, high, low])
    soundfile.write(folder / "recordings" / f"{name}.wav", wave, 16_000)
    names = ("high", "low", "high", "other")
    labels = [(3 * i, 3 * i + 3, label) for i, label in enumerate(names)]
    track = "".join(f"{start}\t{end}\t{label}\n" for start, end, label in labels)
    (folder / "recordings" / f"{name}.txt").write_text(track)
    rows += [f"recordings/{name}.wav,{start},{end},{label}" for start, end, label in labels]
  soundfile.write(folder / "wren.wav", tone(2000, 1.0), 16_000)
  (folder / "labels.csv").write_text("\n".join(rows))


@pytest.mark.slow
def test_every_command_and_the_example_run(tmp_path, small_tables, presets):
  (presets / "tiny").rename(presets / "general")
  write_clips(tmp_path / "audio")
  write_clips(tmp_path / "root" / "philharmonia")
  write_recordings(tmp_path)
  fake_audioset.LAYOUTS["1 PANNs"](tmp_path / "audioset")
  for piece in pieces():
    for name, folder in PLACES.items():
      piece = piece.replace(f"/path/to/{name}", str(tmp_path / folder))
    arguments = shlex.split(piece)
    if arguments[:2] != ["python", "-m"] or any(name in piece for name in ELSEWHERE):
      continue  # CI runs pip and pytest
    if "--format=onnx" in piece and not HAS_ONNX:
      continue  # the extra [onnx] is not installed
    small = SMALL.get(arguments[2].rpartition(".")[2], [])
    if "--table=cola_similarity" in arguments:
      small = [*small, "--variants=cosine"]
    command(*arguments[2:], *small, cwd=tmp_path)
  run_examples(tmp_path)
  run_export_examples(tmp_path)
  run_preset_example(tmp_path)


def run_examples(folder):
  """Runs the example of the README, the SavedModel on a file; then the layers of docs/export.md."""
  soundfile.write(folder / "clip.mp3", tone(440, 2.5, 44_100), 44_100)
  values = {}
  (in_keras,) = (example for example in EXPORT_EXAMPLES if "import keras" in example)
  for example in (*EXAMPLES, in_keras):
    code = example.replace("runs/mine", str(folder / "runs" / "mine"))
    code = code.replace("/path/to/your/clip.mp3", str(folder / "clip.mp3"))
    exec(compile(code, "README.md", "exec"), values)
  assert len(values["waveform"]) == 40_000
  model = values["model"]
  assert [weights.shape for weights in model.trainable_weights] == [(3072, 5), (5,)]
  assert model(np.zeros([2, 15_600], "f")).shape == (2, 5)


def run_preset_example(folder):
  """Runs the example of docs/presets.md with the preset of the fixture."""
  values = {}
  for example in PRESET_EXAMPLES:
    exec(example.replace("/path/to/your/clip.mp3", str(folder / "clip.mp3")), values)
  assert values["embedding"].shape == (3072,)
  assert len(values["embeddings"]) == len(values["times_s"]) == 51


def run_export_examples(folder):
  """Runs the examples of docs/export.md as a user does, each in a process of its own."""
  for number, example in enumerate(EXPORT_EXAMPLES):
    if "import keras" in example or ("onnxruntime" in example and not HAS_ONNX):
      continue
    shown = "best" if "best =" in example else "embedding.shape"
    path = folder / f"example{number}.py"
    path.write_text(f"{example}\nprint({shown})\n")
    done = subprocess.run([sys.executable, path], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() in ("(1, 3072)", "high", "low")
