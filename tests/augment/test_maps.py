"""Maps of whole panoramas rotate as boxes do."""

import numpy as np
import pytest
import torch

from avseld.augment.batches import WindowBatch
from avseld.augment.maps import MAP_COLUMNS, MAP_ROWS, N_MAP_VALUES, map_places
from avseld.augment.scenes import ALL_ROTATIONS, Rotate, Rotation, Window
from avseld.base.event_batch import COLUMNS, EventBatch
from avseld.io.events import Events


def box_of(place: int) -> np.ndarray:
    """Box of one place of a map, with a score."""
    row, column = divmod(place, MAP_COLUMNS)
    edges = [column / MAP_COLUMNS, row / MAP_ROWS, (column + 1) / MAP_COLUMNS, (row + 1) / MAP_ROWS]
    return np.array([*edges, 0.9], np.float32)


def place_of(box: np.ndarray) -> int:
    across, down = (box[0] + box[2]) / 2 % 1, (box[1] + box[3]) / 2
    return int(down * MAP_ROWS) * MAP_COLUMNS + int(across * MAP_COLUMNS)


@pytest.mark.parametrize("rotation", ALL_ROTATIONS, ids=str)
def test_a_value_of_a_map_goes_where_a_box_at_its_place_goes(rotation):
    (places,) = map_places([rotation])
    assert sorted(places) == list(range(N_MAP_VALUES))
    for new, old in enumerate(places):
        assert place_of(rotation.boxes(box_of(old)[None])[0]) == new


def test_a_quarter_to_the_left_and_a_reflection_are_known_places():
    # AV-SELD @ 657723d exchanges the pictures of (-a - 90, e) and (-a + 90, e): a mark at azimuth 37 has to be at -127
    # in the first and at 53 in the second.
    column = int((180 - 37) / 30)
    for rotation, azimuth in ((Rotation(3, -1, 1), -127), (Rotation(1, -1, 1), 53), (Rotation(1, 1, 1), 127)):
        (places,) = map_places([rotation])
        assert list(places[:MAP_COLUMNS]).index(column) == int((180 - azimuth) / 30)


@pytest.mark.parametrize("n_boxes", [0, 2])
def test_embeddings_rotate_alike_on_the_host_and_on_a_device(n_boxes):
    random, rotate = np.random.default_rng(0), Rotate("foa")
    boxes = np.tile(box_of(17), (3, n_boxes))
    visual = np.concatenate([boxes, random.normal(size=(3, N_MAP_VALUES))], axis=1).astype(np.float32)
    waveform = random.normal(size=(4, 8)).astype(np.float32)
    window = Window(waveform, Events.empty(), 0.0, visual, "embeddings")
    batch = WindowBatch(
        torch.from_numpy(waveform).expand(16, -1, -1), EventBatch(torch.zeros(16, 1, len(COLUMNS)).double()),
        torch.zeros(16), torch.from_numpy(visual).expand(16, -1, -1), "embeddings",
    )  # fmt: skip
    changed = rotate.change(batch, {"rotation": torch.arange(16)})
    for number, rotation in enumerate(ALL_ROTATIONS):
        one = rotate(window, type("Fixed", (), {"integers": lambda _, n, number=number: number})(), None)
        np.testing.assert_allclose(changed.visual[number], one.visual, atol=1e-6)
        np.testing.assert_allclose(changed.waveform[number], one.waveform, atol=1e-6)
        (places,) = map_places([rotation])
        assert np.array_equal(one.visual[:, 5 * n_boxes :], visual[:, 5 * n_boxes :][:, places])
        if n_boxes:
            assert place_of(one.visual[0, 5:10]) == list(places).index(17)
