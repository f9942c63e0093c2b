"""How well spaCy's small English pipeline does on the same sentences, cut into the same tokens.

    TAGSMITH_DATA=… python models/en/beside_spacy.py [--pipeline en_core_web_sm]

Scores it on each corpus as a whole and on the official tests, and writes ``results/spacy.json``, which the tables of
``leave_out.py`` show beside models that have not seen a corpus either. It was trained on OntoNotes: its geopolitical
entities and facilities count as places, its articles before names do not count, and its dates are not compared, since
they hold durations and ages.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Sequence
from pathlib import Path

import spacy
from spacy.tokens import Doc

from english_corpora import NER, SOURCES, UPOS, data_folder, read
from layouts import LOCATION, ORGANIZATION, PERSON, Labeled, tagged, without_article
from scores import scores_of_tags

RESULTS = Path(__file__).parent / "results" / "spacy.json"
LABELS = {"PERSON": PERSON, "GPE": LOCATION, "LOC": LOCATION, "FAC": LOCATION, "ORG": ORGANIZATION}
LARGE = ("fewnerd",)  # too much to read


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--pipeline", default="en_core_web_sm", metavar="NAME", help="an installed pipeline")
    given = parser.parse_args()
    pipeline = spacy.load(given.pipeline, exclude=["parser", "lemmatizer"])
    english = read(data_folder(), SOURCES, made_sentences=False)  # all unseen: as they are
    scores = {}
    for name, parts in english.unseen.items():
        for part, sentences in (("whole", [*parts.train, *parts.dev]), ("test", parts.test)):
            if sentences and name not in LARGE:
                scores[f"{name}, {part}"] = scores_of_tags(tags_of(pipeline, sentences), name, sentences)
                print(name, part, {column: round(score, 1) for column, score in scores[f"{name}, {part}"].items()})
    version = f"{pipeline.meta['name']} {pipeline.meta['version']}, spaCy {spacy.__version__}"
    RESULTS.write_text(json.dumps({"pipeline": version, "scores": scores}, indent=1) + "\n", "utf-8")


def tags_of(pipeline: spacy.Language, sentences: Sequence[Labeled]) -> dict[str, list[Sequence[str]]]:
    """Return the tags of both layers that a pipeline finds in sentences, in the labels of the corpora."""
    texts = (Doc(pipeline.vocab, words=list(sentence.words)) for sentence in sentences)
    documents: Iterable[Doc] = pipeline.pipe(texts)
    layers: dict[str, list[Sequence[str]]] = {NER: [], UPOS: []}
    for document in documents:
        spans = [(span.start, span.end, LABELS[span.label_]) for span in document.ents if span.label_ in LABELS]
        words = [token.text for token in document]
        layers[NER].append(tagged(words, (without_article(words, span) for span in spans)))
        layers[UPOS].append([token.pos_ for token in document])
    return layers


if __name__ == "__main__":
    main()
