"""Filter, sort, jump and table of the page."""

import pytest

from browser_helpers import name_shown, open_page, press, until, verdict, wait_ready


@pytest.fixture
def page(context, star_page):
    return open_page(context, star_page)


def column(page, name):
    return page.evaluate("name => App.order.map((row) => App.list.columns[name][row])", name)


def arranged(page, **fields):
    """Filter and sort by the dialog."""
    press(page, "F")
    for name, value in fields.items():
        field = page.locator(f"#filter-{name}")
        if isinstance(value, bool):
            field.set_checked(value)
        elif field.evaluate("element => element.tagName") == "SELECT":
            field.select_option(value)
        else:
            field.fill(value)
    counted = page.locator("#filter-count").text_content()
    page.locator('#filter-form [type="submit"]').click()
    page.wait_for_selector("#filter-dialog", state="hidden")
    assert counted == f"{len(column(page, 'key'))} of 10"


@pytest.mark.parametrize(
    ("sort", "name", "sign"), [("snr", "snr_g", -1), ("p", "p_survey", -1), ("ra", "ra", 1),
                               ("novelty", "novelty", -1)],
)  # fmt: skip
@pytest.mark.parametrize("reverse", [False, True])
def test_sorted_by_numbers(page, sort, name, sign, reverse):
    page.evaluate("name => { App.list.columns[name][5] = null }", name)
    arranged(page, sort=sort, reverse=reverse)
    values = column(page, name)
    assert values[-1] is None
    assert values[:-1] == sorted(values[:-1], reverse=(sign < 0) != reverse)
    assert page.locator("#chosen").text_content() == page.evaluate("() => Order.KINDS[App.sort.by]")


def test_undecided_first(page):
    press(page, "o", "1")
    until(page, "App.at === 1")
    arranged(page, sort="undecided")
    assert page.evaluate("() => App.order") == [1, 2, 3, 4, 5, 6, 7, 8, 9, 0]
    press(page, "End")
    assert verdict(page)[0] == "O"


def test_nearest_to_this_one(page):
    press(page, "End")
    here = page.evaluate("() => App.row()")
    arranged(page, sort="near")
    order = page.evaluate("() => App.order")
    assert order[0] == here
    distances = page.evaluate(
        "here => App.order.map((row) => Order.distance(App.list.columns, here, row))", here
    )
    assert distances == sorted(distances)
    pole = {"ra": [10, 190, 10], "dec": [90, 90, 0]}
    assert page.evaluate("c => Order.distance(c, 0, 1)", pole) == pytest.approx(0, abs=1e-9)
    assert page.evaluate("c => Order.distance(c, 0, 2)", pole) == pytest.approx(90)


def test_filters(page):
    press(page, "o", "1")
    until(page, "App.at === 1")
    press(page, "5", "c")
    page.keyboard.type("Ünusual")
    press(page, "Escape")
    until(page, "Deciding.state(1).comment !== ''")
    for fields, rows in [
        ({"decided": "by me"}, [0]),
        ({"decided": "not by me"}, list(range(1, 10))),
        ({"decided": "by others"}, []),
        ({"decided": "by nobody"}, list(range(1, 10))),
        ({"verdict": "O"}, [0]),
        ({"verdict": "B"}, []),
        ({"flag": "binary"}, [1]),
        ({"commented": True}, [1]),
        ({"text": "ünusual"}, [1]),
        ({"predicted": "O"}, [0, 1, 2, 3]),
        ({"predicted": "O", "p_most": "0,85"}, [2, 3]),
        ({"p_least": "0.95"}, [0]),
        ({"novelty_least": "2", "novelty_most": "4"}, None),
        ({"snr_least": "-1e3"}, list(range(10))),
    ]:
        arranged(page, **fields)
        found = page.evaluate("() => App.order")
        if rows is not None:
            assert found == rows, fields
        else:
            assert {page.evaluate("row => App.list.columns.novelty[row]", row) for row in found} \
                == {2, 3, 4}  # fmt: skip
        if not found:
            assert page.locator("#empty").is_visible()
        press(page, "F")
        page.locator("#filter-clear").click()
        assert len(page.evaluate("() => App.order")) == 10


