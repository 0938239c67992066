"""Packaging: `pip install -e .`; extras [beam], [index], [mlflow], [onnx], [test], ..."""

import os
import pathlib
import re

import setuptools

ROOT = pathlib.Path(__file__).parent

REQUIREMENTS = [
  "absl-py>=2.0",
  'audioop-lts>=0.2; python_version >= "3.13"',  # pydub imports audioop, which Python dropped
  "av>=13.0",  # ffmpeg for what libsndfile does not open: m4a, mp4, webm, ...
  "filelock>=3.12",
  "importlib_resources>=6.0",  # tensorflow-datasets prepares audio with it and does not name it
  # Older versions run code from a foreign .keras file, or load a SavedModel or a file that it names
  # (CVE-2025-1550, -8747, -9905, -9906, -49655, CVE-2026-1462, -1669); so do 3.13.0 and 3.13.1.
  "keras>=3.12.1,!=3.13.0,!=3.13.1",
  "lazy_loader>=0.4",
  "matplotlib>=3.8",
  "numpy>=1.26",
  # 1.14 needs Python 3.11; without this the pip that comes with 3.10 searches without end.
  'etils<1.14; python_version < "3.11"',
  "pillow>=10.0",
  "pyarrow>=15.0",
  "pydub>=0.25.1",  # tensorflow-datasets needs it, too, and does not name it
  "scikit-learn>=1.5",
  "scipy>=1.11",
  "soundfile>=0.13",
  "soxr>=0.5",
  "tensorboard>=2.16",  # TensorFlow 2.21 no longer brings the implementation of tf.summary
  "tensorflow>=2.16",
  "tensorflow-datasets>=4.9.7",
  "threadpoolctl>=3.1",
  "tqdm>=4.66",
  "xxhash>=3.2",  # checksums of stored audio
]

BEAM = ["apache-beam>=2.60"]  # shares the preparation of large data sets among machines

# The command `tfds` imports mlcroissant, the library's test of builders dill; neither is named.
TFDS = ["dill", "mlcroissant>=1.0.9"]

# --format=onnx of contrastive_audio.export.
ONNX = ["onnx>=1.16", "onnxruntime>=1.18", "tf2onnx>=1.17"]

# --index of downstream.neighbours.
INDEX = ["faiss-cpu>=1.8"]

# notebooks/make.py makes the notebooks from their sources, and runs them.
NOTEBOOKS = ["ipykernel>=6.29", "jupytext>=1.16", "nbclient>=0.10", "nbformat>=5.10"]

TEST = [
  "build>=1.2",
  "mypy>=1.11",
  "pytest>=8.0",
  "pytest-xdist>=3.6",
  "ruff>=0.9",
  "selenium>=4.20",  # drives Chromium through the page of downstream.label
  "setuptools>=77",
  *(BEAM + INDEX + NOTEBOOKS + TFDS),
]

# --log_to of the training commands.
WANDB = ["wandb>=0.17"]
MLFLOW = ["mlflow>=2.14"]

TORCH = ["torch>=2.6"]  # reads published weights; from 2.6 on nothing else in a file is run

# The last tensorflow-io runs its ops on TensorFlow 2.16 only; TFDS needs the older metadata there.
TFIO = ["tensorflow-io==0.37.1", "tensorflow==2.16.2", "tensorflow-metadata<1.17"]

# `contrastive-audio SUBCOMMAND`, found by name: see contrastive_audio/cli/subcommands.py.
SUBCOMMANDS = {
  "prepare": "contrastive_audio.prepare",
  "export": "contrastive_audio.export",
  "presets": "contrastive_audio.presets",
  "import_weights": "mixback.import_weights",
  **{
    name: f"downstream.{name}"
    for name in (
      *("linear", "knn", "finetune", "worth", "embed", "neighbours", "detect", "label", "tasks"),
      "tables",
    )
  },
}


def version() -> str:
  """Returns `__version__` without importing the package."""
  text = (ROOT / "contrastive_audio" / "__init__.py").read_text(encoding="utf-8")
  return re.search(r'^__version__ = "(.+)"$', text, re.MULTILINE)[1]


def long_description() -> str:
  """Returns the README as a package index shows it, where relative links lead nowhere.

  $REPOSITORY_URL makes them absolute (".../blob/main"); without it they become plain text.
  """
  text = (ROOT / "README.md").read_text(encoding="utf-8")
  base = os.environ.get("REPOSITORY_URL", "").rstrip("/")
  if base:
    text = re.sub(r"(!\[[^]]*\])\((?!http)([^)]+)\)", rf"\1({base}/\2?raw=true)", text)
    return re.sub(r"(?<!!)(\[[^]]*\])\((?!http|#)([^)]+)\)", rf"\1({base}/\2)", text)
  text = re.sub(r"!\[[^]]*\]\((?!http)[^)]+\)\n\n", "", text)
  return re.sub(r"\[([^]]*)\]\((?!http|#)([^)]+)\)", r"\1 (`\2`)", text).replace("``", "`")


setuptools.setup(
  name="contrastive-audio",
  version=version(),
  description="Self-supervised audio encoders: COLA and mix-back in TensorFlow/Keras",
  long_description=long_description(),
  long_description_content_type="text/markdown",
  license="MIT",
  url="https://arxiv.org/abs/2010.10915",
  project_urls={
    "COLA": "https://arxiv.org/abs/2010.10915",
    "mix-back": "https://arxiv.org/abs/2011.07616",
  },
  keywords="audio, self-supervised learning, contrastive learning, embeddings, TensorFlow, Keras",
  classifiers=[
    "Development Status :: 4 - Beta",
    "Intended Audience :: Developers",
    "Intended Audience :: Science/Research",
    "Operating System :: OS Independent",
    *(f"Programming Language :: Python :: 3.{minor}" for minor in (10, 11, 12, 13)),
    "Topic :: Multimedia :: Sound/Audio :: Analysis",
    "Topic :: Scientific/Engineering :: Artificial Intelligence",
    "Typing :: Typed",
  ],
  python_requires=">=3.10,<3.14",
  packages=setuptools.find_packages(
    include=[
      *(f"{name}*" for name in ("contrastive_audio", "downstream", "benchmarks")),
      *("cola", "mixback"),
    ]
  ),
  package_data={
    "contrastive_audio": ["*.pyi", "py.typed", "presets/*/*"],
    **{name: ["*.pyi", "py.typed"] for name in ("cola", "mixback", "downstream")},
    "downstream.labelling": ["page/*"],
    "contrastive_audio.datasets.builders": ["*/README.md", "*/*.bib", "*/*.txt", "*/*.tsv"],
  },
  install_requires=REQUIREMENTS,
  extras_require={
    "beam": BEAM,
    "index": INDEX,
    "mlflow": MLFLOW,
    "notebooks": NOTEBOOKS,
    "onnx": ONNX,
    "test": TEST,
    "tfio": TFIO,
    "torch": TORCH,
    "wandb": WANDB,
  },
  entry_points={
    "console_scripts": [
      "cola-train = cola.train:run",
      "mixback-train = mixback.train:run",
      "contrastive-audio = contrastive_audio.cli.subcommands:run",
    ],
    "contrastive_audio.subcommands": [f"{k} = {module}:run" for k, module in SUBCOMMANDS.items()],
  },
)
