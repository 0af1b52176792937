import { parseContainerfile } from '../../src/build/containerfile/parse.ts'
import { planBuild } from '../../src/build/containerfile/plan.ts'
import type { Pass } from '../../src/build/driver.ts'
import { rewriteBases } from '../../src/build/drivers/rewrite.ts'
import { testPorts } from '../../testkit/ports.ts'

function rewrite(source: string, names: Record<string, string>, target: string | null = null): string {
  const file = parseContainerfile(source, 'Containerfile')
  const platform = { os: 'linux', architecture: 'amd64' }
  const plan = planBuild(file, { target, buildArgs: {}, platform, epoch: 0 })
  return rewriteBases({ plan, source, ports: testPorts() } as unknown as Pass, new Map(Object.entries(names)))
}

describe('the Containerfile that an engine gets', () => {
  test('names our copies of the bases and drops stages that nobody needs', () => {
    const source =
      'ARG B=img\nFROM ${B} AS one\nRUN x\nFROM unused AS no\nRUN y \\\n z\nFROM one\nCOPY --from=other:1 a b\n'
    expect(rewrite(source, { img: 'oci:/p:base', 'other:1': 'oci:/q:base' })).toBe(
      'ARG B=img\nFROM oci:/p:base AS one\nRUN x\nFROM scratch AS no\n\n\nFROM one\nCOPY --from=oci:/q:base a b\n',
    )
  })

  test('fetches no syntax of its own; other directives stay in force', () => {
    expect(rewrite('# syntax=docker/dockerfile:1\n# escape=`\nFROM scratch\nRUN a `\n b', {})).toBe(
      '# escape=`\n\nFROM scratch\nRUN a `\n b',
    )
    expect(rewrite('#!/x\n# Syntax = y\n# a comment\nFROM scratch', {})).toBe('#!/x\n\n# a comment\nFROM scratch')
    expect(rewrite('FROM scratch\n# syntax=z', {})).toBe('FROM scratch\n# syntax=z')
  })
})
