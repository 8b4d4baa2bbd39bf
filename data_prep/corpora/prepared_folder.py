"""Write a prepared folder: labels, class list and manifest; of one that exists, keep what was entered since."""

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from avseld.base.errors import BadInput
from avseld.base.files import remove_partial, visible_files
from avseld.base.job_shards import Shard
from avseld.base.next_step import tell_next
from avseld.io.audio import audio_info
from avseld.io.events import Events, write_events
from avseld.io.manifest import Recording, manifest_text, read_manifest, read_manifest_file, write_manifest
from avseld.io.unfolded import UNFOLDED_SUFFIX
from data_prep.corpora.recordings import example
from data_prep.parts import Parts, all_parts, forget_parts, part_name

log = logging.getLogger(__name__)

DEFAULT_RATE_HZ = 24000
"""of `avseld-prep check`, the rate of STARSS23"""


@dataclass(frozen=True)
class Share:
    """Share of a preparation that this program does.

    Args:
        shard: which of the shares it is.
        names: of all recordings, in the order of the manifest.
        key: of the preparation, see `data_prep.parts.key_of`.
    """

    shard: Shard
    names: Sequence[str]
    key: str


def write_prepared(
    prepared: Path,
    recordings: Sequence[Recording],
    labels: dict[str, Events],
    classes: Sequence[str],
    share: Share | None = None,
) -> None:
    """Write labels, class list and manifest of a prepared folder; the manifest last, so that it lists existing files.

    Of a folder that exists already, the folds, rooms and boxes of recordings stay (`keep_earlier`). Of several
    programs that prepare a share each, the one that finds the rows of all others writes class list and manifest.

    Args:
        prepared: the folder.
        recordings: with paths as found; labels and boxes are replaced by their paths in the prepared folder; offset and
            yaw of their videos as from `place_videos`.
        labels: events by name of the recording; recordings without an entry have no labels.
        classes: names by index.
        share: that the recordings are; None if they are all.

    Raises:
        BadInput: an existing manifest cannot be read.
    """
    places = {name: prepared / "labels" / f"{name}.csv" for name in labels}
    entries = [replace(one, labels=places.get(one.name)) for one in recordings]
    if share is None or share.shard.is_whole:
        entries = keep_earlier(prepared, entries)
        for folder in (prepared, prepared / "labels"):
            remove_partial(folder)
        _write_labels(places, labels)
        forget_parts(prepared)
        _write_list(prepared, entries, classes)
        return
    read_earlier(prepared)
    unfolded = Path(UNFOLDED_SUFFIX).stem
    remove_partial(prepared / "labels", [*labels, *(name + unfolded for name in labels)])
    _write_labels(places, labels)
    parts = Parts(prepared, share.key)
    parts.put(part_name(share.shard), manifest_text(prepared.absolute(), entries))
    with parts.joined(all_parts(share.shard), "manifest.csv") as files:
        if files is None:
            return
        found = {one.name: one for path in files for one in read_manifest_file(path, prepared.absolute())}
        remove_partial(prepared, ("manifest", "classes"))
        _write_list(prepared, keep_earlier(prepared, [found[name] for name in share.names]), classes)


def _write_labels(places: dict[str, Path], labels: dict[str, Events]) -> None:
    for name, path in places.items():
        write_events(path, labels[name])


def _write_list(prepared: Path, entries: Sequence[Recording], classes: Sequence[str]) -> None:
    """Write the list of all recordings, whose files are there."""
    write_manifest(prepared, entries, classes)
    labelled = {one.name for one in entries if one.labels is not None}
    files = visible_files(prepared / "labels", (".csv",))
    stray = {path.name.removesuffix(UNFOLDED_SUFFIX).removesuffix(".csv") for path in files} - labelled
    if stray:
        log.warning(
            "%s: %d label files belong to no recording (first: %s.csv); remove them if they are of no use",
            prepared / "labels",
            len(stray),
            min(stray),
        )
    _log_summary(prepared, entries)


def read_earlier(prepared: Path) -> dict[str, Recording]:
    """Read the manifest of a folder that is prepared again.

    Args:
        prepared: the folder, which need not exist.

    Returns:
        Recordings by name; empty if there is no manifest.

    Raises:
        BadInput: the manifest cannot be read, so that its folds and offsets could not be kept.
    """
    path = prepared / "manifest.csv"
    if not path.is_file():
        return {}
    try:
        return {recording.name: recording for recording in read_manifest(prepared)}
    except BadInput as error:
        raise BadInput(
            f"{error}; or remove {path} to prepare without the folds and video offsets in it"
        ) from error


