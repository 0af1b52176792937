import { composerPackage, relateComposer } from '../composer-package.ts'
import { at, items, jsonIn } from '../foreign.ts'
import { lockFile } from './lock.ts'

/** composer.lock of PHP. */
export const composerLock = lockFile({
  name: 'composer-lock',
  kind: 'composer',
  match: { names: ['composer.lock'] },
  read: (content) => {
    const lock = jsonIn(content)
    if (at(lock, 'packages') === undefined) throw new Error('expected "packages"')
    const entries = [false, true].flatMap((development) => {
      const kind = development ? 'packages-dev' : 'packages'
      return items(at(lock, kind), kind).map((entry) => ({
        entry,
        found: composerPackage(entry, 'composer-lock', development),
      }))
    })
    relateComposer(entries)
    return entries.map(({ found }) => found)
  },
})
