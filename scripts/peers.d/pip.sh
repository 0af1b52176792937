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
