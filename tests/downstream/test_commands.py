"""Every command: its help, and one line for a mistake, before TensorFlow is imported."""

import importlib
import re
import subprocess
import sys

import pytest
import soundfile

from contrastive_audio.cli.help import REQUIRED
from tests.support import command, environment, tone, write_clips

FLAGS = {
  "linear": """model task output labels_per_class label_noise protocol train_on clip_pooling
    audio_root metric background data_dir manual_dir store_dir max_bad_fraction memory_mb
    gpu_memory_growth tensor_float_32 seed learning_rate batch_size epochs batchnorm""",
  "knn": """model task output labels_per_class label_noise protocol neighbours layer clip_pooling
    audio_root metric background data_dir manual_dir store_dir max_bad_fraction memory_mb
    gpu_memory_growth tensor_float_32 seed""",
  "finetune": """model task output labels_per_class label_noise protocol audio_root metric
    background data_dir manual_dir store_dir max_bad_fraction memory_mb seed learning_rate
    batch_size epochs frozen patience start batchnorm strategy gpu_memory_growth tensor_float_32""",
  "worth": """model task output against labels_per_class seeds audio_root metric background data_dir
    manual_dir store_dir max_bad_fraction memory_mb gpu_memory_growth tensor_float_32""",
  "embed": """model input output frames projector half pca hop_s window_s clip_pooling keys split
    background data_dir manual_dir store_dir max_bad_fraction memory_mb gpu_memory_growth
    tensor_float_32 seed""",
  "neighbours": """model input output queries neighbours index shown hop_s window_s clip_pooling
    keys split background data_dir manual_dir store_dir max_bad_fraction memory_mb gpu_memory_growth
    tensor_float_32 seed""",
  "detect": """model input output classifier queries ignore threshold precision recall format
    clips gap_s smoothing_s hop_s window_s clip_pooling keys split background data_dir manual_dir
    store_dir max_bad_fraction memory_mb gpu_memory_growth tensor_float_32 seed""",
  "label": """model input labels queries classes negative strategy hop_s window_s clip_pooling port
    open keys split background data_dir manual_dir store_dir max_bad_fraction memory_mb
    gpu_memory_growth tensor_float_32 seed""",
  "tables": """table runs_dir suite dry_run name seeds tasks variants models encoder steps
    batch_size epoch_steps epochs microbatch protocol pretraining_dataset pretraining_tasks
    audio_root data_dir manual_dir store_dir max_bad_fraction memory_mb gpu_memory_growth
    tensor_float_32""",
  "tasks": "task",
}
REQUIRED_FLAGS = {
  "linear": ["model", "task"],
  "knn": ["model", "task"],
  "finetune": ["model", "task"],
  "worth": ["model", "task"],
  "embed": ["model", "input", "output"],
  "neighbours": ["model", "input", "output"],
  "detect": ["model", "input", "output"],
  "label": ["model", "input", "labels"],
  "tables": ["table"],
  "tasks": [],
}


def listed(text):
  """The names of flags that a help lists, in its order."""
  return re.findall(r"^  --(?:\[no\])?(\w+)", text, re.MULTILINE)


@pytest.mark.parametrize("flag", ["-h", "--help"])
@pytest.mark.parametrize("name", FLAGS)
def test_the_help_lists_all_flags_of_the_command_and_its_examples(name, flag, tmp_path):
  done = command(f"downstream.{name}", flag, cwd=tmp_path)
  assert (done.returncode, done.stderr) == (0, "")
  module = importlib.import_module(f"downstream.{name}")
  examples, flags = done.stdout.partition("\nExamples:\n")[2].split("\n\n", 1)
  assert [line.strip() for line in examples.splitlines()] == list(module.EXAMPLES)
  assert len(module.EXAMPLES) == 2
  assert sorted(listed(flags)) == sorted(FLAGS[name].split())  # none of absl's own
  groups = dict(re.findall(r"^(\w.*):\n((?:  .*\n?)+)", flags, re.MULTILINE))
  assert listed(groups.get(REQUIRED, "")) == REQUIRED_FLAGS[name]
  assert all(len(line) <= 100 for line in flags.splitlines())


@pytest.mark.parametrize(
  ("name", "hop"), [("embed", "a whole"), ("neighbours", "half a"), ("detect", "half a")]
)
def test_the_help_says_which_hop_is_the_default(name, hop, tmp_path):
  words = command(f"downstream.{name}", "--help", cwd=tmp_path).stdout.split()
  assert f"one window of a recording to the next; if not given, {hop} window." in " ".join(words)


