"""Tokenizer and sentence splitter for text of any language, with exact offsets.

The text is cut at white space into *chunks*. Chunks repeat in running text, so the tokens of each distinct chunk are
computed once and cached. This is why the token pattern below can be thorough without being slow.

Tokens
    Follow the Penn Treebank: ``do n't``, ``John 's``, ``can not``, ``$ 5``, ``50 %``. Hyphenated words, dates, times,
    numbers, URLs, e-mail addresses, @mentions and #hashtags stay whole. A slash between letters is a token
    (``and / or``), one between digits is not (``1/2``). Abbreviations and acronyms keep their periods. Han, Hiragana
    and Katakana give one token per character. Thai, Lao, Khmer and Burmese, which are written without spaces and would
    need a dictionary, give one token per grapheme cluster. No grapheme cluster (a letter with its marks, an emoji
    sequence, a flag) is split. Every character is in exactly one token, except white space, control characters and
    invisible separators (zero-width space, byte order mark, bidirectional marks), which are in none.

Time
    Linear in the length of the text, whatever it is. The pattern sees at most 256 characters at once, and nothing in it
    can backtrack further than that. Words, URLs and runs of one character may still be longer; of anything else
    (e-mail addresses, domains, numbers, hashtags) at most 256 characters are one token. Of the clitics of a word
    (``'d've``) those in its last 24 characters are tokens.

Sentences
    End after ``. ! ? …`` and similar marks of other scripts, including closing quotes and brackets, but not at
    abbreviations, at initials, or before a lowercase letter (unless the sentence itself started with one). A blank line
    always ends a sentence; a single line break ends one only before a list item. Length never ends a sentence.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise

import regex

from tagsmith.text.abbreviations import BEFORE_NAMES, FUSED, ONLY_CAPITALIZED, OPENERS, PERHAPS_FINAL
from tagsmith.text.arguments import check_text
from tagsmith.text.document import Token

# --- token pattern -----------------------------------------------------------------------------------

# Character classes for use inside [...]; set operations need version 1 of the regex syntax.
_SPACELESS = r"[[[\p{scx=Han}\p{scx=Hira}\p{scx=Kana}]&&\p{L}]\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}--\p{N}]"
_WORD = rf"[[\p{{L}}\p{{M}}\p{{N}}_\u00ad\u200c\u200d\u05f3\u05f4]--[{_SPACELESS}\u2139]]"  # U+2139 is an emoji
_EXTENDER = r"[\p{GCB=Extend}\p{GCB=SpacingMark}\p{GCB=ZWJ}]"  # continues the grapheme cluster before it
_PREPENDED = r"\p{GCB=Prepend}"  # continues in the character after it
# What a token takes after its end, or else a grapheme cluster would be split.
_REST_OF_CLUSTER = rf"""
    {_EXTENDER}*+ (?: (?<={_PREPENDED}) \X | (?=\p{{L}}) (?<=\p{{ccc=Virama}}{_EXTENDER}{{0,4}}) \X )?+"""
_MORE_OF_WORD = rf"""
    (?: (?: ['’‐‑·-] | (?<=\d)[.,:/٫٬](?=\d) | (?<=\p{{Hebrew}})"(?=\p{{Hebrew}})
          | (?<=\p{{Lu}})&(?=\p{{Lu}}) ) {_WORD}++ )*+"""
# A URL and a path end with anything but punctuation; a URL may end with balanced parentheses.
_URL = r"""
    (?: [.,;:!?'’…\]}*]*+ (?: [^\s()<>"“”、。，）」.,;:!?'’…\]}*]++ | \([^\s()<>]*+\) ) )"""
_PATH = r"""
    (?: [.,;:!?'’…\]}]*+ [^\s()<>"“”.,;:!?'’…\]}]++ )"""
_LABEL = r"[\p{L}\p{M}\d-]"  # of the domain of an e-mail address
_RUN = r"[-–—―=*~\#+<>|^•·]"
_FILES = "txt|pdf|docx?|xlsx?|pptx?|csv|tsv|jsonl?|html?|xml|py|js|md|jpe?g|png|gif|svg|exe|zip|gz|mp[34]"
_DOMAINS = "com|org|net|edu|gov|mil|info|biz|co|io|ai|dev|app|tv|xyz|eu|uk|de|fr|jp|cn|ru|nl|au|ch|br|es|se|pl"

# What only a chunk with a period or a colon can hold. Other chunks, of Chinese above all, are faster without.
_ADDRESSES = rf"""
      (?P<url> (?:(?:https?|ftp)://|www\.) {_URL}++ )
    | [\w.+%-]{{1,64}}+ @ {_LABEL}{{1,63}}+ (?:\.{_LABEL}{{1,63}}+)++ {_LABEL}*+
    | [\p{{L}}\d_] [\p{{L}}\d_-]{{0,63}}+ (?:\.[\p{{L}}\d_-]{{1,63}}+){{0,8}}? \.
        (?: (?:{_DOMAINS}) (?![\p{{L}}\d]) (?P<path> / {_PATH}*+ )?+
          | (?:{_FILES}) (?![\p{{L}}\d]) )
    |"""
_ALL_ELSE = rf"""
      \p{{RI}}{{1,2}}+  # \X takes quadratic time for a long run of flags
    | &(?:\#\d{{1,7}}|[A-Za-z]{{2,8}});
    | </?[A-Za-z][A-Za-z0-9]*+/?>
    | (?<!\w) [@\#] (?=[\p{{N}}_]*+\p{{L}}) [\p{{L}}\p{{M}}\p{{N}}_]++
    | [:;=][-o*']?[()\]\[\\/|}}{{] (?![\p{{L}}\p{{N}}\\/]) | [()][-o]?: (?![\p{{L}}\p{{N}}\\/])
    | (?<!\w) (?: [:;=]-?[DPpOo3] | [xX]D++ | <3++ | \^[_.]?\^ | -_++- | [oO][_.][oO] ) (?!\w)
    | (?:\p{{Lu}}\.)++\p{{Lu}}(?![.\w]) | Ph\.D\. | \p{{L}}\.(?:-?\p{{L}}{{1,2}}\.)++ (?:-{_WORD}++)*+
    | ['’](?i:s|m|d|re|ve|ll|em|tis|twas|cause|til|bout|\d0s)(?!{_WORD}|['’]{_WORD})
    | [cC]\+\+ | [CF]\#(?!\w)
    | (?:US|CA|AU|NZ|HK|[ACSR])(?=\p{{Sc}}) \p{{Sc}}
    | (?<![\p{{L}}\p{{N}})\].%]) [-+−](?=\.?\d) \.?+ \d++ (?:[.,:/-]\d++)*+ (?!{_WORD})
    | (?<![\p{{L}}\p{{N}}.]) \.\d++ (?!{_WORD})
    | (?P<word> {_WORD}++ {_MORE_OF_WORD} )
    | \.{{2,}}+ | [-=]{{1,3}}> | <[-=]{{1,3}} | `` | '' | [!?]++
    | (?P<repeated> {_RUN} ) (?P=repeated)*+
    """
_TOKEN, _TOKEN_WITHOUT_ADDRESS = (
    regex.compile(rf"(?: {alternatives} ) {_REST_OF_CLUSTER} | (?P<cluster> \X )", regex.VERBOSE | regex.VERSION1)
    for alternatives in (_ADDRESSES + _ALL_ELSE, _ALL_ELSE)
)
_WINDOW = 256  # characters that the pattern sees
# How a token goes on that is as long as the window. Each takes all that it looks at, and so takes linear time.
_AFTER_WINDOW = {
    name: regex.compile(pattern, regex.VERBOSE | regex.VERSION1)
    for name, pattern in {
        "url": rf"{_URL}*+ {_REST_OF_CLUSTER}",
        "path": rf"{_PATH}*+ {_REST_OF_CLUSTER}",
        "word": rf"""
            (?: (?<={_WORD}) {_WORD}*+ {_MORE_OF_WORD}
              | (?<=(?P<repeated>[{_RUN}.])) (?P=repeated)*+ | (?<=[!?])[!?]*+ )?+ {_REST_OF_CLUSTER}""",
    }.items()
}
_CLUSTER = regex.compile(r"\X")
_LONE_PERIOD = regex.compile(rf"\.(?!\.|{_EXTENDER})", regex.VERSION1)
_FACE = r"(?: >?[:;=][-o*']?[()\]\[DPp/\\|3] | \^[_.]?\^ )"
_FACES = regex.compile(rf"{_FACE}++ | {_FACE}*+ \p{{Extended_Pictographic}} [^\n]*+", regex.VERBOSE)
_CLITICS = regex.compile(rf"(?i)(?:(?<!{_PREPENDED})(?:(?<=\w)n['’]t)?(?:['’](?:s|m|d|re|ve|ll))*)?$", regex.VERSION1)
_LAST_CLITICS = 24  # characters at the end of a word that are searched
_CLITIC = regex.compile(r"(?i)n['’]t|['’](?:s|m|d|re|ve|ll)")
_CLOCK = regex.compile(r"(?i)(\d[\d.:]*)[ap]m")

# --- chunks ------------------------------------------------------------------------------------------

# How a chunk may end a sentence (_DOUBTFUL: abbreviation; _NUMBER: not before a number), and how it may start one.
_NO_END, _PERIOD, _DOTS, _DOUBTFUL, _NUMBER, _ALWAYS = range(6)
_START, _OPENER, _LOWER, _DIGIT, _CONTINUES, _CLOSES = range(6)

_ENDS_ANYWHERE = frozenset("。！？｡．।॥۔؟።፧។៕⸮")
_AFTER_QUOTES = frozenset("とってなのがはを的，、")
_CLOSERS = frozenset("\"'”’»›)]}）］｝」』】〉》") | {"''"}
_LEADING = "\"'“”‘’«‹„‚`([{（［｛「『【〈《¿¡*_"


@dataclass(frozen=True, slots=True)
class _Chunk:
    """The tokens of a chunk, their offsets in it, and how it ends and starts sentences.

    A chunk that is one token has neither ``words`` nor ``offsets``. ``breaks`` are the indices of tokens before which a
    new sentence starts inside the chunk.
    """

    start: int
    end: int = _NO_END
    words: tuple[str, ...] = ()
    offsets: tuple[int, ...] = ()
    breaks: tuple[int, ...] = ()


_WORDS = tuple(map(_Chunk, range(6)))  # what most chunks are, for each start: one token that ends no sentence


def _analyze(chunk: str) -> _Chunk:
    start = _start_kind(chunk)
    if chunk.isascii() and chunk.isalpha() and chunk.lower() not in FUSED:  # most chunks
        return _WORDS[start]
    offsets = tuple(_token_starts(chunk))
    words = tuple(chunk[a:b] for a, b in pairwise((*offsets, len(chunk))))
    end = _end_kind(words)
    if len(words) > 1:
        return _Chunk(start, end, words, offsets, _inner_breaks(words))
    return _Chunk(start, end) if end else _WORDS[start]


def _token_starts(chunk: str) -> Iterator[int]:
    token = _TOKEN if "." in chunk or ":" in chunk else _TOKEN_WITHOUT_ADDRESS
    position = 0
    while position < len(chunk):
        match = token.match(chunk, position, position + _WINDOW)
        end = match.end()
        if len(chunk) > position + _WINDOW:
            end = _end_after_window(chunk, position, match.lastgroup, end)
        if match.lastgroup == "word" or chunk[position] in "'’":
            if _keeps_period(chunk, position, end):
                end += 1
            yield from _word_parts(chunk[position:end], position)
        else:
            yield position
        position = end


def _end_after_window(chunk: str, start: int, kind: str | None, end: int) -> int:
    """Return where the token really ends that ends at ``end`` if nothing comes after the window."""
    if end == start + _WINDOW and kind == "cluster":
        return int(_CLUSTER.match(chunk, start).end())
    if end == start + _WINDOW and kind not in _AFTER_WINDOW:
        kind = "word"
    return int(_AFTER_WINDOW[kind].match(chunk, end).end()) if kind in _AFTER_WINDOW else end


def _keeps_period(chunk: str, start: int, end: int) -> bool:
    """Whether the word is an abbreviation or an initial, followed by its period."""
    if chunk[end : end + 1] != "." or not _LONE_PERIOD.match(chunk, end):
        return False
    word = chunk[start:end]
    if len(word) == 1:
        return word.isupper()
    lower = word.lower() + "."
    if lower not in BEFORE_NAMES and lower not in PERHAPS_FINAL:
        return False
    return word[0].isupper() or lower not in ONLY_CAPITALIZED


def _word_parts(word: str, start: int) -> Iterator[int]:
    """Yield the start of each part of a word: contractions, fused words and times of day have several."""
    yield start
    if fused := FUSED.get(word.lower().replace("’", "'")):
        yield start + fused
    elif "'" in word or "’" in word:
        clitics = _CLITICS.search(word, max(0, len(word) - _LAST_CLITICS))
        yield from (start + clitic.start() for clitic in _CLITIC.finditer(word, clitics.start()) if clitic.start())
    elif word[0].isdigit() and (clock := _CLOCK.fullmatch(word)):
        yield start + clock.end(1)


def _end_kind(words: tuple[str, ...]) -> int:
    last = len(words) - 1
    while last > 0 and words[last] in _CLOSERS:
        last -= 1
    word = words[last]
    if word[-1] in _ENDS_ANYWHERE:
        return _ALWAYS
    if word[-1] in "!?‼⁇⁈⁉":
        return _PERIOD
    if word == "…" or (len(word) > 1 and not word.strip(".")):
        return _DOTS
    if word == ".":
        return _NUMBER if last and words[last - 1] in ("No", "p", "pp") else _PERIOD
    if word[-1] == "." and word.lower() not in BEFORE_NAMES:
        return _DOUBTFUL
    return _NO_END


def _start_kind(chunk: str) -> int:
    if _FACES.fullmatch(chunk):
        return _CLOSES
    bare = chunk.lstrip(_LEADING)
    if not bare:
        return _CLOSES if chunk in "”’»" else _START
    first = bare[0]
    if first.islower():
        return _LOWER
    if first.isdigit():
        return _DIGIT
    if first in _CLOSERS and all(character in _CLOSERS for character in bare):
        return _CLOSES
    if first in ",;:)]}%&/、，；：" or not bare.strip(".!?…"):
        return _CONTINUES
    first_word = re.match("[A-Za-z]+", bare)
    return _OPENER if first_word and first_word.group() in OPENERS else _START


def _inner_breaks(words: tuple[str, ...]) -> tuple[int, ...]:
    """Find the sentence boundaries inside a chunk, for scripts written without spaces."""
    breaks = []
    i = 0
    while i < len(words) - 1:
        if words[i][-1] not in _ENDS_ANYWHERE:
            i += 1
            continue
        closed = False
        i += 1
        while i < len(words) and (words[i] in _CLOSERS or words[i][-1] in _ENDS_ANYWHERE):
            closed = closed or words[i] in _CLOSERS
            i += 1
        # After a closing bracket the quoting sentence may go on: 「…。」と
        if i < len(words) and not (closed and words[i] in _AFTER_QUOTES):
            breaks.append(i)
    return tuple(breaks)


# --- texts -------------------------------------------------------------------------------------------

# Control characters and invisible separators other than white space.
_INVISIBLE = re.compile(
    "[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\u200b\u200e\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff]"
)
# A blank line, or a line break before a list item. That it begins with one character makes it fast to find.
_LINES = r"\n(?:[^\S\n]*\n\s*|(?=[^\S\n]*(?:[-*•‣◦▪–—]|\(?\d{1,3}[.)]|\(?[A-Za-z]\))[^\S\n]))"
_PARAGRAPH = re.compile(_LINES)
# And in a text that has these characters, a blank line of old, a form feed or a paragraph separator.
_RARE = "\r\f\u2029"
_RARE_PARAGRAPH = re.compile(rf"{_LINES}|\r(?!\n)[^\S\r\n]*\r(?!\n)|[\f\u2029]")
_CHUNK = re.compile(r"\S+")
_CACHE_SIZE = 200_000
_LONGEST_CACHED = 40
_cache: dict[str, _Chunk] = {}

Words = tuple[str, ...]
Starts = tuple[int, ...]


def words_and_starts(text: str) -> list[tuple[Words, Starts]]:
    """Cut a text into sentences and tokens, without an object per token: the fastest form.

    Returns
    -------
    list
        For each sentence, its words and the offset of each in ``text``; no sentence is empty.

    Examples
    --------
    >>> words_and_starts("It's here. Mr. Poe isn't.")
    [(('It', "'s", 'here', '.'), (0, 2, 5, 9)), (('Mr.', 'Poe', 'is', "n't", '.'), (11, 15, 19, 21, 24))]
    """
    if _INVISIBLE.search(text):
        text = _INVISIBLE.sub(" ", text)  # same length, so the offsets stay
    sentences: list[tuple[Words, Starts]] = []
    begin = 0
    paragraphs = _RARE_PARAGRAPH if any(character in text for character in _RARE) else _PARAGRAPH
    for boundary in paragraphs.finditer(text):
        _cut_paragraph(text, begin, boundary.start(), sentences)
        begin = boundary.end()
    _cut_paragraph(text, begin, len(text), sentences)
    return sentences


def _cut_paragraph(text: str, begin: int, end: int, sentences: list[tuple[Words, Starts]]) -> None:
    """Append the sentences of ``text[begin:end]``."""
    words: list[str] = []
    starts: list[int] = []
    pending = _NO_END  # how the previous chunk may end the sentence
    paragraph = text[begin:end]
    chunks = paragraph.split()
    known = map(_cache.get, chunks)
    for chunk, position, parts in zip(chunks, _positions(paragraph, chunks, begin), known, strict=True):
        if parts is None:
            parts = _remember(chunk)
        if pending:
            if _sentence_ends(pending, parts, words):
                _append_sentence(words, starts, pending, sentences)
                words, starts = [], []
                pending = _NO_END
            elif parts.start != _CLOSES:  # closing quotes may come after a space
                pending = _NO_END
        if not parts.words:
            words.append(chunk)
            starts.append(position)
        elif parts.breaks:
            words, starts = _append_parts(parts, position, words, starts, sentences)
        else:
            words.extend(parts.words)
            starts.extend([position + offset for offset in parts.offsets])
        pending = pending or parts.end
    if words:
        _append_sentence(words, starts, pending, sentences)


def _positions(paragraph: str, chunks: Sequence[str], begin: int) -> Iterator[int]:
    """Yield where each of the ``chunks`` of a paragraph starts, which itself starts at ``begin``."""
    lengths = list(map(len, chunks))
    if len(paragraph.strip()) == sum(lengths) + len(lengths) - 1:  # one character between any two
        first = begin + len(paragraph) - len(paragraph.lstrip())
        return accumulate([length + 1 for length in lengths[:-1]], initial=first)
    return (begin + found.start() for found in _CHUNK.finditer(paragraph))


def _remember(chunk: str) -> _Chunk:
    parts = _analyze(chunk)
    if len(chunk) <= _LONGEST_CACHED:
        if len(_cache) >= _CACHE_SIZE:
            _cache.clear()
        _cache[chunk] = parts
    return parts


def _sentence_ends(pending: int, after: _Chunk, words: list[str]) -> bool:
    """Whether a sentence that may end as ``pending`` says does end before the chunk ``after``."""
    start = after.start
    if pending == _ALWAYS:
        return start != _CLOSES
    if start == _LOWER:  # only if the writer uses no capitals: "i like it. it is good"
        return pending == _PERIOD and words[0][0].islower() and words[-1] not in _CLOSERS
    if start in (_CONTINUES, _CLOSES) or _is_enumerator(words):
        return False
    if pending == _DOUBTFUL:
        return start == _OPENER
    if pending == _DOTS:
        return start in (_START, _OPENER)
    return not (pending == _NUMBER and start == _DIGIT)


def _is_enumerator(words: list[str]) -> bool:
    """Whether the sentence so far is only the number or letter of a list item: ``1.`` or ``B.``."""
    if len(words) > 2 or words[-1][-1] != ".":
        return False
    return len(words[0]) <= 3 and (words[0].isdigit() or len(words[0].rstrip(".")) == 1)


def _append_sentence(words: list[str], starts: list[int], pending: int, sentences: list[tuple[Words, Starts]]) -> None:
    last = words[-1]
    if pending == _DOUBTFUL and len(last) == 2 and last[-1] == "." and last[0].isupper() and len(words) > 1:
        words[-1:] = [last[0], "."]  # not an initial after all: "vitamin C."
        starts.append(starts[-1] + 1)
    sentences.append((tuple(words), tuple(starts)))


def _append_parts(
    parts: _Chunk, position: int, words: list[str], starts: list[int], sentences: list[tuple[Words, Starts]]
) -> tuple[list[str], list[int]]:
    """Append a chunk that contains sentence ends; return the sentence that goes on after it."""
    begin = 0
    for end in (*parts.breaks, len(parts.words)):
        if begin:
            sentences.append((tuple(words), tuple(starts)))
            words, starts = [], []
        words.extend(parts.words[begin:end])
        starts.extend([position + offset for offset in parts.offsets[begin:end]])
        begin = end
    return words, starts


def tokenize_text(text: str) -> list[list[Token]]:
    """Cut a text into sentences of :class:`~tagsmith.text.document.Token`, whose offsets index ``text``.

    Examples
    --------
    >>> [[token.text for token in sentence] for sentence in tokenize_text("I can't! Why?")]
    [['I', 'ca', "n't", '!'], ['Why', '?']]
    """
    check_text(text)
    return [
        [Token(word, start, start + len(word)) for word, start in zip(words, starts, strict=True)]
        for words, starts in words_and_starts(text)
    ]


def tokenize(text: str) -> list[Token]:
    """Cut a text into tokens, ignoring sentences.

    Examples
    --------
    >>> [token.text for token in tokenize("John's $5 (U.S.)")]
    ['John', "'s", '$', '5', '(', 'U.S.', ')']
    """
    return [token for sentence in tokenize_text(text) for token in sentence]


def split_sentences(text: str) -> list[tuple[int, int]]:
    """Return the start and end (exclusive) of each sentence in ``text``, without the white space around it."""
    return [(starts[0], starts[-1] + len(words[-1])) for words, starts in words_and_starts(text)]
