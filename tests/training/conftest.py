"""What several tests of the detector in full size share, since exporting takes long."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from training.match_rcnn.model import MatchRCNN


@pytest.fixture(scope="session")
def match_rcnn() -> MatchRCNN:
    """A small Match R-CNN with an attribute head; not to be changed."""
    from tests.training.exported import make_model

    return make_model()


@pytest.fixture(scope="session")
def match_rcnn_folder(match_rcnn: MatchRCNN, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle with that detector."""
    from tests.training.exported import write_folder

    return write_folder(match_rcnn, tmp_path_factory.mktemp("match_rcnn") / "bundle")
