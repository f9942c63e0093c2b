from __future__ import annotations

import os
import unicodedata
from pathlib import Path

import pytest
import regex
from hypothesis import example, given, settings
from hypothesis import strategies as st

from search_budget import examples
from tagsmith.text import tokenizer
from tagsmith.text.document import Token
from tagsmith.text.tokenizer import split_sentences, tokenize_text, words_and_starts


def tokenize(text: str) -> list[Token]:
    return [token for sentence in tokenize_text(text) for token in sentence]


def words(text: str) -> list[str]:
    return [token.text for token in tokenize(text)]


def sentences(text: str) -> list[str]:
    return [text[start:end] for start, end in split_sentences(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("don't I'm they'd've", "do n't I 'm they 'd 've"),
        ("couldn’t she’s DON'T", "could n’t she ’s DO N'T"),
        ("cannot gonna Wanna 'tis", "can not gon na Wan na 't is"),
        ("John's dogs' boss's 1990's", "John 's dogs ' boss 's 1990 's"),
        ("O'Neill o'clock rock'n'roll ma'am d'Artagnan", "O'Neill o'clock rock'n'roll ma'am d'Artagnan"),
        ("the '90s, tell 'em 'quoted'", "the '90s , tell 'em ' quoted '"),
        ("See http://a.org/wiki/X_(Y), (http://a.b/c).", "See http://a.org/wiki/X_(Y) , ( http://a.b/c ) ."),
        ("https://x.y/?q=1&r=2! www.foo.com.", "https://x.y/?q=1&r=2 ! www.foo.com ."),
        ("Try example.com/path, notes.txt.", "Try example.com/path , notes.txt ."),
        ("Mail a.b+c@x.co.uk, now", "Mail a.b+c@x.co.uk , now"),
        ("@user #tag_1 #1 x@y", "@user #tag_1 # 1 x @ y"),
        ("1,234.56 3.14, 1/2 24/7.", "1,234.56 3.14 , 1/2 24/7 ."),
        ("2024-05-01 10:30 10:30pm 10am 3rd", "2024-05-01 10:30 10:30 pm 10 am 3rd"),
        ("-5 +3.2 .5 a-5 1990-95 1990–95", "-5 +3.2 .5 a-5 1990-95 1990 – 95"),
        ("$5 €10 US$5 5€ £1,000 50%", "$ 5 € 10 US$ 5 5 € £ 1,000 50 %"),
        ("Mr. Fox of U.S. e.g. Foo Inc.", "Mr. Fox of U.S. e.g. Foo Inc."),
        ("Ph.D. U.S.'s U.S.-led J. K. J.K. U.S.A", "Ph.D. U.S. 's U.S.-led J. K. J.K. U.S.A"),
        ("state-of-the-art and/or AT&T R&D", "state-of-the-art and / or AT&T R&D"),
        ("C++ C# wait...what… ?! !!!", "C++ C# wait ... what … ?! !!!"),
        ("yes--no — “so” ``x'' [a](b)", "yes -- no — “ so ” `` x '' [ a ] ( b )"),
        (":) ;-) :D <3 :'( f(x) (8)", ":) ;-) :D <3 :'( f ( x ) ( 8 )"),
        ("&amp; <br/> a->b ====", "&amp; <br/> a -> b ===="),
        ("日本語です。カー", "日 本 語 で す 。 カ ー"),
        ("中文ABC和123", "中 文 ABC 和 123"),
        ("이름은 한국어입니다.", "이름은 한국어입니다 ."),
        ("น้ำ กิน", "น้ำ กิ น"),
        ('שלום, צה"ל צה״ל ג׳ירפה', 'שלום , צה"ל צה״ל ג׳ירפה'),
        ("בְּרֵאשִׁית العربيّة، نعم؟", "בְּרֵאשִׁית العربيّة ، نعم ؟"),
        ("नमस्ते क्षत्रिय है।", "नमस्ते क्षत्रिय है ।"),
        ("me\u0301re n\u0303 5\u20e3", "me\u0301re n\u0303 5\u20e3"),
    ],
)
def test_tokens(text: str, expected: str):
    assert words(text) == expected.split(" ")


