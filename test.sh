#!/usr/bin/env bash
# Installs what is missing, builds, and runs every test. Arguments go to ctest, e.g. ./test.sh -R Oracle
source "$(dirname "${BASH_SOURCE[0]}")/scripts/setup.sh"
phase "build" build
phase "tests" ctest --preset release --parallel "$(nproc)" --progress "$@"
