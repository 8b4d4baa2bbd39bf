"""Choice of the recordings of train, validate and test."""

from pathlib import Path

import pytest

from avseld.base.errors import BadInput
from avseld.config import Data
from avseld.data.folds import choose
from avseld.io.manifest import Recording, write_manifest


def prepared(folder: Path, *folds: str) -> Path:
    recordings = [
        Recording(f"take {n}", folder / f"{n}.wav", "foa", labels=folder / f"{n}.csv", fold=fold)
        for n, fold in enumerate(folds)
    ]
    write_manifest(folder, recordings, ["bell"])
    return folder


def chosen(data: Data) -> dict[str, list[str]]:
    return {part: [one.name for one in recordings] for part, recordings in choose(data).items()}


def test_folds_of_ones_own_are_taken_where_the_published_ones_do_not_exist(tmp_path):
    data = Data(prepared(tmp_path, "train", "test", "validate"), validate=["fold3_room5"], video="blank")
    assert chosen(data) == {"train": ["take 0"], "validate": ["take 2"], "test": ["take 1"]}
    assert (data.train, data.validate, data.test) == (["train"], ["validate"], ["test"])
    assert not data.allow_overlap


def test_without_a_fold_to_validate_on_the_test_fold_is_taken_and_it_is_said(tmp_path, caplog):
    data = Data(prepared(tmp_path, "train", "test"), video="blank")
    assert chosen(data) == {"train": ["take 0"], "validate": ["take 1"], "test": ["take 1"]}
    assert "selected on test" in caplog.text and data.allow_overlap


def test_recordings_without_folds_are_offered_a_split(tmp_path):
    with pytest.raises(BadInput, match="2 recordings without folds; make some with avseld-prep split"):
        choose(Data(prepared(tmp_path, "", ""), video="blank"))


def test_a_wrong_name_is_answered_with_its_option_and_the_nearest_name(tmp_path):
    folder = prepared(tmp_path, "train", "test")
    with pytest.raises(BadInput, match=r"data\.train: 'trian' names no fold.*did you mean train\?"):
        choose(Data(folder, train=["trian"], validate=["test"], test=["test"], video="blank"))
