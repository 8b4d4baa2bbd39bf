"""Makes components/av_baseline.npz: features, labels, box vectors, network and loss of the audio-visual baseline.

Repository: https://github.com/sony/audio-visual-seld-dcase2023 (MIT), commit d712445
Needs:      numpy, librosa, soundfile, pandas, torch; opencv-python for the loss, whose module imports the data loader
Command:    python tests/golden/make_av_baseline.py CHECKOUT

Inputs that were drawn at random (boxes, the loss's output and target) stay those of the file. The network's weights and
inputs follow the formula of README.md.
"""

import sys
import types

import numpy as np
from common import adpit_loss, make_parts, some

SAMPLE_RATE, WINDOW, FFT, HOP = 24_000, 30_480, 512, 240
KEPT_FRAMES = 8  # every eighth of 128
CLASSES, FEATURES = 13, 7


def features(stored, folder):
    import soundfile
    from feature.feature import SpectralFeature

    start = int(stored["feature/start_sample"])
    path = folder / "components/scene.wav"
    wav, _ = soundfile.read(path, start=start, frames=WINDOW, dtype="float32")
    spectrum = SpectralFeature(
        wav=wav, fft_size=FFT, stft_hop_size=HOP, center=True, config={"base_channel": 0}
    )
    amplitude, difference = spectrum.amplitude(), spectrum.phasediff()
    kept = some(amplitude.shape[2], KEPT_FRAMES)
    return {
        "feature/frames": kept,
        "feature/amplitude": amplitude[:, :, kept],
        "feature/phasediff": difference[:, :, kept],
    }


def labels(stored, folder):
    from util.func_seld_data_loader import get_label

    rows = np.loadtxt(folder / "components/scene.csv", delimiter=",", dtype=int)[:, :5]
    starts = {key: float(stored[key]) for key in stored if key.endswith("/start_sec")}
    return {
        key.replace("start_sec", "adpit"): get_label(WINDOW / SAMPLE_RATE, rows, start, CLASSES).astype(
            np.float32
        )
        for key, start in starts.items()
    }


def boxes(stored, folder):
    sys.modules.setdefault("mmdet", types.ModuleType("mmdet"))  # the detector itself is not needed
    apis = types.ModuleType("mmdet.apis")
    apis.init_detector = apis.inference_detector = None
    sys.modules.setdefault("mmdet.apis", apis)
    from object_detection import ObjectDetection

    detection = ObjectDetection.__new__(ObjectDetection)  # without its weights
    detection._n_box, detection._len_dist = 6, 36
    return {"boxes/gaussian": np.stack([detection.box2dist(rows) for rows in stored["boxes/xyxy"]])}


def network(stored, folder):
    import torch
    from net.net_seld import AudioVisualCRNN
    from reference.filled import description, of_file

    model = AudioVisualCRNN(class_num=CLASSES, in_channels=FEATURES).eval()
    shapes = {
        name: tuple(value.shape) for name, value in model.state_dict().items() if value.is_floating_point()
    }
    made = description(shapes, [(2, FEATURES, FFT // 2 + 1, 128), (2, 2, 6, 37)], "model")
    weights, inputs = of_file(made, "model")
    model.load_state_dict({name: torch.from_numpy(value) for name, value in weights.items()})
    with torch.no_grad():
        return made | {"model/output": model(*map(torch.from_numpy, inputs)).numpy()}


def loss(stored, folder):
    from seld_trainer import MSELoss_ADPIT

    return adpit_loss(MSELoss_ADPIT(), stored)


PARTS = {part.__name__: part for part in (features, labels, boxes, network, loss)}

if __name__ == "__main__":
    make_parts(__doc__, "components/av_baseline.npz", PARTS)
