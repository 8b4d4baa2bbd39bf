"""The script that compares locators, from sounds and responses to its tables and figures."""

import numpy as np
import pytest
import soundfile

from avseld.io.geometry import unit_vector

SCRIPT = "evaluate_locator.sh"
RATE = 24000


@pytest.fixture
def material(tmp_path):
    """Two sounds, a response of a made room, and a real recording with its labels."""
    rng = np.random.default_rng(0)
    decay = rng.normal(size=(4, RATE // 3)) * 0.02 * 10 ** (-np.arange(RATE // 3) / RATE * 9)
    x, y, z = unit_vector(30, 0)
    decay[:, :100] = 0
    decay[:, 50] = [1, y, z, x]
    soundfile.write(tmp_path / "room.wav", decay.T, RATE, subtype="FLOAT")
    for kind in ("a", "b"):
        (tmp_path / "sounds" / kind).mkdir(parents=True)
        soundfile.write(tmp_path / "sounds" / kind / "1.wav", 0.1 * rng.normal(size=2 * RATE), RATE)
    (tmp_path / "real").mkdir()
    soundfile.write(tmp_path / "real" / "one.wav", 0.01 * rng.normal(size=(2 * RATE, 4)), RATE)
    (tmp_path / "real" / "one.csv").write_text("3,0,0,10,0\n")
    return tmp_path


def test_the_script_makes_the_set_and_scores_it_and_real_recordings(served, material):
    sources = ("--sounds", "sounds", "--responses", "room.wav", "--real", "real")
    size = ("--recordings", "2", "--seconds", "5", "--false_rows", "1000")
    said = served(SCRIPT, *sources, *size, cwd=material)
    rooms, real = said.split("== real sounds through measured rooms")[1].split("== real recordings")
    assert "baseline" in rooms and "baseline" in real
    assert (material / "locator" / "rooms_2x5_15dB_seed0" / "locate.png").is_file()
    assert (material / "locator" / "real" / "locate.png").is_file()


def test_missing_options_and_labels_are_named(served, material):
    assert "give --sounds and --responses" in served(SCRIPT, "--sounds", "sounds", expect=2, cwd=material)
    assert "no option --sound;" in served(
        SCRIPT, "--sound", "x", "--sounds", "sounds", "--responses", "room.wav", expect=2, cwd=material
    )
    (material / "real" / "one.csv").unlink()
    words = ("--sounds", "sounds", "--responses", "room.wav", "--real", "real")
    assert "real/one.csv: not found" in served(SCRIPT, *words, expect=2, cwd=material)
    assert not (material / "locator").exists()
