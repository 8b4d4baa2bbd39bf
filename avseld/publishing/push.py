"""The command `push`: a run as a folder of the model hub, on disk or uploaded."""

import json
import logging
import shutil
import tempfile
from importlib import import_module, metadata
from pathlib import Path

from avseld.base.errors import BadInput
from avseld.base.files import make_folder, replacing, sha256, takes_paths, visible
from avseld.io.run_weights import run_folder, weights_of
from avseld.publishing.card import card_file, card_text
from avseld.publishing.facts import collect
from avseld.system.checkpoint import read_weights
from avseld.weights.hub import CHECKSUM, CONFIG, WEIGHTS, import_hub, is_address, split_address

log = logging.getLogger(__name__)


@takes_paths
def push(
    run: Path,
    to: str,
    fold: str = "test",
    license: str | None = None,
    datasets: list[str] | None = None,
    private: bool = False,
    message: str = "Weights",
) -> None:
    """Publish a run: its weights, their description and its model card.

    The folder has model.safetensors, config.json and README.md: that of the run (avseld card), or a new one.

    Args:
        run: the run folder, or RUN@STEP for the weights of a step that `keep_every` has kept.
        to: hf:OWNER/NAME of the Hugging Face hub, or a folder.
        fold: of the scores on a new card.
        license: on a new card.
        datasets: on a new card.
        private: create the repository of the hub as private.
        message: of the commit on the hub.

    Raises:
        BadInput: no finished run, parts that are not of this package, a folder that holds something else, or a hub that
            refuses.
    """
    if not is_address(to):
        write_folder(run, Path(to), fold, license, datasets)
        log.info("%s: load it with --run %s", to, to)
        return
    repository, revision = split_address(to)
    hub = import_hub()
    errors = import_module("huggingface_hub.errors")
    with tempfile.TemporaryDirectory() as folder:
        write_folder(run, Path(folder), fold, license, datasets)
        try:
            api = hub.HfApi()
            api.create_repo(repository, private=private, exist_ok=True)
            api.upload_folder(
                repo_id=repository, folder_path=folder, revision=revision, commit_message=message
            )
        except (errors.HfHubHTTPError, errors.OfflineModeIsEnabled, OSError, ValueError) as error:
            reason = " ".join(str(error).split())
            raise BadInput(
                f"{to}: not pushed ({reason}); log in with hf auth login and check the name"
            ) from error
    log.info("%s: load it with --run %s", to, to)


def write_folder(
    run: Path,
    folder: Path,
    fold: str = "test",
    license: str | None = None,
    datasets: list[str] | None = None,
) -> None:
    """Write the three files of a model on the hub.

    Args:
        run: the run folder.
        folder: new, empty, or one that this function has written.
        fold: of the scores on a new card.
        license: on a new card.
        datasets: on a new card.

    Raises:
        BadInput: no finished run, parts of other packages, or a folder that holds something else.
    """
    source = weights_of(run)
    _, blueprint = read_weights(source)
    if blueprint.import_paths:
        part = sorted(blueprint.import_paths)[0]
        raise BadInput(
            f"{run}: its part {part} is not of this package, and weights of the hub import nothing; "
            "give others the run folder"
        )
    if folder.resolve() == run_folder(run).resolve():
        raise BadInput(f"{folder}: is the run itself; choose another folder")
    foreign = visible(folder) and not (folder / CONFIG).is_file()
    if foreign or folder.is_file():
        raise BadInput(f"{folder}: holds something else; choose a new folder")
    own = card_file(run)
    text = own.read_text(encoding="utf-8") if own.is_file() else None
    if text is None:
        text = card_text(collect(run, fold), license, datasets)
    make_folder(folder)
    words = {"library_name": "avseld", "avseld_version": metadata.version("avseld")}
    words |= json.loads(blueprint.to_json()) | {CHECKSUM: sha256(source)}
    with replacing(folder / WEIGHTS) as temporary:
        shutil.copyfile(source, temporary)
    for name, content in ((CONFIG, json.dumps(words, indent=1) + "\n"), ("README.md", text)):
        with replacing(folder / name) as temporary:
            temporary.write_text(content, encoding="utf-8")