@pytest.mark.parametrize("emoji", ["👨‍👩‍👧‍👦", "🇩🇪", "👍🏽", "1️⃣", "❤️", "🏳️‍🌈", "🧑🏿‍🚀", "😀"])
def test_an_emoji_is_one_token_wherever_it_stands(emoji: str):
    assert words(emoji) == [emoji]
    assert words(f"so {emoji} {emoji}!") == ["so", emoji, emoji, "!"]
    if not emoji[0].isdigit():
        assert words(f"good{emoji}{emoji}.") == ["good", emoji, emoji, "."]


def test_invisible_separators_and_control_characters_separate_and_are_in_no_token():
    assert words("a\u200bb \ufeffc\x00d \u202ee\u202c\x07") == ["a", "b", "c", "d", "e"]
    assert words("می\u200cخواهم so\u00adft") == ["می\u200cخواهم", "so\u00adft"]


def test_lone_surrogates_are_tokens():
    assert words("a \ud800 b\udfff.") == ["a", "\ud800", "b", "\udfff", "."]


@pytest.mark.parametrize(
    "expected",
    [
        ["It rains.", "It pours!", "Why?", "Nobody knows…", "So be it."],
        ["Mr. J. K. Fox met Dr. Ann Lee of the U.S. Army at 5 p.m. on Jan. 5.", "She left."],
        ["He joined Foo Inc.", "The firm is big."],
        ["Take vitamin C.", "It helps."],
        ['"Why?" he asked.', '"Because."', "She left.", "(Really.)", "Yes!"],
        ["Pi is 3.14.", "That is all."],
        ["See No. 5, fig. 2 and p. 3.", "No.", "I won't."],
        ["1. First of all, this.", "B. Second."],
        ["i like it.", "it is good.", "thanks!"],
        ["Well... maybe not.", "Then what?"],
        ["He said so. . .", "She left !", "Good! :)", "Bye."],
        ["So good! 😀", "Next one."],
        ["नमस्ते है।", "ठीक है।", "ये है॥"],
        ["ما هذا؟", "نعم۔", "لا."],
    ],
)
def test_sentences_separated_by_a_space(expected: list[str]):
    assert sentences(" ".join(expected)) == expected


@pytest.mark.parametrize(
    "expected",
    [
        ["本当？", "はい！", "「行く。」と言った。", "「来る。」", "彼は去った。"],
        ["他来了。", "她走了！！", "好。"],
    ],
)
def test_sentences_without_spaces_between(expected: list[str]):
    assert sentences("".join(expected)) == expected


def test_lines_and_paragraphs():
    assert sentences("A title\n\nfollowed by\ntext") == ["A title", "followed by\ntext"]
    assert sentences("one\r\n \r\ntwo\n\n\nthree\fx") == ["one", "two", "three", "x"]
    assert sentences("Buy\n- milk\n- eggs\n1. one\n2) two") == ["Buy", "- milk", "- eggs", "1. one", "2) two"]
    assert sentences("") == sentences(" \n\n\t ") == []


def test_nothing_is_cut_because_it_is_long():
    text = "word " * 5000 + "x" * 5000
    assert len(tokenize_text(text)) == 1
    assert len(tokenize(text)) == 5001


TEXT = st.text(st.characters(exclude_categories=()), max_size=40)
PIECES = (
    "don't|U.S.|Mr.|.|...|?|!|\"|”|(|)| | |\n|\n\n|\r\n|a|I|5|http://x.y/z|a@b.c|#x|@|$|'s|’|-|漢|。|「|」|カ|ー|ที่|é|"
    'e\u0301|\u0301|👍🏽|👨‍👩‍👧|🇩🇪|1️⃣|\u200d|\u200b|\x00|\ud800|क्षि|각|\u1100\u1161|צ"ל|؟|:)'
)
PARTS = st.lists(st.sampled_from(PIECES.split("|")), max_size=14).map("".join)
INVISIBLE = set("\u200b\u200e\u200f\u2060\ufeff") | {
    chr(c) for r in ((0x202A, 0x202F), (0x2066, 0x206A)) for c in range(*r)
}


