"""The command `compare`: scores of runs and of groups of seeds, and the differences with their intervals."""

import logging
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import combinations
from pathlib import Path
from typing import Literal, cast, get_args

import numpy as np

from avseld.base.errors import BadInput
from avseld.base.files import check_folder, replacing, takes_paths
from avseld.data.windows import reference
from avseld.evaluation.comparison_tables import (
    difference_table,
    markdown_table,
    score_lines,
    score_table,
    write_tables,
)
from avseld.evaluation.evaluate import untrained_predictor
from avseld.evaluation.judging import judge
from avseld.evaluation.validation import scoring_of, tell_how_scored
from avseld.inference.predictor import Control, load
from avseld.inference.run_folder import labelled_recordings_of, read_config
from avseld.io.run_weights import CONFIG, run_folder
from avseld.metrics import RULES, SCORES, Counts
from avseld.metrics.api import count_pairs
from avseld.metrics.confidence import difference_of, resampled
from avseld.metrics.definitions import label_of, title_of
from avseld.metrics.ranking import Rankings, ranking_names
from avseld.metrics.rules import rule_of
from avseld.metrics.scoring import Scoring
from avseld.metrics.seld import ScoringOptions
from avseld.reporting.comparison import comparison_figure

log = logging.getLogger(__name__)


CONTROLS = (*get_args(Control), "untrained")
"""visual inputs, and the same network with random weights and no video"""


@dataclass(frozen=True)
class Member:
    """A run of a group."""

    path: Path
    control: str | None = None
    """one of `CONTROLS`; the visual input of all if None"""

    def __str__(self) -> str:
        return str(self.path) if self.control is None else f"{self.path}:{self.control}"


@dataclass(frozen=True)
class Counted:
    """A run, scored recording by recording."""

    member: Member
    scoring: Scoring | None
    """how events are scored; None for a system whose probabilities alone are"""
    counts: Mapping[str, Counts]
    """(recording, class), by what they count"""
    scores: dict[str, float]
    recordings: tuple[str, ...]
    classes: tuple[str, ...]
    rankings: Rankings | None = None
    """probabilities of all recordings, for the scores that need no threshold"""

    @property
    def title(self) -> str:
        """What the scores follow, for the head of a table."""
        return "average precision" if self.scoring is None else title_of(self.scoring.challenge)


@takes_paths
def compare(
    runs: list[str],
    prepared: Path | None = None,
    fold: str = "test",
    control: Control | None = None,
    weights: Literal["best", "last"] = "best",
    challenge: int | None = None,
    draws: int = 1000,
    seed: int = 0,
    out: Path | None = None,
    device: str = "auto",
    scores: list[str] | None = None,
    markdown: bool = False,
) -> None:
    """Compare runs: mean and standard deviation over seeds, and differences with 95 % intervals over recordings.

    Args:
        runs: run folders, or groups of them, NAME=RUN,RUN; a folder of several seeds (`train --seed 0,1,2`) is a group.
            RUN:CONTROL gives a run other visual input: aligned, shuffled, blank or silent; RUN:untrained are random
            weights.
        prepared: prepared folder; by default the one of each training.
        fold: test, validate or train as in the recipe, or the name of a fold, a room or a recording.
        control: visual input: aligned, shuffled, blank or silent; by default as in each training.
        weights: best or last.
        challenge: year of the scoring rule; by default the one of the first training.
        draws: resampled sets of recordings of the paired bootstrap.
        seed: of the bootstrap; other videos and random weights follow the seed of each run.
        out: folder for scores.csv, differences.csv and comparison.png; only the tables are printed if left out.
        device: cpu, cuda, ..., or auto.
        scores: those to show (ER, F, LE, LR, seld_score, or those of the task); all if left out.
        markdown: print the scores alone, as a Markdown table.

    Raises:
        BadInput: a folder that is no run, an unknown control, or runs of different classes or recordings.
    """
    check_folder(out, "--out")
    groups = read_groups(runs)
    everyone = [member for members in groups.values() for member in members]
    year = challenge or read_config(everyone[0].path)["challenge"]
    if year not in RULES:
        raise BadInput(f"challenge: {year} is none of {', '.join(map(str, RULES))}")
    count = partial(
        count_run, prepared=prepared, fold=fold, control=control, weights=weights, year=year, device=device
    )
    counted = {member: chosen_scores(count(member), scores) for member in dict.fromkeys(everyone)}
    check_comparable(list(counted.values()))
    chosen = {name: [counted[member] for member in members] for name, members in groups.items()}
    if markdown:
        sys.stdout.write(markdown_table(score_lines(chosen)) + "\n")
        if out is None:
            return
    differences = group_differences(chosen, draws, seed)
    first = counted[everyone[0]]
    n_recordings = len(first.recordings)
    if not markdown:
        sys.stdout.write(f"{first.title}, {n_recordings} recordings ({fold})\n\n{score_table(chosen)}\n")
    if differences and not markdown:
        sys.stdout.write("\n" + difference_table(differences) + "\n")
    if out is not None:
        write_tables(out, chosen, differences)
        values = {name: [run.scores for run in members] for name, members in chosen.items()}
        better = {True: "higher is better", False: "lower is better"}
        names = counted[everyone[0]].scores
        titles = {
            name: f"{label_of(name, names)} {SCORES[name].unit}\n{better[SCORES[name].higher_is_better]}"
            for name in names
        }
        with replacing(out / "comparison.png") as temporary:
            comparison_figure(values, titles).savefig(temporary, dpi=120)
        log.info("%s: scores.csv, differences.csv, comparison.png", out)


