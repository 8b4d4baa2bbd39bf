"""Training: resuming, several processes, logs, configuration, and what it learns."""

import csv
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import plane_waves
import pytest
import torch
import yaml
from safetensors.torch import load_file

from avseld.__main__ import main
from avseld.base.errors import BadInput
from avseld.config import Data, Hardware, Part
from avseld.data.windows import reference
from avseld.inference.predictor import load, predict_all
from avseld.io.manifest import pick, read_manifest
from avseld.metrics import score
from avseld.recipes import recipe_path
from avseld.training.callbacks import AtomicCheckpoints
from avseld.training.train import train

pytestmark = pytest.mark.slow
PROCESS = [sys.executable, "-m", "avseld"]
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
SMALL = ["--steps", "12", "--validate_every", "4", "--data.batch_size", "4", "--model.options.hidden", "32",
         "--data.validate", "[fold3_room5]"]  # fmt: skip


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    return plane_waves.make(tmp_path_factory.mktemp("plane_waves"))


def words(prepared: Path, out: Path, *more: str) -> list[str]:
    return ["train", "--config", "av_foa_quick", "--data.prepared", str(prepared), "--out", str(out), *SMALL,
            "--hardware.accelerator", "cpu", "--schedule.name", "cosine", *more]  # fmt: skip


def history(out: Path) -> list[dict[str, float]]:
    with (out / "metrics.csv").open() as file:
        return [{name: float(value) for name, value in row.items()} for row in csv.DictReader(file)]


@pytest.fixture(scope="module")
def uninterrupted(served, prepared, tmp_path_factory):
    out = tmp_path_factory.mktemp("runs") / "whole"
    served.run("avseld", *words(prepared, out))
    return out


