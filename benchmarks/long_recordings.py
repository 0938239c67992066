"""python -m benchmarks.long_recordings: measures speed and memory with a day of recordings.

It writes recordings of an hour each, ten minutes of sounds repeated with other noise each time,
into a temporary folder. downstream.embed decodes and embeds them, and downstream.detect looks for
sounds in them, each in a process of its own. Then both commands are run twice on some hours:
undisturbed, and killed and started again. They have to write the same file.
"""

import dataclasses
import glob
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence

import numpy as np
import soundfile
from absl import flags

from benchmarks.lib.soundscapes import pink_noise
from contrastive_audio.cli.flags import FLAGS
from contrastive_audio.cli.help import flag_group
from contrastive_audio.cli.main import run_main
from contrastive_audio.datasets import synthetic
from contrastive_audio.errors import UserError
from contrastive_audio.utils import markdown_table
from contrastive_audio.utils.files import digest_of_file
from contrastive_audio.utils.spreadsheets import write_csv
from downstream.model_names import require_model

EXAMPLES = (
  "python -m benchmarks.long_recordings",
  "python -m benchmarks.long_recordings --model=runs/mine --hours=6 --output=long.csv",
)
RATE_HZ = synthetic.SAMPLE_RATE_HZ
CLASSES = ("bell", "bird", "siren", "engine")
HEADINGS = ("step", "audio (h)", "time (s)", "hours of audio per minute", "peak memory (MB)")
_REPEATED_S, _BETWEEN_S = 600, 12  # what is repeated, and from one sound to the next
_BYTES_PER_S = 2 * 2 * RATE_HZ  # a recording and its decoded copy, 16 bits each
_PART = "part-00000.arrow"  # the first that embedding finishes


def main(_: Sequence[str]) -> None:
  model, hours, check_hours = FLAGS.model, FLAGS.hours, FLAGS.check_hours
  hop_s, output = FLAGS.hop_s, FLAGS.output
  require_model(model)
  with tempfile.TemporaryDirectory(dir=FLAGS.work_dir) as folder:
    require_space(folder, hours)
    write_recordings(os.path.join(folder, "all"), hours)
    write_examples(os.path.join(folder, "examples"))
    work = Work(folder, "all", model, hop_s)
    steps = (("decode and embed", work.embedding), ("detect", work.detecting))
    rows = [row_of(step, hours, *run_command(command())) for step, command in steps]
    shutil.rmtree(os.path.join(folder, "stores"))
    if check_hours:
      first = os.path.join(folder, "first")
      write_recordings(first, min(hours, check_hours))
      rows += [check_resuming(Work(folder, "first", model, hop_s), hours=min(hours, check_hours))]
  print(f"\n{model}, a window every {hop_s:g} s\n")
  markdown_table.show(HEADINGS, rows)
  if output:
    write_csv(output, [HEADINGS, *rows])


@dataclasses.dataclass(frozen=True)
class Work:
  """The commands on some recordings.

  Attributes:
    folder: where everything is.
    name: of the folder of recordings in it.
    model: as `--model` takes it.
    hop_s: from one window to the next.
    output: beginning of the names of what is written.

  Example:
    >>> Work("tmp", "all", "logmel_stats", 1.0).embedding()[:2]
    ['downstream.embed', '--model=logmel_stats']
  """

  folder: str
  name: str
  model: str
  hop_s: float
  output: str = "out"

  def embedding(self) -> list[str]:
    """Returns the command that embeds their windows."""
    return ["downstream.embed", *self._options, "--half", f"--output={self.path('.npz')}"]

  def detecting(self) -> list[str]:
    """Returns the command that detects sounds like the examples."""
    queries = f"--queries=folder:{self.folder}/examples"
    return ["downstream.detect", *self._options, queries, f"--output={self.path('.csv')}"]

  def path(self, extension: str) -> str:
    """Returns the path of a file that is written."""
    return os.path.join(self.folder, f"{self.name}-{self.output}{extension}")

  @property
  def _options(self) -> list[str]:
    data = f"--input=folder:{self.folder}/{self.name}"
    return [
      f"--model={self.model}",
      data,
      f"--hop_s={self.hop_s}",
      f"--store_dir={self.folder}/stores",
    ]


def check_resuming(undisturbed: Work, hours: float) -> list[str]:
  """Kills both commands and starts them again; returns a row of the table.

  Raises:
    UserError: they write something else than undisturbed ones.
  """
  started_s = time.perf_counter()
  killed = dataclasses.replace(undisturbed, output="killed")
  for command_of, extension in ((Work.embedding, ".npz"), (Work.detecting, ".csv")):
    run_command(command_of(undisturbed), cache="undisturbed")
    killed_at = kill_command(command_of(killed), os.path.join(killed.folder, "**", _PART))
    run_command(command_of(killed), cache="killed")
    files = [work.path(extension) for work in (undisturbed, killed)]
    if len(set(map(digest_of_file, files))) > 1:
      raise UserError(f"{files[1]}: killed {killed_at} and resumed, and not the same")
  seconds = time.perf_counter() - started_s
  return ["killed, resumed: identical", f"{hours:g}", f"{seconds:.0f}", "", ""]


