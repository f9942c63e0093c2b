from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from search_budget import examples
from tagsmith.errors import DataError
from tagsmith.scores.scores import Scores, conlleval_report, score_plain, score_tags
from tagsmith.text.schemes import Scheme, convert_tags, spans_to_tags, tags_to_spans
from tagsmith.text.schemes import TokenSpan as Span


def per_cent(*numbers: float) -> str:
    names = ("accuracy", "precision", "recall", "FB1")[-len(numbers) :]
    return "; ".join(
        f"{name}: {number:6.2f}{'%' if name != 'FB1' else ''}" for name, number in zip(names, numbers, strict=True)
    )


def perl_conlleval(rows: list[tuple[str, str] | None]) -> str:  # noqa: C901 - as long as its original
    """Port the CoNLL-2000 Perl script line by line; None is a blank line."""

    def split(tag: str) -> tuple[str, str]:
        prefix, hyphen, label = tag.partition("-")
        return (prefix, label) if hyphen else (tag, "")

    def end_of_chunk(before: str, tag: str, type_before: str, type_: str) -> bool:
        end = before + tag in ("BB", "BO", "IB", "IO", "EE", "EI", "EO") and len(before) == 1
        if before not in ("O", ".") and type_before != type_:
            end = True
        return end or before in ("[", "]")

    def start_of_chunk(before: str, tag: str, type_before: str, type_: str) -> bool:
        start = before + tag in ("BB", "IB", "OB", "OI", "EE", "EI", "OE") and len(before) == 1
        if tag not in ("O", ".") and type_before != type_:
            start = True
        return start or tag in ("[", "]")

    gold_counts: dict[str, int] = {}
    guess_counts: dict[str, int] = {}
    right_counts: dict[str, int] = {}

    def add(counts: dict[str, int], label: str) -> None:
        counts[label] = counts.get(label, 0) + 1

    in_correct, tokens, right_tags = False, 0, 0
    last_gold, last_gold_type, last_guess, last_guess_type = "O", "", "O", ""
    for row in rows:
        (gold, gold_type), (guess, guess_type) = map(split, row or ("O", "O"))
        gold_ends = end_of_chunk(last_gold, gold, last_gold_type, gold_type)
        guess_ends = end_of_chunk(last_guess, guess, last_guess_type, guess_type)
        if in_correct:
            if gold_ends and guess_ends and last_gold_type == last_guess_type:
                in_correct = False
                add(right_counts, last_gold_type)
            elif gold_ends != guess_ends or guess_type != gold_type:
                in_correct = False
        gold_starts = start_of_chunk(last_gold, gold, last_gold_type, gold_type)
        guess_starts = start_of_chunk(last_guess, guess, last_guess_type, guess_type)
        if gold_starts and guess_starts and gold_type == guess_type:
            in_correct = True
        if gold_starts:
            add(gold_counts, gold_type)
        if guess_starts:
            add(guess_counts, guess_type)
        if row is not None:
            right_tags += gold == guess and gold_type == guess_type
            tokens += 1
        last_gold, last_gold_type, last_guess, last_guess_type = gold, gold_type, guess, guess_type
    if in_correct:
        add(right_counts, last_gold_type)

    def rates(support: int, found: int, right: int) -> tuple[float, float, float]:
        precision = 100 * right / found if found else 0.0
        recall = 100 * right / support if support else 0.0
        return precision, recall, 2 * precision * recall / (precision + recall) if precision + recall else 0.0

    support, found, right = (sum(counts.values()) for counts in (gold_counts, guess_counts, right_counts))
    text = f"processed {tokens} tokens with {support} phrases; found: {found} phrases; correct: {right}.\n"
    if tokens:
        text += per_cent(100 * right_tags / tokens, *rates(support, found, right)) + "\n"
    last_label = ""
    for label in sorted([*gold_counts, *guess_counts]):
        if last_label in ("", "0") or last_label != label:
            found = guess_counts.get(label, 0)
            numbers = rates(gold_counts.get(label, 0), found, right_counts.get(label, 0))
            text += f"{label:>17}: {per_cent(*numbers)}  {found}\n"
        last_label = label
    return text


