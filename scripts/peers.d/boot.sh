# shellcheck shell=bash disable=SC2154
# Parts of the runner's guest image (images/runner): Debian packages, only unpacked, from one suite whatever the machine runs.
# The image is built from these files alone, so that it does not depend on the machine that builds it.

boot_suite=bookworm # its systemd-stub, 252, is the release whose measurements are known
boot_packages=(ovmf systemd-boot-efi busybox-static git libpcre2-8-0 zlib1g libc6 libstdc++6 libgcc-s1 util-linux libcap-ng0 bubblewrap libcap2 libselinux1 uidmap libaudit1 dash)

# boot_unpack NAME: .peers/boot/tree holds the packages, .peers/boot/packages their names, versions and hashes; NAME prints it.
boot_unpack() {
  local work=$peers/boot.part kernel file
  private_apt "$boot_suite" update || return
  kernel=$(apt_depends linux-image-cloud-amd64) || return
  rm -rf "$work" && mkdir -p "$work/tree" || return
  (
    cd "$work" || exit
    private_apt "$boot_suite" download "${boot_packages[@]}" "$kernel" || exit
    for file in *.deb; do
      dpkg -x "$file" tree || exit
      printf '%s %s %s\n' "$(dpkg-deb -f "$file" Package)" "$(dpkg-deb -f "$file" Version)" "$(sha256_of "$file")" >>packages
      rm -f "$file"
    done
  ) || return
  rm -rf "$peers/boot" && mv "$work" "$peers/boot" || return
  cat >"$bin/$1" <<'END'
#!/bin/sh
# Prints the packages that the runner image is built from: name, version, SHA-256.
exec cat "$(dirname "$(readlink -f "$0")")/../boot/packages"
END
  chmod 0755 "$bin/$1"
}

# The one package that a metapackage of the suite stands for.
apt_depends() {
  local dir=$peers/apt/$boot_suite
  apt-cache -o Dir::Etc::SourceList=/dev/null -o "Dir::Etc::SourceParts=$dir/parts" -o "Dir::State::Lists=$dir/lists" \
    -o "Dir::Cache=$dir/cache" depends "$1" | awk '$1 == "Depends:" { print $2; found = 1; exit } END { exit !found }'
}
