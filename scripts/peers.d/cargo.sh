# shellcheck shell=bash disable=SC2154
# Our own small programs over pinned crates (their Cargo.lock has the digests).

# cargo_build FOLDER OLDEST: builds tools/FOLDER, whose program is named sealwright-FOLDER. OLDEST cargo that the crates compile with.
cargo_build() {
  local work version
  version=$(cargo --version 2>/dev/null | grep -oE '[0-9]+\.[0-9]+\.[0-9]+' | head -n 1)
  if [ -z "$version" ] || [ "$(printf '%s\n%s\n' "$2" "$version" | sort -V | head -n 1)" != "$2" ]; then
    echo "needs cargo $2 or newer (found: ${version:-none}): tools/$1"
    return 1
  fi
  work=$(mktemp -d "$peers/cargo.XXXXXX") || return
  (cd "$root/tools/$1" && CARGO_TARGET_DIR=$work nice -n 5 cargo build --release --locked --quiet) &&
    cp "$work/release/sealwright-$1" "$bin/"
  local code=$?
  rm -rf "$work"
  return $code
}

# cargo_sources FOLDER: what the program is made of, for the name of its folder in the cache.
cargo_sources() { (cd "$root/tools/$1" && cat Cargo.toml Cargo.lock src/*.rs | sha256sum); }