def slow_scores(gold: list[set], predicted: list[set]) -> tuple[int, int, int]:
    return (
        sum(map(len, gold)),
        sum(map(len, predicted)),
        sum(len(a & b) for a, b in zip(gold, predicted, strict=True)),
    )


odd_tags = st.one_of(
    st.sampled_from(["O", "B-A", "I-A", "B-B", "I-B", "E-A", "S-A", "[-A", "]-A", ".-A", "L-B", "U-B"]),
    st.sampled_from(["O", "B", "I", "E", "[", "", "-A", "O-A", "B-", "O-", "B-0", "I-0", "X-Y-Z", "0"]),
)


def same_length_pairs(tags: st.SearchStrategy[str]):
    pair = st.tuples(tags, tags)
    return st.lists(st.lists(pair, max_size=8), max_size=5).map(
        lambda sentences: (
            [[gold for gold, _ in sentence] for sentence in sentences],
            [[predicted for _, predicted in sentence] for sentence in sentences],
        )
    )


@given(st.lists(st.none() | st.tuples(odd_tags, odd_tags.filter(bool)), max_size=30))
@settings(max_examples=examples(400))
def test_the_report_equals_the_perl_scripts(rows: list[tuple[str, str] | None]):
    lines = ["" if row is None else f"word {row[0]} {row[1]}" for row in rows]
    assert conlleval_report(lines) == perl_conlleval(rows)


# To conlleval "0" is a prefix that marks nothing; to score_tags it is a label without a prefix, see below.
@given(same_length_pairs(odd_tags.filter(lambda tag: tag != "0")))
@settings(max_examples=examples(300))
def test_scores_are_those_of_the_perl_script(pair):
    gold, predicted = pair
    rows: list[tuple[str, str] | None] = []
    for sentence in zip(gold, predicted, strict=True):
        rows += [*zip(*sentence, strict=True), None]
    scores = score_tags(gold, predicted)
    expected = perl_conlleval(rows).splitlines()
    assert expected[0] == (
        f"processed {scores.tokens} tokens with {scores.support} phrases; "
        f"found: {scores.found} phrases; correct: {scores.correct}."
    )
    if scores.tokens:
        fractions = (scores.accuracy, scores.precision, scores.recall, scores.f1)
        assert expected[1] == per_cent(*(100 * fraction for fraction in fractions))


WITH_SPANS = [scheme for scheme in Scheme if scheme is not Scheme.PLAIN]
CONVENTIONAL = [scheme for scheme in WITH_SPANS if scheme not in (Scheme.BARE, Scheme.IO)]
bioes_tags = st.sampled_from(["O", *(f"{prefix}-{label}" for prefix in "BIES" for label in "XY")])
span_lists = st.lists(st.tuples(st.integers(0, 2), st.integers(1, 3), st.sampled_from("XY")), max_size=4)


def spans_of(gaps: list[tuple[int, int, str]]) -> list[Span]:
    spans, position = [], 0
    for gap, length, label in gaps:
        spans.append(Span(position + gap, position + gap + length, label))
        position += gap + length
    return spans


@pytest.mark.parametrize("scheme", CONVENTIONAL)
@pytest.mark.parametrize("mode", ["conlleval", "strict"])
@given(st.lists(st.tuples(span_lists, span_lists), min_size=1, max_size=4))
@settings(max_examples=examples(60))
def test_legal_tags_of_every_scheme_count_their_spans(mode, scheme: Scheme, sentences):
    pairs = [(spans_of(gold), spans_of(predicted)) for gold, predicted in sentences]
    lengths = [max((span.end for side in pair for span in side), default=0) + 1 for pair in pairs]
    gold = [spans_to_tags(pair[0], length, scheme) for pair, length in zip(pairs, lengths, strict=True)]
    predicted = [spans_to_tags(pair[1], length, scheme) for pair, length in zip(pairs, lengths, strict=True)]
    scores = score_tags(gold, predicted, mode=mode, scheme=scheme)
    expected = slow_scores([set(pair[0]) for pair in pairs], [set(pair[1]) for pair in pairs])
    assert (scores.support, scores.found, scores.correct) == expected


