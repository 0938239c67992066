"""The training commands: their help, and one line for a mistake."""

import json
import pathlib
import re
import subprocess
import sys

import pytest

from tests.support import environment, refused, train, write_clips

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module", params=["cola", "mixback"])
def system(request):
  """Which system is trained."""
  return request.param


@pytest.fixture(scope="module")
def place(tmp_path_factory):
  """A working folder with twelve clips, and ten of the same names."""
  folder = tmp_path_factory.mktemp("place")
  write_clips(folder / "my clips")
  write_clips(folder / "copies", clips=5)
  return folder


@pytest.mark.parametrize(
  ("options", "message"),
  [
    (["--dataset=folder:nowhere"], "error: no such folder: 'nowhere'"),
    (["--dataset=spoken_digt"], "error: unknown data set 'spoken_digt'. Did you mean spoken_digit"),
    (["--dataset=folder:my clips", "--batch_size=13"], "error: a batch of 13 pairs needs as many"),
    (["10"], "error: unexpected argument '10'"),
    (["--dataset=folder:my clips", "--keys=no file"], "error: cannot read --keys=no file: "),
    (["--dataset=folder:my clips", "--keys=none"], "error: --keys=none: the file lists no keys"),
    (["--dataset=folder:my clips", "--keys=keys"], "error: --keys=keys: 1 of 2 keys are no clips"),
    (
      ["--dataset=my clips", "--monitor=my clips/low"],
      "error: --monitor: its 6 clips have no cla",
    ),
    (["--dataset=folder:my clips", "--monitor=nowhere"], "error: unknown data set 'nowhere'"),
    (["--dataset=my clips", "--dataset=folder:my clips"], "error: --dataset=folder:my clips is th"),
    (
      ["--dataset=my clips", "--dataset=my clips/low"],
      "error: --dataset=my clips and --dataset=my clips/low both hold ",
    ),
    (
      ["--dataset=my clips", "--dataset=table.csv"],
      "error: --dataset=my clips and --dataset=table.csv both hold ",
    ),
    (
      ["--dataset=my clips", "--dataset=copies", "--keys=one"],
      "error: --keys=one: 'low/0.wav' is a clip of several data sets",
    ),
  ],
)
def test_a_mistake_is_one_line_without_a_traceback(place, options, message, system):
  (place / "keys").write_text("low/0.wav\nlow/nowhere.wav\n")
  (place / "one").write_text("low/0.wav\n")
  (place / "none").write_text("\n \n")
  (place / "table.csv").write_text("file\nmy clips/high/1.wav\n")
  line = refused(*options, "--store_dir=stores", cwd=place, system=system)
  assert line.startswith(message)


def test_help_names_every_flag_that_others_build_on(place, system):
  result = train("--help", cwd=place, system=system)
  names = "dataset data_dir manual_dir run recipe steps batch_size seed monitor_every deterministic"
  mixback = ["encoder", "positives", "mix", "mix_alpha", "mix_energy", "augment"]
  own = {"cola": ["similarity"], "mixback": mixback}
  names = [*names.split(), "max_bad_fraction", "views_on", "store_dir", "split", *own[system]]
  for name in names:
    assert f"--{name}" in result.stdout or f"--[no]{name}" in result.stdout
  assert "logtostderr" not in result.stdout  # nor any other flag of absl's
  assert result.stdout.count(f"  python -m {system}.train --") == 2
  assert result.stderr == ""
  assert train("-h", cwd=place, system=system).stdout == result.stdout


MISTAKES = {
  "--recipe=fast": "--recipe=fast: value should be one of <paper|",
  "--steps=-1": "--steps=-1: -1 is not",
  "--stepz=1": "Unknown command line flag 'stepz'. Did you mean: steps",
  "--set=stepz=1": "--set=stepz=1: there is no field 'stepz'; did you mean steps",
  "--steps=ten": "--steps=ten: 'ten' is not a whole number",
  "--set=dataset=other": "--set=dataset: pass --dataset instead",
  "--set=max_bad_fraction=0.9": "--set=max_bad_fraction: pass --max_bad_fraction instead",
  "--set=batch_size=-3": "batch_size=-3: must be at least 2",
  "--set=mask_fill=red": "mask_fill='red': must be one of minimum, mean",
  "--augment=echo": "augment='echo': no augmentation is called echo",
  "--steps=9 --set=steps=8": "--set=steps and --steps are both given: leave out one",
  "--statistics=measured --set=std=2": "--set=std and --statistics=measured: leave out one",
}


