# shellcheck shell=bash disable=SC2154
# How each program tells its version, and which versions will do.

# Path of a program: ours first, then the machine's.
where() { if [ -x "$bin/$1" ]; then echo "$bin/$1"; else command -v "$1"; fi; }

# Prints the version NAME reports of itself; fails when it is not there or does not run.
version_of() {
  local path text
  path=$(where "$1") || return 1
  case "$1" in
    cosign2 | cosign3 | notation | oras | syft | crane) text=$("$path" version 2>/dev/null) || return 1 ;;
    umoci | act | buildah | skopeo | docker-registry | mmdebstrap | swtpm | tpm2 | zizmor) text=$("$path" --version 2>/dev/null) || return 1 ;;
    actionlint | oci-registry) text=$("$path" -version 2>/dev/null) || return 1 ;;
    *) return 1 ;;
  esac
  # Programs made by `go install` know their version only from the module that they were built from.
  if ! first_version "$text"; then
    [ -x "$(command -v go)" ] || return 1
    first_version "$(go version -m "$path" 2>/dev/null | awk '$1 == "mod" { print $3 }')"
  fi
}

# The first word of TEXT that looks like a release.
first_version() {
  local found
  case "$1" in 1) echo 1; return ;; esac
  found=$(printf '%s\n' "$1" | grep -oE '(^|[^0-9.a-z])v?[0-9]+\.[0-9]+(\.[0-9]+)?' | head -n 1 | grep -oE '[0-9].*')
  [ -n "$found" ] && echo "$found"
}

# in_range NAME FOUND MINIMUM: FOUND is MINIMUM or newer. cosign 2 and 3 must not stand in for one another.
in_range() {
  case "$1:$2" in cosign2:2.* | cosign3:3.*) ;; cosign*) return 1 ;; esac
  [ "$(printf '%s\n%s\n' "$3" "$2" | sort -V | head -n 1)" = "$3" ]
}
