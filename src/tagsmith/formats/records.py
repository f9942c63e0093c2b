"""Records of annotation tools: texts with labeled character spans, or tokens with tags.

They are the lines of JSON lines (:mod:`tagsmith.formats.jsonl`) and the rows of tables
(:mod:`tagsmith.formats.tables`). The tools are told apart record by record:

============  ========================================================================================
doccano       ``{"text", "label": [[start, end, label], …]}``, also ``labels``, also ``entities`` with
              ``start_offset``, ``end_offset``, ``label``
Prodigy       ``{"text", "spans": [{"start", "end", "label"}, …]}`` with or without ``tokens``, which
              are used if given; a record that was not accepted is left out, and reported
Label Studio  tasks ``{"data": {"text"}, "annotations": [{"result": […]}]}``, and the small export
              ``{"text", "label": [{"start", "end", "labels"}]}``; of several annotations of a task the
              first that was not canceled is used, and the others are reported
spaCy         ``{"text", "ents": [{"start", "end", "label"}, …]}``, and ``[text, {"entities": […]}]``
Stanza        ``[{"text": "Ann", "ner": "S-PER"}, …]``: a list of tokens a sentence
GLiNER        ``{"tokenized_text": […], "ner": [[first, last, label], …]}``
DocRED        ``{"sents": [[…], …], "vertexSet": [[{"sent_id", "pos": [first, after], "type"}, …], …]}``
tokens        ``{"tokens": […], "tags": […]}``: words and one tag for each, under ``tags``, ``ner_tags``,
              ``labels`` or the only key with as many names as there are tokens; a ``text`` in which
              the words stand one after the other gives their offsets
layers        any of these with keys, in the record or in its ``"layers"``, that are named as the layers
              asked for: lists of spans, or of one tag for each token
============  ========================================================================================

Text is tokenized; spans become IOB2 tags of the layer ``"tags"`` (or the name asked for). Every span that does not
align with tokens, overlaps a longer one or lies outside its text is reported in ``ReadOptions.problems``. A sentence
boundary inside a span is removed.
"""

from __future__ import annotations

import json
from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import chain, pairwise
from typing import Any, TypeGuard

from tagsmith.formats.alignment import build_document, find_words
from tagsmith.formats.offsets import found_by_quotes, in_characters
from tagsmith.formats.source import Place, nearest_first, shortened
from tagsmith.text.document import Document, Sentence, Span, Token, sentence_from_words

_TEXT_KEYS = ("text", "full_text", "data")
_SPAN_KEYS = ("spans", "label", "labels", "entities", "ents")
_START_KEYS = ("start", "start_offset", "start_position")
_END_KEYS = ("end", "end_offset", "end_position")
_LABEL_KEYS = ("label", "labels", "entity_type", "type")
_QUOTE_KEYS = ("text", "entity_value")
_TAG_KEYS = ("tags", "ner_tags", "labels", "label")
OFFSET_UNIT = "offset_unit"  # doccano keeps it: what the numbers of spans count, if it makes a difference
_READ_KEYS = {*_TEXT_KEYS, *_SPAN_KEYS, *_TAG_KEYS, "tokens", "words", "sentences", OFFSET_UNIT}
# What only other tools write, and what its author would call it.
_OTHER_TOOLS = {
    "paragraphs": "spaCy's version 2, or SQuAD's",
    "rasa_nlu_data": "Rasa's",
    "examples": "LightTag's or Rasa's",
    "sents": "brat's or spaCy's",
    "documents": "Azure's or Comprehend's",
    "images": "COCO's",
    "sourceName": "re3d's, whose labels are in entities.json",
}
_KEYS_SHOWN = 8
_LARGEST_OFFSET = 2**53  # the largest number that every program writes and reads exactly
# The spans of a record may cover every character of its text so many times, and so many characters in any case.
_MOST_COVERED = 20
_FREE_CHARACTERS = 1_000_000


