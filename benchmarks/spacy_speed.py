"""The packaged model ``en`` beside a spaCy pipeline like the one of ``en_core_web_sm``: words a second, from text.

    TAGSMITH_DATA=… python benchmarks/spacy_speed.py [--rounds 7] [--texts 50] [--pipeline NAME]
    python benchmarks/spacy_speed.py --f1 FILE.conll [--pipeline en_core_web_sm]

``--pipeline`` names an installed pipeline, which is measured without parser and lemmatizer. Else the pipeline is what
``spacy init config --pipeline tagger,ner --optimize efficiency`` makes: one network, 96 wide and 4 deep, for names and
parts of speech (``en_core_web_sm`` has a second one for names). It learns from what ``en`` says of the bundled sample,
so that it finds names as often as a trained one does. Its speed counts, and not how well it does.
The texts are the training set of UD English EWT, 20 sentences each; both cut them with their own tokenizers, and words
are those of the corpus. Each round runs every way once, in turn; the numbers are medians of the rounds. Writes
``benchmarks/results/spacy_speed.json``, and what ``docs/english.md`` says of it.

``--f1`` scores ``en`` and an installed pipeline on the tokens of a labeled file. ``benchmarks/peers/requirements`` has
``en_core_web_sm`` as a package of another name.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

import spacy
from spacy.cli.init_config import init_config
from spacy.tokens import Doc
from spacy.training import Example
from spacy.util import fix_random_seed, load_model_from_config, minibatch

import tagsmith
from corpora import from_environment
from tagsmith.cli.speed import describe_machine
from tagsmith.corpus.sources import read_sentences
from tagsmith.text.schemes import Scheme, detect_scheme, tags_to_spans

HERE = Path(__file__).parent
RESULTS, PAGE = HERE / "results" / "spacy_speed.json", HERE.parent / "docs" / "english.md"
BEGIN, END = "<!-- made by benchmarks/spacy_speed.py -->\n", "<!-- end of what it made -->\n"
PEER = "en_core_web_sm"
SENTENCES_A_TEXT = 20
TEXTS_A_BATCH = 16  # of spaCy: the fastest of 4, 16, 64 and 256
LIKE = """The pipeline has spaCy's default network on CPUs, for a tagger and an entity recognizer, and nothing else.
`en_core_web_sm` has one network for each of the two, a parser and a lemmatizer."""
EPOCHS = 2  # of the sample
LABELS = {  # of corpora and of OntoNotes
    **dict.fromkeys(("PER", "PERSON"), "PERSON"),
    **dict.fromkeys(("LOC", "LOCATION", "GPE", "FAC", "FACILITY"), "LOCATION"),
    **dict.fromkeys(("ORG", "ORGANIZATION", "ORGANISATION"), "ORGANIZATION"),
}

Words = Sequence[Sequence[str]]
Spans = set[tuple[int, int, int, str]]  # sentence, first token, token after the last, label


def small_pipeline() -> Any:
    """Return a spaCy pipeline that has learned a little of the names and parts of speech that ``en`` finds."""
    fix_random_seed(0)
    config = init_config(lang="en", pipeline=["tagger", "ner"], optimize="efficiency", gpu=False, silent=True)
    nlp = load_model_from_config(config, auto_fill=True)
    sample = files("tagsmith.sample").joinpath("train.conll")
    words = [list(sentence.words) for sentence in read_sentences(str(sample))]
    layers = tagsmith.load("en").tag_layers(words)
    examples = [
        Example(Doc(nlp.vocab, words=one), Doc(nlp.vocab, words=one, ents=ner, tags=upos))
        for one, ner, upos in zip(words, layers["ner"], layers["upos"], strict=True)
    ]
    optimizer = nlp.initialize(lambda: examples)
    for _ in range(EPOCHS):
        random.shuffle(examples)
        for batch in minibatch(examples, 32):
            nlp.update(batch, sgd=optimizer)
    return nlp


def ways(texts: list[str], pipeline: str) -> dict[str, Callable[[], object]]:
    """Return each way to tag; what it needs is made before."""
    nlp = spacy.load(pipeline, exclude=["parser", "lemmatizer"]) if pipeline else small_pipeline()
    one, two = (tagsmith.load("en", threads=threads) for threads in (1, 2))
    return {
        "en, 1 thread": lambda: one.tag_texts(texts),
        "spacy, 1 process": lambda: list(nlp.pipe(texts, batch_size=TEXTS_A_BATCH)),
        "en, 2 threads": lambda: two.tag_texts(texts),
        "spacy, 2 processes": lambda: list(nlp.pipe(texts, batch_size=TEXTS_A_BATCH, n_process=2)),
    }


def measured(sentences: Words, rounds: int, pipeline: str) -> dict[str, Any]:
    """Run every way in turn and return the result file."""
    starts = range(0, len(sentences), SENTENCES_A_TEXT)
    texts = [" ".join(" ".join(words) for words in sentences[first : first + SENTENCES_A_TEXT]) for first in starts]
    words, runs = sum(map(len, sentences)), ways(texts, pipeline)
    rates: dict[str, list[float]] = {name: [] for name in runs}
    for number in range(rounds + 1):
        for name, run in runs.items():
            start = time.perf_counter()
            run()
            if number:  # the first round warms up
                rates[name].append(words / (time.perf_counter() - start))
    medians = {name: round(statistics.median(values)) for name, values in rates.items()}
    return {
        "machine": {**describe_machine(), "spacy": spacy.__version__},
        "pipeline": pipeline,
        "batch_size_of_spacy": TEXTS_A_BATCH,
        "texts": len(texts),
        "words": words,
        "rounds": rounds,
        "words_per_second": medians,
        "times_as_fast": {
            "1": round(medians["en, 1 thread"] / medians["spacy, 1 process"], 1),
            "2": round(medians["en, 2 threads"] / medians["spacy, 2 processes"], 1),
        },
    }


def section(result: dict[str, Any] | None) -> str:
    """Return what the page says of a result, or nothing if nothing was measured."""
    if result is None:
        return ""
    rates, times, pipeline = result["words_per_second"], result["times_as_fast"], result["pipeline"]
    name = f"spaCy, `{pipeline}`" if pipeline else f"spaCy, a pipeline like `{PEER}`"
    what = "The pipeline runs without its parser and its lemmatizer." if pipeline else LIKE
    return f"""
