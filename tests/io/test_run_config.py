"""The configuration of a run: what is wrong with it is said in one line with its file."""

import json

import pytest

from avseld.base.errors import BadInput
from avseld.inference.run_folder import recordings_of
from avseld.io.manifest import Recording, write_manifest
from avseld.io.run_config import parts_of, prepared_folder, read_config
from avseld.recipes.arguments import training_arguments

WRONG = [
    (b"", "is empty"),
    (b"# nothing\n", "is empty"),
    (b"[1, 2]", "no configuration of a run, but '[1, 2]'"),
    (b"a text", "no configuration of a run, but 'a text'"),
    (b"steps: 7", "has no data, which says where the recordings are"),
    (b"data: 3", "has no data, which says where the recordings are"),
    (b"data: {prepared: 3}", "data.prepared is 3, no text"),
    (b"data: {prepared: P, test: fold4}", "data.test is 'fold4', no list"),
    (b"data: {prepared: P}\nchallenge: soon", "challenge is 'soon', no whole number"),
    (b"data: {prepared: [", "no readable YAML"),
    (b"data: {prepared: \xe4}", "cannot be read as text"),
]


@pytest.mark.parametrize(("text", "says"), WRONG)
def test_a_broken_configuration_is_named_by_whatever_reads_it(tmp_path, text, says):
    path = tmp_path / "config.yaml"
    path.write_bytes(text)
    readers = (
        lambda: read_config(tmp_path),
        lambda: prepared_folder(tmp_path),
        lambda: parts_of(tmp_path),
        lambda: recordings_of(tmp_path, tmp_path, "test"),
        lambda: training_arguments(["--resume", str(tmp_path)]),
    )
    for read in readers:
        with pytest.raises(BadInput) as error:
            read()
        message = str(error.value)
        assert message.startswith(f"{path}: {says}") and "restore it" in message and "\n" not in message


def test_what_a_configuration_lacks_is_named_when_it_is_needed(tmp_path):
    (tmp_path / "config.yaml").write_text("data: {format: foa}")
    config = read_config(tmp_path)
    assert config["data"]["format"] == "foa" and json.dumps(config) == '{"data": {"format": "foa"}}'
    with pytest.raises(BadInput, match=r"config\.yaml: has no challenge; restore it"):
        config["challenge"]
    with pytest.raises(BadInput, match=r"config\.yaml: has no data\.prepared; restore it"):
        prepared_folder(tmp_path)


def test_a_run_whose_part_is_empty_has_no_recordings_of_it(tmp_path):
    (tmp_path / "config.yaml").write_text(
        f"data: {{prepared: {tmp_path}, format: foa, train: [fold3], test: []}}"
    )
    write_manifest(
        tmp_path, [Recording("a", tmp_path / "a.wav", "foa", fold="fold3", duration=1.0)], ["knock"]
    )
    assert [one.name for one in recordings_of(tmp_path, None, "train")] == ["a"]
    with pytest.raises(
        BadInput, match=r"config\.yaml: data\.test is empty; say which recordings with --fold"
    ):
        recordings_of(tmp_path, None, "test")