@given(same_length_pairs(bioes_tags))
def test_illegal_bioes_tags_count_the_spans_that_the_schemes_module_reads(pair):
    gold, predicted = pair
    scores = score_tags(gold, predicted, scheme=Scheme.BIOES)
    spans = [[set(tags_to_spans(tags, Scheme.BIOES)) for tags in side] for side in pair]
    assert (scores.support, scores.found, scores.correct) == slow_scores(*spans)


def strict_spans(tags: list[str], scheme: Scheme) -> set[tuple[int, int, str]]:
    """Every stretch whose tags are exactly those that the scheme gives to one span there, maximal."""
    spans = set()
    begin = {Scheme.IOB2: "B", Scheme.BIOES: "B", Scheme.BILOU: "B", Scheme.BMES: "B", Scheme.IOE2: "I"}[scheme]
    inside = "M" if scheme is Scheme.BMES else "I"
    last = {Scheme.IOB2: "I", Scheme.BILOU: "L"}.get(scheme, "E")
    only = {Scheme.IOB2: "B", Scheme.IOE2: "E", Scheme.BILOU: "U"}.get(scheme, "S")
    for start in range(len(tags)):
        for end in range(start + 1, len(tags) + 1):
            label = tags[start].partition("-")[2]
            length = end - start
            wanted = [only] if length == 1 else [begin, *[inside] * (length - 2), last]
            if not label or tags[start:end] != [f"{prefix}-{label}" for prefix in wanted]:
                continue
            goes_on = scheme is Scheme.IOB2 and tags[end : end + 1] == [f"I-{label}"]
            began_before = scheme is Scheme.IOE2 and start and tags[start - 1] == f"I-{label}"
            if not goes_on and not began_before:
                spans.add((start, end, label))
    return spans


@pytest.mark.parametrize(
    ("scheme", "prefixes"),
    [
        (Scheme.IOB2, "BIE"),
        (Scheme.IOE2, "IEB"),
        (Scheme.BIOES, "BIES"),
        (Scheme.BILOU, "BILU"),
        (Scheme.BMES, "BMES"),
    ],
)
@given(data=st.data())
def test_strict_mode_counts_only_well_formed_spans(scheme: Scheme, prefixes: str, data: st.DataObject):
    tags = st.sampled_from(["O", *(f"{prefix}-{label}" for prefix in prefixes for label in "XY")])
    gold, predicted = data.draw(same_length_pairs(tags))
    scores = score_tags(gold, predicted, mode="strict", scheme=scheme)
    spans = [[strict_spans(sentence, scheme) for sentence in side] for side in (gold, predicted)]
    assert (scores.support, scores.found, scores.correct) == slow_scores(*spans)


def test_strict_mode_in_the_schemes_that_mark_only_neighbors():
    def spans(tags: str, scheme: Scheme) -> int:
        sentence = [tag if tag == "O" else f"{tag}-X" for tag in tags.split()]
        return score_tags([sentence], [sentence], mode="strict", scheme=scheme).support

    assert spans("I I B I O I", Scheme.IOB1) == 3
    assert spans("B I O I", Scheme.IOB1) == 1  # a B that separates nothing
    assert spans("I E I O I", Scheme.IOE1) == 3
    assert spans("I E O I", Scheme.IOE1) == 1  # an E that separates nothing
    assert spans("I I O I", Scheme.IO) == 2


def test_a_stray_inside_tag_is_a_span_to_conlleval_and_none_to_strict():
    gold, predicted = [["O", "B-X", "I-X"]], [["O", "I-X", "I-X"]]
    assert score_tags(gold, predicted).f1 == 1.0
    assert score_tags(gold, predicted, mode="strict", scheme=Scheme.IOB2).f1 == 0.0


def test_bioes_neighbors_are_told_apart_only_when_the_scheme_is_given():
    tags = [["S-X", "S-X", "B-X", "E-X", "B-X", "E-X"]]
    assert score_tags(tags, tags, scheme=Scheme.BIOES).support == 4
    assert score_tags([convert_tags(tags[0], Scheme.BIOES, Scheme.IOB2)] * 2, tags * 2).support == 8


