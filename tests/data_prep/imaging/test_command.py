"""The command that makes energy maps of a folder of 32-channel recordings."""

import os
from pathlib import Path

import numpy as np
import pytest
import soundfile
from eigenmike_waves import plane_waves

from avseld.base.errors import BadInput
from avseld.io.energy_maps import read_energy_maps
from data_prep.imaging.command import energy_maps

ROWS = "0,3,0,20,5,150\n1,3,0,20,5,150\n2,3,0,20,5,150\n"


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    """Write one recording of 300 ms in the layout of STAIRS26, a plane wave, and its labels."""
    noise = plane_waves([(20, 5)], frames=3)
    for kind, suffix in (("eigen_dev", ".wav"), ("metadata_dev", ".csv")):
        path = tmp_path / kind / "dev-test-tau" / f"fold4_room8_mix003{suffix}"
        path.parent.mkdir(parents=True)
        if suffix == ".csv":
            path.write_text(ROWS)
        else:
            soundfile.write(path, noise, 24000, subtype="PCM_16")
    return tmp_path


def made(corpus: Path) -> Path:
    return corpus / "labels_dev" / "dev-test-tau" / "fold4_room8_mix003_std.json"


def run(corpus: Path, **options: object) -> int:
    folders = {"source": "eigen_dev", "labels": "metadata_dev", "target": "labels_dev"}
    paths = {name: corpus / str(options.pop(name, folder)) for name, folder in folders.items()}
    return energy_maps(**paths, jobs=1, engine="threads", **options)  # type: ignore[arg-type]


def test_a_recording_gets_the_maps_of_its_labels_but_for_the_first_row(corpus: Path) -> None:
    assert run(corpus) == 0
    maps = read_energy_maps(made(corpus))
    assert [one.key for one in maps] == [(1, 3, 0), (2, 3, 0)] and {one.distance for one in maps} == {150.0}
    assert run(corpus, target="whole", corrected=["first_row"]) == 0
    whole = read_energy_maps(corpus / "whole" / "dev-test-tau" / made(corpus).name)
    assert [one.key for one in whole] == [(0, 3, 0), (1, 3, 0), (2, 3, 0)]


def test_labels_with_a_header_lose_no_row(corpus: Path) -> None:
    labels = corpus / "metadata_dev" / "dev-test-tau" / "fold4_room8_mix003.csv"
    labels.write_text("frame,class,source,azimuth,elevation,distance\n" + ROWS)
    run(corpus)
    assert [one.frame for one in read_energy_maps(made(corpus))] == [0, 1, 2]


def test_a_second_run_makes_only_what_is_older_than_its_files(corpus: Path) -> None:
    run(corpus)
    first = made(corpus).stat().st_mtime_ns
    run(corpus)
    assert made(corpus).stat().st_mtime_ns == first
    labels = corpus / "metadata_dev" / "dev-test-tau" / "fold4_room8_mix003.csv"
    labels.write_text(ROWS.replace(",20,", ",40,"))
    later = first / 1e9 + 10
    os.utime(labels, (later, later))
    run(corpus)
    assert made(corpus).stat().st_mtime_ns != first


def test_one_folder_holds_maps_of_one_kind(corpus: Path) -> None:
    run(corpus, corrected=["seam"])
    with pytest.raises(BadInput, match=r"labels_dev: holds energy maps with other corrections.*name another"):
        run(corpus)
    assert run(corpus, corrected=["seam"]) == 0


def test_unknown_corrections_and_missing_labels_are_refused_in_one_line(corpus: Path) -> None:
    with pytest.raises(BadInput, match="corrected wrap: choose among momentum, wavelengths, seam"):
        run(corpus, corrected=["wrap"])
    with pytest.raises(BadInput, match="none of its name lies below"):
        run(corpus, labels="eigen_dev")
    assert not (corpus / "labels_dev").exists()


@pytest.mark.parametrize(
    ("shape", "rate", "said"),
    [((7200, 4), 24000, "4 channels"), ((7200, 32), 48000, "48000 Hz"), ((2000, 32), 24000, "shorter")],
)
def test_other_recordings_fail_with_their_reason_and_leave_nothing(
    corpus: Path, caplog: pytest.LogCaptureFixture, shape: tuple[int, int], rate: int, said: str
) -> None:
    soundfile.write(next(corpus.rglob("*.wav")), np.zeros(shape), rate)
    assert run(corpus) == 1
    assert said in caplog.text and not list((corpus / "labels_dev").rglob("fold4*"))
