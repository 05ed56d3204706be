"""One suite for every backend: named arrays in, named arrays out, and plain errors."""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from matcher.bundle import Bundle
from matcher.errors import BackendError, BundleError
from matcher.runtime.load import BACKENDS, load_session
from tests.toy_bundle import make_bundle


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return make_bundle(tmp_path_factory.mktemp("toy"))


# torch reads files of another form: tests/training/test_programs.py
@pytest.fixture(params=[name for name in BACKENDS if name != "torch"])
def backend(request: pytest.FixtureRequest) -> str:
    return request.param


def crops(count: int) -> np.ndarray:
    return np.random.default_rng(1).integers(0, 255, (count, 32, 32, 3), np.uint8)


def test_names_go_in_and_come_out(backend: str, bundle: Bundle) -> None:
    session = load_session(bundle.path("classifier.onnx"), backend, threads=1)
    output = session.run(crops=crops(3))
    assert set(output) == {"probs"} and output["probs"].shape == (3, 11)
    np.testing.assert_allclose(output["probs"].sum(1), 1, atol=1e-5)
    assert session.provider


def test_sizes_may_change_from_call_to_call(backend: str, bundle: Bundle) -> None:
    session = load_session(bundle.path("detector.onnx"), backend)
    for height, width in ((64, 96), (160, 32)):
        image = np.zeros((1, height, width, 3), np.uint8)
        image[0, 10:30, 5:25] = (0, 0, 255)
        output = session.run(image=image)
        assert output["boxes"][0].tolist() == [5, 10, 25, 30] and output["scores"][0].argmax() == 10


def test_a_batch_equals_single_runs(backend: str, bundle: Bundle) -> None:
    session, batch = load_session(bundle.path("classifier.onnx"), backend), crops(4)
    single = np.concatenate([session.run(crops=one[None])["probs"] for one in batch])
    np.testing.assert_allclose(session.run(crops=batch)["probs"], single, atol=1e-6)


def test_several_threads_may_use_one_session(backend: str, bundle: Bundle) -> None:
    session, batch = load_session(bundle.path("classifier.onnx"), backend), crops(2)
    expected = session.run(crops=batch)["probs"]
    with ThreadPoolExecutor(4) as pool:
        for output in pool.map(lambda _: session.run(crops=batch)["probs"], range(32)):
            np.testing.assert_array_equal(output, expected)


def test_a_file_that_is_no_model(backend: str, tmp_path: Path) -> None:
    (tmp_path / "x.onnx").write_bytes(b"not a model")
    with pytest.raises(BundleError, match="x.onnx"):
        load_session(tmp_path / "x.onnx", backend)


def test_unknown_names_say_what_there_is(bundle: Bundle) -> None:
    with pytest.raises(BackendError, match="choose one of"):
        load_session(bundle.path("classifier.onnx"), "abacus")
    with pytest.raises(BackendError, match="choose one of cpu"):
        load_session(bundle.path("classifier.onnx"), device="abacus")


def test_a_missing_device_is_an_error_not_a_silent_cpu_run(bundle: Bundle) -> None:
    import onnxruntime as ort

    if "CUDAExecutionProvider" in ort.get_available_providers():
        pytest.skip("CUDA is available here")
    with pytest.raises(BackendError, match="onnxruntime-gpu"):
        load_session(bundle.path("classifier.onnx"), device="cuda")


@pytest.mark.filterwarnings("ignore:Specified provider")
@pytest.mark.parametrize("device", ["cuda", "tensorrt"])
def test_a_device_that_does_not_start_is_an_error_too(
    bundle: Bundle, monkeypatch: pytest.MonkeyPatch, device: str
) -> None:
    import onnxruntime as ort

    from matcher.runtime.onnx_session import PROVIDERS

    if PROVIDERS["cuda"] in ort.get_available_providers():
        pytest.skip("CUDA is available here")
    # As with onnxruntime-gpu and no driver: the provider is named, and the session begins without it.
    monkeypatch.setattr(ort, "get_available_providers", lambda: list(PROVIDERS.values()))
    with pytest.raises(BackendError, match="could not start"):
        load_session(bundle.path("classifier.onnx"), device=device)


def test_a_missing_torch_names_its_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("matcher.runtime.torch_session", "matcher.runtime.program"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(BackendError, match=r"needs torch: pip install 'asworn\[torch\]'"):
        load_session(tmp_path / "detector.program", "torch")
