"""docs/results.md tells what is written, and all of it."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from jellyfish.core import Outcome, Reason
from jellyfish.edge.fusion.requests import Fate
from jellyfish.results.reasons import REASONS
from jellyfish.results.records import FrameRecord
from jellyfish.results.schema_page import HEADERS, LINE_FILES, keys, page, parts_of
from jellyfish.results.writer import LINE_FILES as WRITTEN

PAGE = Path(__file__).parents[2] / "docs" / "results.md"
KINDS = {kind: None for top in (*LINE_FILES.values(), *HEADERS.values()) for kind in (top, *parts_of(top))}


def test_the_page_is_up_to_date() -> None:
    assert PAGE.read_text() == page(), "python -m jellyfish.results.schema_page > docs/results.md"


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_key_is_explained_and_every_number_has_a_unit(kind: type[msgspec.Struct]) -> None:
    for key in keys(kind):
        assert key.words, key
        if key.type in ("number", "name: number"):
            assert key.unit or key.name in ("schema", "seed"), key
        if key.name.endswith("_s") and key.name not in ("lasted_s", "duration_s", "total_s", "longest_s"):
            assert key.zero, key


def test_all_words_of_the_files_are_explained() -> None:
    assert set(REASONS) == set(Reason)
    assert {outcome for meaning in REASONS.values() for outcome in meaning.outcomes} == {*Outcome} - {Outcome.ON_TIME}
    (cloud,) = [key for key in keys(FrameRecord) if key.name == "cloud"]
    assert all(f"`{fate}`" in cloud.words for fate in Fate)
    assert set(LINE_FILES) == {*WRITTEN, "outcomes.jsonl"}  # which only a server's own log has
