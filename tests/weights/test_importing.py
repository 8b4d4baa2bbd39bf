"""Published checkpoints of PSELDNets as weights of this package, from files in their layout that the tests write."""

import json
import logging
import shlex
import sys
from collections import OrderedDict
from inspect import signature
from pathlib import Path

import pytest
import torch
from lightning.fabric.utilities.data import AttributeDict
from safetensors.torch import load_file

from avseld.__main__ import main
from avseld.base.errors import BadInput
from avseld.config import InitFrom, Part
from avseld.inference.predictor import load
from avseld.models import MODELS
from avseld.models.transfer import read_weights
from avseld.recipes.arguments import recipe_words
from avseld.recipes.reading import read_recipe
from avseld.system.blueprint import Blueprint
from avseld.system.build import System
from avseld.system.checkpoint import load_system
from avseld.system.pretrained import initialize_from
from avseld.weights import pseldnets
from avseld.weights.importing import import_checkpoint, read_class_table
from avseld.weights.pseldnets import FEATURES

SMALL = {"channels": 8, "depths": [2, 1, 1, 1], "n_heads": [1, 2, 2, 4]}
SHAPES = {
    "multi_accdoa": ("pseldnets", lambda n: {"accdoa": (3, 3, n)}),
    "accdoa": ("pseldnets", lambda n: {"accdoa": (3, n)}),
    "seddoa": ("pseldnets", lambda n: {"sed": (3, n), "doa": (3, 3)}),
    "einv2": ("pseldnets_einv2", lambda n: {"sed": (3, n), "doa": (3, 3)}),
    "passt": ("pseldnets_passt", lambda n: {"accdoa": (3, 3, n)}),
    "conformer": ("pseldnets_crnn", lambda n: {"accdoa": (3, 3, n)}),
    "gru": ("pseldnets_crnn", lambda n: {"accdoa": (3, 3, n)}),
}
SIZES = {
    "passt": {"token": 128, "n_blocks": 2, "n_heads": 2},
    "conformer": {
        "widths": [4, 4, 8, 8],
        "decoder": "conformer",
        "n_layers": 1,
        "n_heads": 2,
        "legacy": True,
    },
    "gru": {"widths": [4, 4, 8, 8, 12], "hidden": 5, "n_layers": 2},
}
RECIPES = (
    "pseldnets_htsat_maccdoa", "pseldnets_htsat_accdoa", "pseldnets_htsat_einv2", "pseldnets_passt_maccdoa",
    "pseldnets_cnn14_maccdoa",
)  # fmt: skip


def network(kind: str, n_classes: int) -> torch.nn.Module:
    name, shapes = SHAPES[kind]
    torch.manual_seed(1)
    model = MODELS[name](7, 64, shapes(n_classes), **SIZES.get(kind, SMALL))
    for norm in model.scalar:
        torch.nn.init.uniform_(norm.running_var, 0.5, 2.0)
    return model.eval()


def checkpoint(path: Path, model: torch.nn.Module, prefix: str = "net._orig_mod.", **changes) -> Path:
    """Write a checkpoint as Lightning does: weights behind a prefix, and everything else that a training leaves."""
    weights = OrderedDict((prefix + name, value) for name, value in model.state_dict().items())
    weights |= {
        "af_extractor.stft_extractor.window": torch.ones(1024),
        "af_extractor.mel_scale.fb": torch.ones(513, 64),
        f"{prefix}encoder.layers.0.blocks.0.attn.relative_position_index": torch.zeros(64, 64).long(),
        f"{prefix}encoder.layers.0.blocks.1.attn_mask": torch.zeros(64, 64, 64),
        f"{prefix}decoder.decoder.layers.0.sequential.1.module.positional_encoding.pe": torch.zeros(1, 9, 8),
    }
    weights = {name: value for name, value in (weights | changes).items() if value is not None}
    content = {
        "epoch": 24,
        "pytorch-lightning_version": "2.2.1",
        "state_dict": weights,
        "optimizer_states": [{"state": {0: {"exp_avg": torch.zeros(3)}}, "param_groups": [{"lr": 1e-4}]}],
        "callbacks": {"ModelCheckpoint{}": {"best_model_path": Path("logs"), "best": torch.tensor(0.5)}},
        "hyper_parameters": AttributeDict(seed=2024, paths=[Path("data")]),
    }
    torch.save(content, path)
    return path


