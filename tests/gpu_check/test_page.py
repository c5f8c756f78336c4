"""What was found, as a page and as JSON."""

import json

from benchmarks.gpu_check.findings import CheckReport, Found, PartResult, Sheet, State, save
from benchmarks.gpu_check.page import as_page

REPORT = CheckReport("2026-11-30", "gpu_check", "cuda:0", short=False, most_s=450.0, seconds=12.5)
RIGHT = PartResult(
    "profile", "How long?", State.OK, 3.0, 5.0,
    Found("2 ms", {"p50_s": 0.002}, [Sheet("Times", ["size", "ms"], [["a|b", "2"]])], missed=["3 ms are no 2"]),
)  # fmt: skip
WRONG = PartResult("correctness", "Right?", State.WRONG, 1.0, 5.0, Found("0 %", wrong=["nothing is the same"]))
FAILED = PartResult("training", "Does it learn?", State.FAILED, 1.0, 5.0, None, "Traceback\nValueError: no")


def test_a_page_begins_with_what_is_wrong():
    page = as_page(REPORT.but([RIGHT, WRONG, FAILED], 12.5))
    head = page.split("## How long?")[0]
    assert "Not right: correctness, training." in head
    assert "* correctness: nothing is the same" in head
    assert "| training | failed | 1.0 | ValueError: no |" in head
    assert "Traceback\nValueError: no" in page


def test_a_missed_aim_is_told_and_is_nothing_wrong():
    report = REPORT.but([RIGHT], 12.5)
    assert report.is_right
    page = as_page(report)
    assert "all that must hold does" in page
    assert "* profile: 3 ms are no 2" in page


def test_a_table_keeps_its_columns_whatever_is_in_a_cell():
    assert "| a\\|b | 2 |" in as_page(REPORT.but([RIGHT], 1.0))


def test_a_part_that_was_left_out_is_not_right():
    assert not REPORT.but([PartResult("memory", "What?", State.LEFT_OUT)], 1.0).is_right


def test_the_figures_are_for_programs_too(tmp_path):
    save(REPORT.but([RIGHT], 1.0), tmp_path / "new")
    found = json.loads((tmp_path / "new" / "gpu-check.json").read_text())
    assert found["parts"][0]["found"]["figures"] == {"p50_s": 0.002}
