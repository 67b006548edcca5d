# Sourced by ./demo.sh and ./test.sh: installs what is missing, configures and builds. A second call is quick and offline.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# phase NAME COMMAND...: runs the command and prints how long it took.
phase() {
  local name=$1 begin=$SECONDS
  shift
  printf '\n== %s\n' "$name"
  "$@"
  printf -- '-- %s: %d s\n' "$name" $((SECONDS - begin))
}

# Installs those packages of packages.txt that are missing, but for those below "optional".
install_packages() {
  local package missing=() root=()
  for package in $(sed '/^# optional/,$d; s/#.*//' packages.txt); do
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || missing+=("$package")
  done
  if [ ${#missing[@]} -eq 0 ]; then
    echo "every package of packages.txt is installed"
    return
  fi
  echo "missing: ${missing[*]}"
  if ! command -v apt-get >/dev/null; then
    echo "error: this machine has no apt-get: install what packages.txt names in its own way, then build with cmake (see CONTRIBUTING.md)" >&2
    return 1
  fi
  if [ "$(id -u)" -ne 0 ]; then
    if ! command -v sudo >/dev/null; then
      echo "error: installing packages needs root or sudo: as root, run  apt-get install ${missing[*]}" >&2
      return 1
    fi
    root=(sudo)
  fi
  "${root[@]}" apt-get update -qq
  "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
    -o Dpkg::Options::=--force-unsafe-io "${missing[@]}"  # without an fsync a file: 45 s instead of 5 minutes
}

# build [TARGET...]: builds the targets, or everything, into build/.
build() {
  cmake --preset release --log-level=WARNING
  cmake --build --preset release --parallel "$(nproc)" ${1:+--target "$@"}
}

phase "packages" install_packages
