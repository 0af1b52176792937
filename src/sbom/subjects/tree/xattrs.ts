import type { Exec } from '../../../base/ports.ts'
import { nameBytes, nameOf } from '../../../tar/names.ts'
import { XattrLists } from '../../../image/xattrs.ts'
import type { Gap } from '../../model.ts'

/** Extended attributes of a folder by path, in the form of inventories, and what could not be read of them. */
export interface TreeXattrs {
  found: Map<string, Record<string, string>>
  gaps: Gap[]
}

/** Paths that one run of the program reads. */
const batch = 200_000
/** Gaps by path; the rest is one gap. */
const most = 100

/** Node has no call for extended attributes, Python has. A line a value: `NUMBER NAME VALUE`, in hexadecimal; `NUMBER ! ERRNO` for what failed. */
const program = `
import os, sys
if not hasattr(os, "listxattr"):
    sys.exit(3)
out = sys.stdout.buffer
for number, path in enumerate(sys.stdin.buffer.read().split(b"\\0")[:-1]):
    try:
        for name in os.listxattr(path, follow_symlinks=False):
            value = os.getxattr(path, name, follow_symlinks=False)
            out.write(b"%d %s %s\\n" % (number, os.fsencode(name).hex().encode(), value.hex().encode()))
    except OSError as error:
        out.write(b"%d ! %d\\n" % (number, error.errno))
`

/** What the kernel answers where a file system has no extended attributes (ENOTSUP). */
const notSupported = '95'
/** Labels of this machine's policy, not of the folder. */
const hostNames = new Set(['security.selinux'])

/**
 * Reads extended attributes (file capabilities among them) by the Python of this machine, isolated from the folder and the user's modules. Links
 * are not followed. Where there is no Python, a gap says that attributes are missing.
 */
export async function readXattrs(
  root: string,
  paths: readonly string[],
  exec: Pick<Exec, 'find' | 'run'>,
): Promise<TreeXattrs> {
  const all: TreeXattrs = { found: new Map(), gaps: [] }
  if (paths.length === 0) return all
  const python = await exec.find('python3')
  if (python === null) return { ...all, gaps: [notRead('python3, which reads them, is not installed')] }
  for (let at = 0; at < paths.length; at += batch) {
    const part = paths.slice(at, at + batch)
    const input = Buffer.concat(part.flatMap((path) => [nameBytes(path), Buffer.alloc(1)]))
    const done = await exec.run(python, ['-I', '-S', '-B', '-c', program], { cwd: root, input, allowFailure: true })
    if (done.code !== 0) {
      const why = done.code === 3 ? 'python3 cannot read them on this machine' : `python3 ended with ${done.code}`
      return { found: new Map(), gaps: [notRead(why)] }
    }
    take(done.stdout.toString('latin1'), part, all)
  }
  const more = all.gaps.length - most
  if (more > 0) all.gaps.splice(most, more, notRead(`those of ${more} more paths cannot be read`))
  return all
}

function take(lines: string, paths: readonly string[], { found, gaps }: TreeXattrs): void {
  const raw = new XattrLists<string>()
  for (const line of lines.split('\n')) {
    const [number = '', name = '', value = ''] = line.split(' ')
    const path = paths[Number(number)]
    if (line === '' || path === undefined) continue
    if (name === '!') {
      if (value !== notSupported) {
        const why = `the extended attributes cannot be read (errno ${value})`
        gaps.push({ path, kind: 'xattrs', reason: 'unreadable', why })
      }
      continue
    }
    const text = nameOf(Buffer.from(name, 'hex'))
    if (hostNames.has(text)) continue
    raw.add(path, text, Buffer.from(value, 'hex').toString('latin1'))
  }
  for (const path of raw.files()) found.set(path, raw.of(path))
}

function notRead(why: string): Gap {
  return {
    path: '.',
    kind: 'xattrs',
    reason: 'unsupported',
    why: `extended attributes and file capabilities are missing: ${why}`,
  }
}
