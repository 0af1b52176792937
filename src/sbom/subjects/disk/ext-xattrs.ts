import { XattrLists } from '../../../image/xattrs.ts'
import type { Gap } from '../../model.ts'
import { debugfs } from './debugfs.ts'
import { damaged } from './refusals.ts'
import type { DiskEntry, DiskPlace } from './types.ts'

/** Names that debugfs neither escapes nor takes apart: all that programs give. */
const plainName = /^ {2}([A-Za-z0-9_.@:+,~%/-]+) \((\d+)\)(?: = .*)?$/
/** Inodes, or values, that one run of debugfs reads. */
const batch = 20_000

/**
 * Extended attributes of ext2, ext3 and ext4: names by `ea_list`, values by `ea_get -x`.
 *
 * @param entries get what was found
 * @returns gaps for names that debugfs shows in no clear way
 */
export async function readExtXattrs(
  entries: readonly (DiskEntry & { inode: string })[],
  place: DiskPlace,
): Promise<Gap[]> {
  const gaps: Gap[] = []
  const byInode = Map.groupBy(entries, ({ inode }) => inode)
  const named: { inode: string; name: string; size: number }[] = []
  await inBatches(
    [...byInode.keys()],
    place,
    (inode) => `ea_list <${inode}>`,
    (inode, shown) => {
      for (const line of shown.split('\n')) {
        if (line === '' || line === 'Extended attributes:') continue
        const [, name, size] = plainName.exec(line) ?? []
        if (name !== undefined && size !== undefined) named.push({ inode, name, size: Number(size) })
        else for (const { path } of byInode.get(inode) ?? []) gaps.push(unclear(path))
      }
    },
  )
  const found = new XattrLists<string>()
  const command = ({ inode, name }: (typeof named)[number]): string => `ea_get -x <${inode}> ${name}`
  await inBatches(named, place, command, ({ inode, name, size }, shown) => {
    const value = valueOf(shown, name, size)
    if (value === null) throw damaged(`the attribute ${name} of inode ${inode} cannot be read`)
    found.add(inode, name, value)
  })
  for (const inode of found.files()) {
    const xattrs = found.of(inode)
    for (const entry of byInode.get(inode) ?? []) entry.xattrs = xattrs
  }
  return gaps
}

async function inBatches<T>(
  items: readonly T[],
  place: DiskPlace,
  command: (item: T) => string,
  take: (item: T, shown: string) => void,
): Promise<void> {
  for (let at = 0; at < items.length; at += batch) {
    const part = items.slice(at, at + batch)
    const outputs = await debugfs(part.map(command), place)
    for (const [index, item] of part.entries()) take(item, outputs[index]?.toString('latin1') ?? '')
  }
}

/** `NAME (SIZE) = 61 62 …`; no value where the size is 0. As latin1; null where the bytes are not so many. */
function valueOf(shown: string, name: string, size: number): string | null {
  const start = `${name} (${size})`
  const [line = ''] = shown.split('\n', 1)
  if (!line.startsWith(start)) return null
  const rest = line.slice(start.length).trimEnd()
  if (size === 0) return rest === '' ? '' : null
  if (!/^ =(?: [0-9a-f]{2})+$/.test(rest)) return null
  const bytes = Buffer.from(rest.slice(2).replaceAll(' ', ''), 'hex')
  return bytes.length === size ? bytes.toString('latin1') : null
}

function unclear(path: string): Gap {
  const why = 'an extended attribute has a name that debugfs shows in no clear way'
  return { path, kind: 'xattrs', reason: 'unreadable', why }
}
