# shellcheck shell=bash
# Subordinate ids for the user that runs the tests: the sandbox of builds maps foreign steps to them. useradd gives them to new users, but
# Debian gives none to root.

subordinate_ids() {
  local user file
  user=$(id -un)
  for file in subuid subgid; do
    if ! grep -qs "^\($user\|$(id -u)\):" "/etc/$file"; then
      [ "$mode" = install ] || return 1
      as_root usermod "--add-${file}s" "$(free_range "/etc/$file")" "$user" || return 1
    fi
    [ "$(id -u)" != 0 ] || root_first "/etc/$file" || return 1
  done
}

# FILE: a range of 65,536 ids behind all that the file gives to others, from 100000 on.
free_range() {
  awk -F: 'BEGIN { first = 100000 } { end = $2 + $3; if (end > first) first = end } END { print first "-" first + 65535 }' "$1" 2>/dev/null || echo 100000-165535
}

# FILE: moves root's line to the top. unshare of util-linux 2.38 reads a name that is no number as the number 0, so for root it takes the
# first line, whoever has it, and newuidmap then refuses.
root_first() {
  local lines
  lines=$(head -n 1 "$1")
  case $lines in root:* | 0:*) return 0 ;; esac
  [ "$mode" = install ] || return 1
  lines=$(grep '^\(root\|0\):' "$1" && grep -v '^\(root\|0\):' "$1")
  printf '%s\n' "$lines" >"$1"
}
