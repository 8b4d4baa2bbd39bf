#!/usr/bin/env bash
# Draws the networks that the documentation shows: FOLDER/network_RECIPE.svg, FOLDER by default docs/images.
#   scripts/draw_networks.sh [FOLDER]
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"

take_options "" "" 0 1 "$@"
[ ${#more[@]} -eq 0 ] || refuse "no option ${more[0]}; --help shows what it takes"
use_environment
folder="${words[0]:-$root/docs/images}"
for recipe in av_foa av_foa_fused seldnet_2018 two_stage general_alignment sed_cnn9; do
    avseld models --diagram "$recipe" --out "$folder/network_$recipe.svg"
done