def test_flags_of_the_scan(page):
    page.evaluate(
        "() => { App.list.columns.flags[6] = 256 + 4; App.list.columns.flags[7] = 2**40 }"
    )
    bits = page.evaluate("() => App.list.flag_names.map((flag) => flag.bit)")
    assert 256 in bits
    arranged(page, scan_flag="256")
    assert page.evaluate("() => App.order") == [6]


def test_a_filter_is_kept(page):
    arranged(page, predicted="B", sort="novelty")
    order = page.evaluate("() => App.order")
    page.reload()
    wait_ready(page)
    assert page.evaluate("() => App.order") == order
    assert page.locator("#position").text_content() == "1 of 6"


def test_an_order_stays_while_one_decides(page):
    arranged(page, decided="not by me")
    press(page, "o", "1")
    until(page, "App.at === 1")
    assert len(page.evaluate("() => App.order")) == 10
    press(page, "R")
    assert page.evaluate("() => App.order") == list(range(1, 10))
    press(page, "Control+z")
    until(page, "App.row() === 0")


def test_the_next_undecided(page):
    press(page, "ArrowRight", "o", "1")
    until(page, "App.at === 2")
    press(page, "Home", "Enter")
    assert page.evaluate("() => App.at") == 2
    press(page, "End", "Enter")
    assert page.evaluate("() => App.at") == 0
    press(page, "End", "U")
    assert page.evaluate("() => App.at") == 0


def test_jump(page):
    press(page, "J")
    page.keyboard.type("7")
    press(page, "Enter")
    assert page.evaluate("() => App.row()") == 6
    name = page.evaluate("() => App.list.columns.name[2]")
    press(page, "J")
    page.keyboard.type(name[2:12].lower())
    assert name in page.locator("#jump-found").text_content()
    press(page, "Enter")
    assert name_shown(page) == name
    press(page, "J")
    page.keyboard.type("no such star")
    assert page.locator("#jump-found").text_content() == "None is called that."
    press(page, "Enter")
    assert page.locator("#jump-dialog").is_visible()


def test_jump_to_what_the_filter_leaves_out(page):
    arranged(page, predicted="B")
    press(page, "#")
    page.keyboard.type("1")
    press(page, "Enter")
    assert page.evaluate("() => App.row()") == 0
    press(page, "ArrowRight")
    assert page.evaluate("() => App.list.columns.prediction[App.row()]") == "B"


def test_the_table(page):
    press(page, "T")
    page.wait_for_selector("#table .row canvas")
    assert not page.locator("#candidate").is_visible()
    press(page, "ArrowDown", "j", "ArrowUp", "o")
    until(page, "Deciding.state(1).class === 'O'")
    press(page, "2")
    until(page, "App.at === 2")
    text = page.locator("#row-1").text_content()
    assert "O probable" in text
    assert page.locator('[aria-selected="true"]').get_attribute("id") == "row-2"
    press(page, "PageDown", "End", "Enter")
    assert page.locator("#candidate").is_visible()
    assert page.evaluate("() => App.at") == 9
    until(page, "App.shown === App.row()")


def test_small_pictures_are_drawn(page):
    press(page, "T")
    page.wait_for_selector("#row-0 canvas[data-drawn]")
    drawn = """() => {
        const canvas = document.querySelector("#row-0 canvas");
        const pixels = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
        return pixels.filter((value, i) => i % 4 === 3 && value).length > 100;
    }"""
    page.wait_for_function(drawn)


def test_the_table_s_headings_sort(page):
    press(page, "T")
    page.locator('#table [data-sort="novelty"]').click()
    values = column(page, "novelty")
    assert values == sorted(values, reverse=True)
    assert page.locator('.novelty[aria-sort="descending"]').count() == 1
    page.locator('#table [data-sort="novelty"]').click()
    assert column(page, "novelty") == values[::-1]
