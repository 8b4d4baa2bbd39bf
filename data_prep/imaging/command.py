"""`avseld-prep energy_maps`: energy maps of 32-channel recordings at the directions of their labels."""

import json
from pathlib import Path

from avseld.base.engines import read_engine
from avseld.base.errors import BadInput
from avseld.base.files import make_folder, replacing, require_folder, takes_paths, visible_files
from avseld.base.job_shards import read_shard
from avseld.base.next_step import beside, tell_next
from avseld.base.rates import LABEL_HOP
from avseld.io.dcase_csv import read_dcase
from avseld.io.energy_maps import SUFFIXES, write_energy_maps
from avseld.io.suffixes import SOUNDS
from data_prep.imaging.bands import read_band_spectra
from data_prep.imaging.labels import CORRECTIONS, maps_of_sounds
from data_prep.jobs import FileJob, pair, work_through
from data_prep.parts import alone_in

OPTIONS_FILE = ".energy_maps.json"
"""file in the target folder that holds the corrections"""
STANDARDISED = f"{SUFFIXES[1]}.json"


@takes_paths
def energy_maps(
    source: Path,
    labels: Path,
    target: Path,
    corrected: list[str] | None = None,
    jobs: int = 0,
    shard: str | None = None,
    engine: str | None = None,
) -> int:
    """Make the labels of DCASE2026 from 32-channel recordings: for each sound and frame a class and an energy map.

    NAME.wav and NAME.csv become NAME_std.json, equal to what the official generator of labels writes. A second call
    makes what is missing or older than its files.

    Args:
        source: a folder of recordings of the Eigenmike, 32 channels at 24 kHz, or one of them (eigen_dev).
        labels: the folder of their labels in the format of STARSS23 (metadata_dev).
        target: a folder beside it, which gets the same subfolders (labels_dev).
        corrected: defects of the official generator to correct, separated by commas, or all: momentum, wavelengths,
            seam, doubled, first_row; see docs/imaging.md.
        jobs: number of parallel jobs; 0 for one per core.
        shard: share of the files, I/N (2/8 is the second of eight), for N programs that share the work; auto in a SLURM
            job array. See docs/clusters.md.
        engine: loky (processes, the default), threads or dask:ADDRESS, the workers of a Dask cluster.

    Returns:
        0 if all went well, 1 if a file failed.

    Raises:
        BadInput: nothing there, labels that are missing, or a folder of other corrections.
    """
    own_shard, workers = read_shard(shard), read_engine(engine, jobs, "loky")
    names = _read_corrections(corrected)
    due = _with_labels(pair(source, target, SOUNDS), source, labels, names)
    with alone_in(target):
        _claim(target, names)
    if work_through(own_shard.of(due, "recordings"), make_maps, _is_up_to_date, "energy maps", workers):
        return 1
    corpus = source.parent
    if source.name == "eigen_dev" and target == corpus / "labels_dev":
        tell_next("avseld-prep", "stairs26", "--raw", corpus, "--prepared", beside(corpus, "prepared"))
    return 0


def make_maps(source: Path, target: Path, labels: Path, corrected: tuple[str, ...] = ()) -> str:
    """Make the energy maps of one recording.

    Args:
        source: 32 channels at 24 kHz.
        target: the JSON file to write.
        labels: of the recording, a frame CSV.
        corrected: names of corrections.

    Returns:
        A remark on sounds beyond the end of the recording, else empty.

    Raises:
        BadInput: another recording or unreadable labels.
    """
    events, dialect = read_dcase(labels)
    if "first_row" not in corrected and not dialect.header:
        events = events.select(slice(1, None))
    spectra = read_band_spectra(source)
    write_energy_maps(target, maps_of_sounds(spectra, events, corrected))
    beyond = int((events.onset > (len(spectra) - 0.5) * LABEL_HOP).sum())
    return f"{labels}: {beyond} rows lie after the end of {source.name}" if beyond else ""


def _read_corrections(words: list[str] | None) -> tuple[str, ...]:
    """Return the names of corrections in their order.

    Raises:
        BadInput: an unknown name.
    """
    given = {word for entry in words or [] for word in str(entry).split(",") if word}
    if given == {"all"}:
        return tuple(CORRECTIONS)
    if unknown := sorted(given - set(CORRECTIONS)):
        raise BadInput(f"corrected {unknown[0]}: choose among {', '.join(CORRECTIONS)}, or all")
    return tuple(name for name in CORRECTIONS if name in given)


def _with_labels(
    pairs: list[FileJob], source: Path, labels: Path, corrected: tuple[str, ...]
) -> list[FileJob]:
    """Give each recording its labels: those at the same place below the folder, else those of its name.

    Raises:
        BadInput: no labels of a recording, or several.
    """
    require_folder(labels)
    root = source if source.is_dir() else source.parent
    named: dict[str, list[Path]] = {}
    for path in visible_files(labels, (".csv",)):
        named.setdefault(path.stem, []).append(path)
    jobs = []
    for job in pairs:
        there = named.get(job.source.stem, [])
        same = labels / job.source.relative_to(root).with_suffix(".csv")
        if same not in there and len(there) != 1:
            found = f"{len(there)} of its name lie" if there else "none of its name lies"
            raise BadInput(
                f"{job.source}: its labels are not {same}, and {found} below {labels}; put them there"
            )
        goal = job.target.with_name(f"{job.source.stem}{STANDARDISED}")
        jobs.append(FileJob(job.source, goal, (same if same in there else there[0], corrected)))
    return jobs


def _claim(target: Path, corrected: tuple[str, ...]) -> None:
    """Write the corrections to a folder, or refuse one that holds maps of others.

    Raises:
        BadInput: made with others.
    """
    path = target / OPTIONS_FILE
    if path.is_file():
        try:
            before = json.loads(path.read_text(encoding="utf-8"))
        except ValueError:
            before = None
        if before != {"corrected": list(corrected)}:
            raise BadInput(
                f"{target}: holds energy maps with other corrections ({path}); name another --target"
            )
        return
    make_folder(target, "--target")
    with replacing(path) as temporary:
        temporary.write_text(json.dumps({"corrected": list(corrected)}) + "\n", encoding="utf-8")


def _is_up_to_date(job: FileJob) -> bool:
    """Tell whether maps are no older than the labels."""
    return job.target.stat().st_mtime >= job.arguments[0].stat().st_mtime
