#!/usr/bin/env bash
# Builds and tests the last commit on another Debian, in a folder of its own: scripts/test_on_debian.sh SUITE FOLDER [ctest
# arguments], e.g. trixie build-trixie. As root; needs the package debootstrap, 4 GB and, the first time, long.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
suite=$1 folder=$2
shift 2
[ -e "$folder/etc/debian_version" ] || debootstrap --variant=minbase "$suite" "$folder"
mkdir -p "$folder/src/scout"
git archive HEAD | tar x -C "$folder/src/scout"
mount --bind /proc "$folder/proc"
trap 'umount "$folder/proc"' EXIT
chroot "$folder" /src/scout/test.sh "$@"
