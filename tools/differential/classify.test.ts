import { classify } from './classify.ts'
import { explanations } from './explanations.ts'
import type { Answer, Case, Result } from './types.ts'

const question: Case = {
  peer: 'dcap-qvl',
  technology: 'tdx',
  group: 'mutation',
  what: 'a case',
  ours: () => [],
  theirs: { kind: 'qvl', quote: Buffer.alloc(0), collateral: {}, at: new Date(0), root: null },
}
const result = (ours: string[], verdict: Answer['verdict'], detail = '', more: Partial<Case> = {}): Result => ({
  case: { ...question, ...more },
  ours,
  theirs: { verdict, detail },
})

test('the same verdict is no disagreement', () => {
  expect(classify([result([], 'accepted'), result(['fmspc'], 'refused')])).toEqual([])
})

test('what we accept and a peer refuses has no reason unless one is written down', () => {
  const [found] = classify([result([], 'refused', 'it is broken'), result([], 'refused', 'it is broken')])
  expect(found).toMatchObject({ direction: 'we accept', what: 'it is broken', count: 2, why: null })
})

test('a reason is of one peer, its words and its case', () => {
  const [known] = explanations.filter(({ what }) => what !== undefined)
  if (known === undefined) throw new Error('no reason that names a case')
  const detail = 'Verification failed: Invalid QE auth data length'
  const what = 'QE authentication data of another length'
  expect(classify([result([], 'refused', detail, { what })])[0]?.why).not.toBeNull()
  expect(classify([result([], 'refused', detail, { what: 'another case' })])[0]?.why).toBeNull()
  expect(classify([result([], 'refused', detail, { what, peer: 'go-sev-guest' })])[0]?.why).toBeNull()
})

test('what we refuse is decided by the clause of our first check; a panic is told apart', () => {
  const found = classify([result(['fmspc', 'tcb-level'], 'accepted'), result(['fmspc'], 'crashed', 'panic: x')])
  expect(found).toMatchObject([
    { direction: 'we refuse', what: 'fmspc', clause: expect.stringContaining('QVL') as string },
    { direction: 'they crash', what: 'panic: x' },
  ])
})