@pytest.mark.parametrize("name", FLAGS)
def test_every_example_has_flags_of_the_command_only(name):
  module = importlib.import_module(f"downstream.{name}")
  for example in module.EXAMPLES:
    start, *arguments = example.split(" --")
    assert start == f"python -m downstream.{name}"
    names = [argument.partition("=")[0] for argument in arguments]
    assert set(REQUIRED_FLAGS[name]) <= set(names) <= set(FLAGS[name].split())


@pytest.fixture(scope="module")
def place(tmp_path_factory):
  """A folder with clips, and a CSV whose splits are not train and test."""
  folder = tmp_path_factory.mktemp("place")
  write_clips(folder / "clips", clips=2, seconds=0.1)
  rows = ["file,label,split"]
  for number in range(4):
    soundfile.write(folder / f"{number}.wav", tone(440, 0.1), 16_000)
    rows.append(f"{number}.wav,{'ab'[number % 2]},{('train', 'eval')[number // 2]}")
  (folder / "clips.csv").write_text("".join(f"{row}\n" for row in rows))
  return folder


EVALUATE = ["--model=logmel_stats", "--task=clips"]
EMBED = ["--model=logmel_stats", "--input=clips", "--output=out.npz"]
DETECT = ["--model=logmel_stats", "--input=clips", "--output=out.csv"]
TABLE = ["--table=cola_similarity"]
# (command, arguments that come last, beginning of the line)
MISTAKES = [
  *(
    (name, EVALUATE, *mistake)
    for name in ("linear", "knn", "finetune")
    for mistake in (
      (["--model=nowhere"], "--model=nowhere: there is no such folder; a model is a run folder"),
      (["--model=clips"], "--model=clips: the folder holds neither a run (config.json) nor a Sav"),
      (["--model=random:x"], "--model=random:x: random: is followed by efficientnet_b0, or by a r"),
      (["--task=./nowhere"], "no such folder: './nowhere'"),
      (["--task=esc10"], "the task esc10 needs --audio_root: the folder that holds 'esc10'"),
      (
        ["--task=clips.csv"],
        "the data set has the splits eval, train: a task needs train and",
      ),
      (["--labels_per_class=1,x"], "--labels_per_class=1,x: write positive numbers, or all: 1,5"),
      (["--labels_per_class=0"], "--labels_per_class=0: write positive numbers, or all: 1,5,10"),
      (["--label_noise=2"], "--label_noise=2: 2.0 is not "),
      (["--seed=x"], "--seed=x: 'x' is not a whole number"),
      (["--output=clips.csv"], "--output=clips.csv is a file: choose a folder"),
      (["--metric=f1"], "--metric=f1: value should be one of <accuracy|macro_accuracy|mAP>"),
      (["--taks=clips"], "Unknown command line flag 'taks'"),
      (["clips"], "unexpected argument 'clips': options are written --name=value"),
    )
  ),
  ("worth", EVALUATE, ["--against=nowhere"], "--model=nowhere: there is no such folder; a model i"),
  ("worth", EVALUATE, ["--seeds=0,0"], "--seeds=0,0: the same seed twice adds nothing"),
  ("worth", EVALUATE, ["--labels_per_class=0"], "--labels_per_class=0: write positive numbers, or"),
  ("worth", EVALUATE, ["--output=clips.csv"], "--output=clips.csv is a file: choose a folder"),
  (
    "worth",
    EVALUATE,
    ["--labels_per_class=1,1"],
    "--labels_per_class=1,1: the same number twice",
  ),
  ("worth", EVALUATE, [], "--model=logmel_stats: there is nothing to compare it with: pass --agai"),
  ("worth", EVALUATE, ["--task=./nowhere"], "no such folder: './nowhere'"),
  ("linear", EVALUATE, ["--protocol=x"], "--protocol=x: value should be one of <cached|cola|m"),
  ("linear", EVALUATE, ["--epochs=5"], "--epochs is for training on excerpts: choose --protocol="),
  (
    "linear",
    EVALUATE,
    ["--protocol=paper", "--train_on=windows"],
    "--train_on=windows is for --protocol=cached; paper trains on excerpts",
  ),
  (
    "linear",
    EVALUATE,
    ["--train_on=windows", "--clip_pooling=clip"],
    "--clip_pooling=clip is for --protocol=cached on clips",
  ),
  ("linear", EVALUATE, ["--clip_pooling=clip"], "--model=logmel_stats describes whole clips: leav"),
  ("knn", EVALUATE, ["--clip_pooling=x"], "--clip_pooling=x: value should be one of <windows|cli"),
  (
    "knn",
    EVALUATE,
    ["--protocol=patches", "--layer=embedding", "--clip_pooling=clip"],
    "--clip_pooling is for --protocol=split",
  ),
  ("knn", EVALUATE, ["--protocol=patches", "--neighbours=3"], "--neighbours is for --protocol=s"),
  ("knn", EVALUATE, ["--protocol=patches", "--label_noise=0.1"], "--label_noise is for --proto"),
  ("embed", EMBED, ["--clip_pooling=clip"], "--model=logmel_stats describes whole clips: leave ou"),
  ("neighbours", EMBED, ["--clip_pooling=clip"], "--model=logmel_stats describes whole clips: lea"),
  ("linear", EVALUATE, ["--train_on=x"], "--train_on=x: value should be one of <clips|windows>"),
  ("knn", EVALUATE, ["--protocol=x"], "--protocol=x: value should be one of <split|patches>"),
  ("knn", EVALUATE, ["--neighbours=0"], "--neighbours=0: 0 is not "),
  ("finetune", EVALUATE, ["--start=x"], "--start=x: value should be one of <random|linear>"),
  ("finetune", EVALUATE, ["--strategy=x"], "--strategy=x: value should be one of <auto|none|mir"),
  ("finetune", EVALUATE, ["--learning_rate=0"], "--learning_rate=0: 0.0 is not "),
  ("finetune", EVALUATE, [], "--model=logmel_stats has no weights to train: use downstream.lin"),
  ("embed", EMBED, ["--keys=nowhere"], "cannot read --keys=nowhere: "),
  ("embed", EMBED, ["--model=nowhere"], "--model=nowhere: there is no such folder; a model is a"),
  ("embed", EMBED, ["--input=./nowhere"], "no such folder: './nowhere'"),
  ("embed", EMBED, ["--input=clips.csv", "--split=x"], "clips.csv: no clip with split 'x'; it has"),
  ("embed", EMBED, ["--input=musan"], "no musan without --data_dir=FOLDER, the folder that holds"),
  ("embed", EMBED, ["--input=esk50"], "unknown data set 'esk50'. Did you mean esc50"),
  ("knn", EVALUATE, ["--task=voxforge"], "no voxforge without --data_dir=FOLDER, the folder th"),
  ("embed", EMBED, ["--split=x"], "--split=x: the folder clips has no splits"),
  ("embed", EMBED, ["--output=out.txt"], "--output=out.txt: the file has to end in .npz or .par"),
  ("embed", EMBED, ["--frames", "--projector=p"], "--projector shows clips, not frames: leave ou"),
  ("embed", EMBED, ["--frames", "--hop_s=1"], "--hop_s and --window_s cut windows: leave out --fr"),
  ("embed", EMBED, ["--window_s=0"], "--window_s=0: 0.0 is not "),
  ("neighbours", EMBED, ["--input=./nowhere"], "no such folder: './nowhere'"),
  ("neighbours", EMBED, ["--queries=./nowhere"], "no such folder: './nowhere'"),
  ("neighbours", EMBED, ["--hop_s=1"], "--hop_s is for a search: name what for with --queries=F"),
  ("neighbours", EMBED, ["--index"], "--index is for a search: name what for with --queries=FIL"),
  ("neighbours", EMBED, ["--output=clips"], "--output=clips holds files already: delete them"),
  ("detect", DETECT, [], "--classifier=FOLDER (of downstream.linear) or --queries=FOLDER (examp"),
  ("detect", DETECT, ["--classifier=clips"], "--classifier=clips: it holds no classifier.npz; mak"),
  (
    "detect",
    DETECT,
    ["--queries=clips", "--precision=0.9", "--recall=0.9"],
    "--precision and --recall both choose a threshold: pass one of them",
  ),
  (
    "detect",
    DETECT,
    ["--queries=clips", "--clips", "--hop_s=1"],
    "--hop_s is for windows: leave it out with --clips",
  ),
  (
    "detect",
    DETECT,
    ["--classifier=clips", "--clip_pooling=clip"],
    "--clip_pooling: a classifier keeps the one it was trained with",
  ),
  ("detect", DETECT, ["--queries=./nowhere"], "no such folder: './nowhere'"),
  ("detect", DETECT, ["--queries=clips", "--output=out.npz"], "--output=out.npz: the file has to"),
  ("detect", DETECT, ["--precision=2"], "--precision=2: 2.0 is not "),
  ("tables", TABLE, ["--seeds=0,x"], "--seeds=0,x: write numbers: 0,1,2"),
  ("tables", TABLE, ["--seeds=0,12345678901"], "--seeds=0,12345678901: write numbers: 0,1,2"),
  ("tables", TABLE, ["--seeds=-1"], "--seeds=-1: write numbers: 0,1,2"),
  ("tables", TABLE, ["--seeds=1,0,1"], "--seeds=1,0,1: the same seed twice adds noth"),
  ("tables", TABLE, ["--seeds="], "--seeds= is empty: give it a value, or leave it out"),
  ("tables", TABLE, ["--variants=x"], "--variants: there is no 'x'; there are cosine; bilinear"),
  ("tables", TABLE, ["--pretraining_tasks=x"], "--pretraining_tasks: there is no card 'x'"),
  ("tables", TABLE, ["--suite=x"], "--suite=x: value should be one of <small|papers|open>"),
  ("tables", ["--table=suite"], [], "--table=suite needs --models=NAME=MODEL"),
  ("tasks", [], ["--task=esc1"], "--task=esc1: there is no such card; there are digit, speaker"),
]


