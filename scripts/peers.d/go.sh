# shellcheck shell=bash disable=SC2154
# Programs built from pinned Go modules (the checksum database vouches for their source).

# go_get NAME PACKAGE@VERSION: builds it and names it NAME.
go_get() {
  local work
  command -v go >/dev/null || { echo "needs go: $2" >&2; return 1; }
  work=$(mktemp -d "$peers/go.XXXXXX") || return
  GOFLAGS='' GOBIN=$work nice -n 5 go install -ldflags='-s -w' "$2" &&
    mv "$work"/* "$bin/$1" && note_version "$1" "${2##*@}"
  local code=$?
  rm -rf "$work"
  return $code
}

# go_copy NAME MODULE@VERSION FOLDER: for a module with `replace`, which `go install` refuses: builds FOLDER of a copy, by the module's own go.sum.
go_copy() {
  local work source code
  command -v go >/dev/null || { echo "needs go: $2" >&2; return 1; }
  work=$(mktemp -d "$peers/go.XXXXXX") || return
  source=$(cd "$work" && GOFLAGS='' go mod download -json "$2" | sed -n 's/^[[:space:]]*"Dir": "\(.*\)",$/\1/p') &&
    cp -r "$source" "$work/source" && chmod -R u+w "$work/source" &&
    (cd "$work/source" && GOFLAGS=-mod=mod nice -n 5 go build -trimpath -ldflags='-s -w' -o "$bin/$1" "$3") &&
    note_version "$1" "${2##*@}"
  code=$?
  rm -rf "$work"
  return $code
}

# go-cose and notation-core-go: our own small program over pinned libraries.
go_build_cose_judge() {
  command -v go >/dev/null || { echo "needs go: tools/cose-judge" >&2; return 1; }
  (cd "$root/tools/cose-judge" && GOFLAGS=-mod=readonly go build -trimpath -ldflags='-s -w' -o "$bin/cose-judge" .)
}

# The JSON schemas of image-spec with their validator: our own small program over a pinned library.
go_build_oci_schema() {
  command -v go >/dev/null || { echo "needs go: tools/oci-schema" >&2; return 1; }
  (cd "$root/tools/oci-schema" && GOFLAGS=-mod=readonly go build -trimpath -ldflags='-s -w' -o "$bin/oci-schema" .)
}

# The ignore rules that builders use: our own small program over a pinned library.
go_build_ignore_judge() {
  command -v go >/dev/null || { echo "needs go: tools/ignore-judge" >&2; return 1; }
  (cd "$root/tools/ignore-judge" && GOFLAGS=-mod=readonly go build -trimpath -ldflags='-s -w' -o "$bin/ignore-judge" .)
}

# The CycloneDX decoder that most Go tools use: our own small program over a pinned library.
go_build_cdx_decode() {
  command -v go >/dev/null || { echo "needs go: tools/cdx-decode" >&2; return 1; }
  (cd "$root/tools/cdx-decode" && GOFLAGS=-mod=readonly go build -trimpath -ldflags='-s -w' -o "$bin/cdx-decode" .)
}

# go_build NAME: our own program in tools/NAME over pinned libraries. With cgo, which ocicrypt needs for keys in a token.
go_build() {
  command -v go >/dev/null || { echo "needs go: tools/$1" >&2; return 1; }
  (cd "$root/tools/$1" && CGO_ENABLED=1 GOFLAGS=-mod=readonly nice -n 5 go build -trimpath -ldflags='-s -w' -o "$bin/$1" .)
}
