#!/bin/sh
# A volume on a local disk that only this boot can read: dm-crypt with integrity, a key that is made now and kept nowhere.
#   sealed-storage.sh DEVICE MOUNTPOINT [NAME]
# Everything on DEVICE is lost. Needs cryptsetup 2.x with LUKS2 integrity. Where memory is enough, mount a tmpfs instead.
set -eu
umask 077
device="${1:?device}" place="${2:?mount point}" name="${3:-jobs}"
[ -b "$device" ] || { echo "$device is no block device" >&2; exit 2; }
mkdir -p /run/sealwright "$place"
key=/run/sealwright/.key-$$
trap 'rm -f "$key"' EXIT
head -c 64 /dev/urandom > "$key"
cryptsetup luksFormat --batch-mode --type luks2 --cipher aes-xts-plain64 --key-size 512 --integrity hmac-sha256 \
  --pbkdf pbkdf2 --pbkdf-force-iterations 1000 --key-file "$key" "$device"
cryptsetup open --type luks2 --key-file "$key" "$device" "$name"
rm -f "$key"
# The header's key slots go: from here on only the kernel of this boot has the key.
cryptsetup erase --batch-mode "$device"
mkfs.ext4 -q "/dev/mapper/$name"
mount -o nosuid,nodev "/dev/mapper/$name" "$place"
# For the self-test: root's note of the volumes of this boot.
dmsetup info -c --noheadings -o uuid "$name" >> /run/sealwright/sealed-devices
chmod 0644 /run/sealwright/sealed-devices
