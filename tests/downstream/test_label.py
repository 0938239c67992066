"""The command: its page in a browser, what a kill leaves, how it ends, and what comes of it."""

import csv
import re
import signal
import time

import numpy as np
import pytest
import soundfile

from benchmarks.lib import browser
from tests.support import command, refused_command, write_clips

needs_browser = pytest.mark.skipif(
  browser.missing() is not None, reason=f"{browser.missing()} is not installed"
)
pytestmark = pytest.mark.slow
OPTIONS = ["--model=logmel_stats", "--input=audio", "--labels=labels.csv", "--store_dir=stores"]
SAVED = re.compile(r"^saved +labels.csv: (.*)\nnext +(python .*)\nthen +(python .*)$", re.M)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
  """A working folder with twelve recordings in `audio`."""
  folder = tmp_path_factory.mktemp("place")
  write_clips(folder / "audio")
  (folder / "audio" / "low" / "1.wav").rename(folder / "audio" / "low" / "<b>1&amp;.wav")
  return folder


class Labelling:
  """The command in a process of its own."""

  def __init__(self, processes, place, *options):
    self.process = processes.start("downstream.label", *OPTIONS, *options, cwd=place)
    while "Ctrl-C ends" not in (output := self.process.printed()):
      assert self.process.poll() is None, self.process.communicate()
      time.sleep(0.02)
    self.output = output
    self.url = re.search(r"http://127\S+", self.output)[0]

  def end(self, number=signal.SIGINT):
    """(exit code, all output)"""
    self.process.send_signal(number)
    output, errors = self.process.communicate()
    return self.process.returncode, output + errors


def rows_of(place):
  with open(place / "labels.csv", newline="") as file:
    return list(csv.DictReader(file))


def class_of(page):
  return page.get("current.file").split("/")[1]


def mark_six(page, place):
  """Marks by the keys of the classes; each answer is in the file at once."""
  for number in range(1, 7):
    shown = page.get("[current.file, current.start_s, current.end_s]")
    page.press(page.key_of(class_of(page)))
    rows = rows_of(place)
    assert len(rows) == number
    found = [rows[-1]["file"], float(rows[-1]["start_s"]), float(rows[-1]["end_s"])]
    assert found == [shown[0], *(pytest.approx(second, abs=1e-3) for second in shown[1:])]
  assert page.get("current.name") not in page.get("state.recent.map((each) => each.name)")
  assert page.get("state.quality.num_scored") == 6


def mark_a_negative_and_take_it_back(page, place):
  page.press("0")
  assert rows_of(place)[-1]["label"] == "other"
  page.press("z")
  assert len(rows_of(place)) == 6
  page.press(page.key_of(class_of(page)))
  assert len(rows_of(place)) == 7


def see_a_refusal_until_something_else_is_done(page):
  page.driver.execute_async_script("addClass('a;b').then(arguments[0])")
  page.driver.execute_async_script("act(() => tell('/state')).then(arguments[0])")  # it watches
  assert "the class 'a;b'" in page.get("banner.textContent")
  page.press("j")
  assert page.get("banner.hidden")
  page.press("z")


def add_a_class_and_a_second_label(page, place):
  from selenium.webdriver import ActionChains, Keys

  page.press("/")
  page.press("<i>loud</i>")
  page.press(Keys.ENTER)
  with_shift = ActionChains(page.driver).key_down(Keys.SHIFT).send_keys("3").key_up(Keys.SHIFT)
  with_shift.perform()
  page.wait()
  name = page.get("current.name")
  assert page.get("current.labels") == ["<i>loud</i>"]  # it stays
  assert rows_of(place)[-1]["label"] == "<i>loud</i>"
  page.driver.find_element("css selector", "#stay").click()
  page.driver.find_element("css selector", f"#classes [data-name={class_of(page)}]").click()
  page.wait()
  assert page.get("current.labels") == ["<i>loud</i>", class_of(page)]
  page.press("j")
  assert page.get("current.name") != name
  page.driver.find_element("css selector", "#stay").click()
  assert not page.driver.find_elements("css selector", "i, #window b")  # names are text


