"""Embedders of open_clip and timm: real models with random weights; nothing is downloaded."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from indexer.build import build
from indexer.describe import BundleDescriber
from indexer.feeds.open import open_feed
from matcher.bundle import Bundle
from matcher.catalog.catalog import Catalog
from matcher.config import PipelineConfig
from matcher.errors import BackendError, BundleError, CatalogError, ConfigError
from matcher.foreign import ForeignEmbedder, with_embedder
from matcher.pipeline import Pipeline
from matcher.stages.embed import Embedder
from matcher.stages.models import Runtime
from tests.toy_bundle import make_bundle, paint

CLIP, DINO = "open_clip:ViT-S-32-alt", "dinov2:small"
LIBRARIES = {CLIP: "open_clip", DINO: "timm"}
BOX = np.array([[10, 10, 50, 60]], np.float32)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return make_bundle(tmp_path_factory.mktemp("toy"))


@pytest.fixture(scope="module", params=[CLIP, DINO])
def embedder(request: pytest.FixtureRequest, bundle: Bundle) -> Embedder:
    pytest.importorskip(LIBRARIES[request.param])
    return Embedder(with_embedder(bundle, request.param), Runtime(threads=1))


def picture(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (80, 64, 3), np.uint8)


def shop(folder: Path) -> Path:
    """A feed of one top and one bag."""
    folder.mkdir()
    for name in ("tops", "bags"):
        cv2.imwrite(str(folder / f"{name}.png"), paint((200, 200), {name: (40, 40, 160, 160)}))
    feed = folder / "products.csv"
    feed.write_text("id,image,type\na,tops.png,tops\nb,bags.png,bags\n", encoding="utf-8")
    return feed


def test_vectors_have_unit_length_and_tell_pictures_apart(embedder: Embedder) -> None:
    vectors = np.concatenate([embedder.embed(picture(seed), BOX) for seed in (1, 2, 1)])
    assert vectors.shape == (3, embedder.dimension) and vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    # Untrained, DINOv2 lets next to nothing of a picture through: its layer scales start at 1e-5.
    assert np.abs(vectors[0] - vectors[1]).max() > 10 * np.abs(vectors[0] - vectors[2]).max()


def test_what_the_mask_leaves_out_does_not_count(embedder: Embedder) -> None:
    mask = np.zeros((1, 50, 40), np.float32)
    mask[:, :25] = 1
    first, second = picture(1), picture(1)
    second[45:] = 0  # below the mask, some rows away from its edge
    hidden = np.abs(embedder.embed(first, BOX, mask) - embedder.embed(second, BOX, mask)).max()
    assert np.abs(embedder.embed(first, BOX) - embedder.embed(second, BOX)).max() > 10 * hidden


def test_a_name_is_read_and_decides_the_hash(tmp_path: Path) -> None:
    weights = tmp_path / "w.pt"
    weights.write_bytes(b"one")
    named = ForeignEmbedder.parse(f"open_clip:RN50:{weights}")
    assert (named.backend, named.model, named.weights) == ("open_clip", "RN50", weights)
    first = named.hash()
    weights.write_bytes(b"two")
    texts = (f"open_clip:RN50:{weights}", "open_clip:RN50", "open_clip:RN101", "dinov2:small")
    assert len({first, *(ForeignEmbedder.parse(text).hash() for text in texts)}) == 5


@pytest.mark.parametrize("text", ["resnet", "open_clip", "open_clip:", "siglip:base", ":x"])
def test_other_names_are_told_the_form(text: str) -> None:
    with pytest.raises(ConfigError, match="open_clip:ViT-B-32"):
        ForeignEmbedder.parse(text)


def test_missing_weights_are_an_error_not_random_ones(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="none.pt"):
        ForeignEmbedder.parse(f"open_clip:RN50:{tmp_path / 'none.pt'}")


@pytest.mark.parametrize(("text", "library"), LIBRARIES.items())
def test_a_missing_library_names_the_extra(
    text: str, library: str, bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(BackendError, match=r"asworn\[clip\]"):
        Embedder(with_embedder(bundle, text))


@pytest.mark.parametrize("text", ["open_clip:ViT-Z-99", "dinov2:enormous"])
def test_a_model_that_the_library_lacks(text: str, bundle: Bundle) -> None:
    pytest.importorskip(LIBRARIES[CLIP if text.startswith("open") else DINO])
    with pytest.raises(ConfigError, match=text.split(":")[1]):
        Embedder(with_embedder(bundle, text))


def test_weights_come_from_the_file(bundle: Bundle, tmp_path: Path) -> None:
    timm, torch = pytest.importorskip("timm"), pytest.importorskip("torch")
    model = timm.create_model("vit_small_patch14_dinov2", num_classes=0, img_size=224)
    state = {key: value * 1.5 for key, value in model.state_dict().items()}
    torch.save(state, tmp_path / "dino.pth")
    loaded = Embedder(with_embedder(bundle, f"{DINO}:{tmp_path / 'dino.pth'}"), Runtime(threads=1))
    encoder = loaded._session._encoder
    assert all(torch.equal(value, state[key]) for key, value in encoder.state_dict().items())


def test_a_damaged_or_pickled_file_is_refused(bundle: Bundle, tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    pytest.importorskip("open_clip")
    (tmp_path / "bad.safetensors").write_bytes(b"no")
    torch.save({"state_dict": subprocess.Popen}, tmp_path / "code.pt")
    for name in ("bad.safetensors", "code.pt"):
        with pytest.raises(BundleError, match=name):
            Embedder(with_embedder(bundle, f"{CLIP}:{tmp_path / name}"))


def test_a_catalogue_records_it(bundle: Bundle, tmp_path: Path) -> None:
    pytest.importorskip("open_clip")
    other = with_embedder(bundle, CLIP)
    build(open_feed(shop(tmp_path / "shop")).read(), tmp_path / "c", other, BundleDescriber(other, Runtime(threads=1)))
    catalog = Catalog.load(tmp_path / "c", other.embedder_hash)
    assert catalog.embedder == ForeignEmbedder.parse(CLIP).hash() and CLIP in catalog.info()["bundle"]
    with pytest.raises(CatalogError, match="another embedder"):
        Pipeline(catalog=catalog, bundle=bundle)
    config = PipelineConfig(bundle=str(bundle.folder), embedder=CLIP, threads=1)
    garments = Pipeline(config, catalog).image(paint((320, 192), {"tops": (40, 40, 120, 150)}))
    assert len(garments) == 1 and garments.embedding.shape[1] == catalog.dimension
    assert garments.product.type == "tops"


def test_naming_one_loads_no_torch() -> None:
    code = "import sys\nfrom matcher.foreign import ForeignEmbedder\nForeignEmbedder.parse('open_clip:RN50').hash()\n"
    code += "print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
