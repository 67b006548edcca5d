#!/usr/bin/env bash
# Kills trainings and benches at random moments, fills their disks, and starts second ones beside them. What comes out in the
# end has to equal, byte by byte and but for times, what an undisturbed run gives.
#
#   reliability/kill_and_fill.sh build/scout [--trainings 100] [--benches 100] [--seed 1] [--jobs 2] [--work FOLDER]
#
# Prints a table, and ends with 1 if anything differed. What differed stays in the folder of work.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

usage() {
  sed -n '5p' "${BASH_SOURCE[0]}" | sed 's/^# */usage: /' >&2
  exit 2
}

(($# > 0)) || usage
# A mount namespace of its own, in which it may mount small disks: they go with it.
if [[ ${KILL_AND_FILL_INSIDE:-} != 1 ]]; then
  export KILL_AND_FILL_INSIDE=1
  if unshare --mount true 2> /dev/null; then exec unshare --mount "$BASH" "${BASH_SOURCE[0]}" "$@"; fi
  if unshare --mount --map-root-user true 2> /dev/null; then
    exec unshare --mount --map-root-user "$BASH" "${BASH_SOURCE[0]}" "$@"
  fi
fi

program=$1
shift
trainings=100 benches=100 seed=1 jobs=2 work=
while (($# > 1)); do
  case $1 in
    --trainings) trainings=$2 ;;
    --benches) benches=$2 ;;
    --seed) seed=$2 ;;
    --jobs) jobs=$2 ;;
    --work) work=$2 ;;
    *) usage ;;
  esac
  shift 2
done
(($# == 0)) && [[ -x $program ]] || usage
program=$(realpath "$program")
if [[ -z $work ]]; then work=$(mktemp -d); fi
mkdir -p "$work/results"
work=$(realpath "$work")
[[ -z $(ls -A "$work/results") ]] || { echo "$work holds results: give another folder" >&2 && exit 2; }
export program seed work
begin=$SECONDS

# The undisturbed runs, with one thread and with two.
for training in "$here"/trainings/*.toml; do
  for threads in 1 2; do echo "reference_training $(basename "$training" .toml)-$threads"; done
done | xargs -P "$jobs" -L 1 "$here/cases.sh"
for bench in "$here"/benches/*.toml; do
  for threads in 1 2; do echo "reference_bench $(basename "$bench" .toml)-$threads"; done
done | xargs -P "$jobs" -L 1 "$here/cases.sh"

# A case a line: its kind, and its number.
cases() {
  local i
  for ((i = 0; i < trainings; ++i)); do echo "kill_training $i"; done
  for ((i = 0; i < benches; ++i)); do echo "kill_bench $i"; done
  for ((i = 0; i < (trainings + 3) / 4; ++i)); do echo "signal_training $i"; done
  if ((disks)); then
    for ((i = 0; i < (trainings + 3) / 4; ++i)); do echo "fill_training $i"; done
    for ((i = 0; i < (benches + 7) / 8; ++i)); do echo "fill_bench $i"; done
  fi
  for ((i = 0; i < (trainings + 9) / 10; ++i)); do echo "limit_training $i"; done
  for ((i = 0; i < (benches + 9) / 10; ++i)); do echo "limit_bench $i"; done
  for ((i = 0; i < (trainings + 9) / 10; ++i)); do echo "share_training $i"; done
  for ((i = 0; i < (benches + 9) / 10; ++i)); do echo "share_bench $i"; done
}
disks=1
mkdir -p "$work/try"
if mount -t tmpfs -o size=64k tmpfs "$work/try" 2> /dev/null; then
  umount "$work/try"
else
  disks=0
  echo "Full disks are left out: this user may mount none, not even in a namespace of its own. Run it as root."
fi
failed=0
cases | xargs -P "$jobs" -L 1 "$here/cases.sh" || failed=1

echo
cat "$work"/results/* | awk -F '|' '
  BEGIN {
    order = "kill_training kill_bench signal_training fill_training fill_bench limit_training limit_bench share_training share_bench"
    name["kill_training"] = "trainings, SIGKILL"
    name["kill_bench"] = "benches, SIGKILL"
    name["signal_training"] = "trainings, other signals"
    name["fill_training"] = "trainings, full disk"
    name["fill_bench"] = "benches, full disk"
    name["limit_training"] = "trainings, limit on files"
    name["limit_bench"] = "benches, limit on files"
    name["share_training"] = "trainings, folder in use"
    name["share_bench"] = "benches, folder in use"
  }
  { ++runs[$1]; interrupted[$1] += $2; equal[$1] += $3; lost[$1] += $4; refused[$1] += $5 }
  END {
    print "| kind | runs | interrupted | resumed equal | lost | refused |"
    print "|---|---:|---:|---:|---:|---:|"
    count = split(order, kinds, " ")
    for (k = 1; k <= count; ++k) {
      kind = kinds[k]
      if (!(kind in runs)) continue
      printf "| %s | %d | %d | %d | %d | %d |\n", name[kind], runs[kind], interrupted[kind], equal[kind], lost[kind],
        refused[kind]
      if (equal[kind] != runs[kind] || lost[kind] > 0) failed = 1
    }
    exit failed
  }' || failed=1
echo
echo "Seed $seed, $((SECONDS - begin)) seconds."
if ((failed)); then
  echo "FAILED: $(wc -l < "$work/failures") differences, in $work/failures"
  exit 1
fi
rm -rf "$work"
