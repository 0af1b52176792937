import { ambiguous } from '../tar/refusals.ts'
import { marks, type Row, type Rows } from './rows.ts'
import { otherXattr } from './xattrs.ts'

export const linkRemedy = 'Write the file before its hard links, and these to its real path.'

/** Binds a hard link to a row. @throws VerificationError `archive-ambiguous` where the link's entry says otherwise than its target's */
export function bindLink(
  rows: Rows,
  link: Row,
  target: Row,
  { subject, path }: { subject: string; path: string },
): void {
  const [mode, uid, gid] = [rows.mode(link), rows.uid(link), rows.gid(link)]
  const to = JSON.stringify(rows.path(target))
  const place = { subject, position: rows.position(link) }
  if (rows.type(target) === 'dir')
    throw ambiguous(place, path, `is a hard link to ${to}, which is a folder`, linkRemedy)
  // Where the chain ends in a link to a lower layer, that link itself will be compared with what is there.
  const isSymlink = rows.type(rows.endOf(target)) === 'symlink'
  if ((mode !== rows.mode(target) && !isSymlink) || uid !== rows.uid(target) || gid !== rows.gid(target)) {
    const why = `is a hard link to ${to} with another mode or owner than that: Docker and Podman change both names, umoci none`
    throw ambiguous(place, path, why, 'Write both entries with the same mode and owner.')
  }
  if (isSymlink && (uid !== 0 || gid !== 0)) {
    const why = `is a hard link to the symbolic link ${to} of another owner than root: guests of Confidential Containers give what that leads to this owner`
    throw ambiguous(place, path, why, 'Write the symbolic link twice, or give it to root.')
  }
  const name = otherXattr(rows.xattrs(target), rows.xattrs(link))
  if (name !== null) {
    const why = `is a hard link to ${to} with another attribute ${name}: Docker and Podman change both names, umoci none`
    throw ambiguous(place, path, why, 'Write both entries with the same attributes.')
  }
  rows.setTarget(link, target)
}

/** Keeps what the chain of a needed hard link leads over: the view gives back all else that is not visible. */
export function holdChain(rows: Rows, link: Row): void {
  for (let row = rows.target(link); row !== 0 && !rows.is(row, marks.held); row = rows.target(row))
    rows.mark(row, marks.held)
}
