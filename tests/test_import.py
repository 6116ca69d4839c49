"""Importing the package is light, and its public names are there."""

import subprocess
import sys

import pytest

import lamost_rare

HEAVY = ("tensorflow", "keras", "specutils", "astropy", "h5py", "pyarrow", "matplotlib", "sklearn")


def modules_after(statement):
    """Top-level modules loaded by ``statement`` in a fresh interpreter."""
    code = f"import sys; {statement}; print(*{{m.split('.')[0] for m in sys.modules}})"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120
    )
    return set(done.stdout.split())


@pytest.mark.parametrize(
    "statement",
    [
        "import lamost_rare",
        "from lamost_rare import list_presets, load_preset; list_presets()",
        "from lamost_rare import classify_spectra",
        "import lamost_rare.cli",
        "import lamost_rare.inference.evidence",
    ],
)
def test_import_is_light(statement):
    assert not modules_after(statement).intersection(HEAVY)


def test_import_alone_does_not_even_load_numpy():
    assert "numpy" not in modules_after("import lamost_rare")


def test_public_names_resolve():
    for name in lamost_rare.__all__:
        assert getattr(lamost_rare, name) is not None
        assert name in dir(lamost_rare)


def test_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="has no attribute 'classify_spectrum'"):
        lamost_rare.classify_spectrum  # noqa: B018
