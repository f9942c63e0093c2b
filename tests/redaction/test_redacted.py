"""Offsets of the original and of the redacted text lead to each other."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tagsmith.errors import DataError
from tagsmith.redaction.redacted import Redacted, Replacement

PIECES = st.lists(st.tuples(st.text("ab ", max_size=4), st.integers(1, 4), st.integers(1, 6)), max_size=6)


@st.composite
def redactions(draw) -> tuple[str, Redacted]:
    """An original, and what it became."""
    original, text, replacements = "", "", []
    for kept, old, new in draw(PIECES):
        original, text = original + kept, text + kept
        replacements.append(Replacement(len(original), len(original) + old, len(text), len(text) + new, "X", 0.5))
        original, text = original + "O" * old, text + "R" * new
    end = draw(st.text("ab ", max_size=4))
    return original + end, Redacted(text + end, tuple(replacements))


@given(redactions())
def test_an_offset_outside_what_was_replaced_leads_back(pair):
    original, redacted = pair
    inside = {offset for one in redacted.replacements for offset in range(one.start + 1, one.end)}
    for offset in set(range(len(original) + 1)) - inside:
        for is_end in (False, True):
            moved = redacted.to_redacted(offset, is_end=is_end)
            assert redacted.to_original(moved, is_end=is_end) == offset
            assert original[offset : offset + 1] in ("O", redacted.text[moved : moved + 1])


@given(redactions(), st.data())
def test_a_range_becomes_one_that_holds_all_replacements_it_touches_and_the_same_rest(pair, data):
    original, redacted = pair
    start = data.draw(st.integers(0, len(original)))
    end = data.draw(st.integers(start, len(original)))
    moved = redacted.to_redacted(start), redacted.to_redacted(end, is_end=True)
    if start < end:
        assert moved[0] < moved[1]
    kept = original[start:end].replace("O", "")
    assert redacted.text[slice(*moved)].replace("R", "") == kept
    touched = [one for one in redacted.replacements if one.start < end and start < one.end]
    assert all(moved[0] <= one.redacted_start and one.redacted_end <= moved[1] for one in touched if start < end)


@given(redactions())
def test_offsets_keep_their_order_both_ways(pair):
    original, redacted = pair
    for is_end in (False, True):
        there = [redacted.to_redacted(offset, is_end=is_end) for offset in range(len(original) + 1)]
        back = [redacted.to_original(offset, is_end=is_end) for offset in range(len(redacted.text) + 1)]
        assert there == sorted(there)
        assert back == sorted(back)
        assert 0 <= there[0] <= there[-1] <= len(redacted.text)
        assert 0 <= back[0] <= back[-1] <= len(original)


@pytest.mark.parametrize("offset", [-1, 12, 10**30])
def test_an_offset_that_the_text_has_not_is_an_error(offset: int):
    redacted = Redacted("[X] left.", (Replacement(0, 5, 0, 3, "X", 1.0),))  # 11 characters were 9
    with pytest.raises(DataError, match=f"no offset {offset}.*from 0 to 11"):
        redacted.to_redacted(offset)
    with pytest.raises(DataError, match="from 0 to 9"):
        redacted.to_original(offset)
