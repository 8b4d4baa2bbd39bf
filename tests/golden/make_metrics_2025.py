"""Makes metrics/official_2025.json: stereo/prediction against stereo/reference (in metrics/), rules of DCASE 2025.

Repository: https://github.com/partha2409/DCASE2025_seld_baseline (MIT), commit 42a48b6
Needs:      numpy below 2 (numpy.NaN), scipy, torch, and what its utils imports
Command:    python tests/golden/make_metrics_2025.py CHECKOUT

Its jackknife stops with an error (a ragged array), so that there are no intervals.
"""

from common import arguments, nested, write_scores


def main() -> None:
    given = arguments(__doc__, ["scores"])
    from metrics import ComputeSELDResults
    from parameters import params

    folder, made = given.out / "metrics", {}
    for average in ("macro", "micro"):
        for visibility in ("any", "onscreen"):
            changes = {
                "average": average,
                "modality": "audio_visual",
                "lad_req_onscreen": visibility == "onscreen",
            }
            scorer = ComputeSELDResults(params | changes, str(folder / "stereo/reference"))
            made[f"{average}/{visibility}"] = nested(
                scorer.get_SELD_Results(str(folder / "stereo/prediction"))
            )
    write_scores(folder / "official_2025.json", made)


if __name__ == "__main__":
    main()
