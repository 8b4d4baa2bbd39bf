"""Shards: what is written is what was prepared, in the layout of WebDataset, and read where it lies."""

import csv
import shutil
import tarfile
from dataclasses import replace

import numpy as np
import pytest
import soundfile
from shard_material import write_prepared

from avseld.base.errors import BadInput
from avseld.data.windows import reference
from avseld.io.alignment import boxes_of, embeddings_of
from avseld.io.audio import audio_info, read_audio
from avseld.io.embeddings import VisualEmbeddings, write_embeddings
from avseld.io.manifest import read_manifest
from avseld.io.shards import MEMBERS, SHARDS, forget_index, read_index
from data_prep.shards import keys_of, shards

SECONDS = [1.0, 2.0, 1.5, 1.0, 2.5, 1.0]
FOLDS = ["fold3"] * 4 + ["fold4"] * 2


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    folder = write_prepared(tmp_path_factory.mktemp("corpus") / "prepared", SECONDS, FOLDS)
    first = read_manifest(folder)[0]
    write_embeddings(first.embeddings, VisualEmbeddings(np.arange(10) / 10, np.ones((10, 3))))
    return folder


@pytest.fixture(scope="module")
def written(prepared):
    assert shards(prepared, prepared.parent / "shards", shard_mb=0.3) == 0
    return prepared.parent / "shards"


@pytest.fixture
def copy(written, tmp_path):
    yield shutil.copytree(written, tmp_path / "copy")
    forget_index()


def test_recordings_of_shards_are_those_of_the_prepared_folder(prepared, written):
    before, after = ({one.name: one for one in read_manifest(folder)} for folder in (prepared, written))
    assert after.keys() == before.keys() and len(list(written.glob("*.tar"))) > 3
    for name, one in after.items():
        own = before[name]
        assert one.audio.parent.suffix == ".tar" and one.video == own.video
        assert (one.fold, one.room, one.duration) == (own.fold, own.room, own.duration)
        np.testing.assert_array_equal(read_audio(one.audio), read_audio(own.audio))
        np.testing.assert_array_equal(read_audio(one.audio, -5, 7000), read_audio(own.audio, -5, 7000))
        assert audio_info(one.audio, "foa", 24000) == audio_info(own.audio)
        assert reference(one, 13) == reference(own, 13)
        np.testing.assert_array_equal(boxes_of(one).box, boxes_of(own).box)
    with_frames = [one for one in after.values() if one.name.endswith("mix000")]
    assert embeddings_of(with_frames[0]).value.shape == (10, 3)


def test_members_of_a_recording_lie_next_to_each_other_and_share_the_name_before_the_first_dot(
    prepared, written
):
    names = {one.name for one in read_manifest(prepared)}
    found = []
    for path in sorted(written.glob("*.tar")):
        with tarfile.open(path) as tar:
            members = tar.getmembers()
            keys = [member.name.partition(".")[0] for member in members]
            runs = [key for before, key in zip([None, *keys], keys, strict=False) if key != before]
            assert len(runs) == len(set(runs)) and {one.partition("_")[0] for one in runs} == {
                path.name.split("-")[1]
            }
            assert all(member.isreg() and "/" not in member.name and not member.mtime for member in members)
            found += runs
            for key in runs:
                own = [member.name for member in members if member.name.startswith(f"{key}.")]
                assert own[:3] == [f"{key}.flac", f"{key}.csv", f"{key}.boxes.npz"]
                label = tar.extractfile(f"{key}.csv").read()
                assert label == (prepared / "labels" / f"{key}.csv").read_bytes()
                assert tar.extractfile(own[2]).read() == (prepared / "boxes" / f"{key}.npz").read_bytes()
                assert soundfile.info(tar.extractfile(own[0])).subtype == "PCM_16"
    assert sorted(found) == sorted(names)


def test_the_index_says_sizes_and_lengths_without_an_archive(copy):
    sizes = {path.name: path.stat().st_size for path in copy.glob("*.tar")}
    for path in copy.glob("*.tar"):
        path.unlink()
    index = read_index(copy)
    assert dict(zip(index.names, index.n_bytes.tolist(), strict=True)) == sizes
    assert sorted((index.samples / index.sample_rate).tolist()) == sorted(SECONDS)
    hours = [float(row["hours"]) for row in csv.DictReader((copy / SHARDS).open())]
    assert sum(hours) == pytest.approx(sum(SECONDS) / 3600, abs=1e-5)


