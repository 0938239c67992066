"""What is built is complete: the wheel works in another folder, the sdist holds everything."""

import os
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile

import pytest

from tests.support import ROOT
from tests.test_architecture import COMMANDS

pytestmark = pytest.mark.slow
PRESET = ("config.json", "encoder.keras", "head.keras", "card.md")
IGNORED = shutil.ignore_patterns(".*", "__pycache__", "*.egg-info", "build", "dist", "runs")


@pytest.fixture(scope="module")
def built(tmp_path_factory):
  """Folder with an sdist and a wheel made of the files of this checkout."""
  folder = tmp_path_factory.mktemp("build")
  shutil.copytree(ROOT, folder / "project", ignore=IGNORED)
  preset = folder / "project" / "contrastive_audio" / "presets" / "made_up"
  preset.mkdir(parents=True)
  for name in PRESET:
    (preset / name).write_text("{}")
  build = [sys.executable, "-m", "build", "--no-isolation", f"--outdir={folder}"]
  done = subprocess.run([*build, folder / "project"], capture_output=True, text=True)
  assert done.returncode == 0, done.stdout + done.stderr
  return folder


@pytest.fixture(scope="module")
def installed(built, tmp_path_factory):
  """(an empty working folder, an environment in which the project is the unpacked wheel)."""
  (wheel,) = built.glob("*.whl")
  target = tmp_path_factory.mktemp("site")
  zipfile.ZipFile(wheel).extractall(target)
  return tmp_path_factory.mktemp("elsewhere"), os.environ | {"PYTHONPATH": str(target)}


def run(installed, *arguments):
  folder, environment = installed
  return subprocess.run(
    [sys.executable, *arguments], cwd=folder, env=environment, capture_output=True, text=True
  )


def test_the_wheel_is_what_is_imported(installed):
  code = "import contrastive_audio, downstream; print(contrastive_audio.__file__)"
  printed = run(installed, "-c", code).stdout.strip()
  assert printed.startswith(installed[1]["PYTHONPATH"])


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_of_the_wheel_answers_help(installed, command):
  done = run(installed, "-m", command.replace("/", "."), "--help")
  assert (done.returncode, done.stderr) == (0, "")


def test_the_wheel_trains_on_the_embedded_set_in_another_folder(installed):
  done = run(installed, "-m", "cola.train", "--steps=2", "--batch_size=4")
  assert done.returncode == 0, done.stderr
  assert (installed[0] / "runs" / "cola-synthetic" / "saved_model").is_dir()


def test_the_wheel_holds_types_builders_and_benchmarks(built):
  (wheel,) = built.glob("*.whl")
  names = zipfile.ZipFile(wheel).namelist()
  for name in (
    "contrastive_audio/__init__.pyi",
    "contrastive_audio/py.typed",
    "contrastive_audio/datasets/builders/speech_commands_v2/checksums.tsv",
    "downstream/papers/tables.py",
    *(f"downstream/labelling/page/page.{extension}" for extension in ("html", "js", "css")),
    "benchmarks/export.py",
  ):
    assert name in names
  assert not [name for name in names if name.startswith(("tests/", "docs/", "notebooks/"))]


def test_the_sdist_holds_documentation_tests_and_notebooks(built):
  (sdist,) = built.glob("*.tar.gz")
  with tarfile.open(sdist) as archive:
    names = {name.partition("/")[2] for name in archive.getnames()}
  for name in (
    "README.md", "CITATION.cff", "CHANGELOG.md", "LICENSE", "docs/cola.png", "docs/evaluation.md",
    "tests/golden/cola_log_mel.npz", "tests/support.py", "notebooks/make.py", "conftest.py",
  ):  # fmt: skip
    assert name in names, name


def test_presets_travel_in_the_wheel_and_in_the_sdist(built):
  (wheel,), (sdist,) = built.glob("*.whl"), built.glob("*.tar.gz")
  with tarfile.open(sdist) as archive:
    packed = {name.partition("/")[2] for name in archive.getnames()}
  for names in (set(zipfile.ZipFile(wheel).namelist()), packed):
    assert {f"contrastive_audio/presets/made_up/{name}" for name in PRESET} <= names


def test_the_description_has_no_link_that_leads_nowhere(built):
  (wheel,) = built.glob("*.whl")
  with zipfile.ZipFile(wheel) as archive:
    (name,) = (name for name in archive.namelist() if name.endswith("METADATA"))
    text = archive.read(name).decode()
  assert "## Quick start" in text
  links = re.findall(r"\]\(([^)]+)\)", text)
  assert all(link.startswith("http") for link in links), links
