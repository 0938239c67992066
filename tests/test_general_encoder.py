"""The general encoder trains on what may train, and is judged on what it has never heard."""

import collections

import pytest

import cola.config
import mixback.config
from benchmarks import general_encoder
from benchmarks.lib import laboratory_flags
from contrastive_audio.configuration import configure, parse_settings
from contrastive_audio.errors import UserError
from downstream.cards import pool, vowels
from downstream.choices import Condition
from tests.downstream.cards import fake_pool
from tests.downstream.cards.fake_pool import LICENCES, read
from tests.support import command


@pytest.fixture(scope="module")
def made_pool(tmp_path_factory):
  """Free collections, others that may not train, and all tasks with two classes each."""
  return fake_pool.write(tmp_path_factory.mktemp("pool"))


@pytest.fixture(scope="module")
def lists(made_pool, tmp_path_factory):
  return general_encoder.Lists(str(made_pool), str(tmp_path_factory.mktemp("lists")))


def clips_of(lists, name, labels=None, seed=0):
  dataset, _ = lists.task(name, Condition(labels), seed)
  return read(dataset.removeprefix("folder:"))


def test_only_clips_train_whose_licence_names_neither_gpl_nor_share_alike(lists):
  training = read(lists.training().removeprefix("folder:"))
  assert {row["group"] for row in training} == set(LICENCES)
  assert len(training) == 8 * len(LICENCES)


def test_a_share_takes_as_much_of_each_collection_and_a_larger_one_holds_the_smaller(lists):
  parts = [read(lists.training(share).removeprefix("folder:")) for share in (0.1, 0.25, 0.5, 1.0)]
  for part, clips in zip(parts, (1, 2, 4, 8), strict=True):
    counts = collections.Counter(row["group"] for row in part)
    assert counts == dict.fromkeys(LICENCES, clips)
  names = [{row["file"] for row in part} for part in parts]
  assert names[0] < names[1] < names[2] < names[3]
  by_name = collections.defaultdict(list)
  for row in sorted(parts[3], key=lambda row: row["file"]):
    by_name[row["group"]].append(row["file"])
  assert names[2] != {name for clips in by_name.values() for name in clips[:4]}  # they are drawn


def test_a_share_is_a_training_list_of_its_own(lists):
  rows = general_encoder.general_rows(lists)
  datasets = [rows[name].dataset for name in ("general", *general_encoder.SHARES)]
  assert len(set(datasets)) == 3
  counts = [len(read(dataset.removeprefix("folder:"))) for dataset in datasets]
  assert counts[0] > counts[1] > counts[2]


@pytest.mark.parametrize("name", pool.TASKS)
def test_no_clip_of_a_task_trains(lists, name):
  trained = {row["file"] for row in read(lists.training().removeprefix("folder:"))}
  assert not trained & {row["file"] for row in clips_of(lists, name)}


@pytest.mark.parametrize("name", [name for name in pool.TASKS if name != vowels.NAME])
def test_half_of_each_class_tests_and_rare_classes_are_left_out(lists, name):
  splits = {}
  for row in clips_of(lists, name):
    splits.setdefault(row["label"], []).append(row["split"])
  assert len(splits) == 2
  assert "rare" not in splits
  for parts in splits.values():
    assert abs(parts.count("train") - parts.count("test")) <= 1


def test_spoken_vowels_are_asked_of_voices_that_have_no_label(lists):
  voices = set()
  for seed in range(4):
    told = {"train": collections.defaultdict(set), "test": collections.defaultdict(set)}
    for row in clips_of(lists, vowels.NAME, 4, seed):
      name = row["file"].rsplit("/")[-1]
      assert name.endswith(f"{row['label']}.ogg")
      told[row["split"]][row["label"]].add(name)
    heard, asked = (
      {name.split("_syllab_")[0] for names in told[split].values() for name in names}
      for split in ("train", "test")
    )
    assert heard | asked == set(vowels.LANGUAGES)
    assert not heard & asked
    assert {len(names) for names in told["train"].values()} == {4}
    assert {len(names) for names in told["test"].values()} == {3 * 2}
    assert set(told["train"]) == set(told["test"]) == set("aeiou")
    voices.add(frozenset(heard))
  assert len(voices) == 4


