"""Makes metrics/official_2019.json from the activity and angles of metrics/framewise_2019.npz.

Repository: https://github.com/sharathadavanne/seld-dcase2019 (metrics/: MIT), commit e88c62b
Needs:      numpy 1.23 or older (numpy.float), scipy, IPython
Command:    python tests/golden/make_metrics_2019.py CHECKOUT
"""

import numpy as np
from common import arguments, write_scores

FRAMES_PER_SECOND = 50


def main() -> None:
    given = arguments(__doc__, ["scores"])
    from metrics import evaluation_metrics as official

    with np.load(given.out / "metrics/framewise_2019.npz") as file:
        values = dict(file)
    reference, prediction = values["gt_sed"], values["pred_sed"].astype(int)
    reference = reference.astype(int)
    er, f = official.compute_sed_scores(prediction, reference, FRAMES_PER_SECOND)
    error, recall = official.compute_doa_scores_regr(
        values["pred_doa_rad"], values["gt_doa_rad"], prediction, reference
    )[:2]
    score = official.compute_seld_metric([er, f], [error, recall])
    write_scores(
        given.out / "metrics/official_2019.json",
        {
            "frames_per_second": FRAMES_PER_SECOND,
            "ER": float(er),
            "F": float(f),
            "doa_error": float(error),
            "frame_recall": float(recall),
            "seld_score": float(score),
        },
    )


if __name__ == "__main__":
    main()
