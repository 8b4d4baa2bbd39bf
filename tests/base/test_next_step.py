"""The last line of a command is a command that works."""

import logging
import shlex

from raw_tree import write_sound

from avseld.base.next_step import beside, tell_next
from avseld.io.manifest import read_manifest
from avseld.recipes.reading import FOLDER
from data_prep.__main__ import main


def test_paths_are_quoted_for_the_shell(caplog, tmp_path):
    logging.getLogger("avseld").propagate = True
    caplog.set_level(logging.INFO)
    tell_next("avseld-prep", "check", tmp_path / "my takes")
    assert shlex.split(caplog.messages[-1])[1:] == ["avseld-prep", "check", str(tmp_path / "my takes")]
    assert beside(tmp_path / "raw", "prepared") == tmp_path / "raw_prepared"


def test_each_command_of_the_preparation_names_the_next_one_up_to_training(capsys, tmp_path):
    takes = tmp_path / "long takes"
    for number in range(4):
        write_sound(takes / "audio" / f"{number}.wav", 2.0, 4, seed=number)
        (takes / f"{number}.csv").write_text("" if number else "0,1,0,30,0,100\n")
    words = ["cut", "--source", str(takes), "--target", str(tmp_path / "clips"), "--seconds", "1"]
    told = []
    while words[0] != "train":
        try:
            main(words)
        except SystemExit as stop:
            assert not stop.code
        last = capsys.readouterr().err.strip().splitlines()[-1]
        _, *words = shlex.split(last.removeprefix("next: "))
        told.append(words[0])
    assert told == ["own", "check", "split", "check", "train"]
    options = dict(zip(words[1::2], words[2::2], strict=True))
    assert (FOLDER / f"{options['--config']}.yaml").is_file() and options["--data.video"] == "blank"
    assert {"train", "test"} <= {one.fold for one in read_manifest(options["--data.prepared"])}
