# shellcheck shell=bash disable=SC2154
# Programs from Python packages, each in a folder of its own.

# pip_venv NAME PACKAGE==VERSION
pip_venv() {
  local venv=$peers/venv/$1
  rm -rf "$venv"
  if python3 -m venv "$venv"; then
    "$venv/bin/pip" install --quiet --disable-pip-version-check "$2" && ln -sfn "../venv/$1/bin/$1" "$bin/$1"
  else
    # Debian splits ensurepip into a package of its own; pip itself can still install into a folder.
    rm -rf "$venv"
    python3 -m pip install --quiet --disable-pip-version-check --target "$venv" "$2" && ln -sfn "../venv/$1/bin/$1" "$bin/$1"
  fi
}

# pip_noted NAME PACKAGE==VERSION: for programs that do not tell their version.
pip_noted() { pip_venv "$1" "$2" && note_version "$1" "${2##*==}"; }

# pip_module NAME PACKAGE==VERSION [MORE==VERSION...]: a package without a program, with others that it needs in another version than pip would take. .peers/bin/NAME is a Python that has it.
pip_module() {
  local venv=$peers/venv/$1
  rm -rf "$venv"
  python3 -m venv "$venv" && "$venv/bin/pip" install --quiet --disable-pip-version-check "${@:2}" || return
  printf '#!/bin/sh\nexec "$(dirname "$0")/../venv/%s/bin/python" "$@"\n' "$1" >"$bin/$1" && chmod 755 "$bin/$1" && note_version "$1" "${2##*==}"
}