@pytest.mark.parametrize(
    ("kind", "prefix"),
    [
        ("multi_accdoa", "net._orig_mod."),
        ("accdoa", "net."),
        ("seddoa", "net._orig_mod."),
        ("einv2", "net."),
        ("passt", "net._orig_mod."),
        ("conformer", "net."),
        ("gru", "net._orig_mod."),
    ],
)
def test_an_imported_network_gives_the_outputs_of_the_published_one(tmp_path, kind, prefix):
    model = network(kind, 170)
    import_checkpoint(checkpoint(tmp_path / "x.ckpt", model, prefix), tmp_path / "out")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["README.md", "model.safetensors"]
    predictor = load(tmp_path / "out")
    assert predictor.classes[:2] == ["pseld_000", "pseld_001"] and predictor.classes[-1] == "pseld_169"
    system = predictor.system
    assert (system.sample_rate, system.hop, system.window_frames) == (24000, 0.01, 1001)
    x = torch.randn(1, 7, 1001, 64)
    with torch.no_grad():
        ours, theirs = system.model(x), model(x)
    assert set(ours) == set(theirs) == set(system.target.shapes)
    for head, values in theirs.items():  # not to the bit: a system lays its weights out otherwise in memory
        torch.testing.assert_close(ours[head], values, atol=1e-6, rtol=1e-5)


def test_the_card_states_the_checksum_and_that_no_licence_is_known(tmp_path, caplog):
    out = tmp_path / "weights.safetensors"
    with caplog.at_level(logging.INFO):
        import_checkpoint(checkpoint(tmp_path / "x.ckpt", network("accdoa", 170)), out)
    text = out.with_suffix(".md").read_text()
    assert "authors state no licence" in text and text.count("sha256") == 2 and "170 classes" in text
    assert "authors state no licence" in caplog.text
    assert load_system(out).blueprint.target == Part("accdoa", {"threshold": 0.5})


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (pseldnets.ACCDOA, "pseldnets_htsat_accdoa"),
        (pseldnets.MULTI_ACCDOA, "pseldnets_htsat_maccdoa"),
        (pseldnets.PASST, "pseldnets_passt_maccdoa"),
        (pseldnets.CONVOLUTIONS, "pseldnets_cnn14_maccdoa"),
        (pseldnets.track_wise("", "pseldnets_einv2", 3), "pseldnets_htsat_einv2"),
        (
            pseldnets.track_wise("", "pseldnets", 2),
            "pseldnets_htsat_einv2 --model.name pseldnets --target.options.n_tracks 2",
        ),
    ],
)  # fmt: skip
def test_the_published_sizes_are_those_of_the_recipe_which_alone_is_named(kind, words):
    options = kind.sizes | {"frames_per_step": 10}
    blueprint = Blueprint(FEATURES, Part(kind.model, options), kind.target, ["a"], "foa", 10.0)
    assert pseldnets.training_options(blueprint, kind) == ["--config", *words.split()]
    recipe = read_recipe(kind.recipe)
    parameters = signature(MODELS[recipe["model"]["name"]]).parameters
    for name, value in kind.sizes.items():
        default = parameters[name].default
        theirs = recipe["model"]["options"].get(name, default)
        assert value == (list(theirs) if isinstance(theirs, tuple) else theirs), name