def test_few_labels_are_some_of_the_training_half_and_test_the_same_clips(lists):
  half, few = (clips_of(lists, "klettres", labels) for labels in (None, 3))
  tested = [{row["file"] for row in rows if row["split"] == "test"} for rows in (half, few)]
  assert tested[0] == tested[1]
  labels = collections.Counter(row["label"] for row in few if row["split"] == "train")
  assert set(labels.values()) == {3}
  assert {row["file"] for row in few} < {row["file"] for row in half}


def test_the_seed_decides_about_the_halves_and_the_order_of_the_pool_does_not(made_pool, tmp_path):
  rows = pool.read_pool(str(made_pool))
  for number, (order, seed) in enumerate(((rows, 0), (rows[::-1], 0), (rows, 1))):
    pool.write_task(order, str(made_pool), "freepats", str(tmp_path / f"{number}.csv"), seed)
  texts = [(tmp_path / f"{number}.csv").read_text() for number in range(3)]
  assert texts[0] == texts[1] != texts[2]


def test_a_folder_without_its_table_is_no_pool(tmp_path):
  with pytest.raises(UserError, match=r"no pool\.csv"):
    pool.read_pool(str(tmp_path))
  (tmp_path / "pool.csv").write_text("file,label\na.ogg,x\n")
  with pytest.raises(UserError, match="needs the columns collection, kind, licence"):
    pool.read_pool(str(tmp_path))


@pytest.mark.parametrize(
  ("row", "message"),
  [
    ("a.ogg,games,effects", r"pool\.csv, line 2: 3 cells, expected 5"),
    (",bucklespring-keys,keys,CC0,", r"pool\.csv, line 2: no file is named"),
    ("a.ogg,games,effects,CC0,x", "no class of the task klettres has 20 clips or more"),
  ],
)
def test_a_pool_that_cannot_be_used_is_one_line(tmp_path, row, message):
  (tmp_path / "pool.csv").write_text(f"file,collection,kind,licence,label\n{row}\n")
  with pytest.raises(UserError, match=message):
    general_encoder.Lists(str(tmp_path), str(tmp_path)).task("klettres", Condition(), seed=0)


@pytest.mark.parametrize("voices", [("es", "it"), ("es",) * 10])
def test_too_few_vowels_or_voices_are_one_line(tmp_path, voices):
  names = [f"klettres/{number}/{voice}_syllab_la.ogg" for number, voice in enumerate(voices)]
  rows = "".join(f"{name},klettres,speech,GPL,\n" for name in names)
  (tmp_path / "pool.csv").write_text(f"file,collection,kind,licence,label\n{rows}")
  lists = general_encoder.Lists(str(tmp_path), str(tmp_path))
  with pytest.raises(UserError, match="no class of the task klettres-vowels has 10 clips or more"):
    lists.task(vowels.NAME, Condition(), seed=0)


def test_a_pool_may_come_from_a_spreadsheet(tmp_path):
  text = "File;collection;kind;licence;label\na.ogg;games;effects;CC0;x\n"
  (tmp_path / "pool.csv").write_text(text, encoding="utf-8-sig")
  (only,) = pool.read_pool(str(tmp_path))
  assert (only["file"], only["licence"]) == ("a.ogg", "CC0")


