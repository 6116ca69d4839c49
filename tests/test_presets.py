"""Listing, loading, verifying and saving presets."""

import hashlib
import json
import re

import pytest

from lamost_rare import presets
from lamost_rare.presets import PresetError, list_presets, load_preset, save_preset
from lamost_rare.spectra.grid import LAMOST_GRID

CONFIG = {
    "name": "racnet-tiny-v1",
    "kind": "classifier",
    "description": "for tests",
    "architecture": {"network": "racnet"},
    "classes": ["O", "B", "hot_subdwarf"],
    "rare_class": "O",
    "grid": LAMOST_GRID.to_dict(),
    "preprocessing": {"normalization": "l2"},
    "threshold": 0.7,
    "calibration": {"temperature": 1.0},
    "training": {},
    "figures": {},
}


@pytest.fixture
def preset(tmp_path):
    weights = tmp_path / "any.weights.h5"
    weights.write_bytes(b"weights")
    return save_preset(tmp_path / "racnet-tiny-v1", CONFIG, weights)


def rewrite(preset, **changes):
    config = {**preset.config, **changes}
    config = {key: value for key, value in config.items() if value is not ...}
    (preset.folder / "config.json").write_text(json.dumps(config))


def test_saved_preset_is_read_back(preset):
    again = load_preset(str(preset.folder))
    assert again.name == "racnet-tiny-v1"
    assert again.kind == "classifier"
    assert again.classes == ("O", "B", "hot_subdwarf")
    assert again.rare_class == "O"
    assert again.grid == LAMOST_GRID
    assert again.threshold == 0.7
    assert again.preprocessing == {"normalization": "l2"}
    assert again.sha256 == hashlib.sha256(b"weights").hexdigest()
    assert again.weights_path.read_bytes() == b"weights"
    assert "numpy" in again.config["created_with"]


def test_save_replaces_and_accepts_weights_in_place(preset):
    preset.weights_path.write_bytes(b"other")
    again = save_preset(preset.folder, CONFIG, preset.weights_path)
    assert again.sha256 == hashlib.sha256(b"other").hexdigest()
    assert sorted(p.name for p in preset.folder.iterdir()) == ["config.json", "model.weights.h5"]


def test_changed_weights_are_refused(preset):
    preset.weights_path.write_bytes(b"weightz")
    with pytest.raises(PresetError, match="damaged or was exchanged"):
        load_preset(preset.folder)
    assert load_preset(preset.folder, verify=False).name == preset.name


def test_missing_weights_are_refused(preset):
    preset.weights_path.unlink()
    with pytest.raises(PresetError, match=r"cannot read .*model\.weights\.h5: No such file"):
        load_preset(preset.folder)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("kind", "oracle"),
        ("kind", ...),
        ("architecture", None),
        ("classes", ["O"]),
        ("classes", ["O", "o"]),
        ("classes", ["O", "a b"]),
        ("classes", "OB"),
        ("rare_class", "W"),
        ("grid", {"log10_start": 3.5}),
        ("grid", "coarse"),
        ("threshold", 0),
        ("threshold", "high"),
        ("weights_sha256", "00"),
        ("preprocessing", 3),
        ("discriminant", {"weights": [1.0] * 7, "constant": 0.0, "threshold": 1.0}),
        ("discriminant", {"weights": [1.0] * 8, "constant": "0", "threshold": 1.0}),
        ("discriminant", {"weights": [1.0] * 8, "threshold": 1.0}),
        ("discriminant", 1),
    ],
)
def test_unusable_configuration_names_the_key(preset, key, value):
    rewrite(preset, **{key: value})
    with pytest.raises(PresetError, match=re.escape(f"config.json: {key!r} must be")):
        load_preset(preset.folder)


def test_a_generator_needs_no_classes(preset):
    rewrite(preset, kind="generator", classes=..., rare_class=..., threshold=...)
    assert load_preset(preset.folder).classes == ()


@pytest.mark.parametrize("text", ["", "{", "[" * 100_000, "[]", '"\udcff"'])
def test_broken_json(preset, text):
    (preset.folder / "config.json").write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(PresetError, match=r"config\.json"):
        load_preset(preset.folder)


def test_folder_without_a_preset(tmp_path):
    with pytest.raises(PresetError, match="folder without"):
        load_preset(tmp_path)


def test_shipped_presets_are_listed_default_first(tmp_path, monkeypatch, preset):
    monkeypatch.setattr(presets, "_SHIPPED", tmp_path)
    for name in ("a-v1", presets.DEFAULT_PRESET):
        save_preset(tmp_path / name, {**CONFIG, "name": name}, preset.weights_path)
    assert list_presets() == [presets.DEFAULT_PRESET, "a-v1", "racnet-tiny-v1"]
    assert load_preset().name == presets.DEFAULT_PRESET
    assert load_preset("a-v1").name == "a-v1"


def test_misspelt_name_gets_a_suggestion(tmp_path, monkeypatch, preset):
    monkeypatch.setattr(presets, "_SHIPPED", tmp_path)
    with pytest.raises(PresetError, match="did you mean 'racnet-tiny-v1'"):
        load_preset("racnet-tiny")
    with pytest.raises(PresetError, match=r"^no preset 'xyz'; Shipped: racnet-tiny-v1$"):
        load_preset("xyz")


def test_control_characters_do_not_reach_the_message():
    with pytest.raises(PresetError) as error:
        load_preset("\x1b[31mred\n")
    assert "\x1b" not in str(error.value)
    assert "\n" not in str(error.value)


def test_every_shipped_preset_is_intact():
    for name in list_presets():
        shipped = load_preset(name)
        assert shipped.name == name
        assert (shipped.folder / "CARD.md").is_file()
        assert (shipped.folder / "golden.npz").is_file()