@pytest.mark.parametrize(
    ("kind", "windows"),
    [("gru", "of any length"), ("passt", "of up to 10.08 s"), ("seddoa", "of up to 10.23 s")],
)
def test_the_card_has_the_longest_window_and_the_sizes_for_a_training(tmp_path, kind, windows):
    import_checkpoint(checkpoint(tmp_path / "x.ckpt", network(kind, 170)), tmp_path / "out")
    card = (tmp_path / "out" / "README.md").read_text()
    assert f"Hz, windows {windows}." in card
    typed = shlex.split(next(line for line in card.splitlines() if "avseld train" in line))[2:]
    recipe = json.loads(recipe_words(typed[: typed.index("--init_from")])[0].removeprefix("--recipe="))
    imported = load_system(tmp_path / "out" / "model.safetensors").blueprint.model
    assert recipe["model"]["name"] == imported.name
    assert recipe["model"]["options"] | imported.options == recipe["model"]["options"]


def test_classes_are_named_by_the_table_of_the_data_set_or_by_a_list(tmp_path):
    table = tmp_path / "cls_indices_train.tsv"
    table.write_text("".join(f"{n}\t/m/{n}\tSound {n}, loud\t{n}\t{n * 1.5}\n" for n in range(170)))
    import_checkpoint(checkpoint(tmp_path / "x.ckpt", network("multi_accdoa", 170)), tmp_path / "out", table)
    assert load_system(tmp_path / "out" / "model.safetensors").blueprint.classes[24] == "Sound 24, loud"
    few = tmp_path / "classes.txt"
    few.write_text("a\nb\nc\n")
    import_checkpoint(checkpoint(tmp_path / "y.ckpt", network("einv2", 3)), tmp_path / "few", few)
    assert load_system(tmp_path / "few" / "model.safetensors").blueprint.classes == ["a", "b", "c"]
    table.write_text("1\t/m/1\n")
    with pytest.raises(BadInput, match=r"cls_indices_train.tsv: '1' has 2 columns"):
        read_class_table(table)
    table.write_text("1\t/m/1\tBell\t1\t1\n2\t/m/2\tBell\t1\t1\n")
    with pytest.raises(BadInput, match="the class Bell stands twice"):
        read_class_table(table)


FIRST, LAST = "net.encoder.patch_embed.proj.weight", "net.encoder.norm.weight"
TABLE = "net.encoder.layers.0.blocks.0.attn.relative_position_bias_table"
U_BIAS = "net.decoder.decoder.layers.0.sequential.1.module.attention.u_bias"