def test_bare_tags():
    scores = score_tags(
        [["PERSON", "O", "O", "LOCATION", "LOCATION"]],
        [["PERSON", "O", "O", "LOCATION", "O"]],
        scheme=Scheme.BARE,
    )
    assert (scores.support, scores.found, scores.correct) == (2, 2, 1)
    assert scores.types["PERSON"].f1 == 1.0


def test_plain_tags_score_tokens_and_micro_f1_is_the_accuracy():
    gold, predicted = [["DET", "NOUN", "VERB"], ["NOUN"]], [["DET", "VERB", "VERB"], ["X"]]
    scores = score_plain(gold, predicted)
    assert score_tags(gold, predicted, scheme=Scheme.PLAIN) == scores
    assert scores.accuracy == scores.f1 == scores.precision == scores.recall == 0.5
    assert scores.types["VERB"].precision == 0.5
    assert scores.types["VERB"].recall == 1.0
    assert list(scores.types) == ["DET", "NOUN", "VERB", "X"]
    assert scores.macro_f1 == pytest.approx((1 + 0 + 2 / 3 + 0) / 4)


def test_macro_averages_are_means_over_labels():
    scores = score_tags([["B-X", "B-Y", "B-Y"]], [["B-X", "B-Y", "O"]])
    assert scores.macro_precision == 1.0
    assert scores.macro_recall == 0.75
    assert scores.macro_f1 == pytest.approx((1 + 2 / 3) / 2)


def test_as_dict_is_the_json_of_evaluate():
    as_dict = score_tags([["B-X", "O"]], [["B-X", "O"]]).as_dict()
    assert {"precision", "recall", "f1", "accuracy", "support", "types"} <= set(as_dict)
    assert as_dict["types"] == {
        "X": {"precision": 1.0, "recall": 1.0, "f1": 1.0, "support": 1, "found": 1, "correct": 1}
    }


@pytest.mark.parametrize("empty", [[], [[]], [["O"]]])
def test_nothing_to_find_scores_zero(empty: list[list[str]]):
    scores = score_tags(empty, empty)
    assert isinstance(scores, Scores)
    assert (scores.f1, scores.macro_f1, scores.support) == (0.0, 0.0, 0)


def test_differing_lengths_are_clear_errors():
    with pytest.raises(DataError, match="2 gold sentences but 1 predicted"):
        score_tags([["O"], ["O"]], [["O"]])
    with pytest.raises(DataError, match="Sentence 2 has 1 gold tags but 2 predicted"):
        score_plain([["A"], ["A"]], [["A"], ["A", "B"]])


def test_strict_needs_a_scheme_and_modes_are_checked():
    with pytest.raises(ValueError, match="pass scheme="):
        score_tags([["O"]], [["O"]], mode="strict")
    with pytest.raises(ValueError, match="'conlleval' or 'strict'"):
        score_tags([["O"]], [["O"]], mode="loose")


def test_the_scheme_of_tags_without_prefixes_is_found():
    bare = [["PERSON", "O", "LOCATION", "LOCATION"], ["O"]]
    assert score_tags(bare, bare) == score_tags(bare, bare, scheme=Scheme.BARE)
    assert (score_tags(bare, bare).f1, score_tags(bare, bare).support) == (1.0, 2)
    plain = [["DET", "NOUN"], ["V"]]
    assert score_tags(plain, plain) == score_plain(plain, plain)
    assert score_tags([["PERSON"]], [["O"]]) == score_tags([["PERSON"]], [["O"]], scheme="bare")
    hyphens = [["creative-work", "O", "person"]]
    assert set(score_tags(hyphens, hyphens).types) == {"creative-work", "person"}


@pytest.mark.parametrize("scheme", [None, "IOB2", "BIOES"])
def test_tags_with_and_without_prefixes_are_not_scored_together(scheme):
    bare, prefixed = [["PERSON", "O", "LOCATION"]], [["B-PERSON", "O", "B-LOCATION"]]
    for gold, predicted in ((bare, prefixed), (prefixed, bare), ([*bare, *prefixed],) * 2):
        with pytest.raises(DataError, match=r"tag 'PERSON' has no prefix.*tag 'B-PERSON' has one"):
            score_tags(gold, predicted, scheme=scheme)
    if scheme:
        with pytest.raises(DataError, match=f"'PERSON' has no prefix of the scheme {scheme}"):
            score_tags(bare, bare, scheme=scheme)


