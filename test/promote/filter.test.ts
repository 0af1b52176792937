import { filteredOut, parseFilter, type Filtered } from '../../src/tasks/promote/filter.ts'

const provenance: Filtered = {
  artifactType: 'application/vnd.dev.sigstore.bundle.v0.3+json',
  suffix: null,
  annotations: { team: 'core' },
  facts: {
    kind: 'statement',
    type: 'https://slsa.dev/provenance/v1',
    signers: ['ci@example.org', 'https://issuer.example'],
  },
}
const sig: Filtered = {
  artifactType: null,
  suffix: '.sig',
  annotations: {},
  facts: { kind: 'signatures', type: null, signers: [] },
}
const out = (rule: string, item = provenance): string | null =>
  filteredOut(parseFilter({ include: [], exclude: [rule] }), item)

test.each([
  'https://slsa.dev/provenance/*',
  'application/vnd.dev.sigstore*',
  'type:application/*',
  'predicate:https://slsa.dev/*',
  'signer:ci@example.org',
  'signer:https://issuer.example',
  'annotation:team=core',
  'annotation:team=*',
  'statement',
  '*',
])('%s takes a statement', (rule) => {
  expect(out(rule)).toBe(`excluded by ${JSON.stringify(rule)}`)
  expect(filteredOut(parseFilter({ include: [rule], exclude: [] }), provenance)).toBeNull()
})

test.each([
  'type:https://slsa.dev/provenance/v1',
  'predicate:application/*',
  'signer:ci@*.com',
  'annotation:team=cor',
  'annotation:other=*',
  '.sig',
  'https://slsa-dev/provenance/v1',
])('%s does not', (rule) => {
  expect(out(rule)).toBeNull()
  expect(filteredOut(parseFilter({ include: [rule], exclude: [] }), provenance)).toBe('no rule of `include` takes it')
})

test('a tag of cosign is named by its ending; it has no predicate', () => {
  expect([out('.sig', sig), out('predicate:*', sig)]).toEqual(['excluded by ".sig"', null])
})

test('exclude wins over include', () => {
  const rules = parseFilter({ include: ['*'], exclude: ['signer:ci@*'] })
  expect(filteredOut(rules, provenance)).toBe('excluded by "signer:ci@*"')
})

test.each([
  ['exclude', '', /empty/],
  ['include', 'singer:x', /Did you mean signer/],
  ['include', 'predicate=https://x', /Write predicate:https/],
  ['include', 'newest=3', /Write newest:3/],
  ['include', 'newest:0', /newest:3/],
  ['include', 'newest:many', /newest:3/],
  ['exclude', 'newest:3', /include/],
  ['include', 'annotation:team', /KEY=VALUE/],
  ['include', 'signer:', /signer:PATTERN/],
] as const)('%s %j is refused', (input, rule, remedy) => {
  const filter = { include: [], exclude: [], [input]: [rule] }
  expect(() => parseFilter(filter)).toThrow(expect.objectContaining({ code: 'input-invalid', subject: input }))
  try {
    parseFilter(filter)
  } catch (error) {
    const { message, remedy: told } = error as { message: string; remedy: string }
    expect(`${message} ${told}`).toMatch(remedy)
  }
})

test('newest is given once and is no rule of its own', () => {
  expect(parseFilter({ include: ['newest:3'], exclude: [] })).toEqual({ include: [], exclude: [], newest: 3 })
  expect(() => parseFilter({ include: ['newest:3', 'newest:4'], exclude: [] })).toThrow(/twice/)
})
