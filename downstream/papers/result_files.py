"""A JSON file for each measurement: how it was done, and what came out."""

import hashlib
import json
import os


def name(described):
  """Returns the file name of a measurement: readable, and another one for other settings."""
  digest = hashlib.sha256(json.dumps(described, sort_keys=True).encode()).hexdigest()[:12]
  model = os.path.basename(described["model"].rstrip("/"))
  text = f"{described['method']}-{described['task']}-{model}-{described['seed']}"
  return "".join(c if c.isalnum() or c in "-_." else "_" for c in text) + f"-{digest}.json"


def known(path, described):
  """Returns the score in a file of results; None if there is none, or it cannot be read."""
  if not os.path.exists(path):
    return None
  try:
    with open(path, encoding="utf-8") as file:
      found = json.load(file)
    if {name: found.get(name) for name in described} == json.loads(json.dumps(described)):
      return float(found["result"]["score"])
  except (OSError, ValueError, KeyError, TypeError):
    pass
  print(f"damaged    {path}: measured again", flush=True)
  return None
