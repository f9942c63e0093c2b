"""What callers give to public functions: texts, sentences, words and tags, refused with the place and the right call.

The checks look at the types of sentences, not of tokens, so that they cost tagging nothing. A token that is no string
is looked for by :func:`check_tokens`, once something has failed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from tagsmith.errors import DataError

_LONGEST_SHOWN = 40  # characters of a value in a message
_USUAL = frozenset({list, tuple})
_RIGHT_CALLS = {
    "words": 'Words are tagged with tagger.tag([["John", "lives"]]), a text with tagger("John lives").',
    "tags": 'Give a list of sentences, each a list of tags: [["B-PER", "O"], ["O"]].',
}
_TO_TAG = "Tag texts with tagger.tag_texts(texts), and words with tagger.tag(sentences)."
_TO_LIST = {"words": "Make a list of them, or use tagger.tag_stream.", "tags": "Make a list of them."}


def shown(value: object) -> str:
    """Describe a value for a message: None and NaN as they are, other values with their type."""
    if value is None or (isinstance(value, float) and value != value):
        return "None" if value is None else "NaN"
    text = repr(value)
    if len(text) > _LONGEST_SHOWN:
        text = f"{text[:_LONGEST_SHOWN]}…"
    kind = {"str": "string"}.get(type(value).__name__, type(value).__name__)
    return f"the {kind} {text}"


def check_text(text: object, where: str = "The text") -> None:
    """Raise :class:`DataError` if a text is no string."""
    if isinstance(text, str):
        return
    if isinstance(text, bytes | bytearray):
        remedy = 'Decode it first: text.decode("utf-8").'
    elif isinstance(text, list | tuple) and all(isinstance(one, str) for one in text):
        remedy = "Tag several texts with tagger.tag_texts(texts), and words with tagger.tag([words])."
    else:
        remedy = 'Give a string, such as "John lives in New York.".'
    raise DataError(f"{where} is {shown(text)}, not a string.", remedy=remedy)


def texts_of(texts: object) -> list[str]:
    """Return several texts as a list; raise :class:`DataError` if they are none."""
    if isinstance(texts, str) or not isinstance(texts, Iterable):
        raise DataError(
            f"The texts are {shown(texts)}, not a list of strings.",
            remedy='Give a list, as in tagger.tag_texts(["John lives."]); tag one text with tagger("John lives.").',
        )
    listed = list(texts)
    for number, text in enumerate(listed, 1):
        check_text(text, f"Text {number}")
    return listed


def check_documents(documents: object) -> None:
    """Raise :class:`DataError` unless ``documents`` is a sequence of documents."""
    if hasattr(documents, "sentences"):
        raise DataError("This is a single document.", remedy="Give a list: tagger.tag_documents([document]).")
    if not _is_sequence(documents):
        raise DataError(f"The documents are {shown(documents)}, not a list of Document.", remedy=_TO_TAG)
    for number, document in enumerate(documents, 1):  # type: ignore[arg-type, var-annotated]
        if not hasattr(document, "sentences"):
            raise DataError(f"Document {number} is {shown(document)}, not a Document.", remedy=_TO_TAG)


def check_sentences(sentences: object, what: str = "words", whose: str = "") -> None:
    """Raise :class:`DataError` unless ``sentences`` is a sequence of sequences: lists, tuples, arrays.

    Parameters
    ----------
    what
        What a sentence is made of, ``"words"`` or ``"tags"``.
    whose
        Which sentences these are, if there are others: ``"gold"``.
    """
    if not _is_sequence(sentences):
        if isinstance(sentences, Iterator):
            problem, remedy = "are an iterator, which has no length", _TO_LIST[what]
        else:
            problem, remedy = f"are {shown(sentences)}, not a list of lists of {what}", _RIGHT_CALLS[what]
        raise DataError(f"{_named(whose, 'sentences')} {problem}.", remedy=remedy)
    if not set(map(type, sentences)) <= _USUAL:  # type: ignore[call-overload]
        for number, sentence in enumerate(sentences, 1):  # type: ignore[arg-type, var-annotated]
            check_sentence(sentence, number, what, whose)


def check_sentence(sentence: object, number: int, what: str = "words", whose: str = "") -> None:
    """Raise :class:`DataError`, with the sentence's ``number``, unless it is a sequence of tokens."""
    if _is_sequence(sentence):
        return
    if hasattr(sentence, "words"):
        remedy = "Give its words: sentence.words."
    elif hasattr(sentence, "sentences"):
        remedy = "Tag documents with tagger.tag_documents."
    else:
        remedy = _RIGHT_CALLS[what]
    raise DataError(f"{_named(whose, f'sentence {number}')} is {shown(sentence)}, not a list of {what}.", remedy=remedy)


def check_tokens(sentences: Iterable[Sequence[object]], what: str = "word", whose: str = "", first: int = 1) -> None:
    """Raise :class:`DataError` where a token is no string; sentences are counted from ``first``."""
    for number, sentence in enumerate(sentences, first):
        check_strings(sentence, _named(whose, f"sentence {number}"), what)


def check_strings(tokens: Iterable[object], where: str, what: str) -> None:
    """Raise :class:`DataError` where one of the words or tags of a sentence is no string."""
    if set(map(type, tokens)) <= {str}:
        return
    for position, token in enumerate(tokens, 1):
        if not isinstance(token, str):
            raise DataError(
                f"{where}, token {position}: the {what} is {shown(token)}, not a string.",
                remedy=_token_remedy(token, what),
            )


def _token_remedy(token: object, what: str) -> str:
    if isinstance(token, bytes | bytearray):
        return f'Decode it first: {what}.decode("utf-8").'
    if token is None or isinstance(token, float):
        return f"Fill in the missing {what}, or leave the token out."
    if isinstance(token, list | tuple):
        return f"Give a list of lists of {what}s, nested no deeper."
    return f"Give each {what} as a string, such as str({what})."


def _named(whose: str, noun: str) -> str:
    return f"{whose} {noun}".strip().capitalize()


def _is_sequence(value: Any) -> bool:
    """Whether a value has a length, an order and items, and is neither text nor bytes."""
    if isinstance(value, list | tuple):
        return True
    if isinstance(value, str | bytes | bytearray | Mapping):
        return False
    return hasattr(value, "__len__") and hasattr(value, "__getitem__") and hasattr(value, "__iter__")
