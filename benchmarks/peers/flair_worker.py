"""Flair: a BiLSTM-CRF over GloVe and character embeddings."""

from __future__ import annotations

import gzip
import shutil
from pathlib import Path
from typing import Any

import flair  # type: ignore[import-not-found]
import torch
from flair.data import Corpus, Dictionary, Sentence  # type: ignore[import-not-found]
from flair.datasets import FlairDatapointDataset  # type: ignore[import-not-found]
from flair.embeddings import CharacterEmbeddings, StackedEmbeddings, WordEmbeddings  # type: ignore[import-not-found]
from flair.models import SequenceTagger  # type: ignore[import-not-found]
from flair.trainers import ModelTrainer  # type: ignore[import-not-found]
from worker import Arguments, Sentences, System, read_corpus, serve, train_once

NETWORK = {"hidden_size": 256, "rnn_type": "LSTM", "rnn_layers": 1, "use_rnn": True, "use_crf": True}
SETTINGS = {"learning_rate": 0.1, "mini_batch_size": 8, "patience": 1, "max_epochs": 25}
BATCH = 32


def start(arguments: Arguments) -> System:
    """Train or load the model."""
    torch.set_num_threads(1)  # two threads that wait for each other crawl if other work shares the machine
    training = train_once(arguments.folder, lambda: _train(arguments))
    torch.set_num_threads(arguments.threads)
    tagger = SequenceTagger.load(arguments.folder / "best-model.pt")

    def tag(sentences: Sentences) -> Sentences:
        flair_sentences = [Sentence(words) for words in sentences]
        tagger.predict(flair_sentences, mini_batch_size=BATCH, force_token_predictions=True)
        return [[token.get_label("ner").value for token in sentence] for sentence in flair_sentences]

    return System(tag, ("flair", "torch", "gensim", "transformers", "numpy"), training)


def _train(arguments: Arguments) -> dict[str, Any]:
    flair.set_seed(0)
    train, dev = (_read(arguments.corpus / f"{part}.conll") for part in ("train", "dev"))
    corpus = Corpus(FlairDatapointDataset(train), FlairDatapointDataset(dev), sample_missing_splits=False)
    labels = corpus.make_label_dictionary("ner", add_unk=False)
    characters = Dictionary()
    for character in sorted({c for sentence in train for token in sentence for c in token.text}):
        characters.add_item(character)
    vectors = WordEmbeddings(str(_unpacked(arguments)), no_header=True, name="glove")
    embeddings = StackedEmbeddings([vectors, CharacterEmbeddings(characters)])
    tagger = SequenceTagger(embeddings, labels, "ner", **NETWORK)
    ModelTrainer(tagger, corpus).train(
        arguments.folder,
        optimizer=torch.optim.SGD,
        embeddings_storage_mode="none",  # otherwise dev is scored with the character embeddings of the first epoch
        save_final_model=False,
        **SETTINGS,
    )
    return {"optimizer": "SGD, rate halved without progress on dev", **NETWORK, **SETTINGS}


def _read(path: Path) -> list[Sentence]:
    sentences = []
    for words, tags in zip(*read_corpus(path), strict=True):
        sentence = Sentence(words)
        begins = [i for i, tag in enumerate(tags) if tag.startswith("B-")]
        for begin in begins:
            end = begin + 1
            while end < len(tags) and tags[end].startswith("I-"):
                end += 1
            sentence[begin:end].add_label("ner", tags[begin][2:])
        sentences.append(sentence)
    return sentences


def _unpacked(arguments: Arguments) -> Path:
    """Unpack the vectors; Flair recognizes such a file by its suffix."""
    path = arguments.folder / "glove.txt"
    with gzip.open(arguments.vectors) as packed, path.open("wb") as unpacked:
        shutil.copyfileobj(packed, unpacked)
    return path


if __name__ == "__main__":
    serve(start)
