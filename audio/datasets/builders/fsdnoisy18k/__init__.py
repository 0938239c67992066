"""Builder of tensorflow-datasets, see audio.datasets.builders."""