def read_groups(runs: Sequence[str]) -> dict[str, list[Member]]:
    """Read names of runs and groups.

    Args:
        runs: RUN, RUN:CONTROL or NAME=RUN,RUN; a RUN may be a folder of runs called seed0, seed1, ...

    Returns:
        Runs by name of the group.

    Raises:
        BadInput: a folder without a run, an unknown control, or two groups of one name.
    """
    groups: dict[str, list[Member]] = {}
    plain = [Path(run) for run in runs if "=" not in run]
    for run in runs:
        name, equals, members = run.rpartition("=")
        if not equals:
            # The last part of the path, unless another run has the same.
            alike = [path for path in plain if path.resolve().name == Path(run).resolve().name]
            name = Path(run).resolve().name if len(alike) == 1 else run
        if not name or name in groups:
            raise BadInput(f"'{run}': there are two groups of that name, or none; write NAME=RUN,RUN")
        groups[name] = [one for member in members.split(",") if member for one in _members_in(member)]
    if not groups or not all(groups.values()):
        raise BadInput("which runs? write RUN RUN or NAME=RUN,RUN NAME=RUN,RUN")
    return groups


def _members_in(text: str) -> list[Member]:
    """List the run of RUN or RUN:CONTROL, or the runs of several seeds in that folder."""
    control: str | None = None
    folder = Path(text)
    if not folder.exists() and ":" in text:
        place, _, control = text.rpartition(":")
        folder = Path(place)
        if control not in CONTROLS:
            raise BadInput(f"{text}: '{control}' is none of {', '.join(CONTROLS)}; write RUN or RUN:CONTROL")
    if (run_folder(folder) / CONFIG).is_file():
        return [Member(folder, control)]
    seeds = sorted(
        folder.glob("seed*/config.yaml"), key=lambda path: (len(path.parent.name), path.parent.name)
    )
    if not seeds:
        raise BadInput(f"{folder}: no run and no folder of runs; give folders made by avseld train")
    return [Member(path.parent, control) for path in seeds]


