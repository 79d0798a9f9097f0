# Shared by tools/test and tools/quickstart; sourced, with the repository as current folder.
# shellcheck shell=bash

started=$SECONDS
step_started=$SECONDS
step_name=""

# Ends the step before, with its time, and opens the next; "Done" prints the total.
step() {
  [ -z "$step_name" ] || printf '   %s: %s\n' "$step_name" "$(duration $((SECONDS - step_started)))"
  step_name=$1
  step_started=$SECONDS
  if [ "$1" = Done ]; then
    step_name=""
    printf '== Done in %s\n' "$(duration $((SECONDS - started)))"
  else
    printf '== %s\n' "$1"
  fi
}

duration() {
  if [ "$1" -ge 60 ]; then printf '%d min %d s' $(($1 / 60)) $(($1 % 60)); else printf '%d s' "$1"; fi
}

# Runs a command and shows its output only if it fails (or while it runs, on a terminal: its last line).
quiet() {
  local log status=0
  log=$(mktemp)
  if [ -t 1 ]; then
    "$@" 2>&1 | tee "$log" | while IFS= read -r line; do printf '\r\033[K%.110s' "$line"; done || status=$?
    printf '\r\033[K'
  else
    "$@" >"$log" 2>&1 || status=$?
  fi
  [ "$status" -eq 0 ] || tail -n 60 "$log" >&2
  rm -f "$log"
  return "$status"
}

# configure PRESET [CMAKE-ARGUMENTS…]: prints the dependency table the first time.
configure() {
  local preset=$1
  shift
  if [ -f "build/$preset/build.ninja" ]; then
    quiet cmake --preset "$preset" "$@"
  else
    cmake --preset "$preset" "$@"
  fi
}

# A Python with the venv module and pip: the one on the path, or the system's own.
base_python() {
  local candidate
  for candidate in python3 /usr/bin/python3; do
    if "$candidate" -c 'import venv, pip' >/dev/null 2>&1; then
      command -v "$candidate"
      return
    fi
  done
  echo "no Python 3 with pip (Debian: python3-pip)" >&2
  return 1
}

# python_environment FOLDER REQUIREMENTS-FILE…: prints the Python to run tests with. What cannot be fetched is reported on
# stderr and left out; the tests that need it skip. Packages of a *-alone.txt come without what they say they need: those
# that want older versions of the others.
python_environment() {
  local folder=$1 file base stamp alone
  shift
  base=$(base_python)
  if [ ! -x "$folder/bin/python3" ]; then
    "$base" -m venv --without-pip "$folder" >&2
    rm -f "$folder"/*.stamp
  fi
  for file in "$@"; do
    stamp=$folder/$(basename "$file").stamp
    cmp -s "$file" "$stamp" && continue
    alone=()
    case "$file" in *-alone.txt) alone=(--no-deps) ;; esac
    if "$base" -m pip --python "$folder/bin/python3" install --quiet --disable-pip-version-check --timeout 15 --retries 1 \
      "${alone[@]}" --requirement "$file" >"$folder/pip.log" 2>&1; then
      cp "$file" "$stamp"
    else
      tail -n 3 "$folder/pip.log" >&2
      echo "   $file could not be installed (no PyPI here?); tests that compare with it skip." >&2
    fi
  done
  echo "$PWD/$folder/bin/python3"
}
