"""Flair's training, one epoch at a time: parts of speech, a BiLSTM-CRF over GloVe and character embeddings.

Prints a line when it is ready. For each line of stdin, trains an epoch over the sentences of the file and prints a line
of JSON with its tokens and seconds. The loop is that of the trainer in Flair: loss, gradient, clipping, one step of SGD
for each batch of 32.
"""

from __future__ import annotations

import gzip
import json
import random
import shutil
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path

import flair  # type: ignore[import-not-found]
import torch
from flair.data import Corpus, Dictionary, Sentence  # type: ignore[import-not-found]
from flair.datasets import FlairDatapointDataset  # type: ignore[import-not-found]
from flair.embeddings import CharacterEmbeddings, StackedEmbeddings, WordEmbeddings  # type: ignore[import-not-found]
from flair.models import SequenceTagger  # type: ignore[import-not-found]
from worker import take_stdout

BATCH = 32


def main() -> None:
    """Train an epoch for each line of stdin: ``flair_training_worker.py SENTENCES.jsonl VECTORS.gz THREADS``."""
    path, vectors, threads = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
    answers = take_stdout()
    flair.set_seed(0)
    torch.set_num_threads(threads)
    lines = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    sentences = [_sentence(*line) for line in lines]
    corpus = Corpus(FlairDatapointDataset(sentences), sample_missing_splits=False)
    characters = Dictionary()
    for character in sorted({letter for words, _ in lines for word in words for letter in word}):
        characters.add_item(character)
    with tempfile.TemporaryDirectory() as folder:
        unpacked = Path(folder) / "glove.txt"
        with gzip.open(vectors) as packed, unpacked.open("wb") as stream:
            shutil.copyfileobj(packed, stream)
        words = WordEmbeddings(str(unpacked), no_header=True, name="glove")
    tagger = SequenceTagger(
        StackedEmbeddings([words, CharacterEmbeddings(characters)]),
        corpus.make_label_dictionary("upos", add_unk=False),
        "upos",
        hidden_size=256,
        rnn_type="LSTM",
        use_crf=True,
    )
    optimizer = torch.optim.SGD(tagger.parameters(), lr=0.1)
    tagger.train()
    versions = {package: version(package) for package in ("flair", "torch")}
    print(json.dumps({"versions": versions}), file=answers, flush=True)
    for _ in sys.stdin:
        random.shuffle(sentences)
        begin = time.perf_counter()
        for first in range(0, len(sentences), BATCH):
            optimizer.zero_grad()
            loss, count = tagger.forward_loss(sentences[first : first + BATCH])
            (loss / count).backward()
            torch.nn.utils.clip_grad_norm_(tagger.parameters(), 5.0)
            optimizer.step()
            for sentence in sentences[first : first + BATCH]:
                sentence.clear_embeddings()
        seconds = time.perf_counter() - begin
        print(json.dumps({"tokens": sum(map(len, sentences)), "seconds": seconds}), file=answers, flush=True)


def _sentence(words: list[str], tags: list[str]) -> Sentence:
    sentence = Sentence(words)
    for token, tag in zip(sentence, tags, strict=True):
        token.add_label("upos", tag)
    return sentence


if __name__ == "__main__":
    main()