@pytest.mark.parametrize(
    ("kind", "n_classes", "changes", "message"),
    [
        ("accdoa", 170, {LAST: None}, r"does not fit HTS-AT, ACCDOA: lacks: encoder.norm.weight; give"),
        (
            "accdoa", 170, {"net.encoder.layers.1.downsample.reduction.weight": torch.ones(32, 63)},
            r"has other shapes: encoder.layers.1.downsample.reduction.weight \(32, 63\) in place of \(32, 64\)",
        ),
        ("accdoa", 170, {"net.encoder.extra": torch.ones(1)}, "has in addition: encoder.extra"),
        ("accdoa", 170, {FIRST: None}, r"no network of PSELDNets \(no net.encoder.patch_embed.proj.weight and no"),
        ("accdoa", 170, {"net.tscam_conv.weight": None}, "lacks the weight 'tscam_conv.weight'"),
        (
            "multi_accdoa", 13, {},
            r"a head of 117 outputs, where 170 classes have 1530 \(HTS-AT, Multi-ACCDOA\) or 510 \(HTS-AT, ACCDOA\); "
            r"name its classes with --classes FILE, 13 \(HTS-AT, Multi-ACCDOA\) or 39 \(HTS-AT, ACCDOA\)",
        ),
        ("passt", 170, {"net.encoder.time_new_pos_embed": None}, "lacks the weight 'encoder.time_new_pos_embed'"),
        ("conformer", 170, {"net.convs.conv_block2.bn1.bias": None}, "fit CNN, Multi-ACCDOA: lacks: convs.conv_block2"),
        ("gru", 5, {}, r"a head of 45 outputs, where 170 classes have 1530 .* 5 \(CNN, Multi-ACCDOA\)"),
        ("einv2", 13, {}, r"a head of 39 outputs, where 170 classes have 510 .* 13 \(HTS-AT, EINV2\)"),
        ("accdoa", 170, {FIRST: torch.tensor(1.0)}, r"the weight 'encoder.patch_embed.proj.weight' has shape \(\)"),
        ("accdoa", 170, {"net.tscam_conv.weight": torch.tensor(1.0)}, r"'tscam_conv.weight' has shape \(\), not 4"),
        ("accdoa", 170, {TABLE: torch.tensor(1.0)}, r"relative_position_bias_table' has shape \(\), not 2 axes"),
        ("accdoa", 170, {TABLE: torch.ones(225, 0)}, r"relative_position_bias_table' has shape \(225, 0\), not 2"),
        ("passt", 170, {"net.encoder.time_new_pos_embed": torch.tensor(1.0)}, r"time_new_pos_embed' has shape \(\)"),
        ("conformer", 170, {U_BIAS: torch.tensor(1.0)}, r"attention.u_bias' has shape \(\), not 2 axes"),
        ("gru", 170, {"net.fc.weight": torch.tensor(1.0)}, r"'fc.weight' has shape \(\), not 2 axes"),
        ("seddoa", 170, {"net.doa_tscam_conv.weight": torch.ones(2, 64, 2, 3)}, "doa_tscam_conv.weight' has 2 outputs"),
        ("accdoa", 170, {LAST: torch.full((64,), float("nan"))}, "'encoder.norm.weight' holds values"),
    ],
)  # fmt: skip
def test_a_checkpoint_that_does_not_fit_is_refused_in_one_line_and_nothing_is_written(
    tmp_path, kind, n_classes, changes, message
):
    file = checkpoint(tmp_path / "x.ckpt", network(kind, n_classes), "net.", **changes)
    with pytest.raises(BadInput, match=rf"x\.ckpt: .*{message}") as error:
        import_checkpoint(file, tmp_path / "out")
    assert "\n" not in str(error.value) and not (tmp_path / "out").exists()


def test_code_in_a_checkpoint_is_refused_and_never_executed(tmp_path):
    class Trap:
        def __reduce__(self):
            return exec, (f"open({str(tmp_path / 'sprung')!r}, 'w')",)

    weights = {"net.encoder.norm.weight": torch.ones(2)}
    for content in (
        {"state_dict": weights, "hyper_parameters": Trap()},
        {"state_dict": weights | {"x": Trap()}},
    ):
        torch.save(content, tmp_path / "trap.ckpt")
        with pytest.raises(BadInput, match=r"trap\.ckpt: holds code or objects of other programs"):
            import_checkpoint(tmp_path / "trap.ckpt", tmp_path / "out")
    assert not (tmp_path / "sprung").exists() and not (tmp_path / "out").exists()


def test_what_a_trainer_leaves_beside_the_weights_is_not_read(tmp_path):
    class Settings:
        def __reduce__(self):
            return Settings, ("x",)

    # Of a class of hydra, which need not be installed: it is named in the file, and never imported.
    Settings.__module__, Settings.__qualname__, Settings.__name__ = "hydra", "Settings", "Settings"
    module = type(sys)("hydra")
    module.Settings = Settings
    sys.modules["hydra"] = module
    try:
        torch.save({"state_dict": {"a": torch.ones(2)}, "hyper_parameters": Settings()}, tmp_path / "x.ckpt")
    finally:
        del sys.modules["hydra"]
    assert torch.equal(read_weights(tmp_path / "x.ckpt")["a"], torch.ones(2))
    assert "hydra" not in sys.modules


def system_of(kind: str, classes: list[str]) -> System:
    target = Part("tracks") if kind == "einv2" else Part("multi_accdoa", {"bounded": True})
    model = Part(SHAPES[kind][0], dict(SIZES.get(kind, SMALL)))
    return System(Blueprint(FEATURES, model, target, classes, "foa", 10.0))


