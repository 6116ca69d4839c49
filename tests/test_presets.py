"""Listing, loading, verifying and saving presets."""

import hashlib
import json
import re

import pytest

from lamost_rare import presets
from lamost_rare.cli import main
from lamost_rare.figure_titles import measured_rows
from lamost_rare.preset_config import PresetConfig
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
        ("calibration", {"temperature": float("nan")}),
        ("calibration", {"temperature": 0}),
        ("calibration", {"temperature": "1"}),
        ("calibration", {"temperature": 10**400}),
        ("calibration", {"evidence_weight": float("inf")}),
        ("calibration", {"evidence_weight": "2"}),
        ("evidence", {"lines": ["heii_4200"], "floor": float("nan")}),
        ("evidence", {"lines": ["heii_4200"], "floor": 0.1, "present": [0.5, "a"]}),
        ("evidence", {"lines": ["heii_4200"], "floor": 0.1, "absent": [0.5]}),
        ("evidence", {"lines": "heii_4200", "floor": 0.1}),
        ("key_lines", {"wavelength": [4200, float("-inf")], "needed": 1}),
        ("key_lines", {"wavelength": [4200], "needed": None}),
        ("preprocessing", {"normalization": "l2", "smooth": float("nan")}),
        ("architecture", {"network": "racnet", "dropout": float("nan")}),
        ("first_stage", {"mixed": "much"}),
        ("threshold", float("nan")),
        ("grid", {"log10_start": 10**400, "log10_step": 1e-4, "n_pixels": 9}),
        ("discriminant", {"weights": [1.0] * 8, "constant": 10**400, "threshold": 1.0}),
    ],
)
def test_unusable_configuration_names_the_key(preset, key, value):
    rewrite(preset, **{key: value})
    with pytest.raises(PresetError, match=re.escape(f"config.json: {key!r} must be")):
        load_preset(preset.folder)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"treshold": 0.5}, "unknown key 'treshold'; did you mean 'threshold'?"),
        (
            {"calibration": {"temperatur": 2.0}},
            "'calibration': unknown key 'temperatur'; did you mean 'temperature'?",
        ),
        ({"discriminant": {"x": 1}}, "unknown key 'x'; known: weights, constant, threshold"),
        ({"\x1b[31m": 1}, r"unknown key '\x1b[31m'; known: name, kind, "),
    ],
)
def test_unknown_keys_are_refused_by_name(preset, changes, message):
    rewrite(preset, **changes)
    with pytest.raises(PresetError, match=re.escape(message)):
        load_preset(preset.folder)


def test_keys_of_earlier_versions_are_known_and_free_blocks_are_free(preset):
    by_snr = {"snr": [10.0], "threshold": [0.9]}
    earlier = {"low_snr": by_snr, "group_threshold_by_snr": {**by_snr, "classes": ["O", "B"]}}
    rewrite(preset, **earlier, training={"anything": 1}, figures={"more": {"of": "it"}})
    assert load_preset(preset.folder).settings.training == {"anything": 1}


@pytest.mark.parametrize("name", list_presets())
def test_a_configuration_comes_back_to_the_byte(name):
    preset = load_preset(name)
    text = json.dumps(preset.settings.to_dict(), indent=2, ensure_ascii=False) + "\n"
    assert text.encode() == (preset.folder / "config.json").read_bytes()
    assert PresetConfig.from_dict(preset.settings.to_dict(), name) == preset.settings


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


def rate(count, n, **more):
    return {"count": count, "n": n, "rate": count / n, **more}


FIGURES = {
    "validation_loss": 0.5,
    "recall_snr_5_10": rate(1, 4, low=0.2, high=0.3, stars=2),
    "candidates_B1+": rate(0, 1, low=0.0, high=0.0, stars=1),
    "recall_snr_10_20": {"count": 0, "n": 0, "rate": None, "low": None, "high": None, "stars": 0},
    "false_alarms_lamost": rate(2, 10, upper_limit_95=0.5),
    "letter_exact": rate(3, 4, low=0.7, high=0.8, stars=4),
}


def test_figures_of_an_older_preset_are_shown_as_what_they_are(preset, capsys):
    """Older versions say neither of which class figures are nor how many stars gave an alarm."""
    rewrite(preset, figures=FIGURES)
    assert main(["presets", str(preset.folder)]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "Recall is that of library stars observed in simulation" in shown
    assert "O stars found, S/N (g) 5-10 0.2500 (0.2000 to 0.3000) [1 of 4 spectra, 2 st" in shown
    alarms = "LAMOST spectra, none of an O star, called candidates 20 %: at most 50 % (95 % confid"
    assert alarms in shown
    assert "[2 of 10]" in shown
    assert "S/N (g) 10-20" not in shown


@pytest.mark.parametrize("measured", [FIGURES, {k: FIGURES[k] for k in list(FIGURES)[:-1]}])
def test_figures_of_another_class_measured_as_of_o_stars_are_not_shown(preset, capsys, measured):
    rewrite(preset, figures=measured, rare_class="B")
    assert main(["presets", str(preset.folder)]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "How well it finds B stars was not measured" in shown
    for text in ("recall", "found, S/N", "called candidates", "false alarms"):
        assert text not in shown
    assert ("letter as LAMOST gives it" in shown) == ("letter_exact" in measured)


def test_shipped_presets_state_every_figure_as_before():
    figures = load_preset("racnet-obafgkm-v1").figures
    titles = {key: title for key, title, *_ in measured_rows(load_preset("racnet-obafgkm-v1"))}
    assert list(titles) == [key for key in figures if key != "survey"]
    assert titles["recall_snr_above_20"] == "O stars found, S/N (g) above 20"
    assert titles["candidates_B0-B0.5"] == "B0 and B0.5 stars called candidates"
    assert titles["candidates_hot_subdwarf"] == "hot subdwarfs called candidates"
    assert titles["candidates_one_side_lost"] == (
        "B1 and later, subdwarfs, white dwarfs called candidates, blue or red half missing"
    )
    assert titles["false_alarms_lamost"] == "LAMOST spectra, none of an O star, called candidates"
