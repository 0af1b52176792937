import { dirname } from 'node:path'
import type { Tree } from './tree.ts'
import { check, type Machine, type SelfCheck } from './types.ts'

interface Mount {
  device: string
  point: string
  type: string
  source: string
  options: string
}

/** Root's note of the volumes that were made at this boot with a key that nobody keeps, one dm uuid a line. */
const sealedDevicesPath = '/run/sealwright/sealed-devices'
const memory = ['tmpfs', 'ramfs', 'rootfs', 'devtmpfs']

/** Everything that a job writes lies in memory, or on authenticated encryption with a key of this boot (TRUST §1). */
export async function storageChecks({ tree, storage }: Machine): Promise<SelfCheck[]> {
  const mounts = parseMounts((await tree.text('/proc/self/mountinfo')) ?? '')
  const faults: string[] = []
  const kinds: string[] = []
  for (const path of storage) {
    const { sealed, kind } = await judge(tree, mounts, path, 0)
    if (sealed) kinds.push(`${path}: ${kind}`)
    else faults.push(`${path} lies on ${kind}`)
  }
  const remedy =
    'Mount a tmpfs there, or a dm-crypt volume with integrity whose key is made at boot and kept nowhere (examples/runner/sealed-storage.sh).'
  return [
    check(
      'storage-sealed',
      'storage',
      mounts.length === 0 ? ['/proc/self/mountinfo cannot be read'] : faults,
      kinds.join('; '),
      remedy,
    ),
    check(
      'storage-sealed',
      'swap',
      await swapFaults(tree),
      'no swap outside of memory',
      'Turn it off (swapoff -a, systemd-mask swap.target), or use zram without a backing device.',
    ),
    await coreDumps(tree),
  ]
}

async function judge(
  tree: Tree,
  mounts: readonly Mount[],
  path: string,
  depth: number,
): Promise<{ sealed: boolean; kind: string }> {
  const mount = mountOf(mounts, path)
  if (mount === null) return { sealed: false, kind: 'an unknown file system' }
  if (memory.includes(mount.type)) return { sealed: true, kind: `${mount.type} (memory)` }
  if (mount.type === 'overlay' && depth < 4) {
    const upper = /(?:^|,)upperdir=([^,]+)/.exec(mount.options)?.[1]
    if (upper === undefined) return { sealed: true, kind: 'an overlay that nothing is written to' }
    const below = await judge(tree, mounts, upper, depth + 1)
    return { sealed: below.sealed, kind: `overlay, upper folder on ${below.kind}` }
  }
  if (/^\/dev\/zram\d+$/.test(mount.source)) {
    const name = mount.source.slice('/dev/'.length)
    return (await zramFault(tree, name)) === null
      ? { sealed: true, kind: 'zram (memory)' }
      : { sealed: false, kind: 'zram with a backing device' }
  }
  return judgeDevice(tree, mount)
}

async function judgeDevice(tree: Tree, mount: Mount): Promise<{ sealed: boolean; kind: string }> {
  const name = await deviceName(tree, mount)
  const plain = { sealed: false, kind: `${mount.type} of ${mount.source}` }
  if (name === null) return plain
  const uuid = ((await tree.text(`/sys/block/${name}/dm/uuid`)) ?? '').trim()
  if (!uuid.startsWith('CRYPT-')) return plain
  const crypt = `${mount.type} on dm-crypt`
  let authenticated = false
  for (const slave of await tree.list(`/sys/block/${name}/slaves`)) {
    const below = ((await tree.text(`/sys/block/${slave}/dm/name`)) ?? '').trim()
    const id = ((await tree.text(`/sys/block/${slave}/dm/uuid`)) ?? '').trim()
    if (below.endsWith('_dif') || id.startsWith('CRYPT-SUBDEV') || id.startsWith('CRYPT-INTEGRITY'))
      authenticated = true
  }
  if (!authenticated) return { sealed: false, kind: `${crypt} without integrity` }
  const note = await tree.entry(sealedDevicesPath)
  const ofBoot = ((await tree.text(sealedDevicesPath)) ?? '').split('\n').map((line) => line.trim())
  const trusted = note !== null && note.type === 'file' && note.uid === 0 && (note.mode & 0o022) === 0
  if (!trusted || !ofBoot.includes(uuid))
    return { sealed: false, kind: `${crypt}, whose key is not known to be of this boot` }
  return { sealed: true, kind: `${crypt} with integrity, key of this boot` }
}

