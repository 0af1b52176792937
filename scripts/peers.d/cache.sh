# shellcheck shell=bash disable=SC2154
# Peers outlive the clone: each lies in a folder of the cache, named by program, wanted version and recipe, and the clone links to it.
# A folder is used only if every file in it has the SHA-256 that was recorded when it was made.

# cache_folder: $SEALWRIGHT_PEERS_CACHE, else a folder in the user's cache.
cache_folder() {
  echo "${SEALWRIGHT_PEERS_CACHE:-${XDG_CACHE_HOME:-${HOME:-/var/tmp}/.cache}/sealwright/peers}"
}

# cache_key NAME MINIMUM WAY...: the recipe is the text of the ways, the functions that they call, and this machine's system.
cache_key() {
  local name=$1 minimum=$2 way recipe
  shift 2
  recipe=$(
    uname -m
    grep -E '^(ID|VERSION_ID)=' /etc/os-release 2>/dev/null
    for way in "$@"; do
      printf '%s\n' "$way"
      declare -f "${way%% *}"
      case "$way" in
        cargo_build*) cargo_sources "$(cut -d ' ' -f 2 <<<"$way")" ;;
        debian_restarting*) declare -f debian_program ;;
        'go_build '*) cat "$root/tools/${way#* }"/{main.go,go.mod,go.sum} ;;
        boot_unpack*) declare -p boot_suite boot_packages ;;
      esac
    done
  )
  echo "$name-$minimum-$(printf '%s' "$recipe" | sha256sum | cut -c 1-16)"
}

# cache_list FOLDER: digest of every file and target of every link. What Python compiles by itself and apt's own state are left out.
cache_list() {
  (
    cd "$1" || exit
    find . -path ./apt -prune -o -type f ! -name '*.pyc' ! -name contents -print0 | LC_ALL=C sort -z | xargs -0 -r sha256sum
    find . -path ./apt -prune -o -type l -printf '%p -> %l\n' | LC_ALL=C sort
  )
}

# cache_fits FOLDER: it was finished, and is what it was then.
cache_fits() { [ -s "$1/contents" ] && cache_list "$1" | cmp -s - "$1/contents"; }

# cache_open FOLDER: an empty one, to be filled. apt's lists are shared by all.
cache_open() {
  rm -rf "$1" && mkdir -p "$1/bin" "$(dirname "$1")/apt" && ln -s ../apt "$1/apt"
}

# cache_close FOLDER: records what is in it. A peer that was installed into the system leaves nothing, so there is nothing to keep.
cache_close() {
  rm -f "$1/apt"
  if [ -z "$(find "$1" -type f -print -quit)" ]; then rm -rf "$1"; else cache_list "$1" >"$1/contents"; fi
}

# cache_link FOLDER PEERS: everything of it appears in the clone, program by program.
cache_link() {
  local part entry
  for part in bin versions venv debian; do
    [ -d "$1/$part" ] || continue
    mkdir -p "$2/$part" || return
    for entry in "$1/$part"/*; do
      rm -rf "${2:?}/$part/${entry##*/}" && ln -s "$entry" "$2/$part/${entry##*/}" || return
    done
  done
  [ ! -d "$1/boot" ] || { rm -rf "${2:?}/boot" && ln -s "$1/boot" "$2/boot"; }
}
