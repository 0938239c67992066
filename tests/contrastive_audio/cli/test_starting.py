"""What a training starts from is the same on all of its hosts."""

import types

from contrastive_audio.cli.starting import with_statistics_of_chief
from mixback.config import Config


def test_a_host_whose_processor_rounds_in_another_way_takes_the_numbers_of_the_chief():
  of_chief = {-2.815766238063683: -2.815766238078134, 1.5: 1.25}
  hosts = types.SimpleNamespace(count=2, broadcast_from_chief=of_chief.__getitem__)
  own = Config(mean=-2.815766238063683, std=1.5)
  config = with_statistics_of_chief(own, hosts)
  assert (config.mean, config.std) == (-2.815766238078134, 1.25)
  assert with_statistics_of_chief(own, types.SimpleNamespace(count=1)) is own


def test_what_has_no_statistics_needs_none():
  config = Config()
  assert with_statistics_of_chief(config, types.SimpleNamespace(count=2)) is config