@pytest.mark.slow
def test_the_general_encoder_is_trained_and_judged_by_one_command(made_pool, tmp_path):
  options = [f"--pool={made_pool}", "--suite=judging", "--labels_per_class=3", "--seeds=0"]
  options += ["--variants=general", "--variants=random weights", "--variants=log-mel statistics"]
  options += ["--set=steps=3", "--set=batch_size=8", "--runs_dir=lab", f"--store_dir={tmp_path}"]
  options += ["--name=short"]
  printed = command("benchmarks.general_encoder", *options, cwd=tmp_path).stdout
  table = read(tmp_path / "lab" / "short-judging-3-per-class.csv")
  assert len(table) > 0
  assert "at most 3 per class (general: steps=3, batch_size=8); accuracy (%)" in printed
  for name in ("general", "random weights", "log-mel statistics", *pool.JUDGING):
    assert name in printed
  again = command("benchmarks.general_encoder", *options, cwd=tmp_path).stdout
  assert "pre-train" not in again


_OWN = general_encoder.OWN_CLIPS | general_encoder.OWN_CHANGES


def views_of(name):
  """Returns the views of a row that hears the clips of its task: augmentations, shift of pitch."""
  row = _OWN[name]
  code = {"cola": cola.config, "mixback": mixback.config}[row.system]
  settings = [value for option, value in row.options if option == "set"]
  fields = parse_settings(code.Config, settings)
  config = configure(code.Config, code.RECIPES["small"], fields, num_clips=100)
  return config.augment, config.pitch_bands_max


@pytest.mark.parametrize("name", general_encoder.OWN_CHANGES)
def test_a_row_of_small_with_a_change_has_other_views_than_small(name):
  reference = "mix-back small" if name.startswith("mix-back") else "COLA small"
  augment, bands = views_of(reference)
  assert augment.startswith("pitch_shift,")
  if name.endswith("without pitch shift"):
    assert views_of(name) == (augment.removeprefix("pitch_shift,"), bands)
  else:
    assert views_of(name) == (augment, int(name.split()[-2]))  # of 8 bands
    assert bands != 8


@pytest.mark.parametrize("name", _OWN)
def test_an_encoder_of_a_tasks_own_clips_hears_its_training_half_whatever_is_labelled(lists, name):
  row = _OWN[name]
  few, half = (
    [
      cell.measurement.model
      for cell in general_encoder.cells_of(
        {name: row}, ["klettres", "freepats"], Condition(labels), [0, 1], lists
      )
    ]
    for labels in (3, None)
  )
  assert few == half
  assert len({model.dataset for model in half}) == 4  # each seed draws other halves
  assert {dict(model.options)["split"] for model in half} == {"train"}
  assert {(model.system, model.random) for model in half} == {(row.system, row.random)}
  (suite,) = general_encoder.cells_of({name: row}, ["digit"], Condition(3), [0], lists)
  assert suite.measurement.model == row


def test_one_training_is_judged_with_the_labels_of_several_seeds(lists):
  trained = general_encoder.general_rows(lists)
  rows = {"general": trained["general"]}
  cells = general_encoder.cells_of(rows, ["klettres"], Condition(3), [0, 1], lists)
  assert len({cell.measurement.task for cell in cells}) == 2
  runs = {tuple(cell.measurement.model.flags(cell.seed)) for cell in cells}
  assert len(runs) == 1
  each = general_encoder.general_rows(lists, seed=None)["general"]
  assert {flag for seed in (0, 1) for flag in each.flags(seed) if "seed" in flag} == {
    "--seed=0",
    "--seed=1",
  }


@pytest.mark.parametrize("name", ["general", "random weights", "COLA small"])
def test_a_further_row_has_a_name_of_its_own(lists, name):
  with pytest.raises(UserError, match="there is such a row; give it another name"):
    general_encoder.models_of(general_encoder.general_rows(lists), {name: "runs/mine"})
  assert laboratory_flags.parse_models(["mine=runs/mine"]) == {"mine": "runs/mine"}
  with pytest.raises(UserError, match="two rows are called 'mine'"):
    laboratory_flags.parse_models(["mine=runs/mine", "mine=runs/yours"])
