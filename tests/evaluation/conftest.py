"""Fixtures of the tests of scores."""

from pathlib import Path

import pytest
from score_material import LABELS


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    """Two recordings in sub-folders, as in the DCASE labels, and predictions in one folder."""
    for name in ("dev-test-sony/fold4_room23_mix001", "dev-test-tau/fold4_room8_mix002"):
        path = tmp_path / "labels" / f"{name}.csv"
        path.parent.mkdir(parents=True)
        path.write_text(LABELS)
        prediction = tmp_path / "predictions" / path.name
        prediction.parent.mkdir(exist_ok=True)
        prediction.write_text(LABELS.replace("34,10", "44,10").replace("150\n14", "150\n17,2,0,0,0,10\n14"))
    return tmp_path / "labels", tmp_path / "predictions"
