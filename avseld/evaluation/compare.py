"""The command `compare`: scores of runs and of groups of seeds, and the differences with their intervals."""

import csv
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
from avseld.evaluation.evaluate import untrained_predictor
from avseld.inference.predictor import Control, load, predict_all
from avseld.inference.run_folder import read_config, recordings_of
from avseld.io.run_weights import CONFIG, run_folder
from avseld.metrics import RULES, SCORES, Counts
from avseld.metrics.api import count_pairs, scores_from_counts
from avseld.metrics.confidence import paired_bootstrap
from avseld.metrics.counts import concatenate_counts
from avseld.metrics.definitions import label_of
from avseld.metrics.formulas import compute_scores
from avseld.metrics.rules import Rule, rule_of
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
    counts: Counts
    """(recording, class)"""
    scores: dict[str, float]
    recordings: tuple[str, ...]
    classes: tuple[str, ...]


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
        scores: those to show (ER, F, LE, LR, seld_score); all if left out.
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
    differences = group_differences(chosen, rule_of(year), draws, seed)
    n_recordings = len(counted[everyone[0]].recordings)
    if not markdown:
        sys.stdout.write(f"DCASE {year}, {n_recordings} recordings ({fold})\n\n{score_table(chosen)}\n")
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
        BadInput: a run that does not locate events.
    """
    run = member.path
    config = read_config(run)
    predictor = load(run, weights, device)
    if predictor.task != "seld":
        raise BadInput(f"{run}: detects events without their directions; compare scores SELD systems")
    recordings = recordings_of(run, prepared, fold)
    shown = member.control or control or config["data"]["video"]
    if shown == "untrained":
        predictor, shown = untrained_predictor(predictor, config["seed"]), "blank"
    predictions = predict_all(predictor, recordings, cast(Control, shown), config["seed"])
    references = [reference(recording, len(predictor.classes)) for recording in recordings]
    pairs = [
        (one, predictions[recording.name]) for one, recording in zip(references, recordings, strict=True)
    ]
    has_distance = predictor.system.target.distance and not any(
        np.isnan(one.distance).any() for one in references
    )
    options = ScoringOptions(len(predictor.classes), distance=bool(has_distance))
    counts = count_pairs(pairs, rule_of(year), options)
    scores = scores_from_counts(counts, "macro", year)
    values = {name: scores[name] for name in scores.printed}
    names = tuple(recording.name for recording in recordings)
    return Counted(member, counts, values, names, tuple(predictor.classes))


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
                f"{run.member} and {first.member}: one estimates distances, the other does not; compare runs of "
                "one kind"
            )


def group_differences(
    groups: Mapping[str, Sequence[Counted]], rule: Rule, draws: int = 1000, seed: int = 0
) -> dict[tuple[str, str], dict[str, list[float]]]:
    """Compute the differences between groups by a paired bootstrap over recordings.

    Both groups are scored on the same resampled recordings; the score of a group is the mean over its runs.

    Args:
        groups: runs by name.
        rule: the challenge year.
        draws: resampled sets.
        seed: of the bootstrap.

    Returns:
        By pair of groups and score: first minus second, low and high end of its 95 % interval.
    """
    tables = {
        name: concatenate_counts([
            concatenate_counts([run.counts[[place]] for run in members])[None]
            for place in range(len(members[0].recordings))
        ])
        for name, members in groups.items()
    }  # fmt: skip
    names = list(next(iter(groups.values()))[0].scores)

    def mean_over_runs(sums: Counts, score: str) -> np.ndarray:
        return np.asarray(compute_scores(sums, rule)[0][score]).mean(axis=-1)

    return {
        (one, two): {
            score: paired_bootstrap(
                tables[one], tables[two], partial(mean_over_runs, score=score), draws=draws, seed=seed
            )
            for score in names
        }
        for one, two in combinations(tables, 2)
    }


def score_lines(groups: Mapping[str, Sequence[Counted]]) -> list[list[str]]:
    """Write mean and, for several runs, standard deviation of each group's scores.

    Args:
        groups: runs by name.

    Returns:
        Cells of a table: a line of titles, a line of each group.
    """
    names = list(next(iter(groups.values()))[0].scores)
    lines = [["", *(label_of(name, names) for name in names)]]
    for group, members in groups.items():
        cells = []
        for name in names:
            values = [run.scores[name] for run in members]
            deviation = f" ± {SCORES[name].text(float(np.std(values, ddof=1)))}" if len(values) > 1 else ""
            cells.append(SCORES[name].text(float(np.mean(values))) + deviation)
        lines.append([group, *cells])
    return lines


def score_table(groups: Mapping[str, Sequence[Counted]]) -> str:
    """Format the scores of each group and the number of its runs."""
    head, *lines = score_lines(groups)
    counts = [str(len(members)) for members in groups.values()]
    rows = [[name, count, *cells] for (name, *cells), count in zip(lines, counts, strict=True)]
    return _columns([["mean ± deviation over runs", "runs", *head[1:]], *rows])


def markdown_table(lines: Sequence[Sequence[str]]) -> str:
    """Format cells as a Markdown table with aligned columns.

    Args:
        lines: the first is the header; first cells are names, the others numbers.
    """
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    rows = []
    for line in lines:
        first, *cells = (cell.rjust(width) for cell, width in zip(line, widths, strict=True))
        rows.append("| " + " | ".join([first.strip().ljust(widths[0]), *cells]) + " |")
    rules = ["-" * (width + 1) + (":" if column else "-") for column, width in enumerate(widths)]
    return "\n".join([rows[0], "|" + "|".join(rules) + "|", *rows[1:]])


def difference_table(differences: Mapping[tuple[str, str], Mapping[str, Sequence[float]]]) -> str:
    """Format differences with their intervals, a line each; a star marks an interval without 0."""
    lines = [["difference", "score", "", "95 % from", "to", ""]]
    for (one, two), scores in differences.items():
        for name, values in scores.items():
            star = "*" if values[1] > 0 or values[2] < 0 else ""
            cells = [SCORES[name].text(value, extra_digits=1) for value in values]
            lines.append([f"{one} - {two}", label_of(name, scores), *cells, star])
    return _columns(lines)


def _columns(lines: Sequence[Sequence[str]]) -> str:
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    rows = []
    for line in lines:
        first, *cells = (cell.rjust(width) for cell, width in zip(line, widths, strict=True))
        rows.append("  ".join([first.strip().ljust(widths[0]), *cells]).rstrip())
    return "\n".join(rows)


def write_tables(
    out: Path,
    groups: Mapping[str, Sequence[Counted]],
    differences: Mapping[tuple[str, str], Mapping[str, Sequence[float]]],
) -> None:
    """Write scores.csv, a row per run, and differences.csv, a row per pair of groups and score."""
    names = list(next(iter(groups.values()))[0].scores)
    scores = [["group", "run", *names]]
    for group, members in groups.items():
        scores += [
            [group, str(run.member), *(f"{run.scores[name]:.6g}" for name in names)] for run in members
        ]
    rows = [["first", "second", "score", "difference", "low", "high"]]
    for (one, two), pair in differences.items():
        rows += [[one, two, name, *(f"{value:.6g}" for value in values)] for name, values in pair.items()]
    for name, lines in (("scores.csv", scores), ("differences.csv", rows)):
        with (
            replacing(out / name) as temporary,
            Path(temporary).open("w", encoding="utf-8", newline="") as file,
        ):
            csv.writer(file, lineterminator="\n").writerows(lines)
