#!/usr/bin/env bash
# Trains a CNN of DCASE2019 Task 4 (Kong et al. 2019): domestic sound events, from weak or synthetic labels.
#   scripts/train_sed_task4.sh CORPUS [RUN] [--layers 5|9|13] [--labels weak|synthetic|frames] [--quick] [options]
# CORPUS holds audio and metadata as published; avseld-prep synth --layout task4 generates one. Labels: weak uses clip
# labels, synthetic the clip labels of synthetic clips, frames their onsets and offsets. RUN defaults to runs/sed_task4.
# --quick is for a generated corpus: minutes on two cores.
set -euo pipefail
if [ $# -lt 1 ] || [[ "$1" == -* ]]; then
    sed -n '2,6s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2
    exit 2
fi
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"
corpus="$1" run="" layers=9 labels=weak quick="" more=()
shift
if [ $# -gt 0 ] && [[ "$1" != -* ]]; then run="$1" && shift; fi
while [ $# -gt 0 ]; do
    case "$1" in
        --layers) layers="$2"; shift 2 ;;
        --labels) labels="$2"; shift 2 ;;
        --quick) quick=yes; shift ;;
        *) more+=("$1"); shift ;;
    esac
done
case "$layers" in 5 | 9 | 13) ;; *) echo "train_sed_task4.sh: --layers $layers is none of 5, 9, 13" >&2; exit 2 ;; esac
words=()
case "$labels" in
    weak) ;;
    synthetic) words=(--data.train "[synthetic]") ;;
    frames) words=(--data.train "[synthetic]" --target.options.loss frame --model.options.clip_from frames) ;;
    *) echo "train_sed_task4.sh: --labels $labels is none of weak, synthetic, frames" >&2; exit 2 ;;
esac
if [ -n "$quick" ]; then
    words+=(--steps 160 --validate_every 80 --data.batch_size 8 --schedule.name one_cycle --schedule.options '{}')
fi
use_environment
run="${run:-runs/sed_task4}"
prepared="$corpus/prepared"
if [ ! -f "$prepared/manifest.csv" ]; then
    avseld-prep task4 --raw "$corpus" --prepared "$prepared"
fi
avseld train --config "sed_cnn$layers" --data.prepared "$prepared" --out "$run" ${words[@]+"${words[@]}"} ${more[@]+"${more[@]}"}
avseld evaluate --run "$run" --untrained
