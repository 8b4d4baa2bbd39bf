"""A command imports what it needs: seconds until a training begins, on every start."""

import subprocess
import sys
import textwrap

import pytest

LATER = {
    "moviepy", "matplotlib", "librosa", "pandas", "pyroomacoustics", "av", "onnxruntime", "torchmetrics",
    "torchvision", "tensorboard", "h5py", "imageio", "numba", "sklearn",
}  # fmt: skip
LATER_PARTS = {"scipy.optimize", "scipy.signal", "scipy.stats"}


def loaded(code: str) -> set[str]:
    """Names of the modules that a new process has loaded after running this code."""
    code += "\nimport sys; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.splitlines()[-1].split())


def test_importing_the_package_loads_nothing_heavy():
    assert not {name.split(".")[0] for name in loaded("import avseld")} & (
        LATER | {"torch", "numpy", "scipy"}
    )


def test_importing_the_training_loads_neither_pictures_nor_films_nor_other_peoples_features():
    modules = loaded("import avseld.training.train")
    assert "lightning.pytorch" in modules
    assert not {name.split(".")[0] for name in modules} & LATER
    assert not modules & LATER_PARTS


def test_predicting_with_shipped_weights_loads_neither_signal_processing_of_others_nor_the_training():
    modules = loaded(
        "import numpy, avseld; avseld.load('locator_foa').predict(numpy.zeros((4, 24000), 'f4'), 24000)"
    )
    assert "torch" in modules
    assert not {name.split(".")[0] for name in modules} & (LATER - {"av"} | {"scipy", "lightning"})


def test_evaluating_loads_neither_the_training_nor_other_peoples_features():
    modules = loaded("import avseld.evaluation.evaluate")
    assert "torch" in modules
    assert not {name.split(".")[0] for name in modules} & (
        {"lightning", "torchmetrics", "librosa", "torchvision", "onnxruntime", "pandas", "sklearn"}
    )


def test_logged_values_and_metrics_of_torchmetrics_work_in_lightning_afterwards():
    code = """
        import avseld.training.train, torch, lightning, torchmetrics
        from lightning.pytorch.core.module import Metric
        metric = torchmetrics.MeanMetric()
        assert torchmetrics.__spec__ and isinstance(metric, Metric) and not isinstance(torch.ones(1), Metric)
        class Learner(lightning.LightningModule):
            def __init__(self):
                super().__init__()
                self.mean, self.layer = metric, torch.nn.Linear(1, 1)
            def training_step(self, batch, number):
                self.mean.update(batch.mean())
                self.log("mean", self.mean, on_epoch=True, on_step=False)
                self.log("plain", batch.mean(), on_epoch=True, on_step=False)
                return self.layer(batch).sum()
            def configure_optimizers(self):
                return torch.optim.SGD(self.parameters(), 0.1)
        trainer = lightning.Trainer(max_epochs=1, logger=False, enable_checkpointing=False, accelerator="cpu",
                                    enable_progress_bar=False, enable_model_summary=False)
        data = torch.utils.data.DataLoader(torch.tensor([[1.0], [3.0]]))
        trainer.fit(Learner(), data)
        assert trainer.callback_metrics["mean"] == trainer.callback_metrics["plain"] == 2
    """
    assert "torchmetrics.metric" in loaded(textwrap.dedent(code))


@pytest.mark.parametrize("first", ["lightning", "torchmetrics"])
def test_what_was_imported_before_stays(first):
    assert {"torchmetrics.functional", "lightning"} <= loaded(f"import {first}, avseld.training.train")
