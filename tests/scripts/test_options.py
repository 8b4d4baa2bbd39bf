"""What a script does with the words that it is called with."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SCRIPTS = ROOT / "scripts"
OPTIONS = {
    path.name: found.groups()
    for path in sorted(SCRIPTS.glob("*.sh"))
    if (found := re.search(r'^take_options "(.*?)" "(.*?)"', path.read_text(), flags=re.M))
}
"""of each script: its options with a value, and its flags"""


@pytest.fixture
def take(tmp_path):
    """Return a function that calls a script of options --sed, --two_words and --quick and one or two words."""
    path = tmp_path / "scene.sh"
    path.write_text(
        f"""#!/usr/bin/env bash
# Says what it takes.
#   scene.sh FOLDER [RUN]
set -euo pipefail
# not of the help
source "{SCRIPTS}/options.sh"
sed=sed_m two_words="" quick=""
take_options "sed two_words" "quick" 1 2 "$@"
printf '%s|' "$sed" "$two_words" "$quick" "${{words[@]}}" -- ${{more[@]+"${{more[@]}}"}}
"""
    )

    def call(*words: str) -> tuple[int, str]:
        done = subprocess.run(["bash", str(path), *words], capture_output=True, text=True)
        return done.returncode, done.stdout + done.stderr

    return call


def test_options_of_the_script_are_taken_in_any_order_and_spelling(take):
    assert take("a", "--sed", "sed_t", "b", "--quick") == (0, "sed_t||yes|a|b|--|")
    assert take("--sed=sed_t", "--two-words=x y", "a") == (0, "sed_t|x y||a|--|")
    assert take("a", "--quick", "--two_words", "--steps=3") == (0, "sed_m|--steps=3|yes|a|--|")


def test_other_options_are_passed_on_with_their_values(take):
    assert take("a", "--steps", "2", "b") == (0, "sed_m|||a|b|--|--steps|2|")
    assert take("a", "--model.options={x: 1}", "b") == (0, "sed_m|||a|b|--|--model.options={x: 1}|")
    assert take("a", "--data.train", "[fold3, fold4]", "--legacy", "--quick") == (
        0, "sed_m||yes|a|--|--data.train|[fold3, fold4]|--legacy|"
    )  # fmt: skip


def test_options_that_are_passed_on_are_known_in_any_spelling():
    known = (
        "more=(--validate-every 3 --data.batch-size=2) && know_more train && printf '%s|' \"${chosen[@]}\""
    )
    code = f"set -eu; source {SCRIPTS}/options.sh; train() {{ printf '  --validate_every N\\n  --data\\n'; }}; {known}"
    done = subprocess.run(["bash", "-c", code], capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("--validate-every|3|--data.batch-size=2|", "")


def test_a_training_that_fails_ends_the_one_beside_it(tmp_path):
    path = tmp_path / "pair.sh"
    path.write_text(
        f"""set -euo pipefail
source "{SCRIPTS}/options.sh"
source "{SCRIPTS}/runs.sh"
folder="{tmp_path}"
exec 3>&1
nproc() {{ echo 2; }}
first() {{ until [ -f "$folder/begun" ]; do sleep 0.02; done; false; }}
second() {{ touch "$folder/begun"; sleep 60 >&3; }}
train_pair first second
"""
    )
    # The output ends when nothing that was started is left.
    done = subprocess.run(["bash", str(path)], capture_output=True, text=True, timeout=20)
    assert done.returncode == 1 and done.stderr == ""


def test_the_help_is_the_comment_at_the_beginning(take):
    comment = "Says what it takes.\n  scene.sh FOLDER [RUN]\n"
    assert take("a", "--help") == (0, comment) and take("-h") == (0, comment)
    assert take() == (2, comment)


def test_words_too_many_and_values_missing_are_named(take):
    assert take("a", "b", "c") == (2, "scene.sh: 'c' is one word too many; --help shows what it takes\n")
    assert take("a", "--sed") == (2, "scene.sh: --sed needs a value; --help lists the options\n")


@pytest.mark.parametrize("name", OPTIONS)
def test_the_help_of_a_script_shows_how_to_call_it_and_lists_its_options(served, name):
    said = served(name, "--help").replace("-", "_")
    assert f"scripts/{name}" in said
    assert not [option for option in " ".join(OPTIONS[name]).split() if f"__{option}" not in said]


def test_an_option_that_no_command_knows_is_refused_before_anything_is_made(served, tmp_path):
    for name, words in {
        "quickstart.sh": (tmp_path / "q",),
        "train_seldnet.sh": (tmp_path,),
        "eval_seld.sh": (tmp_path,),
        "prepare_starss23.sh": (tmp_path,),
    }.items():
        said = served(name, *words, "--bogus", "3", expect=2, cwd=tmp_path)
        assert said.startswith(f"{name}: no option --bogus; ")
    assert not list(tmp_path.iterdir())


def test_every_script_is_valid_shell():
    for path in [*SCRIPTS.glob("*.sh"), ROOT / ".ci" / "run"]:
        subprocess.run(["bash", "-n", str(path)], check=True)
