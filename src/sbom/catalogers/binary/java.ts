import { archiveExtensions, archiveLimits, readArchive, type Archive, type Budget } from '../../java/archive.ts'
import { packagesOf } from '../../java/packages.ts'
import { malformed } from '../../binary/view.ts'
import type { Cataloger } from '../../cataloger.ts'
import type { Gap } from '../../model.ts'

interface Fact {
  archive: Archive | null
  gaps: Pick<Gap, 'reason' | 'why'>[]
}

/** Endings that other formats have as well: a file that is no zip archive is not Java's. */
const shared: ReadonlySet<string> = new Set(['par', 'sar', 'far', 'rar', 'zap', 'nar', 'kar'])

/** Java archives with what lies within them: Maven's own files, manifests, archives in archives. */
export const javaArchive: Cataloger<Fact> = {
  name: 'java-archive',
  kind: 'maven',
  finds: 'both',
  match: { extensions: archiveExtensions },
  takesHead: true,
  wants: ({ size }) => (size > archiveLimits.file ? 1 : archiveLimits.file),
  read: ({ name, size }, content) => {
    if (size > archiveLimits.file) {
      const why = `the archive has ${size} bytes; at most ${archiveLimits.file} bytes are read`
      return { archive: null, gaps: [{ reason: 'too-large', why }] }
    }
    const budget: Budget = { bytes: archiveLimits.total, archives: archiveLimits.count, missed: [] }
    const archive = readArchive(content, [name], budget)
    if (archive === null) {
      if (shared.has(name.slice(name.lastIndexOf('.') + 1).toLowerCase())) return null
      throw malformed('a zip archive is expected, but there is no end record of one')
    }
    const gaps = budget.missed.slice(0, mostTold).map((why): Fact['gaps'][number] => ({
      reason: /at most|are read to depth/.test(why) ? 'too-large' : 'unreadable',
      why,
    }))
    return { archive, gaps }
  },
  finish: (facts) => ({
    packages: [...facts].flatMap(([path, { archive }]) => (archive === null ? [] : packagesOf(archive, path))),
    gaps: [...facts].flatMap(([path, { gaps }]) => gaps.map((gap) => ({ path, kind: 'maven', ...gap }))),
  }),
}

/** One damaged archive may hold thousands of damaged parts; the first few say it. */
const mostTold = 10
