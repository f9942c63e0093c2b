"""One training step on any backend: what it changes, and that the word table's rows get the table's own gradient."""

from __future__ import annotations

import numpy as np
import pytest

from keras_calls import BACKEND, array, compiled, gradients
from packed_rows import make_batch, numbered
from random_model import SMALL, VOCABULARY
from tagsmith.network.backend import keras
from tagsmith.network.tagger_network import Dropout, Noise, Output, TaggerNetwork
from tagsmith.text.schemes import Scheme, allowed_transitions, tag_inventory
from tagsmith.training.optimizer import Optimizer
from tagsmith.training.recipe import Recipe
from tagsmith.training.step import Step, make_step

ops = keras.ops
ALLOWED = allowed_transitions(tag_inventory(["X"], Scheme.BIOES), Scheme.BIOES)
# Two spellings of one trained row, words with and without a vector, unknown ones.
FORMS = VOCABULARY.encode(["the", "The", "John", "york", "Oslo", "lives"])
BATCH = make_batch(
    FORMS,
    np.int32([[0, 1, 2, 3, 0], [4, 1, 5, 0, 0], [0, 0, 0, 0, 0]]),
    numbered([[3, 2], [1, 2], []], 5),
    np.int32([[1, 2, 3, 0, 4], [4, 0, 4, 0, 0], [0, 0, 0, 0, 0]]),
)
# Plain gradient descent by the gradient itself.
DESCENT = Recipe(
    optimizer="sgd", momentum=0.0, clip_norm=1e9, learning_rate=1.0, schedule="constant", warmup_epochs=0.0
)


def make(recipe: Recipe = DESCENT, **dropout: float) -> tuple[TaggerNetwork, Optimizer, Step]:
    network = TaggerNetwork(SMALL, VOCABULARY, [Output(ALLOWED)], dropout=Dropout(**dropout))
    learned = network.learned_weights()
    table = learned.pop("word/trained")
    optimizer = Optimizer(recipe, 10, list(learned.values()), table)
    return network, optimizer, make_step(network, optimizer)


def dense(network: TaggerNetwork, noise: Noise) -> tuple[float, dict[str, np.ndarray]]:
    """The loss and its gradient by every weight, the whole word table among them."""
    tensor = ops.convert_to_tensor
    batch = keras.tree.map_structure(tensor, BATCH)
    masks = Noise(*(tuple(map(tensor, arrays)) for arrays in noise))
    learned = network.learned_weights()
    found = gradients(lambda: network.loss(batch, masks), list(learned.values()))
    return float(compiled(lambda: network.loss(batch, masks))()), dict(zip(learned, found, strict=True))


@pytest.mark.parametrize("dropout", [{}, {"word": 0.3, "hidden": 0.3, "recurrent": 0.3, "variational": True}], ids=len)
def test_a_step_moves_every_weight_and_row_by_its_gradient(dropout):
    network, _, step = make(**dropout)
    noise = network.dropout.draw(np.random.default_rng(0), BATCH, SMALL)
    start, (loss, pulls) = network.arrays(), dense(network, noise)
    assert float(array(step(BATCH, noise))) == pytest.approx(loss, rel=1e-5)
    assert step.arrays().keys() == start.keys()
    for name, after in step.arrays().items():
        np.testing.assert_allclose(start[name] - after, pulls[name], atol=1e-5, err_msg=name)
    used = np.unique(FORMS.trained)
    moved = (step.arrays()["word/trained"] != start["word/trained"]).any(axis=1)
    assert np.flatnonzero(moved).tolist() == used.tolist()


@pytest.mark.skipif(BACKEND != "jax", reason="the other backends do not keep the two apart")
def test_the_gradient_of_the_rows_is_that_of_the_whole_table_on_jax():
    network, _, step = make()
    loss, (_, row_gradients) = step._gradients(BATCH, Noise())
    expected, pulls = dense(network, Noise())
    assert float(loss) == pytest.approx(expected, rel=1e-5)
    whole = np.zeros_like(pulls["word/trained"])
    whole[BATCH.trained[:-2]] = row_gradients[:-2]
    np.testing.assert_allclose(whole, pulls["word/trained"], atol=1e-6)
    assert not np.asarray(row_gradients[-2:]).any()  # filling


@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
def test_steps_lower_the_loss_and_the_variables_follow(optimizer):
    network, changed, step = make(Recipe(optimizer=optimizer, learning_rate=0.02, epochs=10))
    step.warm_up([(BATCH, Noise())])
    start = network.arrays()
    for name, before in step.arrays().items():
        np.testing.assert_array_equal(before, start[name])  # warming up changes nothing
    losses = [float(array(step(BATCH, Noise()))) for _ in range(30)]
    assert losses[-1] < 0.5 * losses[0]
    step.synchronize()
    for name, now in step.arrays().items():
        np.testing.assert_array_equal(now, array(network.named_weights()[name].value))
        assert not np.array_equal(now, start[name])
    assert int(array(changed.dense.iterations.value)) == 30


def test_a_step_takes_up_variables_that_something_else_changed():
    network, optimizer, step = make(Recipe(learning_rate=0.02))
    kept = network.arrays(), [array(variable.value) for variable in optimizer.variables]
    losses = [float(array(step(BATCH, Noise()))) for _ in range(3)]
    network.assign(kept[0])
    for variable, value in zip(optimizer.variables, kept[1], strict=True):
        variable.assign(value)
    step.reload()
    assert [float(array(step(BATCH, Noise()))) for _ in range(3)] == losses
