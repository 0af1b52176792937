# shellcheck shell=bash disable=SC2154
# How each program tells its version, and which versions will do.

# Path of a program: ours first, then the machine's.
where() { if [ -x "$bin/$1" ]; then echo "$bin/$1"; else command -v "$1"; fi; }

# Prints the version NAME reports of itself; fails when it is not there or does not run.
version_of() {
  local path text
  if [ "$1" = subordinate-ids ]; then # lines of a file, no program
    (mode=check && subordinate_ids) && echo 1
    return
  fi
  path=$(where "$1") || return 1
  case "$1" in
    syft) text=$("$path" version 2>/dev/null | grep "^Version:") || return 1 ;; # its schema has a version too
    cosign2 | cosign3 | notation | oras | crane) text=$("$path" version 2>/dev/null) || return 1 ;;
    newuidmap) text=$(dpkg-query -W -f '${Version}' uidmap 2>/dev/null | sed 's/^[0-9]*://') || return 1 ;; # it does not tell its version itself
    mksquashfs) text=$("$path" -version 2>/dev/null | head -n 1) || return 1 ;;
    mkfs.erofs) text=$(dpkg-query -W -f '${Version}' erofs-utils 2>/dev/null) || return 1 ;; # no option of it is the same in all versions
    mkfs.ext4) text=$(dpkg-query -W -f '${Version}' e2fsprogs 2>/dev/null) || return 1 ;;
    bwrap | slirp4netns) text=$("$path" --version 2>/dev/null | head -n 1) || return 1 ;;
    umoci | act | buildah | buildah-new | containerd | skopeo | skopeo-new | docker-registry | mmdebstrap | rpm | swtpm | upx | zizmor) text=$("$path" --version 2>/dev/null) || return 1 ;;
    qemu-system-x86_64) text=$("$path" --version 2>/dev/null | grep "^QEMU emulator version") || return 1 ;;
    runner-parts) text=$("$path" 2>/dev/null | grep "^systemd-boot-efi ") && grep -q "^dash " <<<"$("$path")" || return 1 ;; # the part whose release decides what is measured; the part that came last
    tpm2) text=$("$path" getcap --version 2>/dev/null) || return 1 ;; # by its full path it does not know --version itself
    sev-snp-measure | veritysetup | systemd-socket-activate | systemd-measure257 | systemd-measure262) text=$("$path" --version 2>/dev/null) || return 1 ;;
    OVMF.amdsev.fd | OVMF.inteltdx.fd | virt-fw-measure | oci-conformance | regctl | go-sev-guest | go-tdx-guest | dcap-qvl | scitt-cose | pycose | python-tuf | model-signing | tessera-fsck | pyspdxtools | ntia-checker | sbomcheck | policy-controller-tester) text='' ;;
    softhsm2-util) text=$("$path" --version 2>/dev/null) || return 1 ;;
    pkcs11-tool) text=$(dpkg-query -W -f '${Version}' opensc 2>/dev/null) || return 1 ;; # it does not tell its version itself
    fulcio | rekor-server | rekor-server22 | timestamp-server) text=$("$path" version 2>/dev/null | grep "^GitVersion:") || return 1 ;;
    opa) text=$("$path" version 2>/dev/null | grep "^Version:") || return 1 ;;
    actionlint | cdx-decode | cose-judge | ctd-decoder | ignore-judge | oci-schema | sealwright-judge) text=$("$path" -version 2>/dev/null) || return 1 ;;
    *) return 1 ;;
  esac
  first_version "$text" || noted_version "$1" "$path"
}

# Debian's cosign and programs made by `go install` call themselves "devel": for those the version is noted down when
# they are put there, with the SHA-256 of the program that it stands for.
note_version() { # NAME VERSION
  mkdir -p "$peers/versions" && echo "$2 $(sha256_of "$bin/$1")" >"$peers/versions/$1"
}
noted_version() { # NAME PATH
  local version digest
  read -r version digest <"$peers/versions/$1" 2>/dev/null || return 1
  [ "$digest" = "$(sha256_of "$2")" ] && first_version "$version"
}
sha256_of() { sha256sum "$1" | cut -d ' ' -f 1; }

# The first word of TEXT that looks like a release.
first_version() {
  local found
  case "$1" in 1) echo 1; return ;; esac
  found=$(printf '%s\n' "$1" | grep -oE '(^|[^0-9.a-z])v?[0-9]+\.[0-9]+(\.[0-9]+)?' | head -n 1 | grep -oE '[0-9].*')
  [ -n "$found" ] && echo "$found"
}

# in_range NAME FOUND MINIMUM: FOUND is MINIMUM or newer. cosign 2 and 3 must not stand in for one another, and Rekor 2.2 is the last one that
# accepts DSSE entries.
in_range() {
  case "$1:$2" in cosign2:2.* | cosign3:3.* | rekor-server22:2.2.*) ;; cosign* | rekor-server22*) return 1 ;; esac
  [ "$(printf '%s\n%s\n' "$3" "$2" | sort -V | head -n 1)" = "$3" ]
}