def keep_earlier(prepared: Path, recordings: Sequence[Recording]) -> list[Recording]:
    """Give recordings the fold, room, prompt and boxes that they have in an existing manifest.

    Folds come from `avseld-prep split` or were written by hand; an empty one takes what is found now. Boxes stay where
    the manifest names an existing file, else they are expected at PREPARED/boxes/NAME.npz.

    Args:
        prepared: the folder, which need not exist.
        recordings: as found now.

    Raises:
        BadInput: the manifest cannot be read.
    """
    before = read_earlier(prepared)
    kept = []
    for one in recordings:
        earlier = before.get(one.name, one)
        kept.append(
            replace(
                one,
                fold=earlier.fold or one.fold,
                room=earlier.room or one.room,
                prompt=earlier.prompt or one.prompt,
                boxes=_boxes(prepared, one, before.get(one.name)),
            )
        )
    if before:
        _report_folds(prepared, recordings, kept)
        _report_losses(recordings, before)
    return kept


def _boxes(prepared: Path, recording: Recording, earlier: Recording | None) -> Path | None:
    if recording.video and earlier is not None and earlier.boxes is not None and earlier.boxes.is_file():
        return earlier.boxes
    return boxes_path(prepared, recording)


def _report_folds(prepared: Path, recordings: Sequence[Recording], kept: Sequence[Recording]) -> None:
    moved = [(now, found) for now, found in zip(kept, recordings, strict=True) if now.fold != found.fold]
    if not moved:
        return
    log.info("%s: the folds of %d recordings are kept (%s)", prepared, len(moved), ", ".join(_folds(kept)))
    if others := [found for _, found in moved if found.fold]:
        log.warning(
            "%s: %d recordings stay in the folds of the manifest, not in those found now (%s); empty its column fold "
            "to take these",
            prepared / "manifest.csv",
            len(others),
            ", ".join(_folds(others)),
        )
    if new := [one.name for one in kept if not one.fold]:
        log.warning("%s: %d recordings have no fold (%s); split again", prepared, len(new), example(new))


def _report_losses(recordings: Sequence[Recording], before: dict[str, Recording]) -> None:
    if gone := before.keys() - {one.name for one in recordings}:
        log.warning(
            "%d recordings of the manifest are not found now (%s); their folds and offsets are forgotten",
            len(gone), example(gone),
        )  # fmt: skip
    for what, option in (("video", "--video"), ("labels", "--labels")):
        lost = [
            one.name
            for one in recordings
            if one.name in before and getattr(before[one.name], what) and not getattr(one, what)
        ]
        if lost:
            log.warning(
                "%d recordings had %s before and have none now (%s); check %s",
                len(lost), what, example(lost), option,
            )  # fmt: skip


def _folds(recordings: Sequence[Recording]) -> list[str]:
    return sorted({one.fold for one in recordings if one.fold})


def boxes_path(prepared: Path, recording: Recording) -> Path | None:
    """Return the path of the boxes of a recording; None without video."""
    return prepared / "boxes" / f"{recording.name}.npz" if recording.video else None


def check_place(prepared: Path, raw: Path, folders: Iterable[str]) -> None:
    """Refuse to write a prepared folder over or into a corpus; a folder of its own within `raw` is fine.

    Args:
        prepared: the folder to write.
        raw: the corpus.
        folders: relative to the corpus, in which it keeps its files.

    Raises:
        BadInput: the folder is the corpus itself, or one of its folders or inside one; or its manifest cannot be read.
    """
    target = prepared.resolve()
    taken = [(raw / folder).resolve() for folder in folders]
    if target == raw.resolve() or any(folder in (target, *target.parents) for folder in taken):
        raise BadInput(
            f"{prepared}: lies in the corpus itself; choose another folder, such as {raw / 'prepared'}"
        )
    read_earlier(prepared)


def _log_summary(prepared: Path, recordings: Sequence[Recording]) -> None:
    hours = sum(recording.duration for recording in recordings) / 3600
    log.info("%s: %d recordings, %.2f hours", prepared, len(recordings), hours)
    for fold in sorted({recording.fold for recording in recordings}):
        members = [recording for recording in recordings if recording.fold == fold]
        no_video = {recording.name for recording in members if recording.video is None}
        without = f"; {len(no_video)} without video ({example(no_video)})" if no_video else ""
        log.info("  %s: %d recordings%s", fold or "no fold", len(members), without)
        if 0 < len(no_video) < len(members):
            log.warning(
                "%s: %d of %d recordings have no video; audio-visual training leaves them out",
                fold or "no fold",
                len(no_video),
                len(members),
            )
    boxed = [recording for recording in recordings if recording.boxes]
    missing = sum(not recording.boxes.is_file() for recording in boxed if recording.boxes)
    if missing:
        log.info("  %d of %d boxes files to make", missing, len(boxed))
        tell_next("avseld-detect", "boxes", "--prepared", prepared)
    elif recordings:
        rate = audio_info(recordings[0].audio).sample_rate
        words = () if rate == DEFAULT_RATE_HZ else ("--sample_rate", str(rate))
        tell_next("avseld-prep", "check", prepared, *words)
