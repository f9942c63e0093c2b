"""Models in service: loaded from their folders, swapped for new versions without a failed request."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pydantic_core

from tagsmith.errors import InputError, ModelError
from tagsmith.files import digest
from tagsmith.model.folder import ModelFile
from tagsmith.serving.answers import add_k_best, add_marginals, document_answer
from tagsmith.serving.limits import Limits, Refusal
from tagsmith.serving.metrics import Metrics
from tagsmith.serving.microbatch import MicroBatcher
from tagsmith.serving.schema import ModelAnswer, TagRequest
from tagsmith.tagging.tagger import Tagger, load
from tagsmith.text.document import Document, document_from_sentences, sentence_from_words

logger = logging.getLogger("tagsmith.serving")
WATCH_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Version:
    """A model as it was in its folder at one time."""

    tagger: Tagger
    version: str
    answer: ModelAnswer


class ServedModel:
    """A model folder in service.

    Parameters
    ----------
    name
        What clients call it.
    folder
        The model folder; another process may replace it at any time.
    """

    def __init__(self, name: str, folder: Path, limits: Limits, metrics: Metrics) -> None:
        self.name, self.folder, self.metrics = name, folder, metrics
        self._unusable = ""  # the version that could not be loaded
        self.current = _load(name, folder)
        self.batcher: MicroBatcher[TagRequest, bytes] = MicroBatcher(
            self.answer_all,
            limits,
            observe=self._observe,
            workers=self.current.tagger.threads,
        )
        metrics.waiting.labels(name).set_function(lambda: self.batcher.waiting)

    def _observe(self, pieces: int, seconds: float) -> None:
        self.metrics.batch.labels(self.name).observe(pieces)
        self.metrics.batch_seconds.labels(self.name).observe(seconds)

    # --- new versions

    def has_changed(self) -> bool:
        """Whether the folder holds another version than the one in service."""
        return _state(self.folder) not in (None, self.current.version)

    def serve(self, folder: Path) -> None:
        """Serve another folder from now on.

        Raises
        ------
        ModelError
            It is no usable model; the one in service stays.
        """
        version = _load(self.name, folder)
        self.folder = folder  # first: the watch must not take the old folder for a new version
        self.current = version
        logger.info("%s: version %s is in service", self.name, self.current.version)

    def reload(self) -> None:
        """Load the folder anew and put it in service; one that is damaged, or half copied, changes nothing."""
        try:
            self.current = _load(self.name, self.folder)
        except InputError as error:
            if (state := _state(self.folder) or "") != self._unusable:  # said once, tried again each time
                self._unusable = state
                self.metrics.reloads.labels(self.name, "failed").inc()
                logger.warning("the new version of %s is not usable, the old one stays: %s", self.name, error)
        else:
            self.metrics.reloads.labels(self.name, "loaded").inc()
            logger.info("%s: version %s is in service", self.name, self.current.version)

    # --- tagging

    def answer_all(self, requests: Sequence[TagRequest]) -> list[bytes | BaseException]:
        """Answer the requests of a batch: those with the same threshold in one call of the tagger."""
        version = self.current
        answers: list[bytes | BaseException] = [b""] * len(requests)
        groups: dict[str, list[int]] = {}
        for place, request in enumerate(requests):
            groups.setdefault(repr(request.threshold), []).append(place)
        for places in groups.values():
            try:
                documents = self._tag(version.tagger, [requests[place] for place in places])
            except Exception as error:
                if isinstance(error, InputError):  # nothing else can be wrong by now
                    error = _no_threshold(version.tagger)
                for place in places:
                    answers[place] = error
                continue
            for place, own in zip(places, documents, strict=True):
                answers[place] = _answer(version, self.name, requests[place], own)
        return answers

    def _tag(self, tagger: Tagger, requests: Sequence[TagRequest]) -> list[list[Document]]:
        """The documents of each request; all requests have the same threshold."""
        threshold = requests[0].threshold
        texts = [text for own in requests if own.tokens is None for text in _texts(own)]
        cut = [_as_document(own.tokens) for own in requests if own.tokens is not None]
        from_texts = iter(tagger.tag_texts(texts, threshold=threshold) if texts else ())
        from_tokens = iter(tagger.tag_documents(cut, threshold=threshold) if cut else ())
        found = [
            [next(from_texts) for _ in _texts(own)] if own.tokens is None else [next(from_tokens)] for own in requests
        ]
        tokens = sum(len(sentence) for own in found for document in own for sentence in document.sentences)
        self.metrics.tokens.labels(self.name).inc(tokens)
        return found


def _no_threshold(tagger: Tagger) -> Refusal:
    if not tagger.gives_spans:
        return Refusal(422, "no_threshold", "This model gives plain tags, which have no threshold.")
    labels = ", ".join(dict.fromkeys(own for layer in tagger.layers for own in tagger.layer(layer).labels))
    return Refusal(404, "no_such_label", f"The threshold names a label that the model does not have; it has: {labels}.")


def _texts(request: TagRequest) -> list[str]:
    return request.texts if request.texts is not None else [request.text or ""]


def _as_document(tokens: list[list[str]]) -> Document:
    return document_from_sentences([sentence_from_words(words) for words in tokens])


def _answer(version: Version, name: str, request: TagRequest, documents: Sequence[Document]) -> bytes:
    answers = [document_answer(document, version.tagger.layers) for document in documents]
    if request.k_best or request.marginals:
        sentences = [sentence for answer in answers for sentence in answer["sentences"]]
        words = [sentence.words for document in documents for sentence in document.sentences]
        if request.k_best:
            add_k_best(sentences, version.tagger, words, request.k_best)
        if request.marginals:
            add_marginals(sentences, version.tagger, words)
    return pydantic_core.to_json({"model": {"name": name, "version": version.version}, "documents": answers})


# -------------------------------------------------------------------------------------------------- all of them


class Models:
    """All models in service, by name; the first is the default.

    Parameters
    ----------
    models
        May be none: one is added when the first is trained.
    new
        Makes a served model of a folder, for the first that is trained.
    """

    def __init__(self, models: Sequence[ServedModel], new: Callable[[Path], ServedModel]) -> None:
        self._models = {model.name: model for model in models}
        self._new = new
        self._reading: Callable[[], int] = lambda: 0

    def __iter__(self) -> Iterator[ServedModel]:
        return iter(self._models.values())

    @property
    def main(self) -> ServedModel | None:
        """The default model; None before there is one."""
        return next(iter(self._models.values()), None)

    def expect(self, reading: Callable[[], int]) -> None:
        """Let batches wait for requests that are being read; ``reading`` returns how many there are."""
        self._reading = reading
        for model in self:
            model.batcher.expecting = reading

    async def serve(self, folder: Path) -> None:
        """Serve this folder as the default model from now on.

        Raises
        ------
        ModelError
            It is no usable model.
        """
        if self.main is not None:
            await asyncio.to_thread(self.main.serve, folder)
            return
        model = await asyncio.to_thread(self._new, folder)
        model.batcher.expecting = self._reading
        model.batcher.start()
        self._models[model.name] = model

    def find(self, name: str | None) -> ServedModel:
        """Return a model by its name, or the default one.

        Raises
        ------
        Refusal
            There is no such model.
        """
        if self.main is None:
            raise Refusal(404, "no_model", "There is no model yet: label sentences, and train one.")
        if name is None:
            return self.main
        if name not in self._models:
            raise Refusal(404, "no_such_model", f"There is no such model; there are: {', '.join(self._models)}.")
        return self._models[name]

    async def watch(self, seconds: float = WATCH_SECONDS) -> None:
        """Look for new versions for ever; they are loaded in a thread."""
        while True:
            await asyncio.sleep(seconds)
            for model in list(self._models.values()):
                if model.has_changed():
                    await asyncio.to_thread(model.reload)


def name_folders(models: Sequence[str]) -> dict[str, Path]:
    """Turn the command line's ``FOLDER`` and ``NAME=FOLDER`` into names and folders.

    Raises
    ------
    ModelError
        Two models have the same name.
    """
    found: dict[str, Path] = {}
    for text in models:
        name, equals, folder = text.partition("=")
        path = Path(folder if equals else text)
        name = name if equals else path.resolve().name
        if name in found:
            raise ModelError(f"two models are named {name!r}.", remedy="Write NAME=FOLDER to name them.")
        found[name] = path
    return found


def _load(name: str, folder: Path) -> Version:
    version = _state(folder) or ""
    tagger = load(folder)
    tagger("The first call is slow.")
    return Version(tagger, version, _describe(name, version, tagger))


def _state(folder: Path) -> str | None:
    """A digest of the folder's ``config.json``, which has the checksums of all the rest; None if it cannot be read."""
    try:
        return digest((folder / ModelFile.CONFIG).read_bytes())[:12]
    except OSError:
        return None


def _describe(name: str, version: str, tagger: Tagger) -> ModelAnswer:
    return ModelAnswer.model_validate(
        {
            "name": name,
            "version": version,
            "layers": [
                {
                    "name": layer,
                    "scheme": tagger.layer(layer).scheme.value,
                    "labels": list(tagger.layer(layer).labels),
                    "gives_spans": tagger.layer(layer).gives_spans,
                }
                for layer in tagger.layers
            ],
            "precision": tagger.precision,
            "scores": _plain(tagger.model.scores),
            "recipe": _plain(tagger.model.recipe),
            "card": tagger.model.extras.get("README.md", b"").decode("utf-8", "replace"),
        }
    )


def _plain(values: Mapping[str, object]) -> dict[str, object]:
    found: dict[str, object] = json.loads(json.dumps(values))
    return found