def document_of(record: Any, place: Place) -> Document | None:
    """Make a labeled document of a record; None: it is left out, which is reported.

    Raises DataError: it is none of these records; its labels are missing, no spans, or not one for each token.
    """
    if isinstance(record, list):
        record = _as_object(record)
    if not isinstance(record, Mapping):
        raise place.error("This record is not a JSON object.", 'Give {"text": …, "label": [[start, end, …]]}.')
    if isinstance(record.get("answer", "accept"), str) and record.get("answer", "accept") != "accept":
        place.report(f"left out: the annotator's answer was {record['answer']!r}")
        return None
    if isinstance(record.get("data"), Mapping):
        return _label_studio(record, place)
    if read := next((read for key, read in _READERS if key in record), None):
        return read(record, place)
    record = _with_named_layer(record, place)
    text = _first_string(record, _TEXT_KEYS)
    words = record.get("tokens", record.get("words"))
    tags = next((record[key] for key in _TAG_KEYS if _are_strings(record.get(key))), None)
    if words is not None and tags is None and not any(record.get(key) for key in _SPAN_KEYS):
        tags = _tags_under_another_name(record, words, place)
    if words is not None and (tags is not None or text is None):
        return _token_document(record, text or "", words, tags, place)
    if text is not None:
        return _text_document(record, text, place)
    inner = next((key for key, value in record.items() if isinstance(value, list) and _are_records(value)), None)
    remedy = 'Give it a "text", or "tokens" and "tags".'
    if inner is not None:
        remedy = f"If the records are those in {inner!r}, take them out: jq -c '.[\"{inner}\"][]'."
    raise place.error(f"This record has no text{_its_keys(record)}.", remedy)


def _as_object(record: list[Any]) -> Any:
    """Return a record that is a list as an object: spaCy's text and annotations, or Stanza's tokens."""
    match record:
        case [str(text), dict(annotations)]:
            return {"text": text, **annotations}
        case [{"text": _, "ner": _}, *_] if all(isinstance(token, dict) for token in record):
            return {"tokens": [token.get("text") for token in record], "tags": [token.get("ner") for token in record]}
    return record


def _text_document(record: Mapping[str, Any], text: str, place: Place) -> Document:
    labels = _labels_of(record, place)
    if labels is None and place.options.labels_required:
        raise place.error(
            "This record has no labels: no key of " + ", ".join(_SPAN_KEYS) + _its_keys(record) + ".",
            'Give it an empty list ("label": []) if nothing in it is labeled.',
        )
    sentences = _sentences(record, text, place)
    spans = None
    if labels is not None:
        from_doccano = "Comments" in record or OFFSET_UNIT in record or place.options.format == "doccano"
        spans = _spans(labels, text, place, list(chain.from_iterable(sentences)), from_doccano=from_doccano)
        spans = _without_scores_if_accepted(spans, record)
    return build_document(text, sentences, place, spans=spans, meta=_rest(record))


def _tags_under_another_name(record: Mapping[str, Any], words: Any, place: Place) -> Any:
    """Return the only list of as many names as there are tokens, such as ``"upos"``, or None.

    Raises DataError: there are several.
    """
    texts = {key: value for key, value in record.items() if key not in ("tokens", "words") and _are_strings(value)}
    names = [key for key, value in texts.items() if isinstance(words, list) and len(value) == len(words)]
    if len(names) > 1:
        problem = f"There are several lists of tags: {', '.join(names)}."
        raise place.error(problem, "Name the one to use with --layer.")
    return texts[names[0]] if names else None


def unlabeled_document_of(record: Any, place: Place) -> Document:
    """Make a document that is to be tagged: it keeps all keys of its record, labels included.

    Raises DataError: the record has neither a text nor tokens.
    """
    from tagsmith.text.tokenizer import words_and_starts  # loads the regex library

    if not isinstance(record, dict):
        raise place.error("This is not a JSON object.", 'Give {"text": "…"}.')
    text, words = record.get("text"), record.get("tokens")
    if isinstance(text, str):
        cut = words_and_starts(text)
        sentences = tuple(Sentence(tuple(words), tuple(starts), {}, place.line or 0) for words, starts in cut)
        return Document(text, sentences, (), {"record": record})
    if words == [] or (_are_strings(words) and all(words)):
        sentences = (sentence_from_words(words, line=place.line or 0),) if words else ()
        return Document(" ".join(words), sentences, (), {"record": record})
    raise place.error("This object has no text.", 'Give it a "text", or "tokens": a list of words.')


def _without_scores_if_accepted(spans: list[Span], record: Mapping[str, Any]) -> list[Span]:
    """What a person has accepted in Prodigy is no suggestion any more."""
    return [replace(span, score=None) for span in spans] if "answer" in record else spans


def _its_keys(record: Mapping[str, Any]) -> str:
    """Name the keys of a record, and the tool that seems to have written it, for an error."""
    tool = next((tool for key, tool in _OTHER_TOOLS.items() if key in record), None)
    keys = ", ".join(map(str, list(record)[:_KEYS_SHOWN])) + (", …" if len(record) > _KEYS_SHOWN else "")
    return (f"; it has {keys}" if record else "") + (f", so it may be {tool}" if tool else "")


