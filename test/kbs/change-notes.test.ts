import { publicationReport } from '../../src/report/publication.ts'

const summary = { kbsUrl: 'https://kbs.example', desired: null, uris: [], planPath: '/job/plan.json' }
const changes = [
  { what: 'kbs:///team/secret/a', action: 'write' as const },
  { what: 'kbs:///team/secret/b', action: 'unchanged' as const },
  { what: 'rule of kbs:///team/secret/c', action: 'withdrawn' as const },
  { what: 'resource policy', action: 'write' as const },
]

test('a plan names each write and each withdrawal, and nothing that stays', () => {
  expect(publicationReport({ ...summary, mode: 'plan', changes }).notes).toEqual([
    'Would be written: kbs:///team/secret/a, resource policy.',
    'Would be withdrawn: rule of kbs:///team/secret/c.',
  ])
})

test('a run names what it withdrew', () => {
  expect(publicationReport({ ...summary, mode: 'apply', changes }).notes).toEqual([
    'Withdrawn: rule of kbs:///team/secret/c.',
  ])
})

test('where nothing changes there is no note', () => {
  const same = changes.filter(({ action }) => action === 'unchanged')
  expect(publicationReport({ ...summary, mode: 'plan', changes: same }).notes).toEqual([])
})
