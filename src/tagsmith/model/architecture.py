"""Architecture of a tagger: the choices that the Keras network and the graphs share."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import Any

from tagsmith.errors import ModelError, RecipeError

CELLS = ("lstm", "gru", "gru-reset-before", "rnn")
GATES = {"lstm": 4, "gru": 3, "gru-reset-before": 3, "rnn": 1}  # products of each unit at each step
CHARACTER_ENCODERS = ("cnn", "lstm", "gru", "none")
HEADS = ("crf", "softmax")
WORD_SHAPES = 10  # classes of tagsmith.model.vocabulary.word_shape
# The size of each part: its least and its most. Together they bound what a tagger takes while it works.
SIZES = {
    "word_dim": (1, 2048),
    "character_dim": (1, 512),
    "character_units": (1, 512),
    "character_width": (1, 24),
    "shape_dim": (0, 256),
    "units": (1, 1024),
    "layers": (1, 16),
}


@dataclass(frozen=True, slots=True)
class Architecture:
    """The parts of the network and their sizes; nothing about training."""

    word_dim: int = 100  # length of a word vector: of the pretrained and the trained one, which are added
    characters: str = "cnn"  # encoder of a word's characters: "cnn", "lstm", "gru" or "none"
    character_dim: int = 30
    character_units: int = 50  # filters (CNN) or units per direction (recurrent)
    character_width: int = 3  # of a filter, in characters (CNN only)
    shape_dim: int = 8  # length of the vector of a word's shape (capitals, digits, …); 0 for none
    cell: str = "lstm"
    units: int = 200  # per direction
    layers: int = 1
    bidirectional: bool = True
    residual: bool = False  # add the input of each recurrent layer to its output, from the second layer on
    head: str = "crf"  # "crf": a linear-chain CRF; "softmax": each token is classified by itself

    def __post_init__(self) -> None:
        for name, value, known in (
            ("characters", self.characters, CHARACTER_ENCODERS),
            ("cell", self.cell, CELLS),
            ("head", self.head, HEADS),
        ):
            if value not in known:
                raise RecipeError(f"{name} is {value!r:.50}.", remedy=f"Choose one of {', '.join(known)}.")
        for name, (least, most) in SIZES.items():
            value = getattr(self, name)
            if type(value) is not int or not least <= value <= most:
                raise RecipeError(
                    f"{name} is {value!r:.50}.", remedy=f"It must be a whole number from {least} to {most:,}."
                )
        for name in ("bidirectional", "residual"):
            if type(getattr(self, name)) is not bool:
                raise RecipeError(f"{name} is {getattr(self, name)!r:.50}.", remedy="It must be true or false.")

    @property
    def directions(self) -> tuple[str, ...]:
        """The directions of the recurrent layers."""
        return ("forward", "backward") if self.bidirectional else ("forward",)

    @property
    def character_size(self) -> int:
        """Length of the character encoder's output."""
        return {"none": 0, "cnn": self.character_units}.get(self.characters, 2 * self.character_units)

    @property
    def encoding_size(self) -> int:
        """Length of a word form's encoding: vector, characters and shape concatenated."""
        return self.word_dim + self.character_size + self.shape_dim

    @property
    def state_size(self) -> int:
        """Length of the recurrent layers' output."""
        return self.units * len(self.directions)

    def as_dict(self) -> dict[str, Any]:
        """Return the fields as JSON values."""
        return asdict(self)


def architecture_from_dict(values: dict[str, Any]) -> Architecture:
    """Rebuild an :class:`Architecture` from :meth:`Architecture.as_dict`; its fields must be those of this version."""
    known = {field.name for field in fields(Architecture)}
    if set(values) != known:
        wrong = ", ".join(sorted(known ^ set(values)))[:500]
        raise ModelError(
            f"the architecture's fields differ from this version's: {wrong}.",
            remedy="Load the model with the version of tagsmith that wrote it.",
        )
    return Architecture(**values)