@pytest.mark.parametrize(("kind", "head"), [("multi_accdoa", "tscam_conv"), ("passt", "fc"), ("gru", "fc")])
def test_fine_tuning_takes_the_rows_of_classes_that_both_lists_name(tmp_path, kind, head):
    (tmp_path / "classes.txt").write_text("bell\ndog\nsaw\n")
    published = network(kind, 3)
    import_checkpoint(checkpoint(tmp_path / "x.ckpt", published), tmp_path / "out", tmp_path / "classes.txt")
    system = system_of(kind, ["whistle", "saw", "bell", "knock"])
    layer = getattr(system.model, head)
    before = layer.weight.detach().clone().unflatten(0, (3, 3, 4))
    initialize_from(system, InitFrom(tmp_path / "out"))
    own = layer.weight.unflatten(0, (3, 3, 4))
    theirs = getattr(published, head).weight.unflatten(0, (3, 3, 3))
    assert torch.equal(own[:, :, 1], theirs[:, :, 2]) and torch.equal(own[:, :, 2], theirs[:, :, 0])
    assert torch.equal(own[:, :, [0, 3]], before[:, :, [0, 3]])
    others = {name: value for name, value in published.state_dict().items() if not name.startswith(head)}
    assert all(torch.equal(system.model.state_dict()[name], value) for name, value in others.items())
    assert torch.equal(system.model.scalar[6].running_var, published.scalar[6].running_var)


def audioset_checkpoint(path: Path, **changes) -> tuple[Path, torch.nn.Module]:
    """Write HTS-AT as it is published for AudioSet, with other weights in places; return its network, too."""
    source = MODELS["pseldnets"](1, 64, {"accdoa": (3, 4)}, **SMALL)
    torch.nn.init.uniform_(source.scalar[0].running_mean)
    state = {
        name.removeprefix("encoder.").replace("scalar.0", "bn0"): value
        for name, value in source.state_dict().items()
    }
    state |= {"spectrogram_extractor.stft.conv_real.weight": torch.ones(3)} | changes
    named = {f"sed_model.{name}": value for name, value in state.items() if value is not None}
    torch.save({"state_dict": named}, path)
    return path, source


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"layers.1.blocks.0.mlp.fc1.weight": None},
            r"lacks: encoder.layers.1.blocks.0.mlp.fc1.weight; give",
        ),
        ({"norm.weight": torch.ones(3)}, r"has other shapes: encoder.norm.weight \(3,\) in place of \(64,\)"),
        ({"layers.0.more": torch.ones(1)}, "fit HTS-AT on AudioSet: has in addition: encoder.layers.0.more"),
        ({"bn0.running_var": torch.ones(32)}, r"scalar.0.running_var \(32,\) in place of \(64,\)"),
        (
            {"patch_embed.proj.weight": torch.tensor(1.0)},
            r"'patch_embed.proj.weight' has shape \(\), not 4 axes",
        ),
        ({"patch_embed.proj.weight": torch.ones(8, 2, 4, 4)}, "give HTS-AT of one channel"),
    ],
)
def test_a_truncated_checkpoint_of_audioset_is_refused_and_nothing_is_written(tmp_path, changes, message):
    file, _ = audioset_checkpoint(tmp_path / "HTSAT.ckpt", **changes)
    with pytest.raises(BadInput, match=rf"HTSAT\.ckpt: .*{message}") as error:
        import_checkpoint(file, tmp_path / "out")
    assert "\n" not in str(error.value) and not (tmp_path / "out").exists()