@given(st.one_of(TEXT, PARTS))
@example("a\x1cb\x85c\u2028d")
def test_every_visible_character_is_in_exactly_one_token(text: str):
    covered = [0] * len(text)
    last = 0
    for sentence in tokenize_text(text):
        assert sentence
        for token in sentence:
            assert token.start >= last
            assert token.text == text[token.start : token.end] != ""
            last = token.end
            for i in range(token.start, token.end):
                covered[i] += 1
    for i, character in enumerate(text):
        blank = character.isspace() or unicodedata.category(character) == "Cc" or character in INVISIBLE
        assert covered[i] == (0 if blank else 1)


# A piece or two of each alternative of the token pattern.
PATTERN_PIECES = (
    "= 🏻 A. ! #a xD www. a@ ab. com a.com/ < <3 ^^ & &#1 ; : :) “ [ ] { } | ~ -> * + C++ C# US$ % Ph.D. '' `` "
    "1, .5 -1.1 _ <a> </ e.g. A& 's n't 5pm cannot ٣ ß İ"
)
# What joins characters to clusters: prepended characters, viramas before consonants of another script, Jamo, emoji.
JOINING_PIECES = (
    "\u0d4e \u0600 \u094d \u1039 \u0915 \u1000 \u0937 \u200c \u200d \u2139 \u2764 \ufe0f \u20e3 🏻 👩 🇩 🇪 "
    "\u1100 \u1161 \u11a8 \uff76 \uff9e \u0e33 \u0903 \u302a \U000e0062 n't 's a@b. a@\u0915. www. / #a x D 1 - = ( ) "
    ". , ! cannot 5pm"
)
JOINING = JOINING_PIECES.split(" ")
JOINED = st.lists(st.sampled_from(JOINING), max_size=8).map("".join)


@st.composite
def repetitions(draw: st.DrawFn) -> tuple[str, str, str]:
    """Draw a prefix, a unit to repeat, and a suffix."""
    pieces = st.sampled_from(sorted({*PIECES.split("|"), *JOINING, *PATTERN_PIECES.split(" ")} - {""}))
    some = st.lists(pieces, max_size=2).map("".join)
    return draw(some), draw(st.lists(pieces, min_size=1, max_size=4).map("".join)), draw(some)


