#!/usr/bin/env bash
# Gives the library random and damaged inputs, and says what it did wrong: fuzz/run.sh [AMOUNT] [TARGET...]
#   AMOUNT   inputs of each target, such as 1000000, or seconds, such as 120s. Without: a million inputs, at most 10 minutes.
#   TARGET   names of files in fuzz/, without .cc. Without: all.
# Needs clang: what packages.txt calls optional. What is found is kept as a file, whose path is printed; to repeat it:
#   build-fuzz/targets/TARGET FILE
# Inputs that reach new code are kept in build-fuzz/corpus, and the next call begins with them.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

build=build-fuzz
limits=(-runs=1000000 -max_total_time=600)
if [[ ${1:-} =~ ^[0-9]+s$ ]]; then
  limits=(-max_total_time="${1%s}")
  shift
elif [[ ${1:-} =~ ^[0-9]+$ ]]; then
  limits=(-runs="$1")
  shift
fi
targets=("$@")
if [ ${#targets[@]} -eq 0 ]; then
  for file in fuzz/*.cc; do
    name=$(basename "$file" .cc)
    grep -q "scout_fuzz($name " fuzz/CMakeLists.txt && targets+=("$name")
  done
fi

if ! command -v clang++-14 >/dev/null; then
  echo "error: fuzzing needs clang: as root, run  apt-get install" $(sed '1,/^# optional/d; s/#.*//' packages.txt) >&2
  exit 1
fi
cmake -S . -B "$build" -G Ninja --log-level=WARNING -D CMAKE_BUILD_TYPE=RelWithDebInfo -D CMAKE_CXX_COMPILER=clang++-14 \
  -D CMAKE_CXX_COMPILER_LAUNCHER=ccache -D CMAKE_CXX_FLAGS_RELWITHDEBINFO="-O2 -g1" -D SCOUT_FUZZ=ON -D SCOUT_TESTS=OFF \
  -D SCOUT_INSTALL=OFF -D SCOUT_SANITIZE=address,undefined,fuzzer-no-link
cmake --build "$build" --parallel "${JOBS:-$(nproc)}" --target "${targets[@]/#/fuzz_}"

# Files in memory, where there is room for them.
if [ -z "${TMPDIR:-}" ] && [ -w /dev/shm ]; then export TMPDIR=/dev/shm; fi
# For speed: little around and behind allocations, and no energies of inputs (entropic), which cost a third of the time.
# LibTorch is not built with sanitizers: its containers lack their marks.
export ASAN_OPTIONS=detect_container_overflow=0:quarantine_size_mb=1:malloc_context_size=1:max_redzone=16:max_malloc_fill_size=0:${ASAN_OPTIONS:-}
export UBSAN_OPTIONS=print_stacktrace=1:${UBSAN_OPTIONS:-}
export OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1

mkdir -p "$build/found" "$build/logs"
failed=()
for target in "${targets[@]}"; do
  corpus=$build/corpus/$target log=$build/logs/$target.log
  mkdir -p "$corpus"
  "$build/targets/$target" --seeds="$corpus"
  begin=$SECONDS
  status=0
  longest=8192
  if [ "$target" = learned_optimizer ]; then longest=16; fi  # some 10 operations: time grows with them
  "$build/targets/$target" -timeout=60 -entropic=0 -rss_limit_mb=2048 -malloc_limit_mb=512 -max_len=$longest -print_final_stats=1 \
    -artifact_prefix="$build/found/$target-" "${limits[@]}" "$corpus" >"$log" 2>&1 || status=$?
  runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
  printf '%-24s %10s inputs %6d s' "$target" "${runs:-?}" $((SECONDS - begin))
  if [ "$status" -eq 0 ]; then
    echo "  nothing found"
    continue
  fi
  failed+=("$target")
  file=$(sed -n 's/.*Test unit written to //p' "$log" | tail -1)
  printf '  FOUND: %s\n' "${file:-see $log}"
  grep -E -m 3 'WRONG|ERROR:|runtime error:|uncaught|what\(\)' "$log" | sed 's/^/    /' || true
done
[ ${#failed[@]} -eq 0 ]