/** Name in /sys/block: by the mount's device number, or where the file system hides it (btrfs), by the mapper's name. */
async function deviceName(tree: Tree, mount: Mount): Promise<string | null> {
  const wanted = mount.source.startsWith('/dev/mapper/') ? mount.source.slice('/dev/mapper/'.length) : null
  for (const name of await tree.list('/sys/block')) {
    if (((await tree.text(`/sys/block/${name}/dev`)) ?? '').trim() === mount.device) return name
    if (wanted !== null && ((await tree.text(`/sys/block/${name}/dm/name`)) ?? '').trim() === wanted) return name
  }
  return null
}

async function swapFaults(tree: Tree): Promise<string[]> {
  const text = await tree.text('/proc/swaps')
  if (text === null) return ['/proc/swaps cannot be read']
  const faults: string[] = []
  for (const line of text.split('\n').slice(1)) {
    const [device = ''] = line.split(/\s+/)
    if (device === '') continue
    const zram = /^\/dev\/(zram\d+)$/.exec(device)?.[1]
    const fault = zram === undefined ? `memory is swapped to ${device}` : await zramFault(tree, zram)
    if (fault !== null) faults.push(fault)
  }
  return faults
}

async function zramFault(tree: Tree, name: string): Promise<string | null> {
  const backing = ((await tree.text(`/sys/block/${name}/backing_dev`)) ?? 'none').trim()
  return backing === 'none' ? null : `${name} writes back to ${backing}`
}

/** A handler gets the memory of any process that dies, whatever its limit says (core(5)). */
async function coreDumps(tree: Tree): Promise<SelfCheck> {
  const pattern = ((await tree.text('/proc/sys/kernel/core_pattern')) ?? '').trim()
  const suid = ((await tree.text('/proc/sys/fs/suid_dumpable')) ?? '').trim()
  const faults: string[] = []
  if (pattern.startsWith('|') && !/^\|\/(?:usr\/)?bin\/false\b/.test(pattern))
    faults.push(`crashed programs are handed to ${pattern.slice(1)}`)
  if (suid !== '0') faults.push(`fs.suid_dumpable is ${suid === '' ? 'unknown' : suid}`)
  return check(
    'storage-sealed',
    'core-dumps',
    faults,
    'no memory of a crashed program is kept',
    'Set kernel.core_pattern=|/bin/false and fs.suid_dumpable=0 (examples/runner/etc/sysctl.conf).',
  )
}

function parseMounts(text: string): Mount[] {
  return text.split('\n').flatMap((line) => {
    const [left = '', right] = line.split(' - ')
    const [, , device, , point] = left.split(' ')
    const [type, source, options] = (right ?? '').split(' ')
    if (device === undefined || point === undefined || type === undefined || source === undefined) return []
    return [{ device, point: unescape8(point), type, source: unescape8(source), options: unescape8(options ?? '') }]
  })
}

/** The mount that a path lies on; of several at one place the last hides the others. */
function mountOf(mounts: readonly Mount[], path: string): Mount | null {
  for (let place = path; ; place = dirname(place)) {
    const found = mounts.findLast(({ point }) => point === place)
    if (found !== undefined) return found
    if (place === dirname(place)) return null
  }
}

/** mountinfo writes blanks and such as \ooo. */
function unescape8(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)))
}