@pytest.mark.parametrize(("name", "defaults", "options", "message"), MISTAKES)
def test_a_mistake_is_one_line(name, defaults, options, message, place):
  done = command(f"downstream.{name}", *defaults, *options, cwd=place, check=False)
  assert (done.returncode, done.stdout) == (1, "")
  assert done.stderr.startswith(f"error: {message}")
  assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
  ("name", "options"),
  [
    ("embed", ["--output=out.npz"]),
    ("neighbours", ["--output=found", "--queries=clips"]),
    ("detect", ["--output=out.csv", "--queries=queries"]),
    ("label", ["--labels=labels.csv"]),
  ],
)
def test_a_window_too_short_for_the_model_is_refused_before_the_input_is_decoded(
  name, options, tmp_path
):
  for folder in ("clips", "queries"):
    (tmp_path / folder / "bell").mkdir(parents=True)
    soundfile.write(tmp_path / folder / "bell" / "1.wav", tone(440, 1.0), 16_000)
  options = ["--model=logmel_stats", "--input=clips", "--store_dir=stores", *options]
  done = command(f"downstream.{name}", *options, "--window_s=0.5", cwd=tmp_path, check=False)
  assert done.returncode == 1
  (said,) = [each for each in done.stderr.splitlines() if each.startswith("error")]
  assert said.startswith("error: --window_s=0.5: logmel_stats hears 0.975 s at once")
  assert not list((tmp_path / "stores").glob("folder_clips*"))


