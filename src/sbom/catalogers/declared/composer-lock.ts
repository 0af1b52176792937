import { composerPackage, relateComposer } from '../composer-package.ts'
import { at, items, jsonIn, textOr } from '../foreign.ts'
import { Losses } from '../losses.ts'
import { lockFile, partly } from './lock.ts'

/** composer.lock of PHP. */
export const composerLock = lockFile({
  name: 'composer-lock',
  kind: 'composer',
  match: { names: ['composer.lock'] },
  read: (content) => {
    const lock = jsonIn(content)
    if (at(lock, 'packages') === undefined) throw new Error('expected "packages"')
    const losses = new Losses()
    const entries = [false, true].flatMap((development) => {
      const kind = development ? 'packages-dev' : 'packages'
      return items(at(lock, kind), kind).flatMap((entry, i) => {
        const name = textOr(at(entry, 'name')) || `${kind}[${i}]`
        const found = losses.try(name, () => composerPackage(entry, 'composer-lock', development))
        return found === undefined ? [] : [{ entry, found }]
      })
    })
    relateComposer(entries)
    return partly(
      entries.map(({ found }) => found),
      losses,
    )
  },
})
