"""A page of 5,000 candidates."""

import pytest

from browser_helpers import open_page, press, until, verdict, wait_ready, wait_saved
from page_helpers import parts_of, repeated

MANY = 5000


@pytest.fixture(scope="module")
def large_page(star_page, tmp_path_factory):
    path = tmp_path_factory.mktemp("large") / "page.html"
    return repeated(parts_of(star_page), MANY).write(path)


def test_the_first_spectrum_is_drawn_before_the_last_is_read(context, large_page):
    context.add_init_script("""document.addEventListener("DOMContentLoaded", () => {
        window.early = document.documentElement.dataset.ready === "1";
    })""")
    page = open_page(context, large_page)
    page.wait_for_load_state("domcontentloaded")
    assert page.evaluate("() => window.early") is True


def test_the_last_one_and_back(context, large_page):
    page = open_page(context, large_page)
    press(page, "End")
    until(page, "App.shown === 4999")
    assert page.locator("#position").text_content() == "5000 of 5000"
    press(page, "o", "1", "Home")
    until(page, "App.shown === 0")
    assert verdict(page, MANY - 1)[:2] == ("O", "certain")
    assert page.evaluate("() => performance.getEntriesByName('next-spectrum').length") >= 2


def test_many_moves_in_a_row_end_where_they_should(context, large_page):
    page = open_page(context, large_page)
    for _ in range(50):
        press(page, "j")
    press(page, "o")
    until(page, "Deciding.state(50).class === 'O'")
    assert page.evaluate("() => [App.at, App.shown]") == [50, 50]
    assert page.evaluate("() => VerdictLog.all().length") == 1


def test_the_table_has_few_elements(context, large_page):
    page = open_page(context, large_page)
    press(page, "T")
    page.wait_for_selector("#row-0 canvas[data-drawn]")
    press(page, "End")
    page.wait_for_selector("#row-4999 canvas[data-drawn]")
    assert page.locator("#table .space .row").count() < 40
    press(page, "PageUp", "x")
    at = page.evaluate("() => App.at")
    assert at < MANY - 2
    until(page, f"Deciding.state({at}).class === 'other'")
    press(page, "Home")
    page.wait_for_selector("#row-0")


def test_thousands_of_verdicts_are_there_again(context, large_page):
    page = open_page(context, large_page)
    page.evaluate("""() => {
        const verdict = { class: "B", quality: "certain", flags: [], comment: "" };
        const make = (row) => VerdictLog.make(App.list.columns.key[row], "Anna", verdict);
        VerdictLog.add(...App.order.slice(0, 4000).map(make));
    }""")
    wait_saved(page)
    page.reload()
    wait_ready(page)
    assert page.locator("#progress-text").text_content() == "4000 of 5000 decided"
    press(page, "Enter")
    assert page.evaluate("() => App.at") == 4000
    press(page, "o")
    until(page, "Deciding.state(4000).class === 'O'")
    press(page, "X")
    assert page.locator("#export-count").text_content() == "4001 verdicts of Anna."
    # And a file of as many goes in.
    said = page.evaluate("""() => {
        Page.closeDialog("export-dialog");
        return Importing.merge(Exporting.csv(Exporting.events(true)).replaceAll("Anna", "Bert"));
    }""")
    assert said == "4001 verdicts taken (Bert)."


def test_filter_and_sort_of_many(context, large_page):
    page = open_page(context, large_page)
    press(page, "F")
    page.locator("#filter-predicted").select_option("O")
    page.locator("#filter-sort").select_option("ra")
    page.locator("#filter-reverse").check()
    press(page, "Enter")
    until(page, "App.order.length === 2000")
    ra = page.evaluate("() => App.order.map((row) => App.list.columns.ra[row])")
    assert ra == sorted(ra, reverse=True)
