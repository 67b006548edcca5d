#!/usr/bin/env bash
# Trains an optimizer that explores, judges it on functions that it has never seen beside tuned baselines, and draws the
# result. Installs and builds first; a second call only trains and judges.
source "$(dirname "${BASH_SOURCE[0]}")/scripts/setup.sh"
phase "build" build scout_program

out=out/demo
# A training of an earlier call makes room for a new one; what the judge knows of the baselines is kept.
if [ -d "$out" ]; then find "$out" -maxdepth 1 -type f -delete; fi
phase "train" build/scout train configs/demo.toml --out "$out" --seed 1
phase "judge" build/scout bench benchmarks/demo.toml --out "$out/bench" --policy "$out/policy.scout"
phase "report" build/scout report "$out/bench"
phase "real problems" build/scout bench benchmarks/real-problems.toml --out out/real --policy surfaces
printf '\nThe report: %s/%s/bench/report.html   (%d s in all)\n' "$PWD" "$out" "$SECONDS"
