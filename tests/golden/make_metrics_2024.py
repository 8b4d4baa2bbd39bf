"""Makes metrics/official_2024.json: metrics/prediction_metres against metrics/reference by the rules of DCASE 2024.

Repository: https://github.com/partha2409/DCASE2024_seld_baseline (MIT), commit 0b07887
Needs:      numpy 1.23 or older, scipy, IPython, and what its cls_feature_class imports (see make_dcase2024.py)
Command:    python tests/golden/make_metrics_2024.py CHECKOUT

The scorer reads distances of references in centimetres and of predictions in metres. `segment` is the definition of
2022 as this scorer computes it, without distances.
"""

from common import arguments, nested, write_scores


def main() -> None:
    given = arguments(__doc__, ["scores"])
    import parameters
    from cls_compute_seld_results import ComputeSELDResults

    folder, made = given.out / "metrics", {}
    for average in ("macro", "micro"):
        for level in ("frame", "segment"):
            by_segment = level == "segment"
            params = parameters.get_params("3") | {
                "average": average,
                "segment_based_metrics": by_segment,
                "evaluate_distance": not by_segment,
            }
            scorer = ComputeSELDResults(params, str(folder / "reference"))
            predictions = str(folder / "prediction_metres")
            made[f"{average}/{level}"] = {
                "scores": nested(scorer.get_SELD_Results(predictions)),
                "jackknife": nested(scorer.get_SELD_Results(predictions, is_jackknife=True)),
            }
    write_scores(folder / "official_2024.json", made)


if __name__ == "__main__":
    main()
