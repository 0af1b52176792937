import { InputError } from '../../base/errors.ts'
import { collect } from '../../base/streams.ts'
import { fetchContents } from './base-fs.ts'
import { openContent } from './content.ts'
import type { Spool } from '../../image/spool.ts'
import type { StageFs } from './stage-fs.ts'

const maxDatabase = 4 * 1024 * 1024

/**
 * `--chown=USER[:GROUP]`: numbers, or names as the stage's own /etc/passwd and /etc/group know them. Without a group it is the
 * user's own, or for a number the same number (Dockerfile reference, COPY --chown).
 *
 * @throws InputError `file-invalid` for a name that is not there
 */
export async function parseOwner(
  text: string,
  fs: StageFs,
  spool: Spool,
  where: string,
): Promise<{ uid: number; gid: number }> {
  const [user = '', group, more] = text.split(':')
  if (user === '' || group === '' || more !== undefined) throw unknown(where, text, 'is not USER or USER:GROUP')
  const id = (value: string): number | null => (/^\d{1,10}$/.test(value) ? Number(value) : null)

  let uid = id(user)
  let gid = uid
  if (uid === null) {
    const row = (await database(fs, 'etc/passwd', spool)).find((fields) => fields[0] === user)
    uid = id(row?.[2] ?? '')
    gid = id(row?.[3] ?? '')
    if (uid === null || gid === null) throw unknown(where, text, `names the user ${user}, who is not in /etc/passwd`)
  }
  if (group !== undefined) {
    gid = id(group)
    if (gid === null) {
      const row = (await database(fs, 'etc/group', spool)).find((fields) => fields[0] === group)
      gid = id(row?.[2] ?? '')
      if (gid === null) throw unknown(where, text, `names the group ${group}, which is not in /etc/group`)
    }
  }
  return { uid, gid: gid ?? uid }
}

async function database(fs: StageFs, path: string, spool: Spool): Promise<string[][]> {
  const node = fs.get(fs.resolve(path, true))
  if (node?.type !== 'file') return []
  await fetchContents([node], spool)
  if (node.content === null || 'layer' in node.content) return []
  const bytes = await collect(openContent(node.content), maxDatabase, `/${path}`)
  return bytes
    .toString('utf8')
    .split('\n')
    .map((line) => line.split(':'))
}

function unknown(where: string, text: string, why: string): InputError {
  return new InputError('file-invalid', `${where}: --chown=${text} ${why}`, {
    subject: where,
    remedy: 'Give numbers, for example --chown=1000:1000.',
  })
}
