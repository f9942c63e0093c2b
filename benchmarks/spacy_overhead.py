"""What spaCy costs around a model: words a second with ``tagger.tag``, and in a pipeline on the same sentences.

    TAGSMITH_DATA=… python benchmarks/spacy_overhead.py MODEL [--rounds 7] [--sentences 200]

Each round runs every way once, in turn, on the training set of UD English EWT; the numbers are medians of the rounds.
On sentences: ``tag`` gives tags; ``tag_documents`` gives tags and spans with their probabilities, as the component
needs them; ``pipe`` is ``nlp.pipe`` on a ready ``Doc`` for each sentence, in a blank pipeline with the component alone.
On texts of 20 sentences: ``make_doc`` is spaCy's tokenizer alone; ``tag_texts`` is the tagger with its own tokenizer;
``pipe_texts`` is ``nlp.pipe``. The published numbers are of the model of ``benchmarks/tagging_speed.py``. Writes
``benchmarks/results/spacy_overhead.json``.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import spacy
from spacy.tokens import Doc

import tagsmith
from corpora import from_environment
from tagsmith.cli.speed import describe_machine
from tagsmith.corpus.sources import read_sentences
from tagsmith.text.document import document_from_sentences, sentence_from_words

RESULTS = Path(__file__).parent / "results" / "spacy_overhead.json"
SENTENCES_A_TEXT = 20


def ways(model: Path, sentences: list[tuple[str, ...]]) -> dict[str, Callable[[], float]]:
    """Return each way to tag as a function that runs it and returns the seconds; what it needs is made before."""
    tagger, nlp = tagsmith.load(model), spacy.blank("en")
    nlp.add_pipe("tagsmith", config={"model": str(model)})
    documents = [document_from_sentences([sentence_from_words(words)]) for words in sentences]
    starts = range(0, len(sentences), SENTENCES_A_TEXT)
    texts = [" ".join(" ".join(words) for words in sentences[first : first + SENTENCES_A_TEXT]) for first in starts]

    def seconds(run: Callable[[], object]) -> float:
        start = time.perf_counter()
        run()
        return time.perf_counter() - start

    def pipe() -> float:
        docs = [Doc(nlp.vocab, words=list(words)) for words in sentences]  # new ones: entities stay where they are
        return seconds(lambda: list(nlp.pipe(docs)))

    return {
        "tag": lambda: seconds(lambda: tagger.tag(sentences)),
        "tag_documents": lambda: seconds(lambda: tagger.tag_documents(documents)),
        "pipe": pipe,
        "make_doc": lambda: seconds(lambda: [nlp.make_doc(text) for text in texts]),
        "tag_texts": lambda: seconds(lambda: tagger.tag_texts(texts)),
        "pipe_texts": lambda: seconds(lambda: list(nlp.pipe(texts))),
    }


def main() -> None:
    """Measure and write the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--sentences", type=int, help="read the first ones only: a trial, which writes nothing")
    arguments = parser.parse_args()
    corpus = from_environment("TAGSMITH_DATA") / "ud_english_ewt" / "en_ewt-ud-train.conllu"
    sentences = [sentence.words for sentence in read_sentences(corpus, layer="upos")][: arguments.sentences]
    words = sum(map(len, sentences))
    runs = ways(arguments.model, sentences)
    rates: dict[str, list[float]] = {name: [] for name in runs}
    for number in range(arguments.rounds + 1):
        for name, run in runs.items():
            rate = words / run()
            if number:  # the first round warms up
                rates[name].append(rate)
    medians = {name: statistics.median(values) for name, values in rates.items()}
    result: dict[str, Any] = {
        "machine": {**describe_machine(), "spacy": spacy.__version__},
        "sentences": len(sentences),
        "words": words,
        "rounds": arguments.rounds,
        "words_per_second": {name: round(rate) for name, rate in medians.items()},
        "pipe_to_tag": round(medians["tag"] / medians["pipe"], 3),
        "pipe_to_tag_documents": round(medians["tag_documents"] / medians["pipe"], 3),
        "pipe_texts_to_tag_texts": round(medians["tag_texts"] / medians["pipe_texts"], 3),
    }
    print(json.dumps(result, indent=2))
    if arguments.sentences is None:
        RESULTS.write_text(json.dumps(result, indent=2) + "\n", "utf-8")


if __name__ == "__main__":
    main()