def repeated(repetition: tuple[str, str, str], length: int) -> str:
    prefix, unit, suffix = repetition
    return prefix + (unit * (length // len(unit) + 1))[:length] + suffix


@given(st.one_of(PARTS, JOINED, st.builds(repeated, repetitions(), st.integers(240, 280))))
@example("U.S.\u0301")  # a mark on a period that would otherwise belong to the abbreviation
@example("Mr.\u200d")
@example("U.S.\u200d")
@example("\u0d4en't")  # a prepended letter before a clitic, and before punctuation
@example("x\u0d4e(")
@example("\u0915\u1039\u1000")  # a Devanagari letter joined to a Burmese one
@example("a@b.\u0915\u094d\u200d\u0937")
@example("\u2139\u200d❤")
@example("\u1100" * 255 + "\u1161")  # at the border of the window
@example("#" + "\u1100" * 255 + "\u1161")
@example("👩" + "\u200d👩" * 300)
@example("x" * 256 + "🏻")
@example("=" * 256 + "\ufe0f")
@example("a." * 128 + "\ufe0f")
def test_no_grapheme_cluster_is_split(text: str):
    inside = set()
    for cluster in regex.finditer(r"\X", text):
        if not any(c.isspace() or c in INVISIBLE or c < " " for c in cluster.group()):
            inside.update(range(cluster.start() + 1, cluster.end()))
    for token in tokenize(text):
        assert token.start not in inside
        assert token.end not in inside


@given(st.one_of(TEXT, PARTS))
def test_all_forms_agree(text: str):
    nested = tokenize_text(text)
    assert split_sentences(text) == [(sentence[0].start, sentence[-1].end) for sentence in nested]
    assert words_and_starts(text) == [
        (tuple(token.text for token in sentence), tuple(token.start for token in sentence)) for sentence in nested
    ]


@given(st.one_of(TEXT, PARTS).filter(lambda text: not {"\r", "\f", "\u2029"} & set(text)))
@example(" a. \n b. ")
@example("The end.\nIt is.")
def test_wider_spaces_and_rare_line_breaks_elsewhere_change_nothing_but_offsets(text: str):
    # One character between chunks, and a text without rare line breaks, take shortcuts.
    wide = text.replace(" ", "  ")
    moved = [start + text.count(" ", 0, start) for _, starts in words_and_starts(text) for start in starts]
    assert [words for words, _ in words_and_starts(wide)] == [words for words, _ in words_and_starts(text)]
    assert [start for _, starts in words_and_starts(wide) for start in starts] == moved
    assert words_and_starts(f"{text}\f") == words_and_starts(text)


@given(PARTS)
def test_the_cache_changes_nothing(text: str):
    first = words_and_starts(text)
    tokenizer._cache.clear()
    assert words_and_starts(text) == first


def test_the_cache_is_bounded(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(tokenizer, "_CACHE_SIZE", 10)
    words(" ".join(f"word{i}" for i in range(100)))
    words("x" * 1000)
    assert len(tokenizer._cache) <= 11
    assert "x" * 1000 not in tokenizer._cache


def test_what_goes_beyond_the_window_of_the_pattern():
    for token in ("x" * 1000, "be-all-" * 100 + "x", "=" * 1000, "!?" * 500, "." * 999, "http://a.b/(c.d)" * 50 + "/"):
        assert words(f"{token}") == words(f"so {token}")[1:] == [token]
    assert words("http://a.b/" + "(c.d)" * 100 + "..." + ")") == ["http://a.b/" + "(c.d)" * 100, "...", ")"]
    assert words("a.com/" + "b,c/" * 200 + "!") == ["a.com/" + "b,c/" * 200, "!"]
    assert words("中" * 300 + "http://a.b/c。don't" + "中" * 300) == [
        *"中" * 300, "http://a.b/c", "。", "do", "n't", *"中" * 300
    ]  # fmt: skip
    assert words("A." * 200) == ["A." * 128, "A." * 72]
    assert words("x" + "'s" * 20) == ["x" + "'s" * 8, *["'s"] * 12]


def test_a_mark_that_is_no_letter_belongs_to_the_word_before_it():
    assert words("good🏻 ==\ufe0f don't🏻") == ["good🏻", "==\ufe0f", "don't🏻"]
    assert words("नाम@डाक.भारत ℹ\ufe0fInfo") == ["नाम@डाक.भारत", "ℹ\ufe0f", "Info"]


class CountingPattern:
    """A pattern that counts the characters it is given, or that it takes if there is no limit to them."""

    def __init__(self, pattern: regex.Pattern[str], window: bool, seen: list[int]) -> None:
        self.pattern, self.window, self.seen = pattern, window, seen

    def match(self, text: str, start: int, end: int | None = None) -> regex.Match[str]:
        found = self.pattern.match(text, start) if end is None else self.pattern.match(text, start, end)
        self.seen.append(min(end, len(text)) - start if end is not None else found.end() - found.start() + 1)
        assert not self.window or self.seen[-1] <= 256
        return found

    def search(self, text: str, start: int) -> regex.Match[str]:
        self.seen.append(len(text) - start)
        return self.pattern.search(text, start)


def characters_seen(text: str) -> int:
    """Count the characters that the patterns look at, as far as they look at more than they take."""
    seen: list[int] = []
    with pytest.MonkeyPatch.context() as patch:
        for name in ("_TOKEN", "_TOKEN_WITHOUT_ADDRESS"):
            patch.setattr(tokenizer, name, CountingPattern(getattr(tokenizer, name), True, seen))
        patch.setattr(tokenizer, "_CLUSTER", CountingPattern(tokenizer._CLUSTER, False, seen))
        patch.setattr(tokenizer, "_CLITICS", CountingPattern(tokenizer._CLITICS, True, seen))
        after = {name: CountingPattern(pattern, False, seen) for name, pattern in tokenizer._AFTER_WINDOW.items()}
        patch.setattr(tokenizer, "_AFTER_WINDOW", after)
        words_and_starts(text)
    return sum(seen)


@settings(max_examples=examples(10))
@given(repetitions())
@example(("", "-1.1", "🏻"))
@example(("", "=", "\ufe0f"))
@example(("a", "'s", "x"))
@example(("", "A.", ""))
@example(("", "#a", ""))
@example(("", "xD", ""))
@example(("www.", "!", ""))
@example(("http://a", "(", ""))
@example(("", "http://a(", ""))
def test_ten_times_the_length_is_ten_times_the_work(repetition: tuple[str, str, str]):
    short, long = repeated(repetition, 2_000), repeated(repetition, 20_000)
    at_the_end = 256 * 256  # where the windows get shorter, which saves a short text more
    assert characters_seen(long) <= 10 * (characters_seen(short) + at_the_end)
    assert characters_seen(long) <= 260 * len(long)


@pytest.mark.parametrize(
    "text",
    [
        *(
            unit * 50_000
            for unit in ("a.", "ab.", "http://(", "。", "「。", "🇩", "a@", "x/", "'s", "\u0301", "*-", "A.", "!")
        ),
        *(
            unit * 20_000 + "x"
            for unit in ("'s", "-1.1", "xD", "#a", "<a", "a-", "\u1100", "😀", ":)", "^", "1:", "a@b.")
        ),
        *(unit * 20_000 + "🏻" for unit in ("-1.1", "=", ".", "!", "A.", "a", "1", "<3", "x'", "🇩", "(", ":)", "``")),
        "http://a" + "(b" * 50_000,
        "http://" + ".," * 50_000,
        "a.com/" + "!" * 50_000,
        "\u0600" + "🇩" * 50_001 + "\u0301",
        "\u0600🇩" * 50_000,
    ],
    ids=lambda text: ascii(text[:6] + text[-1]),
)
def test_a_long_run_without_spaces_is_cut_whole(text: str):
    # A pattern that looks back over the run at each step would not end here for minutes.
    pairs = [pair for words, starts in words_and_starts(text) for pair in zip(words, starts, strict=True)]
    assert "".join(word for word, _ in pairs) == text
    assert all(text.startswith(word, start) for word, start in pairs)


def test_agreement_with_universal_dependencies_english():
    folder = os.environ.get("TAGSMITH_DATA")
    if not folder:
        pytest.skip("TAGSMITH_DATA is not set")
    path = Path(folder, "ud_english_ewt", "en_ewt-ud-dev.conllu")
    gold, predicted, common = 0, 0, 0
    for block in path.read_text(encoding="utf-8").split("\n\n"):
        rows = [line.split("\t") for line in block.split("\n") if line and not line.startswith("#")]
        if not rows:
            continue
        text = next(line for line in block.split("\n") if line.startswith("# text = "))[len("# text = ") :]
        expected, position = set(), 0
        for word in (row[1] for row in rows if row[0].isdigit()):
            start = text.find(word, position)
            if start >= 0:
                expected.add((start, start + len(word)))
                position = start + len(word)
        actual = {(token.start, token.end) for token in tokenize(text)}
        gold, predicted, common = gold + len(expected), predicted + len(actual), common + len(expected & actual)
    assert 2 * common / (gold + predicted) > 0.975