def count_run(
    member: Member,
    prepared: Path | None,
    fold: str,
    control: Control | None,
    weights: Literal["best", "last"],
    year: int,
    device: str,
) -> Counted:
    """Predict and count the recordings of a fold; arguments as for `compare`.

    Raises:
        BadInput: a run or recordings that cannot be read.
    """
    run = member.path
    config = read_config(run)
    predictor = load(run, weights, device)
    recordings = labelled_recordings_of(run, prepared, fold)
    shown = member.control or control or config["data"]["video"]
    if shown == "untrained":
        predictor, shown = untrained_predictor(predictor, config["seed"]), "blank"
    tell_how_scored(predictor.system, year)
    classes = tuple(predictor.classes)
    references = {one.name: reference(one, len(classes)) for one in recordings}
    judged = judge(predictor, recordings, references, cast(Control, shown), config["seed"], year)
    scoring = scoring_of(predictor.task, year, len(classes))
    pairs = [(references[one.name], judged.predictions[one.name]) for one in recordings]
    counts: Mapping[str, Counts] = {}
    values: dict[str, float] = {}
    if predictor.task == "seld":
        has_distance = predictor.system.target.distance and not any(
            np.isnan(one.distance).any() for one in references.values()
        )
        options = ScoringOptions(len(classes), distance=bool(has_distance))
        counts = {"seld": count_pairs(pairs, rule_of(year), options)}
    elif scoring is not None:
        counts = scoring.count_all(pairs)
    if scoring is not None:
        values = scoring.scores(counts).values
    names = ranking_names(predictor.task, list(predictor.system.target.shapes))
    rankings = Rankings(judged.ranked, names) if judged.ranked else None
    values |= {} if rankings is None else rankings.values()
    listed = tuple(recording.name for recording in recordings)
    return Counted(member, scoring, counts, values, listed, classes, rankings)


def chosen_scores(run: Counted, names: Sequence[str] | None) -> Counted:
    """Keep some of the scores of a run.

    Args:
        run: with all scores.
        names: of those to keep, in their order; all if None.

    Raises:
        BadInput: no such score.
    """
    if unknown := [name for name in names or () if name not in run.scores]:
        raise BadInput(f"--scores {unknown[0]}: is none of {', '.join(run.scores)}")
    return replace(run, scores={name: run.scores[name] for name in names or run.scores})


def check_comparable(runs: Sequence[Counted]) -> None:
    """Refuse runs of different classes, recordings or scores.

    Raises:
        BadInput: names the two runs and what differs.
    """
    first = runs[0]
    for run in runs[1:]:
        for what in ("classes", "recordings"):
            one, other = getattr(first, what), getattr(run, what)
            if one != other:
                differing = sorted(set(one) ^ set(other)) or ["their order"]
                raise BadInput(
                    f"{run.member} and {first.member} have other {what} ({', '.join(differing[:3])}); compare runs "
                    "that were made for the same corpus, or give --prepared and --fold"
                )
        if list(run.scores) != list(first.scores):
            raise BadInput(
                f"{run.member} has the scores {', '.join(run.scores)}, {first.member} has {', '.join(first.scores)}; "
                "compare runs of one task, and of those all with distances or all without"
            )


def group_differences(
    groups: Mapping[str, Sequence[Counted]], draws: int = 1000, seed: int = 0
) -> dict[tuple[str, str], dict[str, list[float]]]:
    """Compute the differences between groups by a paired bootstrap over recordings.

    Both groups are scored on the same resampled recordings; the score of a group is the mean over its runs.

    Args:
        groups: runs by name.
        draws: resampled sets.
        seed: of the bootstrap.

    Returns:
        By pair of groups and score: first minus second, low and high end of its 95 % interval.
    """
    first = next(iter(groups.values()))[0]
    if len(groups) < 2:
        return {}
    weight = resampled(len(first.recordings), draws, seed)
    values = {
        name: _mean_tables([_resampled(run, weight) for run in members]) for name, members in groups.items()
    }
    return {
        (one, two): {score: difference_of(values[one][score], values[two][score]) for score in first.scores}
        for one, two in combinations(groups, 2)
    }


def _mean_tables(tables: Sequence[Mapping[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """Average each score over the runs of a group."""
    return {score: np.mean([table[score] for table in tables], axis=0) for score in tables[0]}


def _resampled(run: Counted, weight: np.ndarray) -> dict[str, np.ndarray]:
    """Score a run on all recordings, then on each choice of them.

    Args:
        run: the run.
        weight: (draw, recording) how often each counts.

    Returns:
        By score: (1 + draw,).
    """
    weight = np.concatenate([np.ones_like(weight[:1]), weight])
    table: dict[str, np.ndarray] = {}
    for kind, formula in {} if run.scoring is None else run.scoring.formulas.items():
        sums = {name: np.tensordot(weight, value, 1) for name, value in run.counts[kind].as_dict().items()}
        table |= formula(Counts(**sums))[0]
    if run.rankings is not None:
        drawn = [run.rankings.values(each) for each in weight]
        table |= {name: np.array([values[name] for values in drawn]) for name in run.rankings.names}
    return table
