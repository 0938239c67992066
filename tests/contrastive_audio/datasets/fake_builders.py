"""A builder of tensorflow-datasets with every form of audio that real ones have."""

import numpy as np

from contrastive_audio.datasets.tfds_features import library

tfds = library()
RATE_HZ = 8_000
CONFIGS = ("int64", "int16", "float32", "nested", "broken")


def wave(number):
  """The clip of a number: a sine of its own, float."""
  return (0.3 * np.sin(np.arange(800 + 100 * number) * (number + 1) / 20)).astype("f")


class FakeAudio(tfds.core.GeneratorBasedBuilder):
  """Four clips to train, one to test."""

  VERSION = tfds.core.Version("1.0.0")
  BUILDER_CONFIGS = [tfds.core.BuilderConfig(name=name) for name in CONFIGS]

  def _info(self):
    dtype = self.builder_config.name
    dtype = np.dtype("int64" if dtype in ("nested", "broken") else dtype)
    audio = tfds.features.Audio(sample_rate=RATE_HZ, dtype=dtype)
    label = tfds.features.ClassLabel(names=["even", "odd"])
    features = {"speech": audio, "speaker_id": np.int64, "id": tfds.features.Text()}
    nested = self.builder_config.name == "nested"
    features["instrument" if nested else "label"] = {"family": label} if nested else label
    return self.dataset_info_from_configs(features=tfds.features.FeaturesDict(features))

  def _split_generators(self, dl_manager):
    if self.builder_config.name == "broken":
      raise OSError("no route to host\nand more lines")
    return {"train": self._generate_examples(range(4)), "test": self._generate_examples([4])}

  def _generate_examples(self, numbers):
    for number in numbers:
      samples = wave(number)
      if self.builder_config.name != "float32":
        samples = np.rint(samples * 32768).astype(self.info.features["speech"].np_dtype)
      nested = self.builder_config.name == "nested"
      label = {"instrument": {"family": number % 2}} if nested else {"label": number % 2}
      yield number, {"speech": samples, "speaker_id": number, "id": str(number), **label}
