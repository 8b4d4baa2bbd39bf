"""Makes metrics/official_2022.json: metrics/prediction against metrics/reference by the rules of DCASE 2022 and 2023.

Repository: https://github.com/sony/audio-visual-seld-dcase2023 (MIT), commit d712445;
            its dcase2022_task3_seld_metrics is the scorer of https://github.com/sharathadavanne/seld-dcase2022
            with angles in place of vectors
Needs:      numpy 1.23 or older, scipy, IPython, and what its cls_feature_class imports
Command:    python tests/golden/make_metrics_2022.py CHECKOUT
"""

import tempfile
from pathlib import Path

from common import arguments, nested, without_distance, write_scores


def main() -> None:
    given = arguments(__doc__, ["scores"])
    from dcase2022_task3_seld_metrics import parameters
    from dcase2022_task3_seld_metrics.cls_compute_seld_results import ComputeSELDResults

    folder, made = given.out / "metrics", {}
    with tempfile.TemporaryDirectory() as scratch:
        references = without_distance(folder / "reference", Path(scratch, "reference"))
        predictions = without_distance(folder / "prediction", Path(scratch, "prediction"))
        for average in ("macro", "micro"):
            scorer = ComputeSELDResults(parameters.get_params() | {"average": average}, str(references))
            made[f"{average}/segment"] = {
                "scores": nested(scorer.get_SELD_Results(str(predictions))),
                "jackknife": nested(scorer.get_SELD_Results(str(predictions), is_jackknife=True)),
            }
    write_scores(folder / "official_2022.json", made)


if __name__ == "__main__":
    main()
