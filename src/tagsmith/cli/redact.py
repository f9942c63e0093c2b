"""``tagsmith redact``: texts without what a model finds in them, and a map of the offsets."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TextIO

import typer

from tagsmith.cli.options import Encoding, ModelFolder, counted
from tagsmith.errors import DataError

if TYPE_CHECKING:
    from tagsmith.redaction.redacted import Redacted, Replacement
    from tagsmith.redaction.redactor import Redactor

KEY_VARIABLE = "TAGSMITH_REDACTION_KEY"
LONGEST_KEY = 1 << 16  # bytes
_STDIO = "-"


def redact_command(
    model: ModelFolder,
    inputs: Annotated[
        list[Path] | None, typer.Argument(metavar="INPUT", help="Files to redact. '-' or nothing: standard input.")
    ] = None,
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="OUT", help="The file to write; '-': standard output.")
    ] = Path("-"),
    labels: Annotated[
        list[str] | None,
        typer.Option(
            metavar="LABEL,…", help="What to replace, such as PERSON,DATE. [default: all labels of the layer]"
        ),
    ] = None,
    replacement: Annotated[
        str,
        typer.Option(
            "--with",
            metavar="WAY",
            help="placeholder: [PERSON_1]; label: [PERSON]; surrogate: a text of the same kind; hash: PERSON-3f2a….",
        ),
    ] = "placeholder",
    key_file: Annotated[
        Path | None,
        typer.Option(
            help="File with the key of hashes and surrogates, at least 16 bytes. [default: the variable "
            f"{KEY_VARIABLE}; surrogates without a key are others in each run]"
        ),
    ] = None,
    threshold: Annotated[
        float | None,
        typer.Option(help="Replace tokens that carry one of the labels with this probability. [default: 0.1]"),
    ] = None,
    dev: Annotated[
        list[Path] | None,
        typer.Option(help="Labeled file, unseen in training, to choose the threshold by; may be repeated."),
    ] = None,
    recall: Annotated[
        float | None, typer.Option(help="The share of the labeled characters of --dev to find. [default: 0.99]")
    ] = None,
    repeats: Annotated[
        int,
        typer.Option(
            help="Replace what was found once wherever it occurs in the document, if it has so many characters; 0: do "
            "not look for it."
        ),
    ] = 4,
    offsets: Annotated[
        Path | None,
        typer.Option("--map", metavar="FILE", help="File for the map of offsets: where what label was replaced."),
    ] = None,
    originals: Annotated[
        bool, typer.Option("--map-originals", help="Note in the map what was replaced, too. Keep the map secret.")
    ] = False,
    input_format: Annotated[
        str, typer.Option(help="text or jsonl; auto goes by the suffix, and an unknown one is text.")
    ] = "auto",
    fields: Annotated[
        list[str] | None,
        typer.Option("--field", help="jsonl: the key of the text to redact; may be repeated. [default: text]"),
    ] = None,
    layer: Annotated[
        str | None, typer.Option(help="The layer with the labels. [default: the first that gives spans]")
    ] = None,
    encoding: Encoding = "utf-8",
) -> None:
    """Replace names and other labeled text, in constant memory. A model misses some: see docs/redaction.md.

    Everything else stays as it is. Standard error shows counts, never texts.
    """
    from tagsmith.cli.redact_input import check_output
    from tagsmith.cli.redact_input import input_format as format_of
    from tagsmith.redaction.redactor import RECALL, THRESHOLD, Redactor
    from tagsmith.tagging.tagger import load

    sources = [str(source) for source in inputs or [Path(_STDIO)]]
    _check_files(sources, output, offsets)
    formats = {format_of(source, input_format, encoding) for source in sources}
    if len(formats) > 1:
        raise DataError("Text and JSON lines cannot become one output.", remedy="Redact them one after the other.")
    (form,) = formats
    check_output(str(output), form, input_format)
    if originals and offsets is None:
        raise DataError("--map-originals needs --map.", remedy="Name the file of the map.")
    if recall is not None and not dev:
        raise DataError("--recall needs --dev.", remedy="Name a labeled file that the model was not trained on.")
    if threshold is not None and dev:
        raise DataError("--dev chooses the threshold.", remedy="Leave --threshold out, or --dev.")
    redactor = Redactor(
        load(model),
        labels=[one.strip() for given in labels for one in given.split(",")] if labels else None,
        layer=layer,
        replacement=replacement,
        key=_key(key_file),
        threshold=THRESHOLD if threshold is None else threshold,
        repeats=repeats,
    )
    if dev:
        redactor.threshold = redactor.threshold_for(dev, RECALL if recall is None else recall, encoding=encoding)
        typer.echo(f"threshold {redactor.threshold!r}", err=True)
    run = _Run(redactor, fields or ["text"], encoding, originals, several=len(sources) > 1)
    run.write(sources, form, output, offsets)
    typer.echo(run.summary(), err=True)


def _check_files(sources: Sequence[str], output: Path, offsets: Path | None) -> None:
    from tagsmith.remote import whole

    if sources.count(_STDIO) > 1:
        raise DataError("Standard input can be read once.", remedy="Name '-' once.")
    if offsets is None:
        return
    others = [*sources, str(output)]
    if str(offsets) == str(output) or whole(offsets) in [whole(one) for one in others if one != _STDIO]:
        raise DataError("The map would replace an input or the output.", remedy="Name another file.", path=offsets)


def _key(file: Path | None) -> bytes | None:
    """Read the key; the end of its only line does not belong to it."""
    if file is None:
        return os.environ.get(KEY_VARIABLE, "").encode("utf-8", "surrogateescape") or None
    try:
        with file.open("rb") as stream:
            content = stream.read(LONGEST_KEY + 1)
    except OSError as error:
        raise DataError(f"the key cannot be read: {error.strerror}.", remedy="Check the path.", path=file) from error
    if len(content) > LONGEST_KEY:
        raise DataError(f"the key has more than {LONGEST_KEY} bytes.", remedy="Give 32 random bytes.", path=file)
    return content.removesuffix(b"\n").removesuffix(b"\r")


@dataclass
class _Run:
    """What one run writes, and counts."""

    redactor: Redactor
    fields: Sequence[str]
    encoding: str
    originals: bool  # whether the map notes what was replaced
    several: bool  # whether the map names the input
    documents: int = 0
    counts: Counter[str] = field(default_factory=Counter)  # by label
    dropped: set[str] = field(default_factory=set)  # keys of records
    copied: set[str] = field(default_factory=set)

    def write(self, sources: Sequence[str], form: str, output: Path, offsets: Path | None) -> None:
        """Redact the inputs into one output. It and the map appear when both are complete."""
        from tagsmith.corpus.convert import open_target

        with ExitStack() as files:
            target = files.enter_context(open_target(str(output)))
            record_map = files.enter_context(open_target(str(offsets))) if offsets else None
            for source in sources:
                for about in (self._texts if form == "text" else self._records)(source, target):
                    if record_map:
                        named = {"source": source} if self.several else {}
                        record_map.write(json.dumps(named | about, ensure_ascii=False) + "\n")

    def _texts(self, source: str, target: TextIO) -> Iterator[dict[str, Any]]:
        """Redact a text, as one document; yield a part of the map for each of its parts."""
        from tagsmith.cli.redact_input import read_parts

        self.documents += 1
        parts: list[str] = []

        def noted() -> Iterator[str]:
            for part in read_parts(source, self.encoding):
                parts[:] = [part]
                yield part

        done, written = 0, 0  # characters of the earlier parts, as they were and as they are
        for redacted in self.redactor.redact_parts(noted()):
            target.write(redacted.text)
            yield {"replacements": self._mapped(redacted, parts[0], done, written)}
            done, written = done + len(parts[0]), written + len(redacted.text)

    def _records(self, source: str, target: TextIO) -> Iterator[dict[str, Any]]:
        """Redact records, each as one document; yield a part of the map for each text."""
        from tagsmith.cli.redact_input import read_records

        for block in read_records(source, self.fields, self.encoding):
            self.documents += len(block)
            if len(self.fields) == 1:
                answers = [[one] for one in self.redactor.redact_texts(record.texts[0] for record in block)]
            else:
                answers = [self.redactor.redact_texts(record.texts, together=True) for record in block]
            for record, redacted in zip(block, answers, strict=True):
                self.dropped |= record.about_texts
                self.copied |= record.others
                new = record.with_texts([one.text for one in redacted])
                target.write(json.dumps(new, ensure_ascii=False) + "\n")
                for name, text, one in zip(record.fields, record.texts, redacted, strict=True):
                    yield {"line": record.line, "field": name, "replacements": self._mapped(one, text, 0, 0)}

    def _mapped(self, redacted: Redacted, text: str, done: int, written: int) -> list[dict[str, Any]]:
        """Count the replacements, and return them as the map has them."""
        self.counts.update(one.label for one in redacted.replacements)
        return [self._in_file(one, text, done, written) for one in redacted.replacements]

    def _in_file(self, one: Replacement, text: str, done: int, written: int) -> dict[str, Any]:
        moved = replace(
            one,
            start=one.start + done,
            end=one.end + done,
            redacted_start=one.redacted_start + written,
            redacted_end=one.redacted_end + written,
            score=round(one.score, 6),
            original=text[one.start : one.end] if self.originals else None,
        )
        return {name: value for name, value in asdict(moved).items() if name != "original" or self.originals}

    def summary(self) -> str:
        """Say what was replaced, and what was not looked at."""
        each = ", ".join(f"{label} {count:,}" for label, count in sorted(self.counts.items()))
        said = [f"{counted(self.documents, 'document')}, {counted(self.counts.total(), 'replacement')}"]
        said[0] += f": {each}" if each else ""
        if self.dropped:
            said.append(f"keys left out, as they repeat the text: {', '.join(sorted(self.dropped))}")
        if self.copied:
            said.append(f"{counted(len(self.copied), 'other key')} copied unseen; --field redacts more than one")
        return "\n".join(said)