def _labels_of(record: Mapping[str, Any], place: Place) -> Any:
    """Return the spans of a record: those of the first key that has some, else an empty list, or None."""
    given = {key: record[key] for key in _SPAN_KEYS if record.get(key) is not None}
    filled = [key for key, value in given.items() if isinstance(value, list) and value and not _are_strings(value)]
    for key in filled[1:]:
        if given[key] != given[filled[0]]:
            place.report(f"this record has labels under {filled[0]!r} and {key!r}; those under {filled[0]!r} are used")
    return given[filled[0]] if filled else next(iter(given.values()), None)


def _with_named_layer(record: Mapping[str, Any], place: Place) -> Mapping[str, Any]:
    """Return the record with the layer asked for as its only labels, if it has a key of that name."""
    layer = place.options.layer
    if layer is None or (layer in _READ_KEYS and not place.options.by_name):
        return record
    nested = record.get("layers")
    given = nested.get(layer) if isinstance(nested, Mapping) and layer in nested else record.get(layer)
    if not isinstance(given, list):
        if isinstance(nested, Mapping) and nested:
            layers = ", ".join(nearest_first(nested, layer))
            raise place.error(f"There is no layer {layer!r} here.", f"The layers are: {layers}.")
        if place.options.by_name:
            raise place.error(f"This record has no layer {layer!r}.", f'Give it "{layer}": one tag a token, or spans.')
        return record
    others = {key: value for key, value in record.items() if key not in {*_SPAN_KEYS, *_TAG_KEYS}}
    return {**others, "tags" if _are_strings(given) else "spans": given}


def _are_strings(value: Any) -> TypeGuard[list[str]]:
    return isinstance(value, list) and bool(value) and all(isinstance(item, str) for item in value)


def _are_records(value: list[Any]) -> bool:
    return bool(value) and all(isinstance(item, Mapping) for item in value)


def _first_string(record: Mapping[str, Any], keys: Sequence[str]) -> str | None:
    return next((record[key] for key in keys if isinstance(record.get(key), str)), None)


def _label_studio(task: Mapping[str, Any], place: Place) -> Document | None:
    data = task["data"]
    texts = [value for value in data.values() if isinstance(value, str)]
    text = data.get("text", texts[0] if len(texts) == 1 else None)
    if not isinstance(text, str):
        raise place.error("This task has no text.", 'Label Studio\'s tasks hold it in "data": {"text": …}.')
    of_people = task.get("annotations", task.get("completions"))
    given = _objects(task.get("predictions") if of_people is None else of_people, "annotations", place)
    annotations = [annotation for annotation in given if not annotation.get("was_cancelled")]
    if not annotations and place.options.labels_required:
        place.report("left out: the task has no annotation that was not canceled")
        return None
    if len(annotations) > 1:
        place.report(f"{len(annotations) - 1} more annotation(s) of this task left out; the first is used")
    items = _objects(annotations[0].get("result"), "results", place) if annotations else []
    values = [
        {**item["value"], "score": item.get("score") if of_people is None else None}  # a person has accepted the others
        for item in items
        if isinstance(item.get("value"), Mapping)
    ]
    spans = [value for value in values if "start" in value and "end" in value and "labels" in value]
    if len(spans) < len(items):
        place.report(f"{len(items) - len(spans)} result(s) left out that are not labeled stretches of text")
    sentences = _sentences({}, text, place)
    field = next(key for key, value in data.items() if value is text)
    names = next(({key: item[key] for key in ("from_name", "to_name") if key in item} for item in items), {})
    kept = {"data": dict(data), "field": field, **names, **({"id": task["id"]} if "id" in task else {})}
    meta = {**_rest(task), "label_studio": kept}
    return build_document(text, sentences, place, spans=_spans(spans, text, place), meta=meta)


def _gliner(record: Mapping[str, Any], place: Place) -> Document:
    """Take spans as first and last token; those inside others stay among the spans, but are not among the tags."""
    words, given = record["tokenized_text"], record.get("ner", [])
    if not isinstance(words, list) or not all(isinstance(word, str) and word for word in words):
        raise place.error(
            "The tokenized_text is no list of words.", 'Give {"tokenized_text": ["A", "word"], "ner": []}.'
        )
    tokens = sentence_from_words(words).tokens
    spans = []
    for item in given if isinstance(given, list) else [given]:
        match item:
            case [int(first), int(last), str(label)] if 0 <= first <= last < len(tokens) and label:
                spans.append(Span(tokens[first].start, tokens[last].end, label))
            case _:
                problem = f"The span {json.dumps(item)[:100]} is not first token, last token and label."
                raise place.error(problem, f"Tokens are counted from 0 to {len(tokens) - 1} here.")
    rest = {key: value for key, value in record.items() if key not in ("tokenized_text", "ner")}
    text = " ".join(words)
    return build_document(text, [tokens] if tokens else [], place, spans=spans, meta={"record": rest} if rest else {})


