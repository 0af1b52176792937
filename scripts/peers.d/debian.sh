# shellcheck shell=bash disable=SC2154
# Programs from Debian: the machine's own suite is installed, other suites are only unpacked.

as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"; elif command -v sudo >/dev/null; then sudo -n "$@"; else
    echo "needs root: $*" >&2
    return 1
  fi
}

# debian_install PACKAGE: from the machine's own sources.
debian_install() {
  local options=(-y --no-install-recommends -o 'DPkg::Lock::Timeout=300')
  export DEBIAN_FRONTEND=noninteractive
  as_root apt-get install "${options[@]}" "$1" && return
  as_root apt-get update && as_root apt-get install "${options[@]}" "$1"
}

# private_apt SUITE COMMAND...: apt-get with the machine's own first Debian source, the suite's name replaced, and with
# lists and cache of its own under .peers/, so that nothing of it reaches the system's package database.
private_apt() {
  local suite=$1 dir=$peers/apt/$1
  shift
  mkdir -p "$dir/parts" "$dir/lists/partial" "$dir/cache/archives/partial"
  if [ ! -s "$dir/parts/$suite.sources" ] && [ ! -s "$dir/parts/$suite.list" ]; then
    own_source "$suite" "$dir/parts" || return
  fi
  apt-get -o Dir::Etc::SourceList=/dev/null -o "Dir::Etc::SourceParts=$dir/parts" -o "Dir::State::Lists=$dir/lists" \
    -o "Dir::Cache=$dir/cache" -o Acquire::Languages=none -o Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false \
    -o APT::Sandbox::User=root -o Debug::NoLocking=true "$@"
}

# Writes the source for SUITE into FOLDER; "own" keeps the machine's suite. Both of apt's formats are understood.
own_source() {
  local suite=$1 folder=$2 file
  for file in /etc/apt/sources.list.d/*.sources; do
    [ -e "$file" ] && grep -q '^Types:.*deb' "$file" || continue
    awk -v suite="$suite" 'BEGIN { RS = ""; ORS = "\n" }
      (/debian/ || suite == "own") && !/-security/ && !done { if (suite != "own") sub(/Suites:[^\n]*/, "Suites: " suite); print; done = 1 }' \
      "$file" >"$folder/$suite.sources"
    [ -s "$folder/$suite.sources" ] && return
    rm -f "$folder/$suite.sources"
  done
  [ -e /etc/apt/sources.list ] || { echo "no Debian source found on this machine" >&2; return 1; }
  sed -E '/^[[:space:]]*deb[[:space:]]/!d; /-security|-updates|-backports/d' /etc/apt/sources.list | head -n 1 |
    if [ "$suite" = own ]; then cat; else sed -E "s#^(deb[[:space:]]+(\[[^]]*\][[:space:]]+)?[^[:space:]]+[[:space:]]+)[^[:space:]]+#\1$suite#"; fi \
      >"$folder/$suite.list"
  [ -s "$folder/$suite.list" ]
}

# debian_unpack SUITE PACKAGE PATH NAME: the package's PATH becomes .peers/bin/NAME.
debian_unpack() {
  local suite=$1 package=$2 path=$3 name=$4 work=$peers/apt/$1/$2
  private_apt "$suite" update || return
  rm -rf "$work" && mkdir -p "$work" || return
  (cd "$work" && private_apt "$suite" download "$package" && dpkg -x ./*.deb tree) || return
  install -m 0755 "$work/tree/$path" "$bin/$name" && note_version "$name" "$(dpkg-deb -f "$work"/*.deb Version)" && rm -rf "$work"
}

# debian_program SUITE PATH NAME PACKAGE...: the packages are unpacked side by side and .peers/bin/NAME starts PATH of the first one with
# the suite's own C library, so that a program of a newer suite runs here without touching the system.
debian_program() {
  local suite=$1 path=$2 name=$3 dir=$peers/debian/$3 work=$peers/apt/$1/$3 package libs note
  shift 3
  private_apt "$suite" update || return
  rm -rf "$work" "$dir" && mkdir -p "$work" "$dir" || return
  for package in "$@"; do
    (cd "$work" && private_apt "$suite" download "$package") || return
  done
  note=$(dpkg-deb -f "$work/$1"_*.deb Version)
  for package in "$work"/*.deb; do dpkg -x "$package" "$dir" || return; done
  rm -rf "$work" "$dir/usr/share"
  libs=$(find "$dir" -name '*.so*' -printf '%h\n' | sort -u | tr '\n' ':')
  printf '#!/bin/sh\nexec "%s" --library-path "%s" "%s" "$@"\n' \
    "$(find "$dir" -name 'ld-linux-*.so.*' | head -n 1)" "$libs" "$dir/$path" >"$bin/$name" &&
    chmod 0755 "$bin/$name" && note_version "$name" "$note"
}

# debian_restarting SUITE PATH NAME PACKAGE...: as debian_program, for a program that starts itself again by /proc/self/exe, which would be
# the loader of the wrapper: in a mount namespace of its own, the suite's loader lies in the place of the machine's.
debian_restarting() {
  debian_program "$@" || return
  local dir=$peers/debian/$3 libs
  libs=$(find "$dir" -name '*.so*' -printf '%h\n' | sort -u | tr '\n' ':')
  printf '#!/bin/sh\n[ "$(id -u)" = 0 ] || map=-r\nexec unshare $map -m -- sh -c '\''mount --bind "%s" /lib64/ld-linux-x86-64.so.2 &&\n  LD_LIBRARY_PATH="%s" exec "%s" "$@"'\'' %s "$@"\n' \
    "$(find "$dir" -name 'ld-linux-*.so.*' | head -n 1)" "$libs" "$dir/$2" "$3" >"$bin/$3"
}
