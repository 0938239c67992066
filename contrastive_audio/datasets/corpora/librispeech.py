"""LibriSpeech: read English; the class is the speaker, the group the chapter of a book."""

import os
from collections.abc import Iterator

from contrastive_audio.datasets.clip_table import Row, to_missing_table, to_table
from contrastive_audio.datasets.corpora import listing
from contrastive_audio.datasets.corpora.corpus import Archive, Contents, Corpus, folder_with
from contrastive_audio.datasets.file_tree import printable
from contrastive_audio.errors import UserError

# Split, as tensorflow-datasets names it -> folder and archive.
SUBSETS = {
  "train_clean100": "train-clean-100",
  "train_clean360": "train-clean-360",
  "train_other500": "train-other-500",
  "dev_clean": "dev-clean",
  "dev_other": "dev-other",
  "test_clean": "test-clean",
  "test_other": "test-other",
}
_HOMEPAGE = "https://www.openslr.org/12"
_LAYOUT = "LibriSpeech/{train-clean-100,dev-clean,...}/SPEAKER/CHAPTER/*.flac"
_TRANSCRIPTS = ".trans.txt"


def _read(root: str) -> Contents:
  """Reads the splits that exist; their transcripts list the recordings that should be there."""
  rows: list[Row] = []
  missing: list[tuple[str, str | None]] = []
  num_untranscribed = 0
  for split, folder in SUBSETS.items():
    files = listing.audio_in(root, [folder], (".flac",))
    transcripts = listing.audio_in(root, [folder], (_TRANSCRIPTS,))
    listed = {path for transcript in transcripts for path in _utterances(root, transcript)}
    missing += ((printable(path), split) for path in sorted(listed - files))
    num_untranscribed += len(files - listed)
    rows += (_row(root, path, split) for path in sorted(files))
  if not rows:
    raise UserError(f"no recording in {root!r}: expected {_LAYOUT}; get it from {_HOMEPAGE}")
  absent = [split for split in SUBSETS if split not in {row.split for row in rows}]
  remarks = [f"without {', '.join(absent)}"] if absent else []
  remarks += [f"{num_untranscribed} recordings are in no transcript"] if num_untranscribed else []
  return Contents(to_table(rows), missing=to_missing_table(missing), remarks=tuple(remarks))


def _utterances(root: str, transcript: str) -> Iterator[str]:
  """Yields the paths of the recordings in a transcript; a line is `103-1240-0000 CHAPTER ONE`."""
  folder = os.path.dirname(transcript)
  what = f"a transcript of LibriSpeech, {_HOMEPAGE}"
  for line in listing.read_lines(os.path.join(root, transcript), what):
    yield os.path.join(folder, line.split()[0] + ".flac")


def _row(root: str, path: str, split: str) -> Row:
  """Returns the clip of SUBSET/SPEAKER/CHAPTER/NAME.flac."""
  components = path.split(os.sep)
  if len(components) != 4 or not components[1].isdigit() or not components[2].isdigit():
    raise UserError(
      f"{os.path.join(root, path)}: not where LibriSpeech has its recordings; expected {_LAYOUT}, "
      f"as in the archives of {_HOMEPAGE}"
    )
  _, speaker, chapter, _ = components
  return Row(path, label=speaker, group=f"{speaker}-{chapter}", split=split)


def _archive(subset: str, num_bytes: int, sha256: str) -> Archive:
  name = f"{subset}.tar.gz"
  url = f"https://www.openslr.org/resources/12/{name}"
  return Archive(name, url, sha256=sha256, num_bytes=num_bytes)


CORPORA = {
  "librispeech": Corpus(
    name="librispeech",
    title="LibriSpeech: 1,000 h of English audio books with known speakers and chapters",
    homepage=_HOMEPAGE,
    layout=_LAYOUT,
    find=folder_with(SUBSETS.values(), enough=any),
    read=_read,
    sample_rate_hz=16_000,
    # Sizes and digests as registered by tensorflow-datasets.
    archives=(
      _archive(
        "train-clean-100",
        6_387_309_499,
        "d4ddd1d5a6ab303066f14971d768ee43278a5f2a0aa43dc716b0e64ecbbbf6e2",
      ),
      _archive(
        "train-clean-360",
        23_049_477_885,
        "146a56496217e96c14334a160df97fffedd6e0a04e66b9c5af0d40be3c792ecf",
      ),
      _archive(
        "train-other-500",
        30_593_501_606,
        "ddb22f27f96ec163645d53215559df6aa36515f26e01dd70798188350adcb6d2",
      ),
      _archive(
        "dev-clean",
        337_926_286,
        "76f87d090650617fca0cac8f88b9416e0ebf80350acb97b343a85fa903728ab3",
      ),
      _archive(
        "dev-other",
        314_305_928,
        "12661c48e8c3fe1de2c1caa4c3e135193bfb1811584f11f569dd12645aa84365",
      ),
      _archive(
        "test-clean",
        346_663_984,
        "39fde525e59672dc6d1551919b1478f724438a95aa55f874b576be21967e6c23",
      ),
      _archive(
        "test-other",
        328_757_843,
        "d09c181bba5cf717b3dee7d4d592af11a3ee3a09e08ae025c5506f6ebe961c29",
      ),
    ),
    split_names=tuple(SUBSETS),
    builder="librispeech/lazy_decode",
  )
}
