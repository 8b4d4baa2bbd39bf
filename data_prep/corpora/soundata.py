"""Prepare a data set that the `soundata` package has downloaded: its root is the corpus as DCASE distributes it.

`soundata` (https://soundata.readthedocs.io) unpacks a data set into ~/sound_datasets/NAME and lists its files with MD5
sums in an index (NAME_index_VERSION.json). Of its data sets, four have directions.
"""

from pathlib import Path
from typing import Literal

from avseld.base.errors import BadInput
from avseld.base.files import require_folder, takes_paths
from data_prep.corpora.checksums import verify
from data_prep.corpora.dcase import dcase
from data_prep.corpora.tut import tut

Name = Literal["auto", "starss2022", "tau2019sse", "tau2020sse_nigens", "tau2021sse_nigens"]
SETS = {
    "starss2022": (dcase, {"dev": "starss22"}),
    "tau2019sse": (tut, {"dev": "dcase2019", "eval": "dcase2019_eval"}),
    "tau2020sse_nigens": (dcase, {"dev": "tau_nigens2020", "eval": "tau_nigens2020_eval"}),
    "tau2021sse_nigens": (dcase, {"dev": "tau_nigens2021"}),
}
"""name in soundata -> importer, and its data set by part"""


@takes_paths
def soundata(
    raw: Path,
    prepared: Path,
    name: Name = "auto",
    format: Literal["foa", "mic"] = "foa",
    part: Literal["dev", "eval"] = "dev",
    no_labels: bool = False,
    checksums: Path | None = None,
    shard: str | None = None,
) -> int:
    """Make a prepared folder from a data set that soundata has downloaded; the data set itself is only read.

    Args:
        raw: root of the data set, data_home of soundata: ~/sound_datasets/NAME.
        prepared: the folder to write.
        name: of the data set in soundata; auto takes the name of the folder.
        format: format of the recordings.
        part: development or evaluation set.
        no_labels: accept recordings without csv, as in an evaluation set.
        checksums: the index of soundata (NAME_index_VERSION.json), whose MD5 sums the files are compared with.
        shard: share of the recordings, I/N (2/8 is the second of eight), for N programs that share the work; auto in a
            SLURM job array. The last one writes the manifest. See docs/clusters.md.

    Returns:
        As `dcase` and `tut`.

    Raises:
        BadInput: no data set with directions, or the first thing that is wrong; names file and remedy.
    """
    require_folder(raw, "give the folder that soundata has downloaded a data set into")
    chosen = raw.resolve().name if name == "auto" else name
    if chosen not in SETS:
        raise BadInput(
            f"{raw}: '{chosen}' is no data set with directions of soundata; name it with --name "
            f"{', '.join(SETS)}"
        )
    importer, parts = SETS[chosen]
    if part not in parts:
        raise BadInput(f"--part {part}: soundata's {chosen} is prepared as {', '.join(parts)}; choose it")
    verify(raw, checksums)
    return importer(  # type: ignore[operator]
        raw, prepared, dataset=parts[part], format=format, no_labels=no_labels, shard=shard
    )
