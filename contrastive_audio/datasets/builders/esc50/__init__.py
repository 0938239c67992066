"""Builder of tensorflow-datasets, see contrastive_audio.datasets.builders."""
