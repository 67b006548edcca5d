#!/usr/bin/env bash
# One case of kill_and_fill.sh: cases.sh KIND NUMBER. Leaves a line in results: kind|interrupted|equal|lost|refused.
set -uo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
kind=$1 number=$2
: "${program:?}" "${seed:?}" "${work:?}"
export LC_ALL=C
interrupted=0 equal=0 lost=0 refused=0 bad=0

fail() {
  bad=1
  echo "$kind $number: $*" | tee -a "$work/failures" >&2
}

# A number from 0 to $2 - 1 that depends on seed, case and the name $1 alone.
random() {
  local sum
  sum=$(cksum <<< "$seed $kind $number $1")
  echo $((${sum%% *} % $2))
}

# Picks one of the references of $1, a folder, by the case's number.
pick() {
  local all=("$work/$1"/*)
  reference=${all[number % ${#all[@]}]}
  name=$(basename "$reference")
  threads=${name##*-}
  config=${name%-*}
}

train() { "$program" train "$here/trainings/$config.toml" --out "$out" --set "threads=$threads" "$@"; }
bench() {
  local policy=$work/trainings/evolution-1/policy.scout
  if [[ $config == networks ]]; then policy=network; fi
  "$program" bench "$here/benches/$config.toml" --out "$out" --threads "$threads" --policy "$policy"
}

# Begins what `run` says, or goes on: a training whose checkpoint is there with --resume, a bench by the same command.
run() {
  case $kind in
    *_bench) bench ;;
    *) if [[ -e $out/checkpoint.bin ]]; then train --resume; else train; fi ;;
  esac
}
start() {
  rm -f "$log"  # or who waits for a line of it might read that of the run before
  (run_inside) > "$log" 2>&1 &
  pid=$!
}
# The same, in the place of this shell: the program has its number.
run_inside() {
  program_path=$program
  program=replace
  replace() { exec "$program_path" "$@"; }
  run
}

lines() { if [[ -e $1 ]]; then wc -l < "$1"; else echo 0; fi; }

# Waits until the file $2 has a random number of lines or, every other time, for a part of what the whole takes.
wait_a_while() {
  local total milliseconds until
  total=$(lines "$reference/$2")
  milliseconds=$(< "$work/milliseconds/$(basename "$(dirname "$reference")")-$name")
  if (($(random "$1 how" 2))); then
    sleep "$(awk -v t="$(random "$1 time" "$milliseconds")" 'BEGIN { print t / 1000 }')"
    return
  fi
  until=$(($(lines "$out/$2") + 1))
  until=$((until + $(random "$1 lines" $((total > until ? total - until : 1)))))
  while kill -0 "$pid" 2> /dev/null && (($(lines "$out/$2") < until)); do sleep 0.01; done
  sleep "0.0$(random "$1 more" 4)$(random "$1 still more" 10)"
}

without_times() { sed -E 's/"(objective_|cpu_)?seconds":[^,}]*//g' "$1"; }
# A policy file without date, seconds, and what depends on how long they are: the sizes before them and the checksum.
policy_without_times() {
  tail -c +29 "$1" | head -c -4 | sed -E 's/"date":"[^"]*"//; s/"training_seconds":[^,}]*//'
}
same() { cmp -s <($1 "$reference/$2") <($1 "$out/$2" 2> /dev/null) || { fail "$out/$2 differs from $reference/$2" && return 1; }; }

same_training() {
  local whole=1
  same without_times log.jsonl || whole=0
  same cat explorers.jsonl || whole=0
  same cat checkpoint.bin || whole=0
  same policy_without_times policy.scout || whole=0
  only checkpoint.bin explorers.jsonl log.jsonl policy.scout || whole=0
  ((equal += whole))
}
same_bench() {
  local file whole=1 files=()
  for file in "$reference"/*; do files+=("$(basename "$file")"); done
  for file in "${files[@]}"; do
    if [[ $file != report.html ]]; then same without_times "$file" || whole=0; fi
  done
  "$program" report "$out" > "$log" 2>&1 && tail -c 200 "$out/report.html" | grep -q '</html>' ||
    { whole=0 && fail "no whole report in $out: $(tail -n 1 "$log")"; }
  only "${files[@]}" || whole=0
  ((equal += whole))
}
# Nothing else lies in the folder, such as a lock or a file half written.
only() {
  local there
  there=$(ls -A "$out" | sort | tr '\n' ' ')
  [[ $there == "$(printf '%s\n' "$@" | sort | tr '\n' ' ')" ]] || { fail "$out holds $there" && return 1; }
}
same_result() { case $kind in *_bench) same_bench ;; *) same_training ;; esac }

# Runs it to its end, and compares.
finish() {
  run > "$log" 2>&1 || fail "the last run ended with $?: $(tail -n 1 "$log")"
  check_nothing_lost
  same_result
}

# What was on the disk when the last run ended, and what the next says that it goes on from.
remember() { case $kind in *_bench) had=$(lines "$out/records.jsonl") ;; *) had=$(lines "$out/log.jsonl") ;; esac }
check_nothing_lost() {
  local from
  case $kind in
    *_bench)
      from=$(sed -nE 's/^[0-9]+ runs, ([0-9]+) reused.*/\1/p' "$log")
      if [[ -n $from ]] && ((from < had)); then ((lost += had - from)) && fail "$((had - from)) records are lost"; fi
      ;;
    *)
      from=$(sed -nE 's/^Continuing .* after round ([0-9]+)\.$/\1/p' "$log")
      # Of round 0 there is a line once its validation is done.
      if [[ -n $from ]] && ((from > 0 && had < from + 1)); then ((lost += from + 1 - had)) && fail "rounds are lost"; fi
      ;;
  esac
}

reference_training() {
  config=${number%-*} threads=${number##*-} out=$work/trainings/$number
  mkdir -p "$work/trainings" "$work/milliseconds"
  clock train
}
reference_bench() {
  config=${number%-*} threads=${number##*-} out=$work/benches/$number
  mkdir -p "$work/benches" "$work/milliseconds"
  clock bench && "$program" report "$out" > "$log"
}
clock() {
  local begin
  begin=$(date +%s%3N)
  "$1" > "$log" 2>&1 || { fail "ended with $?: $(tail -n 1 "$log")" && return 1; }
  echo $(($(date +%s%3N) - begin)) > "$work/milliseconds/$(basename "$(dirname "$out")")-$number"
}

# Killed once to three times, at random moments.
kill_it() {
  local k kills status
  kills=$((1 + $(random kills 3))) had=0
  for ((k = 0; k < kills; ++k)); do
    start
    wait_a_while "$k" "$1"
    kill -KILL "$pid" 2> /dev/null
    wait "$pid" 2> /dev/null
    status=$?
    ((k == 0)) || check_nothing_lost
    remember
    if ((status == 137)); then ((++interrupted)); elif ((status != 0)); then fail "ended with $status: $(tail -n 1 "$log")"; fi
  done
  finish
}
kill_training() { pick trainings && kill_it log.jsonl; }
kill_bench() { pick benches && kill_it records.jsonl; }

# Told to stop, twice: it saves after its round.
signal_training() {
  pick trainings
  local signals=(HUP USR1 USR2 TERM INT XCPU) signal k status round had=0
  for k in 0 1; do
    signal=${signals[(number + k) % ${#signals[@]}]}
    start
    until grep -qs "^Before training\|^Continuing" "$log" || ! kill -0 "$pid" 2> /dev/null; do sleep 0.01; done
    wait_a_while "$k" log.jsonl
    kill -s "$signal" "$pid" 2> /dev/null
    wait "$pid"
    status=$?
    ((k == 0)) || check_nothing_lost
    remember
    grep -q "^The best policy\|^All .* rounds are done" "$log" && continue
    ((status == 128 + $(kill -l "$signal"))) || fail "SIG$signal: ended with $status: $(tail -n 1 "$log")"
    round=$(sed -nE 's/^Interrupted; saved after round ([0-9]+)\..*/\1/p' "$log")
    [[ $had == $((round + 1)) ]] || fail "SIG$signal: saved after round $round, but the log has $had lines"
    ((++interrupted))
  done
  finish
}

# Ended by what limits its files, with the message $1 that names one of them, and a status that is no signal's.
stopped_by() {
  local status=$2
  ((status == 1)) && grep -q "$out/.*$1" "$log" && { ((++interrupted)) && return; }
  fail "ended with $status: $(tail -n 1 "$log")"
}

# On a disk that is full, and a little larger each time.
fill_it() {
  local kilobytes peak size status attempt disk=$work/disk-$kind-$number had=0
  kilobytes=$(du -sk "$reference" | cut -f 1)
  peak=$((kilobytes + $1))
  size=$((4 * (1 + $(random size $((peak / 4))))))
  mkdir -p "$disk"
  mount -t tmpfs -o "size=${size}k" tmpfs "$disk"
  out=$disk/run
  for attempt in 1 2 3; do
    run > "$log" 2>&1
    status=$?
    ((attempt == 1)) || check_nothing_lost
    remember
    ((status != 0)) || break
    stopped_by "No space left on device" "$status"
    size=$((size + 4 * (1 + $(random "more $attempt" $((peak / 8 + 1))))))
    mount -o "remount,size=${size}k" "$disk"
  done
  mount -o "remount,size=$((4 * peak))k" "$disk"
  finish
  ((bad)) || umount "$disk"
}
fill_training() { pick trainings && fill_it $(($(stat -c %s "$reference/checkpoint.bin") / 1024)); }
fill_bench() { pick benches && fill_it 200; }

# Where no file may be larger than a random size.
limit_it() {
  local had=0 status
  (ulimit -f $((1 + $(random size "$1"))) && run) 2>&1 | cat > "$log"
  status=${PIPESTATUS[0]}
  remember
  ((status == 0)) || stopped_by "File too large" "$status"
  finish
}
limit_training() { pick trainings && limit_it $(($(stat -c %s "$reference/checkpoint.bin") / 1024)); }
limit_bench() { pick benches && limit_it $(($(stat -c %s "$reference/records.jsonl") / 1024)); }

refuse() {
  local status
  "$@" > "$log.other" 2>&1
  status=$?
  ((status == 1)) && grep -q "$out is in use: process $pid on " "$log.other" && { ((++refused)) && return; }
  fail "$*: ended with $status: $(tail -n 1 "$log.other")"
}
# Others come while it works; it is held meanwhile, so that it works still.
share_it() {
  local had=0
  start
  while kill -0 "$pid" 2> /dev/null && (($(lines "$out/$1") == 0)); do sleep 0.01; done
  kill -STOP "$pid"
  refuse "$2"
  refuse "$3"
  kill -CONT "$pid"
  wait "$pid" || fail "ended with $?: $(tail -n 1 "$log")"
  same_result
}
train_on() { train --resume; }
share_training() {
  pick trainings
  if ((number % 3 < 2)); then
    share_it log.jsonl train train_on
  else
    race
  fi
}
# Two at once: one of them is refused.
race() {
  local first second had=0
  (run) > "$log" 2>&1 &
  first=$!
  (run) > "$log.other" 2>&1 &
  second=$!
  wait "$first"
  first=$?
  wait "$second"
  second=$?
  if ((first != 0)); then mv "$log" "$log.one" && mv "$log.other" "$log" && mv "$log.one" "$log.other"; fi
  ((first == 0 || second == 0)) && ((first != second)) && grep -q "is in use\|holds another run" "$log.other" ||
    fail "two at once ended with $first and $second: $(tail -n 1 "$log") $(tail -n 1 "$log.other")"
  ((++refused))
  same_result
}
share_bench() { pick benches && share_it suite.json bench bench; }

out=$work/$kind-$number log=$work/$kind-$number.txt
"$kind"
if [[ $kind != reference_* ]]; then
  echo "$kind|$interrupted|$equal|$lost|$refused" > "$work/results/$kind-$number"
  if ((!bad)); then rm -rf "$out" "$log" "$log".* "$work/disk-$kind-$number"; fi
fi
exit "$bad"
