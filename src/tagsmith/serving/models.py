"""Models in service: loaded from their folders, swapped for new versions without a failed request."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from pydantic_core import to_jsonable_python

from tagsmith.errors import InputError
from tagsmith.model.card import without_metadata
from tagsmith.model.folder import config_digest
from tagsmith.serving.answers import answer_requests, check_numbers
from tagsmith.serving.limits import Limits
from tagsmith.serving.metrics import Metrics
from tagsmith.serving.microbatch import Arrivals, MicroBatcher
from tagsmith.serving.refusals import Refusal
from tagsmith.serving.schema import LayerAnswer, ModelAnswer, TagRequest
from tagsmith.tagging.tagger import Tagger, load

logger = logging.getLogger("tagsmith.serving")
WATCH_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Version:
    """A model as it was in its folder at one time."""

    tagger: Tagger
    answer: ModelAnswer

    @property
    def version(self) -> str:
        """Its name: a digest of the folder."""
        return self.answer.version


class ServedModel:
    """A model folder in service, under a name; another process may replace the folder at any time."""

    def __init__(self, name: str, folder: Path, limits: Limits, metrics: Metrics, arrivals: Arrivals) -> None:
        self.name, self.folder, self.limits, self.metrics = name, folder, limits, metrics
        self._unusable = ""  # the version that could not be loaded
        self.current = _load(name, folder)
        self.batcher: MicroBatcher[TagRequest, bytes] = MicroBatcher(
            self.answer_all,
            limits,
            arrivals=arrivals,
            observe=self._observe,
            workers=self.current.tagger.threads,
        )
        metrics.waiting(name).set_function(lambda: self.batcher.waiting)

    def _observe(self, requests: int, seconds: float) -> None:
        self.metrics.batch(self.name).observe(requests)
        self.metrics.batch_seconds(self.name).observe(seconds)

    def serve(self, folder: Path) -> None:
        """Serve another folder from now on; if it is no usable model, the one in service stays."""
        version = _load(self.name, folder)
        self.folder, self.current = folder, version  # in this order, or the watch sees a new version in the old folder
        logger.info("%s: version %s is in service", self.name, self.current.version)

    def reload(self) -> None:
        """Load the folder again and put it in service; a damaged or half-copied folder changes nothing."""
        try:
            self.current = _load(self.name, self.folder)
        except InputError as error:
            if (version := _digest_of(self.folder) or "") != self._unusable:  # logged once, tried again each time
                self._unusable = version
                self.metrics.reloads(self.name, "failed").inc()
                logger.warning("the new version of %s is not usable, the old one stays: %s", self.name, error)
        else:
            self.metrics.reloads(self.name, "loaded").inc()
            logger.info("%s: version %s is in service", self.name, self.current.version)

    def answer_all(
        self, requests: Sequence[TagRequest], is_wanted: Callable[[int], bool]
    ) -> list[bytes | BaseException]:
        """Answer the requests of a batch: those with the same threshold in one call of the tagger.

        ``is_wanted`` says whether somebody still waits for the answer to the request at a place in ``requests``.
        """
        version = self.current
        model = {"name": self.name, "version": version.version}
        answers: list[bytes | BaseException] = [b""] * len(requests)
        groups: dict[str, list[int]] = {}
        for place, request in enumerate(requests):
            try:
                check_numbers(version.tagger, request, self.limits.numbers)
            except Exception as error:
                answers[place] = error
            else:
                groups.setdefault(repr(request.threshold), []).append(place)
        for places in groups.values():
            try:
                found = answer_requests(
                    version.tagger,
                    [requests[place] for place in places],
                    model,
                    partial(_at, is_wanted, places),
                    self.metrics.tokens(self.name).inc,
                )
            except Exception as error:
                if isinstance(error, InputError):  # nothing else can be wrong by now
                    error = _no_threshold(version.tagger)
                for place in places:
                    answers[place] = error
                continue
            for place, answer in zip(places, found, strict=True):
                answers[place] = answer
        return answers


def _at(is_wanted: Callable[[int], bool], places: Sequence[int], number: int) -> bool:
    return is_wanted(places[number])


def _no_threshold(tagger: Tagger) -> Refusal:
    if not tagger.gives_spans:
        return Refusal(422, "no_threshold", "This model gives plain tags, which have no threshold.")
    labels = ", ".join(dict.fromkeys(label for layer in tagger.layers for label in tagger.layer(layer).labels))
    return Refusal(404, "no_such_label", f"The threshold names a label that the model does not have; it has: {labels}.")


class Models:
    """All models in service, by name; the first is the default. There may be none: one can be added later.

    Raises ModelError if a folder is no usable model.
    """

    def __init__(self, folders: Mapping[str, Path], limits: Limits | None = None) -> None:
        self.limits, self.metrics, self.arrivals = limits or Limits(), Metrics(), Arrivals()
        self._models = {name: self._make(name, folder) for name, folder in folders.items()}

    def _make(self, name: str, folder: Path) -> ServedModel:
        return ServedModel(name, folder, self.limits, self.metrics, self.arrivals)

    def __iter__(self) -> Iterator[ServedModel]:
        return iter(list(self._models.values()))

    @property
    def main(self) -> ServedModel | None:
        """The default model; None before there is one."""
        return next(iter(self._models.values()), None)

    def find(self, name: str | None) -> ServedModel:
        """Return a model by its name, or the default one; refuse a name that no model has."""
        model = self.main if name is None else self._models.get(name)
        if model is not None:
            return model
        if self.main is None:
            raise Refusal(404, "no_model", "There is no model yet: label sentences, and train one.")
        raise Refusal(404, "no_such_model", f"There is no such model; there are: {', '.join(self._models)}.")

    async def serve(self, folder: Path, name: str) -> None:
        """Serve this folder as the default model from now on; if it is the first model, it gets this name."""
        if self.main is not None:
            await asyncio.to_thread(self.main.serve, folder)
            return
        model = await asyncio.to_thread(self._make, name, folder)
        model.batcher.start()
        self._models[name] = model

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Take requests while the context lasts, and finish those that wait at its end."""
        for model in self:
            model.batcher.start()
        yield
        for model in self:
            await model.batcher.stop()

    async def watch(self, seconds: float = WATCH_SECONDS) -> None:
        """Look for new versions forever; they are loaded in a thread."""
        while True:
            await asyncio.sleep(seconds)
            for model in self:
                if _digest_of(model.folder) not in (None, model.current.version):
                    await asyncio.to_thread(model.reload)


def _load(name: str, folder: Path) -> Version:
    while True:
        version = _digest_of(folder) or ""
        tagger = load(folder)
        if version == (_digest_of(folder) or ""):
            break  # else another model took its place meanwhile, and this may be either
    tagger("The first call is slow.")
    return Version(tagger, _describe(name, version, tagger))


def _digest_of(folder: Path) -> str | None:
    digest = config_digest(folder)
    return digest and digest[:12]


def _describe(name: str, version: str, tagger: Tagger) -> ModelAnswer:
    layers = [tagger.layer(name) for name in tagger.layers]
    return ModelAnswer(
        name=name,
        version=version,
        layers=[LayerAnswer.model_validate(layer, from_attributes=True) for layer in layers],
        precision=tagger.precision,
        scores=to_jsonable_python(tagger.model.scores),
        recipe=to_jsonable_python(tagger.model.recipe),
        card=without_metadata(tagger.model.extras.get("README.md", b"").decode("utf-8", "replace")),
    )
