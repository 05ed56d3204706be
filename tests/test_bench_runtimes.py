"""Quantisation and other runtimes in the benchmarks, on small networks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from benchmarks.openvino_session import OpenVinoRuntime, OpenVinoSession
from benchmarks.runtimes import Shot, _nearness, inputs_of, variants
from matcher.bundle import Bundle
from matcher.runtime.onnx_session import OnnxSession
from matcher.stages.models import Runtime
from matcher.taxonomy import TYPE_IDS
from tests.toy_bundle import make_bundle, paint
from training.int8.bundle import FILES, quantise, quantised


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return make_bundle(tmp_path_factory.mktemp("toy"))


def convolution(path: Path) -> Path:
    """A convolution whose weights stand in the file as float16, as in a bundle."""
    weights = np.random.default_rng(0).normal(size=(8, 3, 3, 3)).astype(np.float16)
    nodes = [
        helper.make_node("Cast", ["w16"], ["w"], to=TensorProto.FLOAT),
        helper.make_node("Conv", ["x", "w"], ["c"], pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["c"], ["y"]),
    ]
    given = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, "h", "w"])
    made = helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 8, "h", "w"])
    graph = helper.make_graph(nodes, "toy", [given], [made], [numpy_helper.from_array(weights, "w16")])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    path.write_bytes(model.SerializeToString())
    return path


def feeds(count: int) -> list[dict[str, np.ndarray]]:
    rng = np.random.default_rng(1)
    return [{"x": rng.random((1, 3, 16, 24), np.float32)} for _ in range(count)]


def test_a_quantised_network_is_near_its_float_one_and_really_in_int8(tmp_path: Path) -> None:
    source, target = convolution(tmp_path / "f.onnx"), tmp_path / "q.onnx"
    quantise(source, feeds(6), target)
    kinds = {one.data_type for one in onnx.load(target).graph.initializer}
    assert TensorProto.INT8 in kinds and not (tmp_path / "q.folded.onnx").exists()
    one = feeds(1)[0]
    exact, rough = (OnnxSession(path, threads=1).run(**one)["y"] for path in (source, target))
    error = np.abs(exact - rough).mean() / np.abs(exact).mean()
    assert 0 < error < 0.05


def test_a_quantised_bundle_is_whole(bundle: Bundle, tmp_path: Path) -> None:
    shot = Shot(
        paint((128, 96), {"tops": (20, 20, 70, 60)}),
        np.array([[20, 20, 70, 60]], np.float32),
        np.array([TYPE_IDS["tops"]]),
    )
    given = inputs_of(bundle, Runtime(threads=1).load(bundle, "detector"), shot)
    assert set(given) == set(FILES)
    small = quantised(bundle, {name: [feed] for name, feed in given.items()}, tmp_path / "small")
    small.verify()
    for name, (model, key) in FILES.items():
        before, after = (Runtime(threads=1).load(one, model, key).run(**given[name]) for one in (bundle, small))
        for output in before:  # the toy has no convolutions
            np.testing.assert_allclose(after[output], before[output], atol=1e-5)


def test_openvino_gives_the_same_numbers(tmp_path: Path) -> None:
    pytest.importorskip("openvino")
    path, one = convolution(tmp_path / "f.onnx"), feeds(1)[0]
    exact = OnnxSession(path, threads=1).run(**one)["y"]
    np.testing.assert_allclose(OpenVinoSession(path, 1, "fp32").run(**one)["y"], exact, atol=1e-4)
    assert OpenVinoRuntime(precision="fp32").can()


def test_what_is_not_there_is_left_out_with_the_reason(bundle: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.runtimes.is_there", lambda: False)
    chosen, left_out = variants(bundle, bundle, 1)
    assert [one.name for one in chosen] == ["ONNX Runtime fp32", "ONNX Runtime int8"]
    assert "pip install openvino" in left_out["OpenVINO"]


def test_embeddings_that_are_no_numbers_are_counted_and_left_out() -> None:
    probs, base = np.eye(2, dtype=np.float32), np.eye(2, dtype=np.float32)
    other = np.array([[1, 0], [np.nan, 0]], np.float32)
    found = _nearness((probs, base), (probs, other))
    assert found == {"same_type": 1, "cosine": {"mean": 1, "min": 1}, "finite": 0.5}
