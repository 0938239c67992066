"""JSON files that are whole or not there."""

import json
import os


def read_json(path):
  """Returns the content of a JSON file, None if there is no such file."""
  if not os.path.exists(path):
    return None
  with open(path, encoding="utf-8") as file:
    return json.load(file)


def write_json(path, value):
  """Writes a JSON file at once: a reader sees the old content or the new."""
  unfinished = f"{path}.{os.getpid()}.part"
  with open(unfinished, "w", encoding="utf-8") as file:
    json.dump(value, file, indent=1)
    file.flush()
    os.fsync(file.fileno())
  os.replace(unfinished, path)
