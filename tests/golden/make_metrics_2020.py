"""Makes metrics/official_2020.json: metrics/prediction against metrics/reference, every recording taken as 620 frames.

Repository: https://github.com/sharathadavanne/seld-dcase2020 (metrics/: MIT), commit 384ad9b
Needs:      numpy 1.23 or older (numpy.float), scipy, librosa, scikit-learn, joblib, matplotlib, IPython
Command:    python tests/golden/make_metrics_2020.py CHECKOUT
"""

import tempfile
from pathlib import Path

from common import arguments, without_distance, write_scores

FRAMES, CLASSES, THRESHOLD_DEGREES = 620, 13, 20


def main() -> None:
    given = arguments(__doc__, ["scores"])
    import cls_feature_class
    import parameter
    from metrics import SELD_evaluation_metrics as official

    feature = cls_feature_class.FeatureClass(parameter.get_params())
    total = official.SELDMetrics(nb_classes=CLASSES, doa_threshold=THRESHOLD_DEGREES)
    folder = given.out / "metrics"

    def blocks(path: Path) -> dict:
        return feature.segment_labels(feature.load_output_format_file(str(path)), FRAMES)

    with tempfile.TemporaryDirectory() as scratch:
        references = without_distance(folder / "reference", Path(scratch, "reference"))
        predictions = without_distance(folder / "prediction", Path(scratch, "prediction"))
        for path in sorted(references.rglob("*.csv")):
            total.update_seld_scores(blocks(predictions / path.name), blocks(path))
    er, f, error, recall = map(float, total.compute_seld_scores())
    score = float(official.early_stopping_metric([er, f], [error, recall]))
    found = {"ER": er, "F": f, "LE": error, "LR": recall, "seld_score": score}
    write_scores(folder / "official_2020.json", {"frames_per_recording": FRAMES, **found})


if __name__ == "__main__":
    main()
