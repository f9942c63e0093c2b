"""The ONNX files that tagsmith writes by itself are those that the ``onnx`` package reads, checks and writes."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from random_model import SMALL, every_architecture, random_weights
from tagsmith.graphs import onnx_messages
from tagsmith.graphs.builder import BuiltGraph
from tagsmith.graphs.tagger_graphs import product_graph, sentence_graph, word_graph

EVERY = every_architecture(word_dim=5, character_dim=3, character_units=4, units=4)
names = st.text(st.characters(exclude_categories=["Cs"]), max_size=200)


def check(graph: BuiltGraph) -> None:
    """Parse a graph, compare what was parsed, and let the package's checker see it with its weights inside."""
    model = onnx.load_from_string(graph.content)
    assert model.SerializeToString() == graph.content
    assert model.ir_version == onnx_messages.IR_VERSION
    outside = {tensor.name for tensor in model.graph.initializer if tensor.data_location == TensorProto.EXTERNAL}
    assert outside == set(graph.weights)
    for tensor in model.graph.initializer:
        if tensor.name in outside:
            array = graph.weights[tensor.name]
            assert tuple(tensor.dims) == array.shape
            tensor.CopyFrom(numpy_helper.from_array(array, tensor.name))
    onnx.checker.check_model(model, full_check="com.microsoft" not in {node.domain for node in model.graph.node})


@pytest.mark.parametrize("cell", ["lstm", "gru", "rnn"])
def test_every_graph_passes_the_checker_and_is_read_back_as_it_was_written(cell):
    for a in EVERY:
        if a.cell == cell:
            weights = random_weights(a, 5)
            check(word_graph(weights, a))
            check(sentence_graph(weights, a))
            check(sentence_graph(weights, a, int8=True))


@pytest.mark.parametrize("int8", [False, True])
def test_the_graph_of_one_product_passes_the_checker(int8):
    check(product_graph(np.ones((7, 28), np.float32), int8=int8))


def test_the_constants_are_the_weights_bit_by_bit():
    weights = random_weights(SMALL, 5)
    model = onnx.load_from_string(sentence_graph(weights, SMALL).content)
    arrays = [numpy_helper.to_array(one) for one in model.graph.initializer if not one.external_data]
    assert any(array.tobytes() == weights["output/bias"].tobytes() for array in arrays)


@given(names, st.lists(st.integers(0, 2**40) | names.filter(bool), max_size=4))
@example("é" * 100, [127, 128, 2**32, "n"])  # lengths and numbers around the borders of varints
def test_a_value_is_written_as_the_package_writes_it(name, shape):
    for kind in onnx_messages.TYPES:
        number = helper.np_dtype_to_tensor_dtype(np.dtype(kind))
        expected = helper.make_tensor_value_info(name, number, shape).SerializeToString()
        assert onnx_messages.value(name, kind, shape) == expected


integers = st.integers(-(2**63), 2**63 - 1)


@given(
    st.lists(names, max_size=3),
    st.dictionaries(names.filter(bool), integers | st.lists(integers, min_size=1, max_size=5) | names, max_size=4),
)
def test_a_node_is_written_as_the_package_writes_it(values, attributes):
    expected = helper.make_node("Add", values, ["out"], name="node_1", domain="com.microsoft")
    expected.attribute.extend(helper.make_attribute(*one) for one in sorted(attributes.items()))
    written = onnx_messages.node("Add", values, ["out"], "node_1", "com.microsoft", attributes)
    assert written == expected.SerializeToString()


@given(st.sampled_from(sorted(onnx_messages.TYPES)), st.lists(st.integers(0, 4), max_size=3), names.filter(bool))
def test_an_array_is_written_as_the_package_writes_it(kind, shape, name):
    array = np.arange(np.prod(shape, dtype=int)).reshape(shape).astype(kind)
    expected = numpy_helper.from_array(array, name)
    assert onnx_messages.tensor(name, array) == expected.SerializeToString()
    assert onnx_messages.tensor(name, array.astype(array.dtype.newbyteorder(">"))) == expected.SerializeToString()
