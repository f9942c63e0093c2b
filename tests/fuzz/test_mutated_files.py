"""Mutated files of every kind: reading ends with a result or a ``TagsmithError``, never in another way."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fuzz.readers import READERS, check, seeds
from search_budget import examples

CASES = sorted(Path(__file__).with_name("cases").glob("*/*"))
HARMFUL = [
    *(
        b"\0",
        b"\xef\xbb\xbf",
        b"\xff\xfe",
        b"\xff",
        b"\r",
        b"\r\n",
        b"\n",
        b"\n\n",
        b"\t",
        b" ",
        b'"',
        b"'",
        b"\\",
        b",",
        b"#",
    ),
    *(b"\x85", "\u2028\x85\u00a0".encode(), b"\\ud800", b"\\u0000", "👩🏻".encode(), b"\xed\xa0\x80"),
    *(
        b"1e400",
        b"Infinity",
        b"-Infinity",
        b"NaN",
        b"-1",
        b"0",
        b"1.5",
        b"3.0",
        b"1e9",
        b"9" * 30,
        b"9" * 5000,
        b"2" * 310,
    ),
    *(b"1-300000000", b"2-1", b"-1", b"1-", b"1.", b"0.1", b"\xc2\xb2", "\u0661".encode(), b"_", b"=", b"|"),
    *(
        b"[]",
        b"{}",
        b"null",
        b"true",
        b"false",
        b'""',
        b"[",
        b"]",
        b"{",
        b"}",
        b":",
        b"[" * 5000,
        b'{"a":' * 3000,
        b"[[0,1,[]]]",
    ),
    *(
        b"x" * 140_000,
        b"x " * 5000,
        b"O",
        b"B-",
        b"I-PER",
        b"-",
        b"-DOCSTART-",
        b"# text =",
        b"# newdoc",
        b"SpaceAfter=No",
    ),
    *(
        b'"label": []',
        b'"tokens": 1',
        b'"text": null',
        b'"annotations": [1]',
        b'"answer": []',
        b'"data": {}',
        b'"tags": [1]',
    ),
    *(
        b"999999999 300\n",
        b"-1 5\n",
        b"3 0\n",
        b"1 99999999999\n",
        b"PK\x03\x04",
        b"PK\x05\x06" + b"\0" * 18,
        b"\x1f\x8b\x08",
        b"BZh9",
    ),
    *(b"low = ", b"step = 5e-324", b"inf", b"nan", b"1979-05-27", b"[units]", b"units.a = 1", b"-X-"),
]


PART = re.compile(rb'"[^"\n]*"|\w[\w.+-]*|\s+|.', re.DOTALL)


@st.composite
def mutated(draw: st.DrawFn, name: str) -> bytes:
    """Draw a file that differs from a good one in a few places: in whole words and numbers, or anywhere."""
    content = draw(st.sampled_from(seeds(name)))
    for _ in range(draw(st.integers(1, 4))):
        if draw(st.booleans()):
            parts = [part.span() for part in PART.finditer(content)] or [(0, len(content))]
            begin, end = parts[draw(st.integers(0, len(parts) - 1))]
            other, another = parts[draw(st.integers(0, len(parts) - 1))]
            new = draw(st.one_of(st.sampled_from(HARMFUL), st.just(content[other:another])))
        else:
            begin = draw(st.integers(0, len(content)))
            end = draw(st.one_of(st.integers(begin, min(len(content), begin + 4)), st.integers(begin, len(content))))
            new = draw(st.one_of(st.sampled_from(HARMFUL), st.just(content[begin:end] * 2), st.binary(max_size=3)))
        content = content[:begin] + new + content[end:]
    return content


@pytest.mark.parametrize("name", READERS)
@settings(max_examples=examples(60))
@given(data=st.data())
def test_a_mutated_file_is_read_or_refused(name: str, data: st.DataObject):
    with tempfile.TemporaryDirectory() as folder:
        check(name, data.draw(mutated(name)), Path(folder))


@pytest.mark.parametrize("path", CASES, ids=lambda path: f"{path.parent.name}-{path.name}")
def test_a_file_that_once_broke_its_reader_is_read_or_refused(path: Path, tmp_path: Path):
    check(path.parent.name, path.read_bytes(), tmp_path)
