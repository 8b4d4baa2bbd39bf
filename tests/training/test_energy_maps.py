"""From maps of labels to predicted maps: preparation, training, prediction and scores of energy maps."""

import importlib.util
from dataclasses import replace
from pathlib import Path

import plane_waves
import pytest
from learning import train_briefly

from avseld.__main__ import main
from avseld.base.errors import BadInput
from avseld.config import Data, Part
from avseld.evaluation.score_imaging import problems_of_maps
from avseld.io.energy_maps import read_energy_maps, write_energy_maps
from avseld.io.events import read_events
from avseld.io.manifest import read_manifest, write_manifest
from avseld.metrics.imaging import maps_of_directions

TARGET = {"sh_order": 3, "frames_per_label": 10, "threshold": 0.0, "peak_share": 1.0}


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """Plane waves whose labels have Gaussians as energy maps."""
    folder = plane_waves.make(tmp_path_factory.mktemp("maps"))
    recordings = []
    for one in read_manifest(folder):
        path = folder / "maps" / f"{one.name}_std.json"
        write_energy_maps(path, maps_of_directions(read_events(one.labels)))
        recordings.append(replace(one, maps=path))
    write_manifest(folder, recordings, ["a", "b", "c"])
    return folder


def test_a_network_trained_on_maps_of_labels_predicts_valid_maps_and_rows(prepared, tmp_path):
    run = train_briefly(
        prepared, tmp_path / "run", target=Part("sphere_map", TARGET), augment=[Part("rotate"), Part("mix")]
    )
    (tested, *_) = (one for one in read_manifest(prepared) if one.fold == "fold4")
    main(["predict", "--run", str(run), "--fold", tested.name, "--maps", str(tmp_path / "maps")])
    maps = read_energy_maps(tmp_path / "maps" / f"{tested.name}.json", predicted=True)
    rows = (run / "predictions" / f"{tested.name}.csv").read_text().splitlines()
    assert len(maps) == len(rows) == 3 * 60  # every class in every frame: the threshold is 0
    assert problems_of_maps(tested.maps, tmp_path / "maps") == []


def test_gaussians_of_ten_degrees_share_most_with_one_of_ten_degrees(prepared, monkeypatch, capsys):
    path = Path(__file__).parents[2] / "scripts" / "measure_lobes.py"
    spec = importlib.util.spec_from_file_location("measure_lobes", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr("sys.argv", ["measure_lobes.py", str(prepared)])
    module.main()
    _, _, *widths, best, middle = capsys.readouterr().out.splitlines()
    right = {line.split()[0]: float(line.split()[2]) for line in widths}
    assert max(right, key=right.get) == "10"
    assert all(float(line.split()[2]) > 1.3 * float(line.split()[-1]) for line in widths)  # errors cost
    assert float(best.split()[3]) >= right["10"] and float(middle.split()[-2]) < 5


def test_a_recording_without_maps_is_refused_unless_they_are_drawn(prepared, tmp_path):
    folder = tmp_path / "plain"
    write_manifest(folder, [replace(one, maps=None) for one in read_manifest(prepared)], ["a", "b", "c"])
    changes = {
        "data": Data(folder, validate=["fold3_room5_mix003"], batch_size=2),
        "steps": 1,
        "validate_every": 1,
    }
    with pytest.raises(BadInput, match=r"names no energy maps.*--target.options.energies gaussian"):
        train_briefly(folder, tmp_path / "a", target=Part("sphere_map", TARGET), **changes)
    drawn = Part("sphere_map", TARGET | {"energies": "gaussian"})
    assert train_briefly(folder, tmp_path / "b", target=drawn, **changes).is_dir()