@pytest.mark.parametrize("option", MISTAKES)
def test_a_mistyped_value_is_one_line(place, option, system):
  line = refused(*option.split(), cwd=place, system=system)
  assert line.startswith(f"error: {MISTAKES[option]}")


def test_excerpts_that_are_too_small_for_an_encoder_are_refused_before_anything_is_decoded(
  place, system
):
  options = ["--dataset=my clips", "--encoder=frame_cnn", "--store_dir=unused", "--run=small"]
  line = refused(*options, "--set=num_mels=7", cwd=place, system=system)
  assert re.match(r"error: encoder=frame_cnn does not take \d+ frames of 7 mel bands", line)
  assert not (place / "unused").exists()
  assert not (place / "small").exists()


def test_excerpts_are_refused_that_only_the_network_of_a_small_data_set_does_not_take(place):
  line = refused("--dataset=my clips", "--set=frames=6", "--run=small", cwd=place, system="mixback")
  assert line.startswith("error: encoder=frame_cnn does not take 6 frames of 96 mel bands")
  assert not (place / "small").exists()


@pytest.mark.parametrize(
  ("system", "clips", "message"),
  [
    ("cola", 1, "the data set has 1 clip, and each clip is told from others: add files, or cut"),
    ("mixback", 1, "mix=batch needs two other clips for each, so batches of three at least"),
    ("mixback", 2, "mix=batch needs two other clips for each, so batches of three at least"),
  ],
)
def test_too_few_clips_are_refused_and_what_helps_is_no_circle(place, system, clips, message):
  names = "".join(f"my clips/high/{number}.wav\n" for number in range(clips))
  (place / f"{clips}.csv").write_text(f"file\n{names}")
  options = [f"--dataset={clips}.csv", "--store_dir=stores"]
  assert refused(*options, cwd=place, system=system).startswith(f"error: {message}")


def test_micro_batches_are_of_the_batch_that_the_number_of_clips_decides(place, system):
  options = ["--dataset=my clips", "--microbatch=6", "--print_config"]
  found = json.loads(train(*options, cwd=place, system=system).stdout)
  assert (found["config"]["batch_size"], found["config"]["microbatch"]) == (12, 6)
  line = refused("--dataset=my clips", "--microbatch=5", "--print_config", cwd=place, system=system)
  assert line.startswith("error: microbatch=5: batch_size=12 is no multiple of it; 4 or 6 would do")


SPLITS = """
import sys
from {system}.train import run
try:
  run(["train", *sys.argv[1:]])
finally:
  assert "tensorflow" not in sys.modules
"""


@pytest.mark.parametrize(
  ("options", "message"),
  [
    (["--recipe=fast"], "value should be one of"),
    (["--set=steps=many"], "'many' is not"),
    (["--set=hop_samples=0"], "hop_samples=0: must be at least 1"),
    (["--dataset=clips.csv", "--split=dev"], "no clip with split 'dev'; it has test, train"),
  ],
)
def test_what_needs_no_audio_is_checked_before_tensorflow_is_imported(
  tmp_path, options, message, system
):
  (tmp_path / "clips.csv").write_text("file,label,split\na.wav,x,train\nb.wav,y,test\n")
  for name in ("a.wav", "b.wav"):
    (tmp_path / name).touch()
  done = subprocess.run(
    [sys.executable, "-c", SPLITS.format(system=system), *options],
    cwd=tmp_path, env=environment(), capture_output=True, text=True,
  )  # fmt: skip
  assert (done.returncode, "AssertionError" in done.stderr) == (1, False)
  assert message in done.stderr


@pytest.mark.parametrize("recipe", ["--recipe=small", "--steps=4"])  # named, or the default
def test_what_would_have_no_effect_is_refused(place, recipe, system):
  options = ["--dataset=my clips", recipe, "--set=crop_scale_min=0.5", "--store_dir=stores"]
  line = refused(*options, cwd=place, system=system)
  assert "crop_scale_min=0.5 has no effect: augment=" in line
  line = refused(*options, "--print_config", cwd=place, system=system)
  assert "crop_scale_min=0.5 has no effect: augment=" in line


def test_a_folder_and_its_store_are_the_same_clips(place, system):
  stores = f"--store_dir=stores-{system}"
  decoded = refused("--dataset=my clips", "--batch_size=99", stores, cwd=place, system=system)
  assert "a batch of 99 pairs" in decoded
  (store,) = filter(pathlib.Path.is_dir, (place / f"stores-{system}").iterdir())
  both = ["--dataset=my clips", f"--dataset=store:{store}"]
  line = refused(*both, stores, cwd=place, system=system)
  assert "two of --dataset hold the same clips" in line
