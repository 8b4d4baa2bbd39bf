"""An evaluation in TensorBoard."""

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.hparams import plugin_data_pb2

from avseld.evaluation.board import write_board

CONFIG = {
    "model": {"name": "avcrnn", "options": {"hidden": 32, "wrap": True, "widths": [1, 2]}},
    "optimizer": {"name": "adam", "options": {"lr": 0.01}},
    "data": {"batch_size": 4, "video": "aligned", "train": ["fold3"]},
    "steps": 100, "schedule": None, "best_by": None,
}  # fmt: skip


def test_the_scores_of_the_test_are_metrics_of_the_recipe(tmp_path):
    results = {
        "aligned": {"F": 0.5, "LE": 20.0, "RDE": None, "challenge": 2023, "classwise": {"F": [0.5]}},
        "blank": {"F": 0.25},
    }
    for _ in range(2):  # the second evaluation takes the place of the first
        write_board(tmp_path, CONFIG, results, {})
    assert len(list(tmp_path.iterdir())) == 1
    board = EventAccumulator(str(tmp_path)).Reload()
    scalars = {tag: [one.value for one in board.Scalars(tag)] for tag in board.Tags()["scalars"]}
    assert scalars == {"test/F": [0.5], "test/LE": [20.0], "test blank/F": [0.25]}
    content = board.SummaryMetadata("_hparams_/session_start_info").plugin_data.content
    shown = plugin_data_pb2.HParamsPluginData.FromString(content).session_start_info.hparams
    values = {
        name: value.string_value or value.number_value or value.bool_value for name, value in shown.items()
    }
    assert values == {
        "model": "avcrnn", "model.hidden": 32, "model.wrap": True, "model.widths": "[1, 2]", "optimizer": "adam",
        "optimizer.lr": 0.01, "data.batch_size": 4, "data.video": "aligned", "steps": 100,
    }  # fmt: skip
