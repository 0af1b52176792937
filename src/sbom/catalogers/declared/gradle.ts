import type { FoundPackage } from '../../model.ts'
import { textIn } from '../foreign.ts'
import { Losses } from '../losses.ts'
import { lockFile, partly } from './lock.ts'
import { packageFound } from './package-found.ts'

/** Gradle's lock files: of a project, of a build script, and one for each configuration, as Gradle wrote them before version 6. */
export const gradle = lockFile({
  name: 'gradle-lock',
  kind: 'maven',
  match: { extensions: ['lockfile'] },
  when: ({ name, parent }) =>
    /^(?:buildscript-|settings-)?gradle\.lockfile$/.test(name) || parent === 'dependency-locks',
  read: (content, { name }) => {
    const found: FoundPackage[] = []
    const losses = new Losses()
    for (const [index, raw] of textIn(content).split(/\r?\n/).entries()) {
      const line = raw.trim()
      if (line === '' || line.startsWith('#') || line.startsWith('empty=')) continue
      const [, group, artifact, version, configurations] =
        /^([^:=\s]+):([^:=\s]+):([^:=\s]+)(?:=(.*))?$/.exec(line) ?? []
      const one = losses.try(`line ${index + 1}`, () => {
        if (group === undefined || artifact === undefined || version === undefined)
          throw new Error('expected group:artifact:version')
        const scope = scopeOf(name, (configurations ?? '').split(','))
        return packageFound('gradle-lock', 'maven', { namespace: group, name: artifact, version, scope })
      })
      if (one !== undefined) found.push(one)
    }
    return partly(found, losses)
  },
})

/** Configurations of tests are for developers; those of the build script, for the build. */
function scopeOf(file: string, configurations: readonly string[]): FoundPackage['scope'] {
  if (file.startsWith('buildscript-') || file.startsWith('settings-')) return 'build'
  const named = configurations.filter((configuration) => configuration !== '')
  if (named.length === 0) return undefined
  if (named.every((configuration) => /^test|Test(?:Compile|Runtime|Annotation)/.test(configuration)))
    return 'development'
  return named.every((configuration) => /annotationProcessor|kapt|ksp/i.test(configuration)) ? 'build' : undefined
}
