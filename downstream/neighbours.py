"""python -m downstream.neighbours: which clips sound alike to an encoder, and a page to listen.

The folder `--output` receives

  neighbours.csv  for each query its nearest clips, by cosine similarity of their embeddings
  index.html      a page with players for some queries and their nearest clips
  clips/          what the players play: the beginnings of clips, all at one level
"""

import csv
import html
import os

import numpy as np
import soundfile
from absl import flags

from contrastive_audio.cli import flags, main, open_data
from contrastive_audio.errors import UserError
from contrastive_audio.utils.files import make_folder
from downstream import embed
from downstream.encoders import models
from downstream.encoders.embedding_parts import Embeddings

_PLAYED_S = 10
_PEAK = 0.7  # of everything that is played
_QUERIES_AT_ONCE = 1024  # bounds the memory of their similarities
_PAGE = """<!DOCTYPE html>
<meta charset="utf-8">
<title>{title}</title>
<style>
body {{ font-family: sans-serif; margin: 2em }}
td {{ padding: 0 1em 1.5em 0; vertical-align: bottom; max-width: 16em; overflow-wrap: anywhere }}
audio {{ width: 14em; display: block; margin-top: 0.3em }}
</style>
<h1>{title}</h1>
<p>On the left a query, then its nearest clips with their cosine similarities. Players play the
first {seconds} s at most, at one level.</p>
<table>
{rows}
</table>
"""


def nearest(queries, rows, count, are_rows=False):
  """Finds the rows that are most similar to each query.

  Args:
    queries: float `[q, D]`.
    rows: float `[n, D]`.
    count: how many, at most as many as there are.
    are_rows: whether the queries are the rows; then none is its own neighbour.

  Returns:
    (numbers of rows, int `[q, count]`, the most similar first; cosine similarities `[q, count]`).
  """
  queries, rows = _normalised(queries), _normalised(rows)
  numbers, similarities = [], []
  for first in range(0, len(queries), _QUERIES_AT_ONCE):
    found = queries[first : first + _QUERIES_AT_ONCE] @ rows.T
    if are_rows:
      found[range(len(found)), range(first, first + len(found))] = -np.inf
    numbers.append(np.argsort(-found, axis=1, kind="stable")[:, : min(count, len(rows) - are_rows)])
    similarities.append(np.take_along_axis(found, numbers[-1], axis=1))
  return np.concatenate(numbers), np.concatenate(similarities)


def _normalised(rows):
  return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)


def main(_):
  values = flags.FLAGS.flag_values_dict()
  folder = values["output"]
  if os.path.isdir(folder) and os.listdir(folder):
    raise UserError(f"--output={folder} holds files already: delete them, or choose another folder")
  model = models.open_model(values["model"], values["seed"])
  clips, rows = _open(values["input"], model, values)
  asked, queries = clips, rows
  if values["queries"]:
    asked, queries = _open(values["queries"], model, values)
  if clips.num_clips < 2 and asked is clips:
    raise UserError(f"--input={values['input']}: one clip has no neighbours; it needs two at least")
  found = nearest(queries, rows, values["neighbours"], asked is clips)
  write(folder, asked, clips, *found, values["shown"], f"What sounds alike to {model.name}?")
  _tell(folder, asked, clips, found[0])


def _open(name, model, values):
  """Returns (store, embeddings of its clips `[n, D]`) of what a flag names."""
  data = values | {"dataset": [embed.data_set(name)]}
  store = open_data.open_store(data, model.sample_rate_hz)
  return store, Embeddings(model, store).make().of_clips()


def write(folder, asked, clips, numbers, similarities, shown, title):
  """Writes the list and the page.

  Args:
    folder: where to.
    asked: a store.Store, the queries.
    clips: a store.Store, what they were compared with.
    numbers: int `[q, count]`, clips.
    similarities: float `[q, count]`.
    shown: number of queries on the page.
    title: of the page.
  """
  make_folder(os.path.join(folder, "clips"))
  with open(os.path.join(folder, "neighbours.csv"), "w", newline="", encoding="utf-8") as file:
    writer = csv.writer(file)
    writer.writerow(["query", "rank", "file", "similarity", "label"])
    keys, labels, queries = clips.keys(), clips.labels(), asked.keys()
    for query, (found, values) in enumerate(zip(numbers, similarities)):
      for rank, (clip, value) in enumerate(zip(found, values), start=1):
        writer.writerow([queries[query], rank, keys[clip], f"{value:.4f}", labels[clip] or ""])
  chosen = np.unique(np.linspace(0, len(numbers) - 1, min(shown, len(numbers))).astype(int))
  rows = [_row(folder, asked, clips, q, numbers[q], similarities[q]) for q in chosen]
  page = _PAGE.format(title=html.escape(title), rows="\n".join(rows), seconds=_PLAYED_S)
  with open(os.path.join(folder, "index.html"), "w", encoding="utf-8") as file:
    file.write(page)


def _row(folder, asked, clips, query, numbers, similarities):
  """Returns a row of the page, its players' files written."""
  kind = "clip" if asked is clips else "query"
  cells = [_cell(folder, asked, query, kind, "query")]
  for number, similarity in zip(numbers, similarities):
    cells.append(_cell(folder, clips, number, "clip", f"{similarity:.2f}"))
  return f"<tr>{''.join(cells)}</tr>"


def _cell(folder, store, number, kind, caption):
  name = f"clips/{kind}-{number}.flac"
  if not os.path.exists(os.path.join(folder, name)):
    wave = store.wave(number)[: _PLAYED_S * store.sample_rate_hz]
    wave = wave * (_PEAK / max(np.abs(wave).max(), 1e-9))
    soundfile.write(os.path.join(folder, name), wave, store.sample_rate_hz)
  (key,), (label,) = store.keys([number]), store.labels([number])
  return (
    f"<td><b>{caption}</b> {html.escape(label or '')}<br>{html.escape(key)}"
    f'<audio controls preload="none" src="{name}"></audio></td>'
  )


def _tell(folder, asked, clips, numbers):
  """Prints what was written and, where there are labels, how many neighbours share the query's."""
  path, count = os.path.join(folder, "neighbours.csv"), numbers.shape[1]
  queries = "1 query" if asked.num_clips == 1 else f"{asked.num_clips} queries"
  print(f"neighbours {path}: {queries}, the {count} nearest of {clips.num_clips} clips for each")
  labels, wanted = clips.labels(), asked.labels()
  same = [
    labels[number] == label
    for label, row in zip(wanted, numbers)
    for number in row
    if label is not None
  ]
  if same:
    print(f"same class {100 * np.mean(same):.1f} % of neighbours")
  print(f"listen     {os.path.join(folder, 'index.html')} (open it in a browser)")


def _define_flags():
  flags.DEFINE_string("model", None, "Run folder, SavedModel, or baseline.", required=True)
  flags.DEFINE_string("input", None, "Folder, audio file, CSV, or data set.", required=True)
  flags.DEFINE_string("queries", None, "What to look for, likewise; default: each clip of --input.")
  flags.DEFINE_string("output", None, "Folder to write, new or empty.", required=True)
  flags.DEFINE_integer("neighbours", 5, "Clips for each query.", lower_bound=1)
  flags.DEFINE_integer("shown", 20, "Queries on the page.", lower_bound=1)
  flags.DEFINE_integer("seed", 0, "Seed of random weights.", lower_bound=0)
  flags.define_selection_flags()
  flags.define_location_flags(max_bad_fraction=1.0)


if __name__ == "__main__":
  _define_flags()
  main.run_main(main)