def _docred(record: Mapping[str, Any], place: Place) -> Document:
    """Take each mention of each entity; a mention that is given twice is one span."""
    sents, entities = record.get("sents"), record["vertexSet"]
    if not isinstance(sents, list) or not sents or not all(_are_strings(words) and all(words) for words in sents):
        raise place.error("The sents are no lists of words.", 'Give {"sents": [["A", "sentence"]], "vertexSet": []}.')
    sentences, start = [], 0
    for words in sents:
        sentences.append(sentence_from_words(words, start=start).tokens)
        start = sentences[-1][-1].end + 1
    spans = set()
    for mention in (mention for entity in _lists(entities) for mention in _lists(entity)):
        match mention:
            case {"sent_id": int(number), "pos": [int(first), int(after)], "type": str(label)} if (
                label and 0 <= number < len(sentences) and 0 <= first < after <= len(sentences[number])
            ):
                tokens = sentences[number]
                spans.add(Span(tokens[first].start, tokens[after - 1].end, label))
            case _:
                problem = f"The mention {shortened(json.dumps(mention))} is none of these sentences."
                raise place.error(problem, 'Give {"sent_id": 0, "pos": [first, after last], "type": "PER"}.')
    text = "\n".join(" ".join(words) for words in sents)
    ordered = sorted(spans, key=lambda span: (span.start, span.end, span.label))
    return build_document(text, sentences, place, spans=ordered, meta=_rest(record))


def _lists(given: Any) -> list[Any]:
    return given if isinstance(given, list) else [given]


_READERS = (("tokenized_text", _gliner), ("vertexSet", _docred))  # by a key that only this tool writes


def _objects(given: Any, what: str, place: Place) -> list[Mapping[str, Any]]:
    """Return a list of JSON objects; none if nothing was given."""
    if given is None:
        return []
    if not isinstance(given, list) or not all(isinstance(item, Mapping) for item in given):
        raise place.error(f"The {what} of this task are no list of objects.", "Export the task again.")
    return given


def _token_document(record: Mapping[str, Any], text: str, words: Any, tags: Any, place: Place) -> Document:
    if isinstance(words, list) and words and all(isinstance(word, Mapping) for word in words):
        sentences: Sequence[Sequence[Token]] = _sentences({**record, "tokens": words}, text, place)
    elif _are_strings(words) and all(words):
        starts = find_words(words, text)
        text = " ".join(words) if starts is None else text
        sentence = sentence_from_words(words) if starts is None else Sentence(tuple(words), tuple(starts))
        sentences = [sentence.tokens]
    else:
        raise place.error("The tokens are no list of words.", 'Give {"tokens": ["A", "word"], "tags": ["O", "O"]}.')
    count = sum(map(len, sentences))
    if tags is None and place.options.labels_required:
        problem = "The tags are missing, or are numbers and not names."
        raise place.error(problem, 'Give "tags": a list of names, one for each token.')
    if tags is not None and "" in tags:
        raise place.error("A tag is empty.", "Give every token a tag.")
    if tags is not None and len(tags) != count:
        raise place.error(f"There are {count} tokens but {len(tags)} tags.", "Give one tag for each token.")
    return build_document(text, sentences, place, tags=tags, meta={**_rest(record), "tokens": True})


def _sentences(record: Mapping[str, Any], text: str, place: Place) -> list[list[Token]]:
    """Tokenize the text, or use the record's own tokens (Prodigy's) and sentences."""
    from tagsmith.text.tokenizer import split_sentences, tokenize_text  # loads the regex library

    given = record.get("tokens")
    if not isinstance(given, list) or not given:
        return tokenize_text(text)
    try:
        places = [(_offset(item["start"]), _offset(item["end"])) for item in given]
    except (KeyError, TypeError, ValueError) as error:
        raise place.error("A token has no start and end.", "Leave out tokens to have the text tokenized.") from error
    _check_total(places, text, "tokens", place)
    if outside := next((one for one in places if not 0 <= one[0] <= one[1] <= len(text)), None):
        raise place.error(
            f"The token {outside[0]}–{outside[1]} lies outside its text of {len(text)} characters.",
            "Leave out the tokens.",
        )
    tokens = [Token(text[start:end], start, end) for start, end in places]
    tokens = [token for token in tokens if token.text and not token.text.isspace()]
    for left, right in pairwise(tokens):
        if right.start < left.end:
            problem = f"The tokens {shortened(left.text)!r} and {shortened(right.text)!r} overlap."
            raise place.error(problem, "Leave out the tokens.")
    starts = [token.start for token in tokens]
    try:
        bounds = [(_offset(start), _offset(end)) for start, end in record.get("sentences") or split_sentences(text)]
    except (TypeError, ValueError) as error:
        raise place.error("The sentences are no list of starts and ends.", "Leave them out.") from error
    if any(right < left for (left, _), (right, _) in pairwise(bounds)):
        raise place.error("The sentences are not in the order of the text.", "Sort them, or leave them out.")
    cuts = [0, *(bisect_left(starts, start) for start, _ in bounds[1:]), len(tokens)]
    return [tokens[first:last] for first, last in pairwise(cuts) if first < last]


