import { differenceLines, uncleanWarnings } from '../../src/report/build/lines.ts'

test('a build that is not reproducible names what differs, at most ten of a pass', () => {
  const digest = `sha256:${'a'.repeat(64)}` as const
  const files = Array.from({ length: 12 }, (_, i) => ({ path: `app/${i}`, fields: ['content'] }))
  const lines = differenceLines({ differences: [{ pass: 2, digest, config: ['config.Env'], layers: [], files }] })
  expect(lines).toHaveLength(12)
  expect(lines.slice(0, 3)).toEqual([
    `not-reproducible: pass 2 gave ${digest}. These differ:`,
    '  config.Env of the configuration',
    '  /app/0 (content)',
  ])
  expect(lines.at(-1)).toBe('  … and 3 more, see the report')
  expect(differenceLines({ differences: [] })).toEqual([])
})

test('a source that is not clean is a warning that names three files', () => {
  expect(uncleanWarnings({ unclean: [] })).toEqual([])
  const [line = ''] = uncleanWarnings({ unclean: ['a: x', 'b: x', 'c: x', 'd: x'] })
  expect(line).toContain('the source is not clean: a: x; b: x; c: x; …')
  expect(line).toContain('source-mismatch')
  expect(line).not.toContain('d: x')
})
