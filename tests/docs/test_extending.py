"""The example of docs/extending.md, executed."""

import re
import shutil
from pathlib import Path

import pytest

from avseld.inference.predict import load
from avseld.models import MODELS
from data_prep.corpora.dcase import dcase
from data_prep.synth.corpus import synth

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.slow
def test_the_example_model_trains_and_predicts(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    synth(Path("raw"), recordings=6, seconds=3.0, width=360, fps=10, train_rooms=2, test_rooms=1)
    dcase(Path("raw"), Path("prepared"))
    Path("recordings/audio").mkdir(parents=True)
    shutil.copy(next(Path("raw/foa_dev").rglob("fold4*.wav")), "recordings/audio/take1.wav")
    blocks = re.findall(
        r"```python\n(.*?)```", (ROOT / "docs" / "extending.md").read_text(encoding="utf-8"), flags=re.S
    )
    assert len(blocks) == 2
    names: dict = {"__name__": "example"}
    try:
        for block in blocks:
            exec(block, names)
        assert load("run").system.blueprint.model.name == "small_crnn"
    finally:
        MODELS.pop("small_crnn", None)
