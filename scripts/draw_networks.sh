#!/usr/bin/env bash
# Draws the networks that the documentation shows: FOLDER/network_RECIPE.svg, FOLDER by default docs/images.
#   scripts/draw_networks.sh [FOLDER]
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/environment.sh"

folder="${1:-$root/docs/images}"
for recipe in av_foa av_foa_fused seldnet_2018 two_stage general_alignment sed_cnn9; do
  avseld models --diagram "$recipe" --out "$folder/network_$recipe.svg"
done