@needs_browser
def test_marks_by_keys_survive_the_browser_and_the_server(place, processes):
  labelling = Labelling(processes, place, "--classes=high,low", "--strategy=diverse", "--hop_s=0.5")
  with browser.browser() as driver:
    page = browser.LabelPage(driver, labelling.url)
    mark_six(page, place)
    mark_a_negative_and_take_it_back(page, place)
    see_a_refusal_until_something_else_is_done(page)
    add_a_class_and_a_second_label(page, place)
    before = rows_of(place)
    browser.kill(driver)
  assert rows_of(place) == before
  with browser.browser(390, 800) as driver:
    page = browser.LabelPage(driver, labelling.url)
    assert page.get("state.num_marked") == len({(r["file"], r["start_s"]) for r in before}) == 8
    page.press("z")  # the server remembers what the browser did
    after = rows_of(place)
    assert len(after) == len(before) - 1
    assert page.get("document.documentElement.scrollWidth <= innerWidth")
    labelling.process.kill()
    labelling.process.communicate()
    driver.execute_async_script("mark('low', false).then(arguments[0])")
    assert "start it again" in page.get("banner.textContent")
    assert rows_of(place) == after
    again = Labelling(processes, place)
    assert "labels.csv: 8 stretches of" in again.output
    page = browser.LabelPage(driver, again.url)
    page.press("k")
    assert page.get("current.file") == after[-1]["file"]
    page.press("j")
    page.press(page.key_of(class_of(page)))
    code, output = again.end()
  assert code == 0
  assert rows_of(place)[:-1] == after
  saved, *_ = SAVED.search(output).groups()
  assert saved.startswith("9 stretches of ")


def test_the_labels_are_a_task_and_their_classifier_detects(place, monkeypatch, processes):
  names = [f"{name}/{i}.wav" for name in ("high", "low") for i in (0, 2, 3, 4, 5)]
  rows = [f"audio/{name},{start},{start + 0.975},{name.split('/')[0]}"
          for name in names for start in (0, 0.5)]  # fmt: skip
  text = "\n".join(["file,start_s,end_s,label", *rows, ""])
  (place / "labels.csv").write_text(text)
  code, output = Labelling(processes, place).end(signal.SIGTERM)
  assert code == 143
  saved, *commands = SAVED.search(output).groups()
  assert saved == "20 stretches of 10 recordings (high 10, low 10)"
  assert (place / "labels.csv").read_text() == text
  done, _ = (
    command(*each.removeprefix("python -m ").split(), "--store_dir=stores", cwd=place)
    for each in commands
  )
  assert "100.0 %" in done.stdout
  with open(place / "detections.csv", newline="") as file:
    found = list(csv.DictReader(file))
  assert len(found) >= 12
  assert all(row["file"].startswith(f"audio/{row['label']}/") for row in found)


def test_what_cannot_be_labelled_is_one_line(place, processes):
  def refusal(*options):
    return refused_command("downstream.label", *OPTIONS, *options, cwd=place)

  for name in ("empty", "bad"):
    (place / name).mkdir()
  (place / "bad" / "bad.wav").write_text("no audio")
  assert "no audio in './empty'" in refusal("--input=./empty")
  assert "no clip can be used (1 audio file" in refusal("--input=./bad")
  assert "no such folder: './none'" in refusal("--input=./none")
  assert "--input=synthetic: labels are about files" in refusal("--input=synthetic")
  assert "the file has to end in .csv" in refusal("--labels=labels.txt")
  assert "is no folder: choose another place" in refusal("--labels=audio/high/0.wav/x.csv")
  assert "the class 'a;b'" in refusal("--classes=a;b")
  (place / "times.csv").write_text("file,start_s,end_s,label\naudio/low/2.wav,1,9,low\n")
  assert "times.csv, line 2: 'audio/low/2.wav' ends after 1.5 s" in refusal("--labels=times.csv")
  (place / "stretches.csv").write_text("file,start_s,end_s,label\naudio/low/2.wav,0,1,low\n")
  refused = refusal("--input=stretches.csv", "--labels=others.csv")
  assert "--input=stretches.csv: it lists stretches" in refused
  soundfile.write(place / f"{'long' * 21}.wav", np.zeros(16_000), 16_000)
  assert "a name has 1 to 80 characters" in refusal("--input=./bad", f"--queries={'long' * 21}.wav")
  labelling = Labelling(processes, place)
  assert "another process writes these labels (pid" in refusal()
  port = re.search(r":(\d+)/", labelling.url)[1]
  taken = refusal("--input=./bad", "--labels=others.csv", f"--port={port}")  # before decoding
  assert f"--port={port}: address already in use: choose another, or 0 for any" in taken
  assert labelling.end()[0] == 0


def test_silence_and_a_single_recording_can_be_labelled(place, processes):
  (place / "quiet").mkdir()
  soundfile.write(place / "quiet" / "a.wav", np.zeros(48_000), 16_000)
  labelling = Labelling(processes, place, "--input=quiet", "--labels=quiet.csv")
  assert "quiet.csv: nothing is marked" in labelling.output
  code, output = labelling.end()
  assert code == 0
  assert re.search(r"quiet.csv: nothing is marked\nnext +mark two windows", output)
  assert not (place / "quiet.csv").exists()


def test_the_help_says_all_that_the_seed_decides(place):
  text = " ".join(command("downstream.label", "--help", cwd=place).stdout.split())
  assert "Seed of random weights, and of the order of --strategy=random." in text