def test_an_option_of_the_other_kind_of_checkpoint_is_refused(tmp_path):
    file, _ = audioset_checkpoint(tmp_path / "HTSAT.ckpt")
    (tmp_path / "classes.txt").write_text("a\nb\n")
    with pytest.raises(BadInput, match=r"^--classes: .*HTSAT\.ckpt starts a network without its head"):
        import_checkpoint(file, tmp_path / "out", tmp_path / "classes.txt")
    with pytest.raises(
        BadInput, match=r"^--network: belongs to weights of AudioSet, and .*x\.ckpt is of PSELDN"
    ):
        import_checkpoint(
            checkpoint(tmp_path / "x.ckpt", network("accdoa", 170)), tmp_path / "out", network="pseldnets"
        )
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("kind", ["multi_accdoa", "einv2"])
def test_weights_of_audioset_start_every_part_of_a_network_but_its_head(tmp_path, kind):
    file, source = audioset_checkpoint(tmp_path / "HTSAT.ckpt")
    name = SHAPES[kind][0]
    import_checkpoint(file, tmp_path / "start", network=name)
    card = (tmp_path / "start" / "README.md").read_text()
    recipe = "pseldnets_htsat_einv2" if kind == "einv2" else "pseldnets_htsat_maccdoa"
    assert f'--config {recipe} --model \'{{"name": "{name}"' in card and '"channels": 8' in card
    assert "HTS-AT (ICASSP 2022), was not checked" in card and "github" not in card
    system = system_of(kind, ["a", "b"])
    before = {key: value.clone() for key, value in system.model.state_dict().items()}
    initialize_from(system, InitFrom(tmp_path / "start"))
    after = system.model.state_dict()
    new = {"tscam_conv", "sed_tscam_conv", "doa_tscam_conv", "stitch1"}
    started = load_file(tmp_path / "start" / "model.safetensors")
    assert set(started) == {key for key in before if key.split(".")[0] not in new}
    assert all(torch.equal(after[key], started.get(key, before[key])) for key in before)
    x = torch.randn(2, 1, 100, 64)
    for encoder in ("encoder",) if kind == "multi_accdoa" else ("sed_encoder", "doa_encoder"):
        ours = getattr(system.model, encoder)
        n_features = ours.patch_embed.proj.in_channels
        with torch.no_grad():  # seven equal features give what the one gives
            torch.testing.assert_close(
                ours.eval()(x.expand(-1, n_features, -1, -1)), source.encoder.eval()(x), atol=1e-4, rtol=1e-4
            )
    assert all(torch.equal(norm.running_mean, source.scalar[0].running_mean) for norm in system.model.scalar)
    with pytest.raises(BadInput, match="without a blueprint"):
        load(tmp_path / "start")


def test_the_command_imports_and_says_what_to_do_next(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    checkpoint(Path("x.ckpt"), network("einv2", 170))
    main(["weights", "import", "x.ckpt", "--out", "imported"])
    said = capsys.readouterr().err
    assert (
        "HTS-AT, EINV2, 170 classes without names" in said and "next: avseld predict --run imported" in said
    )
    for words, message in {
        "import": "import: which checkpoint? avseld weights import FILE.ckpt --out DIR",
        "import x.ckpt": "import: where to? add --out DIR",
        "import x.ckpt --out imported": "--out imported: is not empty; choose a new folder",
        "import no.ckpt --out y": "no.ckpt: not found",
        "--classes x.ckpt": "--classes: belongs to avseld weights import FILE.ckpt",
        "--network pseldnets": "--network: belongs to avseld weights import FILE.ckpt",
        "import x.ckpt --out y --network pseldnets": "--network: belongs to weights of AudioSet",
        "import x.ckpt --out y --json": "--json: belongs to the list of avseld weights",
    }.items():
        with pytest.raises(SystemExit):
            main(["weights", *words.split()])
        said = capsys.readouterr().err
        assert message in said and len(said.splitlines()) == 1


@pytest.mark.parametrize("name", RECIPES)
def test_imported_weights_have_the_features_of_the_recipes(name):
    assert read_recipe(name)["features"] == {"name": FEATURES.name, "options": FEATURES.options}
    assert read_recipe(name)["data"]["chunk"] == 10.0