def test_the_same_seed_writes_the_same_bytes_and_what_is_there_is_not_written_again(
    prepared, written, tmp_path
):
    assert shards(prepared, tmp_path / "again", shard_mb=0.3, jobs=2) == 0
    for path in written.glob("*.*"):
        assert (tmp_path / "again" / path.name).read_bytes() == path.read_bytes() or path.name.startswith(
            "man"
        )
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "again").glob("*.tar")}
    lost = min(before)
    lost.unlink()
    assert shards(prepared, tmp_path / "again", shard_mb=0.3) == 0
    assert [path for path, made in before.items() if path.stat().st_mtime_ns != made] == [lost]
    with pytest.raises(BadInput, match="of another plan"):
        shards(prepared, tmp_path / "again", shard_mb=1000.0)


def test_an_archive_that_is_cut_off_is_named_with_the_remedy(copy):
    first = read_manifest(copy)[0]
    archive = first.audio.parent
    archive.write_bytes(archive.read_bytes()[:5000])
    said = f"{archive}: cut off: 5000 bytes of .* are there; copy it again"
    with pytest.raises(BadInput, match=said):
        read_audio(first.audio)
    (copy / SHARDS).unlink()  # then the headers of the archive show it
    forget_index()
    with pytest.raises(BadInput, match=f"{archive}: cut off"):
        audio_info(first.audio)


@pytest.mark.parametrize(
    ("file", "before", "after", "said"),
    [
        (SHARDS, "foa-fold3-000000.tar", "../foa-fold3-000000.tar", r"shards.csv:2: .* no archive"),
        (MEMBERS, ",24000,4,", ",24000,four,", "members.csv:2: 'four' is no number"),
        (MEMBERS, "shard,key", "shard,name", "members.csv:1: expected the header"),
    ],
)
def test_an_index_that_means_nothing_is_answered_by_its_line(copy, file, before, after, said):
    text = (copy / file).read_text()
    (copy / file).write_text(text.replace(before, after, 1))
    with pytest.raises(BadInput, match=said):
        read_index(copy)


def test_keys_have_no_dot_and_stay_different():
    assert keys_of(["a.b", "a_b", "c", "a.b."]) == ["a_b_", "a_b", "c", "a_b__"]


def test_samples_of_more_than_16_bits_are_rounded_and_that_is_said(tmp_path, caplog):
    folder = write_prepared(tmp_path / "prepared", [0.5], ["fold3"])
    audio = read_manifest(folder)[0].audio
    samples = np.random.default_rng(0).normal(size=(12_000, 4)) * 0.1
    soundfile.write(audio, samples, 24000, subtype="FLOAT")
    assert shards(folder, tmp_path / "shards") == 0
    assert "1 recordings were rounded to 16 bits (fold3_room0_mix000)" in caplog.text
    read = read_audio(read_manifest(tmp_path / "shards")[0].audio)
    np.testing.assert_allclose(read.T, samples, atol=0.5 / 32768 + 1e-7)


def test_shares_of_a_job_write_the_archives_and_the_index_of_one_program(prepared, written, tmp_path):
    for number in (2, 1):
        assert not (tmp_path / SHARDS).exists()
        assert shards(prepared, tmp_path, shard_mb=0.3, shard=f"{number}/2") == 0
    made, alone = (
        {path.name: path.read_bytes() for path in folder.iterdir() if path.name != "manifest.csv"}
        for folder in (tmp_path, written)
    )
    assert made == alone
    assert [replace(one, video=None) for one in read_manifest(tmp_path)] == [
        replace(
            one,
            video=None,
            **{kind: tmp_path / path.relative_to(written) for kind, path in paths(one).items()},
        )
        for one in read_manifest(written)
    ]


def paths(recording):
    return {kind: getattr(recording, kind) for kind in ("audio", "boxes", "labels")}
