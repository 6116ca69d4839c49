"""Tables for pages in Markdown."""

from lamost_rare.markdown import markdown_table


def test_a_table_has_a_line_for_its_headings_a_rule_and_a_line_for_each_row():
    assert markdown_table(("class", "stars"), [["O", 39], ("B", 221)]) == [
        "| class | stars |",
        "|---|---|",
        "| O | 39 |",
        "| B | 221 |",
    ]
    assert markdown_table((x for x in "a"), []) == ["| a |", "|---|"]
