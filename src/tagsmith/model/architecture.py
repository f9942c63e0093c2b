"""The shape of a tagger: every choice that the exported graphs and the Keras network must agree on."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import Any

from tagsmith.errors import ModelError, RecipeError

CELLS = ("lstm", "gru", "rnn")
CHARACTER_ENCODERS = ("cnn", "lstm", "gru", "none")
HEADS = ("crf", "softmax")
WORD_SHAPES = 10  # number of classes that encoding.vocabulary.word_shape tells apart


@dataclass(frozen=True, slots=True)
class Architecture:
    """What the network is made of; nothing about how it is trained.

    Parameters
    ----------
    word_dim
        Length of a word's vector: of the pretrained vectors, of the trained ones, and of their sum.
    characters
        How a word's spelling is read: ``"cnn"``, ``"lstm"``, ``"gru"`` or ``"none"``.
    character_dim, character_units
        Length of a character's vector; number of filters (CNN) or of units per direction (recurrent).
    character_width
        Characters a filter sees at once (CNN only).
    shape_dim
        Length of the vector of a word's shape (capitals, digits, …); 0 leaves shapes out.
    context_size
        Length of the sentence's own vector, which joins the input of each of its tokens: the mean over its tokens of
        what a dense layer with tanh makes of their words; 0 leaves it out.
    cell, units, layers, bidirectional
        The recurrent layers over the words; ``units`` is per direction.
    residual
        Add each recurrent layer's input to its output, from the second layer on.
    head
        ``"crf"``: a linear-chain CRF; ``"softmax"``: each token by itself.
    """

    word_dim: int = 100
    characters: str = "cnn"
    character_dim: int = 30
    character_units: int = 50
    character_width: int = 3
    shape_dim: int = 8
    context_size: int = 0
    cell: str = "lstm"
    units: int = 200
    layers: int = 1
    bidirectional: bool = True
    residual: bool = False
    head: str = "crf"

    def __post_init__(self) -> None:
        for name, value, known in (
            ("characters", self.characters, CHARACTER_ENCODERS),
            ("cell", self.cell, CELLS),
            ("head", self.head, HEADS),
        ):
            if value not in known:
                raise RecipeError(f"{name} is {value!r}.", remedy=f"Choose one of {', '.join(known)}.")
        for name in ("word_dim", "character_dim", "character_units", "character_width", "units", "layers"):
            if getattr(self, name) < 1:
                raise RecipeError(f"{name} is {getattr(self, name)}.", remedy="It must be at least 1.")
        for name in ("shape_dim", "context_size"):
            if getattr(self, name) < 0:
                raise RecipeError(f"{name} is {getattr(self, name)}.", remedy="It must be 0 or more.")

    @property
    def directions(self) -> tuple[str, ...]:
        """The directions in which the sentence is read."""
        return ("forward", "backward") if self.bidirectional else ("forward",)

    @property
    def character_size(self) -> int:
        """Length of what the character encoder says of a word."""
        return {"none": 0, "cnn": self.character_units}.get(self.characters, 2 * self.character_units)

    @property
    def encoding_size(self) -> int:
        """Length of a word form's encoding: vector, characters and shape side by side."""
        return self.word_dim + self.character_size + self.shape_dim

    @property
    def state_size(self) -> int:
        """Length of what the recurrent layers say of a token."""
        return self.units * len(self.directions)

    def as_dict(self) -> dict[str, Any]:
        """Return the fields as JSON values."""
        return asdict(self)


def architecture_from_dict(values: dict[str, Any]) -> Architecture:
    """Rebuild an :class:`Architecture` from :meth:`Architecture.as_dict`.

    Raises
    ------
    ModelError
        A field is unknown or missing: the model was written by another version.
    """
    known = {field.name for field in fields(Architecture)}
    if set(values) != known:
        wrong = ", ".join(sorted(known ^ set(values)))
        raise ModelError(
            f"the architecture's fields differ from this version's: {wrong}.",
            remedy="Load the model with the version of tagsmith that wrote it.",
        )
    return Architecture(**values)
