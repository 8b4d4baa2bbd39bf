"""Which of the processes of a training this one is."""

import os


def is_first_process() -> bool:
    """Return whether this process is the only one or the first of several, which writes files and messages."""
    # torchrun sets RANK, srun SLURM_PROCID; Lightning's own launcher NODE_RANK and LOCAL_RANK.
    names = ("RANK", "SLURM_PROCID", "NODE_RANK", "LOCAL_RANK")
    return not any(int(os.environ.get(name, 0)) for name in names)


def is_launched_process() -> bool:
    """Return whether Lightning's own launcher has started this process from the first one, which ends it, too."""
    return int(os.environ.get("LOCAL_RANK", 0)) > 0 and not {"RANK", "SLURM_PROCID"} & set(os.environ)