def test_one_odd_tag_among_many_is_scored_as_conlleval_does():
    gold, predicted = [["B-X"] * 30], [["B-X"] * 29 + ["PERSON"]]
    assert score_tags(gold, predicted).correct == 29


@pytest.mark.parametrize("scheme", list(Scheme))
def test_a_scheme_may_be_given_by_its_name(scheme: Scheme):
    tags = [["NOUN", "VERB"]] if scheme is Scheme.PLAIN else [spans_to_tags([Span(0, 2, "X")], 3, scheme)]
    assert score_tags(tags, tags, scheme=scheme.value.lower()) == score_tags(tags, tags, scheme=scheme)


def test_an_unknown_scheme_is_refused_with_the_list():
    with pytest.raises(DataError, match=r"no scheme 'nonsense'.*plain, bare, IO"):
        score_tags([["B-X"]], [["B-X"]], scheme="nonsense")


@pytest.mark.parametrize("score", [score_tags, score_plain])
@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (None, "sentences are None"),
        ("O", "sentences are the string 'O'"),
        (["B-PER", "O"], "sentence 1 is the string 'B-PER'"),
        ([["O"], None], "sentence 2 is None"),
        ([["O"], ["O", None]], "sentence 2, token 2: the tag is None"),
        ([["O"], ["O", float("nan")]], "sentence 2, token 2: the tag is NaN"),
        ([["O"], ["O", 3]], "sentence 2, token 2: the tag is the int 3"),
        ([["O"], ["O", ["O"]]], "sentence 2, token 2: the tag is the list"),
    ],
)
def test_what_is_no_list_of_lists_of_tags_is_named(score, wrong, said):
    right = [["O"], ["O", "O"]]
    with pytest.raises(DataError, match=f"^Gold {said}"):
        score(wrong, right)
    with pytest.raises(DataError, match=f"^Predicted {said}"):
        score(right, wrong)


@pytest.mark.parametrize("score", [score_tags, score_plain])
@pytest.mark.parametrize("wrong", ["B-PER ", "\tB-PER", "B-PER\r"])
def test_white_space_around_a_tag_is_no_wrong_prediction(score, wrong):
    with pytest.raises(DataError, match=r"gold tag .* white space"):
        score([[wrong]], [["B-PER"]])
    with pytest.raises(DataError, match=r"predicted tag .* white space"):
        score([["B-PER"]], [[wrong]])


def test_report_boundaries_columns_and_line_ends():
    plain = conlleval_report(["a x B-X B-X", "", "b y I-X I-X", "c z O O"])
    assert plain.startswith("processed 3 tokens with 2 phrases; found: 2 phrases; correct: 2.\n")
    assert conlleval_report(["a x B-X B-X\r\n", "-X- - O O\r\n", "b y I-X I-X\r\n", "c z O O\r\n"]) == plain
    assert conlleval_report(["a\tx\tB-X\tB-X", "", "b\ty\tI-X\tI-X", "c d\tz\tO\tO"]) == plain
    assert conlleval_report(["a|B-X|B-X", "", "b|I-X|I-X", "c|O|O"], delimiter="|") == plain
    assert conlleval_report([]) == "processed 0 tokens with 0 phrases; found: 0 phrases; correct: 0.\n"


@pytest.mark.parametrize(
    ("lines", "line", "problem"),
    [
        (["a O O", "b O"], 2, "2 columns where the first has 3"),
        (["a O O", "", "b x O O"], 3, "4 columns where the first has 3"),
        (["", "O"], 2, "one column, but at least two"),
        (["O O", "O"], 2, "1 column where the first has 2"),
    ],
)
def test_bad_columns_name_file_line_and_remedy(lines: list[str], line: int, problem: str):
    with pytest.raises(DataError, match=problem) as caught:
        conlleval_report(lines, path="predictions.txt")
    assert str(caught.value).startswith(f"predictions.txt:{line}: ")
    assert "separat" in caught.value.remedy