@pytest.mark.parametrize("name", [name for name in FLAGS if REQUIRED_FLAGS[name]])
def test_required_flags_are_asked_for(name, tmp_path):
  done = command(f"downstream.{name}", cwd=tmp_path, check=False)
  assert (done.returncode, done.stderr.count("\n")) == (1, 1)
  assert done.stderr.startswith("error: ")
  assert all(f"--{flag}" in done.stderr for flag in REQUIRED_FLAGS[name])


WITHOUT_TENSORFLOW = """
import importlib, sys
for name, arguments, code in {calls!r}:
  try:
    importlib.import_module("downstream." + name).run(["x", *arguments])
  except SystemExit as ended:
    assert ended.code == code, (name, arguments, ended.code)
  slow = {{"tensorflow", "keras", "sklearn", "matplotlib", "scipy"}} & set(sys.modules)
  assert not slow, (name, arguments, slow)
"""


def test_help_and_mistakes_do_not_import_tensorflow(place):
  calls = [(name, ["--help"], 0) for name in FLAGS]
  calls += [(name, [*defaults, *options], 1) for name, defaults, options, _ in MISTAKES]
  done = subprocess.run(
    [sys.executable, "-c", WITHOUT_TENSORFLOW.format(calls=calls)],
    cwd=place,
    env=environment(),
    capture_output=True,
    text=True,
  )
  assert done.returncode == 0, done.stderr
  assert done.stderr.count("error: ") == len(MISTAKES)