## How fast it is

| words a second, from text to names and parts of speech | one core | two |
|---|--:|--:|
| `en` | {rates["en, 1 thread"]:,} | {rates["en, 2 threads"]:,} |
| {name} | {rates["spacy, 1 process"]:,} | {rates["spacy, 2 processes"]:,} |
| `en` is faster by a factor of | {times["1"]} | {times["2"]} |

`benchmarks/spacy_speed.py` measured this on {result["words"]:,} words of web text, with spaCy
{result["machine"]["spacy"]} on an {result["machine"]["processor"]}. {what}

`python benchmarks/spacy_speed.py --f1 test.conll` compares what `en` and `{PEER}` find in your text, if you
have both.

"""


def scores_on(path: Path, pipeline: str) -> str:
    """Score ``en``, and a pipeline if it is installed, on a labeled file; return a table in Markdown.

    Persons, places and organizations count, facilities as places. A ``the`` before a name counts for nobody: OntoNotes
    takes it into many names, other corpora do not.
    """
    sentences = read_sentences(str(path))
    words, tags = [one.words for one in sentences], [next(iter(one.layers.values())) for one in sentences]
    gold = _spans(words, (tags_to_spans(one, scheme) for scheme in [detect_scheme(tags)] for one in tags))
    found = tagsmith.load("en").tag(words, layer="ner")
    systems = {"en": _spans(words, (tags_to_spans(one, Scheme.IOB2) for one in found))}
    if spacy.util.is_package(pipeline):
        nlp = spacy.load(pipeline)
        docs = nlp.pipe(Doc(nlp.vocab, words=list(one)) for one in words)
        systems[pipeline] = _spans(words, ([(ent.start, ent.end, ent.label_) for ent in doc.ents] for doc in docs))
    else:
        print(f"{pipeline} is not installed (python -m spacy download {pipeline}).", file=sys.stderr)
    kinds = sorted(set(LABELS.values()))
    rows = [f"| F1 | all | {' | '.join(kinds)} |", f"|---|{'--:|' * (1 + len(kinds))}"]
    for name, own in systems.items():
        cells = (_f1({one for one in own if one[3] in some}, {one for one in gold if one[3] in some})
                 for some in (kinds, *([kind] for kind in kinds)))  # fmt: skip
        rows.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(rows)


def _spans(words: Words, found: Iterable[Iterable[tuple[int, int, str]]]) -> Spans:
    return {
        (number, start + (words[number][start].lower() == "the" and end - start > 1), end, LABELS[label.upper()])
        for number, spans in enumerate(found)
        for start, end, label in spans
        if label.upper() in LABELS
    }


def _f1(found: Spans, gold: Spans) -> str:
    return f"{200 * len(found & gold) / max(1, len(found) + len(gold)):.1f}"


def main() -> None:
    """Measure and write the results, or score a file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--texts", type=int, help="tag the first ones only: a trial, which writes nothing")
    parser.add_argument("--pipeline", default="", metavar="NAME", help="an installed pipeline")
    parser.add_argument("--f1", type=Path, metavar="FILE", help="score a labeled file instead")
    arguments = parser.parse_args()
    if arguments.f1:
        print(scores_on(arguments.f1, arguments.pipeline or PEER))
        return
    corpus = from_environment("TAGSMITH_DATA") / "ud_english_ewt" / "en_ewt-ud-train.conllu"
    most = None if arguments.texts is None else arguments.texts * SENTENCES_A_TEXT
    sentences = [sentence.words for sentence in read_sentences(corpus, layer="upos")][:most]
    result = measured(sentences, arguments.rounds, arguments.pipeline)
    print(json.dumps(result, indent=2))
    if most is None:
        RESULTS.write_text(json.dumps(result, indent=2) + "\n", "utf-8")
        before, _, rest = PAGE.read_text("utf-8").partition(BEGIN)
        PAGE.write_text(before + BEGIN + section(result) + END + rest.partition(END)[2], "utf-8")


if __name__ == "__main__":
    main()
