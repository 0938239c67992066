"""Packaging: `pip install -e .`; extras [beam], [notebooks], [onnx], [test], [tfio], [torch]."""

import pathlib

import setuptools

REQUIREMENTS = [
  "absl-py>=2.0",
  "av>=13.0",  # ffmpeg for what libsndfile does not open: m4a, mp4, webm, ...
  "filelock>=3.12",
  "importlib_resources>=6.0",  # tensorflow-datasets prepares audio with it and does not name it
  "keras>=3.12",  # older ones run code from a foreign .keras file
  "lazy_loader>=0.4",
  "matplotlib>=3.8",
  "numpy>=1.26",
  # 1.14 needs Python 3.11; without this the pip that comes with 3.10 searches without end.
  'etils<1.14; python_version < "3.11"',
  "pillow>=10.0",
  "pyarrow>=15.0",
  "pydub>=0.25.1",  # likewise
  "scikit-learn>=1.5",
  "soundfile>=0.13",
  "soxr>=0.5",
  "tensorboard>=2.16",  # TensorFlow 2.21 no longer brings the implementation of tf.summary
  "tensorflow>=2.16",
  "tensorflow-datasets>=4.9.7",
  "threadpoolctl>=3.1",
  "tqdm>=4.66",
]

BEAM = ["apache-beam>=2.60"]  # shares the preparation of large data sets among machines

# The command `tfds` imports mlcroissant, the library's test of builders dill; neither is named.
TFDS = ["dill", "mlcroissant>=1.0.9"]

ONNX = [
  "onnx>=1.16",
  "onnxruntime>=1.18",
  "tf2onnx>=1.17",
]  # --format=onnx of contrastive_audio.export

# notebooks/make.py makes the notebooks from their sources, and runs them.
NOTEBOOKS = ["ipykernel>=6.29", "jupytext>=1.16", "nbclient>=0.10", "nbformat>=5.10"]

TEST = ["pytest>=8.0", "pytest-xdist>=3.6", "ruff>=0.9", *BEAM, *NOTEBOOKS, *TFDS]

TORCH = ["torch>=2.6"]  # reads published weights; from 2.6 on nothing else in a file is run

# The last tensorflow-io runs its ops on TensorFlow 2.16 only; TFDS needs the older metadata there.
TFIO = ["tensorflow-io==0.37.1", "tensorflow==2.16.2", "tensorflow-metadata<1.17"]

setuptools.setup(
  name="contrastive-audio",
  version="0.2.0.dev0",
  description="Audio representations learned without labels: COLA and mix-back in TensorFlow/Keras",
  long_description=pathlib.Path("README.md").read_text(encoding="utf-8"),
  long_description_content_type="text/markdown",
  license="MIT",
  python_requires=">=3.10,<3.13",
  packages=setuptools.find_packages(include=["contrastive_audio", "contrastive_audio.*", "cola", "downstream", "downstream.*", "mixback"]),
  package_data={
    "contrastive_audio.datasets.builders": ["*/README.md", "*/*.bib", "*/*.txt", "*/*.tsv"]
  },
  install_requires=REQUIREMENTS,
  extras_require={
    "beam": BEAM,
    "notebooks": NOTEBOOKS,
    "onnx": ONNX,
    "test": TEST,
    "tfio": TFIO,
    "torch": TORCH,
  },
)