def run_command(command: Sequence[str], cache: str = "cache") -> tuple[float, int]:
  """Runs a command in a process of its own; returns (seconds, peak memory in MB)."""
  started_s = time.perf_counter()
  process = _start(command, cache)
  _, status, usage = os.wait4(process.pid, 0)
  process.returncode = status  # so that nobody waits for it again
  if status:
    raise UserError(f"{command[0]} failed, see above")
  return time.perf_counter() - started_s, usage.ru_maxrss // 1024


def kill_command(command: Sequence[str], pattern: str, cache: str = "killed") -> str:
  """Kills a command as soon as it has finished a part; returns when that was, human-readable."""
  known, process = set(glob.glob(pattern, recursive=True)), _start(command, cache)
  while process.poll() is None:
    if set(glob.glob(pattern, recursive=True)) - known:
      process.kill()
      process.wait()
      return "after its first part"
    time.sleep(0.05)
  raise UserError(f"{command[0]} ended before it could be killed: --check_hours=1 gives it parts")


def _start(command: Sequence[str], cache: str) -> subprocess.Popen:
  """Starts a command with a cache of its own, beside its stores."""
  (stores,) = [word for word in command if word.startswith("--store_dir=")]
  place = os.path.join(os.path.dirname(stores.partition("=")[2]), cache)
  environment = os.environ | {"CONTRASTIVE_AUDIO_CACHE": place}
  return subprocess.Popen([sys.executable, "-m", *command], env=environment)


def row_of(step: str, hours: float, seconds: float, peak_mb: int) -> list[str]:
  """Returns a row of the table.

  Example:
    >>> row_of("embed", 6.0, 240.0, 900)
    ['embed', '6', '240', '1.5', '900']
  """
  return [step, f"{hours:g}", f"{seconds:.0f}", f"{60 * hours / seconds:.2g}", str(peak_mb)]


def require_space(
  folder: str, hours: float, usage: Callable[[str], tuple[int, ...]] = shutil.disk_usage
) -> None:
  """Raises an error unless there is room for the recordings and what is made of them.

  Example:
    >>> require_space(".", hours=1e6)
    Traceback (most recent call last):
    contrastive_audio.errors.UserError: ... GB are needed, and ... are free: ...
  """
  needed, free = 1.5 * 3600 * hours * _BYTES_PER_S, usage(folder)[2]
  if free < needed:
    raise UserError(
      f"{folder}: {needed / 1e9:.1f} GB are needed, and {free / 1e9:.1f} GB are free: choose "
      "another --work_dir, or fewer --hours"
    )


def write_recordings(folder: str, hours: float) -> None:
  """Writes recordings of an hour each, the last with what is left."""
  os.makedirs(folder)
  rng = np.random.default_rng(0)
  scene, left_s = _scene(rng), 3600 * hours
  for number in range(int(np.ceil(hours))):
    path = os.path.join(folder, f"{number:02d}.wav")
    with soundfile.SoundFile(path, "w", RATE_HZ, 1, "PCM_16") as file:
      for _ in range(min(6, int(np.ceil(left_s / _REPEATED_S)))):
        count = min(len(scene), round(left_s * RATE_HZ))
        file.write(scene[:count] + pink_noise(len(scene), rng)[:count])
        left_s -= count / RATE_HZ


def write_examples(folder: str) -> None:
  """Writes three examples of each class, none of which is in the recordings."""
  for name in CLASSES:
    os.makedirs(os.path.join(folder, name))
    for number in range(3):
      wave = synthetic.make_clip(name, [synthetic.VERSION, 7, number])
      soundfile.write(os.path.join(folder, name, f"{number}.wav"), wave, RATE_HZ)


def _scene(rng: np.random.Generator) -> np.ndarray:
  """Returns ten minutes with a sound every twelve seconds."""
  scene = np.zeros(_REPEATED_S * RATE_HZ)
  for number, start in enumerate(range(0, len(scene) - 4 * RATE_HZ, _BETWEEN_S * RATE_HZ)):
    name = CLASSES[number % len(CLASSES)]
    wave = synthetic.make_clip(name, [synthetic.VERSION, 6, number])
    scene[start : start + len(wave)] += 0.5 * wave * rng.uniform(0.1, 1)
  return scene


def _define_flags() -> None:
  with flag_group("Measurement"):
    flags.DEFINE_string("model", "preset:general", "Encoder, as in downstream.embed.")
    flags.DEFINE_float("hours", 24.0, "Hours of audio.", lower_bound=0.01)
    flags.DEFINE_float(
      "check_hours", 1.0, "Hours of audio with which commands are killed; 0: none are.", 0.0
    )
    flags.DEFINE_float("hop_s", 1.0, "Seconds from one window to the next.", lower_bound=0.01)
    flags.DEFINE_string("work_dir", None, "Where the temporary folder is; by default in $TMPDIR.")
    flags.DEFINE_string("output", None, "CSV file to write the table to.")


def run(argv: Sequence[str] | None = None) -> None:
  """Runs the command, with the arguments of this process if none are given."""
  run_main(main, _define_flags, __doc__, EXAMPLES, argv)


if __name__ == "__main__":
  run()