def test_a_killed_run_resumes_to_the_exact_weights_of_an_uninterrupted_one(
    served, prepared, uninterrupted, tmp_path
):
    out = tmp_path / "killed"
    command = [*PROCESS, *words(prepared, out)]
    process = subprocess.Popen(command, env=ENVIRONMENT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    until = time.monotonic() + 600
    while not (out / "checkpoints" / "last.ckpt").exists() and time.monotonic() < until:
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    step = torch.load(out / "checkpoints" / "last.ckpt", weights_only=True)["global_step"]
    assert 0 < step < 12, "killed too late to show anything"
    served.run("avseld", "train", "--resume", out)
    for name in ("last.safetensors", "model.safetensors"):
        resumed, whole = load_file(out / name), load_file(uninterrupted / name)
        assert all(torch.equal(resumed[key], whole[key]) for key in whole), name
    assert history(out) == history(uninterrupted)
    states = [torch.load(o / "checkpoints" / "last.ckpt", weights_only=True) for o in (out, uninterrupted)]
    moments = [state["optimizer_states"][0]["state"] for state in states]
    assert all(torch.equal(moments[0][k]["exp_avg_sq"], moments[1][k]["exp_avg_sq"]) for k in moments[1])


def test_two_processes_train_to_the_weights_of_one(served, prepared, tmp_path):
    # In double precision, where rounding does not switch rectifiers; everything else must agree.
    runs = []
    for devices in ("1", "2"):
        runs.append(tmp_path / devices)
        hardware = ["--hardware.devices", devices, "--hardware.precision", "64-true"]
        hardware += ["--hardware.strategy", "ddp"] if devices == "2" else []
        served.run("avseld", *words(prepared, runs[-1], *hardware, "--steps", "6", "--validate_every", "3"))
    for one, two in zip(*map(history, runs), strict=True):
        assert two["loss/validate"] == pytest.approx(one["loss/validate"], rel=1e-6)
    alone, shared = (load_file(out / "last.safetensors") for out in runs)
    assert max(float((alone[key] - shared[key]).abs().max()) for key in alone) < 1e-7


def test_validation_works_with_more_processes_than_recordings(served, prepared, tmp_path):
    # Without video too: visual weights then have no gradient, and no process may wait for it.
    alone = ["--data.validate", "[fold3_room5]", "--data.video", "blank"]
    few = prepared.parent / "few"
    shutil.copytree(prepared, few)
    rows = (few / "manifest.csv").read_text().splitlines()
    first = next(row for row in rows if "room5" in row)
    (few / "manifest.csv").write_text("\n".join(r for r in rows if "room5" not in r or r == first) + "\n")
    hardware = ["--hardware.devices", "2", "--steps", "2", "--validate_every", "1"]
    served.run("avseld", *words(few, tmp_path / "run", *alone, *hardware))
    assert [row["step"] for row in history(tmp_path / "run")] == [1, 2]


def test_tensorboard_holds_losses_scores_rate_figure_recipe_and_versions(uninterrupted):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    board = EventAccumulator(str(uninterrupted), size_guidance={"images": 0, "tensors": 0})
    board.Reload()
    tags = board.Tags()
    scores = {f"score/{name}" for name in ("ER", "F", "LE", "LR", "seld_score")}
    assert scores | {"loss/train", "loss/validate", "lr/Adam"} <= set(tags["scalars"])
    shown = "fold3_room5_mix003"
    assert f"prediction/{shown}" in tags["images"] and tags["audio"] == [f"sound/{shown}"]
    texts = {name.split("/")[0] for name in tags["tensors"]}
    assert {"configuration", "versions"} <= texts
    assert len(board.Scalars("score/F")) == 3


def test_the_written_configuration_is_complete_and_reproduces_the_run(served, uninterrupted, tmp_path):
    config = yaml.safe_load((uninterrupted / "config.yaml").read_text())
    assert config["steps"] == 12 and config["model"]["options"] == {"width": 64, "hidden": 32}
    again = tmp_path / "again"
    served.run("avseld", "train", "--config", uninterrupted / "config.yaml", "--out", again)
    first, second = load_file(uninterrupted / "last.safetensors"), load_file(again / "last.safetensors")
    assert all(torch.equal(first[key], second[key]) for key in first)


def direct(prepared: Path, out: Path, **changes) -> None:
    words = {
        "data": Data(prepared, validate=["fold3_room5"], batch_size=4),
        "features": Part("logamplitude_iv"),
        "model": Part("avcrnn", {"hidden": 32}),
        "target": Part("multi_accdoa"),
        "optimizer": Part("adam", {"lr": 1e-3}),
        "out": out,
        "steps": 4,
        "validate_every": 2,
        "hardware": Hardware("cpu", 1),
    } | changes
    train(**words)


def test_classes_and_directions_of_tones_are_learned(prepared, tmp_path):
    data = Data(prepared, validate=["fold3_room5"], batch_size=4)
    direct(prepared, tmp_path / "run", data=data, steps=100, validate_every=100,
           optimizer=Part("adam", {"lr": 4e-3}), schedule=Part("one_cycle"),
           model=Part("avcrnn", {"width": 24, "hidden": 48}))  # fmt: skip
    predictor = load(tmp_path / "run")
    recordings = pick(read_manifest(prepared), ["fold3_room1"])
    wanted = {r.name: reference(r, 3) for r in recordings}
    result = score(wanted, predict_all(predictor, recordings), 2023, n_classes=3)
    assert result.LR > 0.5 and result.LE < 60, result


def test_a_full_disk_leaves_the_previous_checkpoint_intact(tmp_path):
    path = tmp_path / "last.ckpt"
    AtomicCheckpoints().save_checkpoint({"weights": torch.ones(1000)}, path)
    script = (
        "import resource, signal, torch\n"
        "from avseld.training.callbacks import AtomicCheckpoints\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))\n"
        f"AtomicCheckpoints().save_checkpoint({{'weights': torch.zeros(1_000_000)}}, {str(path)!r})\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env=ENVIRONMENT)
    assert done.returncode != 0
    assert f"{path}: cannot be written (file too large); the file that was there is whole" in done.stderr
    assert [p.name for p in tmp_path.iterdir()] == ["last.ckpt"]
    assert torch.equal(torch.load(path, weights_only=True)["weights"], torch.ones(1000))


def test_code_in_a_training_checkpoint_is_never_executed(tmp_path):
    class Trap:
        def __reduce__(self):
            return (os.system, (f"touch {tmp_path}/sprung",))

    torch.save({"weights": Trap()}, tmp_path / "x.ckpt")
    with pytest.raises(BadInput, match=r"x\.ckpt: holds code or objects of other programs"):
        AtomicCheckpoints().load_checkpoint(tmp_path / "x.ckpt")
    assert not (tmp_path / "sprung").exists()


def test_run_folders_are_never_overwritten_or_resumed_with_another_configuration(prepared, uninterrupted):
    with pytest.raises(BadInput, match="holds a run already"):
        direct(prepared, uninterrupted)
    with pytest.raises(BadInput, match=r"config\.yaml: features is .* there and"):
        direct(prepared, uninterrupted, resume=True)


def test_a_checkpoint_of_another_architecture_is_refused(prepared, tmp_path):
    out = tmp_path / "mixed"
    direct(prepared, out)
    config = yaml.safe_load((out / "config.yaml").read_text())
    config["model"]["options"] = {"hidden": 16}
    (out / "config.yaml").write_text(yaml.safe_dump(config))
    with pytest.raises(BadInput, match="weights of another architecture"):
        direct(prepared, out, resume=True, model=Part("avcrnn", {"hidden": 16}))


@pytest.mark.parametrize(
    ("more", "says"),
    [
        (["--data.chnk", "3"], "no option --data.chnk; did you mean --data.chunk"),
        (["--steps", "0"], "steps: 0; give a whole number from 1"),
        (["--data.train", "fold9"], "'fold9' names no fold"),
        (["--optimizer.name", "magic"], "optimizer.name: 'magic' is none of"),
        (["--data.chunk", "9"], "are shorter than a window"),
        (["--data.prepared", "/nowhere"], "/nowhere"),
    ],
)
def test_bad_input_gives_one_line_and_status_2_and_no_run_folder(
    prepared, tmp_path, more, says, capsys, monkeypatch
):
    monkeypatch.setattr("avseld.base.logs.to_terminal", lambda: None)  # it would affect later tests
    with pytest.raises(SystemExit) as end:
        main(words(prepared, tmp_path / "run", *more))
    assert end.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert says in line and line.startswith("avseld train: ")
    assert not (tmp_path / "run").exists()


def test_every_recipe_has_a_name_a_launch_line_and_complete_parts():
    for name in ("av_foa", "av_foa_quick"):
        text = Path(recipe_path(name)).read_text()
        assert f"avseld train --config {name}" in text
        assert {"data", "features", "model", "target", "optimizer", "steps", "seed"} <= set(
            yaml.safe_load(text)
        )
