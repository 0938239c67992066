"""The commands of the README on real audio, where it is there: trained, exported, embedded."""

import numpy as np
import pytest

from contrastive_audio.exporting.clip_embedder import ClipEmbedder
from contrastive_audio.exporting.clip_encoder import ClipEncoder
from contrastive_audio.runs import Run
from tests.contrastive_audio.exporting.test_clip_encoder import run_only_tensorflow
from tests.support import assert_close, shared_data, train

pytestmark = pytest.mark.slow


def test_a_run_on_real_audio_embeds_real_clips(tmp_path):
  options = ["--dataset=spoken_digit", f"--manual_dir={shared_data('manual')}", "--data_dir=data"]
  tiny = ["--steps=3", "--batch_size=8", "--run=run", "--store_dir=stores"]
  result = train(*options, *tiny, cwd=tmp_path)
  assert "2500 clips" in result.stdout
  assert "chance 10.0 %" in result.stdout
  run = Run.open(str(tmp_path / "run"))
  rng = np.random.default_rng(0)
  waves = {str(s): rng.normal(0, 0.1, int(16_000 * s)).astype("f") for s in (0.1, 1, 12)}
  results = run_only_tensorflow(tmp_path / "run", waves)
  embedder = ClipEmbedder(ClipEncoder(run.front_end(), run.encoder()))
  for seconds, embedding in zip(waves, embedder.embed(waves.values())):
    assert_close(results[seconds], embedding, atol=1e-5 * max(1, np.abs(embedding).max()))
