"""Makes components/dcase2024.npz: features, labels, network and loss of the DCASE2024 audio baseline.

Repository: https://github.com/partha2409/DCASE2024_seld_baseline (MIT), commit 0b07887
Needs:      numpy 1.23 or older (features and labels use numpy.int), librosa 0.10, torch, and what its modules import:
            scikit-learn, joblib, matplotlib, opencv-python, torchvision, pillow, IPython
Command:    python tests/golden/make_dcase2024.py CHECKOUT

`filled/*` is the network with weights and input by the formula of README.md. `model/*` is the network with the weights
that the repository publishes (3_1_dev_split0_multiaccdoa_foa_model.h5, a torch file, converted to safetensors by name):
they are not here; with them in components/ the test that uses them runs, without it skips.
The loss's output and target, drawn at random, stay those of the file.
"""

from pathlib import Path

import numpy as np
from common import adpit_loss, make_parts, some

LABEL_FRAMES = 60
KEPT = {"foa/logmel_iv": 10, "mic/logmel_gcc": 10, "mic/salsa_lite": 25}  # every so many frames of 300
PRETRAINED = "components/dcase2024_foa_pretrained.safetensors"
INPUT = (1, 7, 250, 64)


def parameters(**changes):
    import parameters as published

    return published.get_params("3") | changes


def features(stored, folder):
    from cls_feature_class import FeatureClass

    made = {}
    for key, every in KEPT.items():
        salsa = key.endswith("salsa_lite")
        feature = FeatureClass(parameters(dataset=key[:3], use_salsalite=salsa))
        spectra = feature._get_spectrogram_for_file(str(folder / "components/scene.wav"))
        if salsa:
            value = feature._get_salsalite(spectra)
        else:
            spatial = feature._get_foa_intensity_vectors if key.startswith("foa") else feature._get_gcc
            value = np.concatenate((feature._get_mel_spectrogram(spectra), spatial(spectra)), axis=-1)
        kept = some(len(value), every)
        made |= {f"{key}/frames": kept, key: value[kept].real.astype(np.float32)}
    return made


def labels(stored, folder):
    from cls_feature_class import FeatureClass

    feature = FeatureClass(parameters())
    polar = feature.load_output_format_file(str(folder / "components/scene.csv"))
    rows = feature.convert_output_format_polar_to_cartesian(polar)
    return {"label/adpit": feature.get_adpit_labels_for_file(rows, LABEL_FRAMES).astype(np.float32)}


def network(stored, folder):
    import torch
    from reference.filled import description, of_file
    from seldnet_model import SeldModel

    model = SeldModel(INPUT, (1, 50, 3 * 4 * 13), parameters()).eval()
    shapes = {
        name: tuple(value.shape) for name, value in model.state_dict().items() if value.is_floating_point()
    }
    made = description(shapes, [INPUT], "filled")
    weights, inputs = of_file(made, "filled")
    model.load_state_dict({name: torch.from_numpy(value) for name, value in weights.items()})
    with torch.no_grad():
        made["filled/output"] = model(torch.from_numpy(inputs[0])).numpy()
    if (folder / PRETRAINED).exists():
        made["model/output"] = with_published_weights(model, stored["model/input"], folder / PRETRAINED)
    return made


def with_published_weights(model, audio: np.ndarray, path: Path) -> np.ndarray:
    import torch
    from safetensors.torch import load_file

    model.load_state_dict(load_file(path))
    with torch.no_grad():
        return model(torch.from_numpy(audio)).numpy()


def loss(stored, folder):
    from seldnet_model import MSELoss_ADPIT

    return adpit_loss(MSELoss_ADPIT(), stored)


PARTS = {part.__name__: part for part in (features, labels, network, loss)}

if __name__ == "__main__":
    make_parts(__doc__, "components/dcase2024.npz", PARTS)
