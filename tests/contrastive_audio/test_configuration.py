"""Settings of fields that have no flag of their own."""

import pytest

from cola.config import Config
from contrastive_audio.configuration import parse_settings
from contrastive_audio.errors import UserError


def test_values_get_the_type_of_the_field():
  texts = ["short_clips=tile", "masks=1", "learning_rate=1", "deterministic=True", "mean=-3.5"]
  expected = {"short_clips": "tile", "masks": 1, "learning_rate": 1.0, "deterministic": True}
  assert parse_settings(Config, texts) == expected | {"mean": -3.5}
  assert isinstance(parse_settings(Config, texts)["learning_rate"], float)
  assert parse_settings(Config, ["augment=level,fader"]) == {"augment": "level,fader"}


@pytest.mark.parametrize(
  ("text", "message"),
  [
    ("mask=1", "--set=mask=1: write FIELD=VALUE, with a field such as mask"),
    ("masks", "--set=masks: write FIELD=VALUE"),
    ("masks=many", "'many' is no int, as 2 is"),
    ("masks=1.5", "'1.5' is no int, as 2 is"),
    ("deterministic=1", "'1' is no bool, as False is"),
    ("steps=True", "'True' is no number, as None is"),
  ],
)
def test_a_setting_that_fits_no_field_is_one_line(text, message):
  with pytest.raises(UserError, match=message) as error:
    parse_settings(Config, [text])
  assert "\n" not in str(error.value)