def _spans(
    items: Any, text: str, place: Place, tokens: Sequence[Token] = (), *, from_doccano: bool = False
) -> list[Span]:
    """Read spans, however they are written, in the order of the text.

    ``tokens`` help to find out what the numbers of doccano's spans count.
    """
    if isinstance(items, Mapping):  # columns of spans: {"start": [0, 9], "end": [4, 12], "label": ["PER", "LOC"]}
        items = _rows_of(items)
    if not isinstance(items, list):
        raise place.error("The labels are no list of spans.", "Give [[start, end, label], …].")
    fields = []
    for item in items:
        try:
            fields.append(
                (*_span_fields(item), _first_string(item, _QUOTE_KEYS) if isinstance(item, Mapping) else None)
            )
        except (LookupError, StopIteration, TypeError, ValueError) as error:
            raise place.error(
                f"The label {shortened(json.dumps(item, ensure_ascii=False))} is no span.",
                'Give [start, end, label] or {"start": …, "end": …, "label": …}.',
            ) from error
    _check_total([(start, end) for start, end, _, _ in fields], text, "spans", place)
    if any(quote and text[start:end] != quote for start, end, _, quote in fields):
        fields = found_by_quotes(fields, text, place)
    elif tokens and not _simple(text) and any(isinstance(item, list) or "start_offset" in item for item in items):
        fields = in_characters(fields, text, tokens, place, from_doccano=from_doccano)
    spans = [
        Span(start, end, label, text[max(start, 0) : max(end, 0)], _score(item, place))
        for (start, end, label, _), item in zip(fields, items, strict=True)
    ]
    return sorted(spans, key=lambda span: (span.start, span.end))


def _simple(text: str) -> bool:
    """Whether everybody counts the characters of a text alike."""
    return text.isascii() and "\r" not in text


def _rows_of(columns: Mapping[str, Any]) -> list[dict[str, Any]] | None:
    """Return the rows of columns of the same length; None if they are no such columns."""
    lists = list(columns.values())
    if not lists or not all(isinstance(one, list) and len(one) == len(lists[0]) for one in lists):
        return None
    return [dict(zip(columns, row, strict=True)) for row in zip(*lists, strict=True)]


def _check_total(places: Iterable[tuple[int, int]], text: str, what: str, place: Place) -> None:
    """Raise if spans cover a long text again and again: the text of each is kept, which would fill the memory."""
    total = sum(max(min(end, len(text)) - max(start, 0), 0) for start, end in places)
    if total > _FREE_CHARACTERS + _MOST_COVERED * len(text):
        raise place.error(
            f"The {what} cover each character of the text {total // len(text)} times on average.",
            f"Leave some out: {_MOST_COVERED} times are enough.",
        )


def _span_fields(item: Any) -> tuple[int, int, str]:
    if isinstance(item, Mapping):
        item = [next(item[key] for key in keys if key in item) for keys in (_START_KEYS, _END_KEYS, _LABEL_KEYS)]
    start, end, label = item
    if isinstance(label, list):
        label = label[0]
    if not isinstance(label, str) or not label:
        raise ValueError(item)
    return _offset(start), _offset(end), label


def _offset(value: Any) -> int:
    """Return a place in a text: a whole number, perhaps written as 3.0, that could be one."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= _LARGEST_OFFSET:
        raise ValueError(value)
    if value != int(value):
        raise ValueError(value)
    return int(value)


def _score(item: Any, place: Place) -> float | None:
    """The probability that a span states, if it states one."""
    score = item.get("score") if isinstance(item, Mapping) else None
    if not isinstance(score, int | float) or isinstance(score, bool):
        return None
    if not 0 <= score <= 1:
        place.report(f"the score {shortened(str(score))} is no probability; it is left out")
        return None
    return float(score)


def _rest(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return the meta of a document: what its record holds beside text and labels."""
    rest = {key: value for key, value in record.items() if key not in _READ_KEYS}
    return {"record": rest} if rest else {}
