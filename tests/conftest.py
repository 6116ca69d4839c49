"""Fixtures and settings shared by all tests."""

import os
import sys
from pathlib import Path

# Before anything imports TensorFlow: its start-up messages would drown pytest's.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

import pytest

_REPOSITORY = Path(__file__).resolve().parent.parent


@pytest.fixture(autouse=True)
def same_weights():
    """New networks begin with the same weights in every run of a test."""
    if "keras" in sys.modules:
        sys.modules["keras"].utils.set_random_seed(20210503)


@pytest.fixture(scope="session")
def data_folder() -> Path:
    """Folder with real spectra and stellar libraries, which the repository does not hold."""
    folder = Path(os.environ.get("LAMOST_RARE_DATA", "../shared/data"))
    folder = folder if folder.is_absolute() else _REPOSITORY / folder
    if not (folder / "lamost" / "labels.csv").is_file():
        pytest.skip(f"no real spectra at {folder}; set LAMOST_RARE_DATA to test with them")
    return folder
