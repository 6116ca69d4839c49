import copy
from dataclasses import replace
from types import SimpleNamespace

import pytest

from evaluation_helpers import check_page
from lamost_rare.commands import evaluate as evaluation_cli
from lamost_rare.evaluation.seeds import check_recipe, write_seeds
from lamost_rare.presets import load_preset
from lamost_rare.training.recipes import RECIPES

NAME = "racnet-obafgkm-v1"


def changed(figures, key, rate):
    figures = copy.deepcopy(figures)
    figures[key]["rate"] = rate
    return figures


def row_of(page, start):
    return next(x for x in page.read_text().splitlines() if x.startswith(f"| {start}"))


def test_the_page_sets_seeds_beside_the_shipped_one(tmp_path):
    key = "recall_snr_above_20"
    own = changed(load_preset(NAME).figures, key, 0.5)
    preset = SimpleNamespace(
        name=NAME, config={"training": {"seed": 0}}, figures=own, rare_class="O"
    )
    others = {4: changed(own, key, 0.25), 2: changed(own, key, 0.75)}
    others[2]["false_alarms_lamost"]["rate"] = 4.2e-6
    page = tmp_path / "new" / "seeds.md"
    write_seeds(preset, others, page, "command")
    assert "| seed 0 (shipped) | seed 4 | seed 2 |" in page.read_text()
    cells = row_of(page, "O stars found, S/N (g) above 20").split(" | ")
    assert cells[2:] == ["0.5000", "0.2500", "0.7500", "0.5000 (0.2500 to 0.7500) |"]
    assert row_of(page, "LAMOST spectra, none").split(" | ")[4] == "4.2"


def test_figures_that_a_seed_lacks_have_no_row(tmp_path):
    own = load_preset(NAME).figures
    other = {key: value for key, value in own.items() if key != "letter_exact"}
    preset = SimpleNamespace(
        name=NAME, config={"training": {"seed": 0}}, figures=own, rare_class="O"
    )
    write_seeds(preset, {1: other}, tmp_path / "seeds.md", "command")
    text = (tmp_path / "seeds.md").read_text()
    assert "letter within one" in text
    assert "letter as LAMOST" not in text


def test_a_survey_of_each_seed_is_set_beside_the_shipped_one(tmp_path):
    preset = load_preset(NAME)
    other = copy.deepcopy(preset.figures)
    at = other["survey"]["thresholds"]["0.5"]
    at["above 10"]["purity"] = [0.5, 0.25, 0.75]
    at["5-10"]["called"]["hot_subdwarf"] = [0.125, None, None]
    at["10-20"]["completeness"] = [None, None, None]
    first, *_ = other["survey"]["reliability"]
    first |= {"stated": 0.02, "observed": [0.9, 0.8, 1.0]}
    page = tmp_path / "seeds.md"
    write_seeds(preset, {1: other}, page, "command")
    false = row_of(page, "purity, the border counted as false").split(" | ")
    assert false[1] == "0.65"
    assert false[3] == "0.50 (0.25 to 0.75)"
    own = preset.figures["survey"]["thresholds"]["0.5"]["above 10"]["purity"][0]
    assert false[4].startswith(f"{(own + 0.5) / 2:.2f} (0.50 to ")
    subdwarfs = row_of(page, "hot_subdwarf called candidates, S/N 5-10").split(" | ")
    assert subdwarfs[1::2] == ["0.2", "12.50"]
    assert row_of(page, "completeness, S/N 10-20").split(" | ")[3] == "-"
    assert row_of(page, "0.01 to 0.03").split(" | ")[2:] == [
        "0.020: 0.90 (0.80 to 1.00)",
        "1 of 2 |",
    ]
    check_page(page)


def test_without_a_survey_there_is_no_section_on_it(tmp_path):
    preset = load_preset(NAME)
    other = {key: value for key, value in preset.figures.items() if key != "survey"}
    write_seeds(preset, {1: other}, tmp_path / "seeds.md", "command")
    assert "survey" not in (tmp_path / "seeds.md").read_text()


@pytest.mark.parametrize("name", RECIPES)
def test_the_shipped_presets_are_of_their_recipes(name):
    check_recipe(load_preset(name), RECIPES[name], [1, 2])


@pytest.mark.parametrize("seeds", [[], [0], [1, 0], [3, 3]])
def test_seeds_must_be_others(seeds):
    with pytest.raises(ValueError, match="different numbers other than 0"):
        check_recipe(load_preset(NAME), RECIPES[NAME], seeds)


def test_another_recipe_is_refused():
    recipe = RECIPES[NAME]
    with pytest.raises(ValueError, match=r"another way .*\(options\)"):
        check_recipe(
            load_preset(NAME), replace(recipe, training=replace(recipe.training, epochs=7)), [1]
        )


def test_the_command_measures_each_seed(tmp_path, monkeypatch, capsys):
    own = load_preset(NAME).figures
    asked = []

    def measured(decided, classes, rare_class, seed):
        assert rare_class == "O"
        assert decided == f"decided {seed}"
        return changed(own, "letter_exact", 0.1 * seed)

    monkeypatch.setattr("lamost_rare.evaluation.seeds.load_data_folder", lambda folder, **_: folder)
    monkeypatch.setattr(
        "lamost_rare.evaluation.seeds.cross_validate",
        lambda recipe, data, work, **options: asked.append(options) or options["seed"],
    )
    monkeypatch.setattr(
        "lamost_rare.training.recipes.cross_fitted",
        lambda trials, *_, **__: (f"decided {trials}", SimpleNamespace(odds=None), None),
    )
    monkeypatch.setattr("lamost_rare.evaluation.seeds.measure", measured)
    page = tmp_path / "seeds.md"
    arguments = ["seeds", "--data", "d", "--seeds", "3", "5", "--output", str(page)]
    assert run_evaluate(arguments) == 0
    assert [o["seed"] for o in asked] == [3, 5]
    assert not any(o["final"] for o in asked)
    assert row_of(page, "letter as LAMOST").split(" | ")[3:5] == ["0.3000", "0.5000"]
    assert "--seeds 3 5`" in page.read_text()
    assert capsys.readouterr().out == f"{page}\n"
    check_page(page)


def run_evaluate(arguments):
    import argparse

    parser = argparse.ArgumentParser()
    evaluation_cli.add_arguments(parser)
    return evaluation_cli.run(parser.parse_args(arguments))
