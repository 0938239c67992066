"""TUT Urban Acoustic Scenes 2018, development set: ten scenes in six cities, cut into 10 s."""

import os
from collections.abc import Iterator

from contrastive_audio.datasets.clip_table import Row, to_table
from contrastive_audio.datasets.corpora import listing
from contrastive_audio.datasets.corpora.corpus import Archive, Contents, Corpus, folder_with

CLASSES = (
  "airport",
  "bus",
  "metro",
  "metro_station",
  "park",
  "public_square",
  "shopping_mall",
  "street_pedestrian",
  "street_traffic",
  "tram",
)
_NAME = "TUT-urban-acoustic-scenes-2018-development"
_HOMEPAGE = "https://zenodo.org/record/1228142"
_WHAT = f"{_NAME}/{{}} of {_HOMEPAGE}"
_LISTS = {"train": "fold1_train.txt", "test": "fold1_evaluate.txt"}


def _read(root: str) -> Contents:
  """Reads meta.csv and the official fold; the group is the place of the recording."""
  splits = {path: split for split, name in _LISTS.items() for path in _listed(root, name)}
  meta, what = os.path.join(root, "meta.csv"), _WHAT.format("meta.csv")
  rows = []
  for line in listing.read_table(meta, ("filename", "scene_label", "identifier"), what, "\t"):
    where = f"{meta}, line {line['line']}"
    label = listing.require_class(line["scene_label"], CLASSES, where, what)
    path, place = os.path.normpath(line["filename"]), line["identifier"]
    rows.append(Row(path, label=label, group=place, split=splits.get(line["filename"])))
  present, missing, remarks = listing.compare(rows, root, ["audio"], _WHAT.format("audio/*.wav"))
  if num_unassigned := sum(row.split is None for row in rows):
    remarks += (f"{num_unassigned} clips are in no list of the official fold",)
  return Contents(to_table(present), CLASSES, missing=missing, remarks=remarks)


def _listed(root: str, name: str) -> Iterator[str]:
  path = os.path.join(root, "evaluation_setup", name)
  what = _WHAT.format(f"evaluation_setup/{name}")
  for line in listing.read_table(path, ("filename", "scene_label"), what, "\t", header=False):
    listing.require_class(line["scene_label"], CLASSES, f"{path}, line {line['line']}", what)
    yield line["filename"]


def _archive(content: str, num_bytes: int, md5: str, optional: bool = False) -> Archive:
  name = f"{_NAME}.{content}.zip"
  url = f"{_HOMEPAGE}/files/{name}?download=1"
  return Archive(name, url, md5=md5, num_bytes=num_bytes, optional=optional)


CORPORA = {
  "tut_2018": Corpus(
    name="tut_2018",
    title="TUT Urban Acoustic Scenes 2018, development set: 10 scenes in 6 cities, clips of 10 s",
    homepage=_HOMEPAGE,
    layout=f"{_NAME}/audio/*.wav, meta.csv and evaluation_setup/fold1_{{train,evaluate}}.txt",
    find=folder_with(["meta.csv", "evaluation_setup"]),
    read=_read,
    sample_rate_hz=48_000,
    archives=(
      _archive("doc", 10_517, "28a4a9c46a6f46709ecc8eece365a3a4", optional=True),
      _archive("meta", 69_272, "e196065ee83c07af03a11a310364377d"),
      _archive("audio.1", 1_657_811_579, "62f97087c447e29def8716204469bf89"),
      _archive("audio.2", 1_783_489_370, "8e569a92025d82bff6b02b956d7c6dc9"),
      _archive("audio.3", 1_809_675_304, "00d2020582a4535af5e65322fb2bad56"),
      _archive("audio.4", 1_756_582_525, "d691eb4271f83ba6ba9a28797accc497"),
      _archive("audio.5", 1_724_002_546, "c4d64b5483b60f85e9fe080b3435a6be"),
      _archive("audio.6", 1_645_753_049, "2f0feee78f216697eb19497714d97642"),
      _archive("audio.7", 1_671_903_917, "07cfefe80a0731de6819181841239f3a"),
      _archive("audio.8", 1_673_304_843, "213f3c012859c2e9dcb74aacc8558458"),
      _archive("audio.9", 1_674_839_259, "b724442b09abcb3bd095ebff497cef85"),
      _archive("audio.10", 1_662_932_947, "a27a32fa52e283ed8013375b8a16f269"),
      _archive("audio.11", 1_751_473_843, "7073a121e825ffef99832507f30d6644"),
      _archive("audio.12", 1_742_332_198, "6567aa61db12776568b6267ce122fb18"),
      _archive("audio.13", 798_990_513, "d00eeb2db0e093d8975521323a96c519"),
    ),
    split_names=("train", "test"),
    builder="tut_2018",
  )
}
