"""The command that installs an extra fits the installation."""

import os

import pytest

from contrastive_audio.utils.extras import install_hint
from tests.support import ROOT


@pytest.fixture
def is_checkout():
  if not (ROOT / "setup.py").exists():
    pytest.skip("the package under test is not a checkout")


@pytest.mark.usefixtures("is_checkout")
def test_a_checkout_is_installed_from_its_folder(monkeypatch, tmp_path):
  monkeypatch.chdir(ROOT)
  assert install_hint("onnx") == 'pip install -e ".[onnx]"'
  monkeypatch.chdir(tmp_path)
  assert install_hint("onnx") == f'pip install -e "{ROOT.resolve()}[onnx]"'


def test_a_wheel_is_installed_by_its_name(monkeypatch):
  monkeypatch.setattr(os.path, "isfile", lambda path: False)
  assert install_hint("beam") == 'pip install "contrastive-audio[beam]"'
