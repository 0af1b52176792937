import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Verdict } from '../../src/verify/types.ts'
import type { Judged } from './judge.ts'
import { buildEvent, encryptEvent, sbomEvent } from '../../testkit/agent.ts'
import type { JournalEvent } from '../../src/journal/event.ts'
import { putIntoPage } from './page.ts'
import { failures, writePage, type Findings } from './report.ts'

const predicted = { pcr4: 'aa'.repeat(32), pcr11: 'bb'.repeat(32) }

function judged(failed: string[], measured: Record<string, string> = predicted): Judged {
  const verified = failed.length === 0
  const check = (id: string, status: string) => {
    return { id, clause: '', status, reason: status === 'failed' ? 'evidence-invalid' : null, why: '', subject: null }
  }
  const good = ['journal.performers', 'journal.isolation'].filter((id) => !failed.includes(id))
  const checks = [...failed.map((id) => check(id, 'failed')), ...good.map((id) => check(id, 'passed'))]
  const machine = { id: null, chip: null, status: {}, measured, reference: null, register: null }
  const builder = { id: 'builder', technology: 'tpm', level: 'agent-exclusive' }
  const verdict = { verified, reasons: verified ? [] : ['evidence-invalid'], checks, machine, builder, exceptions: [] }
  return { verdict: verdict as unknown as Verdict, failed, exitCode: verified ? 0 : 1 }
}

const machine = (name: string) => ({
  name,
  title: name,
  difference: name,
  initrd: [],
  commandLine: '',
  application: 'small' as const,
})
/** As a guest's journal has them, as far as the page reads them. */
const events = [buildEvent(), sbomEvent(), encryptEvent()].map((draft): JournalEvent => ({
  ...{ v: 1, seq: 1, prev: null, ...draft },
  isolation: { worker: 'own-user', steps: draft.kind === 'build' ? 'sandbox' : 'no-steps', network: 'none' },
}))
const changed = (change: Partial<JournalEvent>, kind = 'sbom'): JournalEvent[] =>
  events.map((event) => (event.kind === kind ? { ...event, ...change } : event))
const seconds = { boot: 1, all: 2, processor: 3 }
const digest = `sha256:${'cc'.repeat(32)}`

/** A rehearsal as it must be, with one thing changed. */
function findings(change: (good: Findings) => void = () => {}): Findings {
  const good: Findings = {
    about: 'n = 1',
    rounds: [
      { machine: machine('predicted'), predicted, byFirst: judged([]), byOwn: judged([]), events, seconds },
      {
        machine: machine('initrd'),
        predicted,
        byFirst: judged(['machine.measurement'], { ...predicted, pcr4: 'dd'.repeat(32) }),
        byOwn: judged([]),
        events,
        seconds,
      },
    ],
    selfTest: { 'agent-exclusive': true, 'storage-sealed': true, 'build-sandbox': true, checks: [] },
    digests: { inside: digest, outside: digest },
  }
  change(good)
  return good
}

/** The first round, judged by its own prediction, with a verdict that differs. */
function firstVerdict(found: Findings, change: (verdict: Verdict) => Verdict): void {
  const { byOwn } = first(found)
  first(found).byOwn = { ...byOwn, verdict: change(byOwn.verdict) }
}
const withException = (name: string) => (found: Findings) =>
  firstVerdict(found, (verdict) => ({ ...verdict, exceptions: [name] }))

/** The second round's members may be written in a test. */
const second = (found: Findings): { byFirst: Judged; byOwn: Judged } =>
  found.rounds[1] as { byFirst: Judged; byOwn: Judged }
const first = (found: Findings): { byFirst: Judged; byOwn: Judged; events: readonly JournalEvent[] } =>
  found.rounds[0] as { byFirst: Judged; byOwn: Judged; events: readonly JournalEvent[] }

test('a rehearsal as it must be has no failure', () => {
  expect(failures(findings())).toEqual([])
})

test.each<[string, (found: Findings) => void, RegExp]>([
  [
    'a step wrote an event itself',
    (f) => (first(f).events = changed({ performer: 'caller' })),
    /sbom is of the caller/,
  ],
  [
    'a worker ran as the agent does',
    (f) => {
      first(f).events = changed({ isolation: { worker: 'same-user', steps: 'no-steps', network: 'none' } })
    },
    /sbom is of the agent, its worker same-user/,
  ],
  [
    'prepare ran in no sandbox',
    (f) => {
      first(f).events = changed({ isolation: { worker: 'own-user', steps: 'none', network: 'none' } }, 'build')
    },
    /build is of the agent, its worker own-user, its steps none/,
  ],
  [
    'no prepare ran',
    (f) => {
      first(f).events = changed({ isolation: { worker: 'own-user', steps: 'no-steps', network: 'none' } }, 'build')
    },
    /build is of the agent, its worker own-user, its steps no-steps/,
  ],
  [
    'prepare had a network',
    (f) => {
      first(f).events = changed({ isolation: { worker: 'own-user', steps: 'sandbox', network: 'default' } }, 'build')
    },
    /their network default/,
  ],
  [
    'a foreign step ran beside the SBOM',
    (f) => {
      first(f).events = changed({ isolation: { worker: 'own-user', steps: 'sandbox', network: 'none' } })
    },
    /sbom is of the agent, its worker own-user, its steps sandbox/,
  ],
  ['the verdict takes the word of steps', withException('accept-claimed-steps'), /needed accept-claimed-steps/],
  ['the verdict accepts less than a sandbox', withException('accept-steps-isolation'), /needed accept-steps-isolation/],
  [
    'the verdict does not judge who did the work',
    (f) => firstVerdict(f, (verdict) => ({ ...verdict, checks: [] })),
    /journal.performers is missing\n.*journal.isolation is missing/,
  ],
  [
    'the level is a lower one',
    (f) => firstVerdict(f, (verdict) => ({ ...verdict, builder: { ...verdict.builder, level: 'job-shared' } })),
    /the level is job-shared/,
  ],
  [
    'nothing was encrypted',
    (f) => (first(f).events = events.filter(({ kind }) => kind !== 'encrypt')),
    /no encrypt event/,
  ],
  ['the changed machine is accepted', (f) => (second(f).byFirst = judged([])), /initrd: accepted/],
  [
    'it is refused for something else',
    (f) => (second(f).byFirst = judged(['journal.chain'])),
    /not refused for its measurement/,
  ],
  [
    'it is refused for more',
    (f) => (second(f).byFirst = judged(['machine.measurement', 'time.age'])),
    /more than its machine: .*time.age/,
  ],
  [
    'its own prediction does not accept it',
    (f) => (second(f).byOwn = judged(['machine.same'])),
    /refused by its own prediction/,
  ],
  [
    'the predicted machine is refused',
    (f) => (first(f).byOwn = judged(['machine.measurement'])),
    /predicted: refused by its own/,
  ],
  [
    'a register came out otherwise',
    (f) => (first(f).byFirst = judged([], { ...predicted, pcr11: '00' })),
    /other values in pcr11/,
  ],
  ['a register is missing', (f) => (first(f).byFirst = judged([], { pcr4: predicted.pcr4 })), /other values in pcr11/],
  ['the self-test has no sandbox', (f) => (f.selfTest['build-sandbox'] = false), /build-sandbox does not hold/],
  ['the self-test says no', (f) => (f.selfTest['agent-exclusive'] = false), /agent-exclusive does not hold/],
  ['the rebuild differs', (f) => (f.digests.outside = 'sha256:00'), /another digest/],
  ['there is no digest', (f) => (f.digests = { inside: '', outside: '' }), /another digest/],
])('is a failure: %s', (_name, change, message) => {
  const found = findings(change)
  expect(failures(found).join('\n')).toMatch(message)
})

test('the page shows who did the work', () => {
  const page = writePage(findings(), 'version: 1\n', JSON.stringify({ uki: digest, parts: {}, packages: [] }))
  expect(page).toContain('| predicted | build | agent | own-user | sandbox | none |')
  expect(page).toContain('| initrd | encrypt | agent | own-user | no-steps | none |')
})

test('the page shows both verdicts', () => {
  const manifest = JSON.stringify({ uki: digest, parts: {}, packages: [] })
  const page = writePage(findings(), 'version: 1\n', manifest)
  expect(page).toContain('| predicted | predicted | **accepted** | none | none | **accepted** |')
  expect(page).toContain(
    '| initrd | initrd | **refused**: evidence-invalid | machine.measurement | pcr4 | **accepted** |',
  )
})

describe('page with marks', () => {
  let folder: string
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'sealwright-page-'))
  })
  afterEach(() => rmSync(folder, { recursive: true, force: true }))

  test('gets the result between them, once more too', () => {
    const path = join(folder, 'page.md')
    writeFileSync(path, 'before\n<!-- run -->\nold\n<!-- end of run -->\nafter\n')
    putIntoPage(path, 'new\n')
    putIntoPage(path, 'newer\n')
    expect(readFileSync(path, 'utf8')).toBe('before\n<!-- run -->\n\nnewer\n\n<!-- end of run -->\nafter\n')
  })

  test.each([
    '',
    '<!-- run -->\n',
    '<!-- end of run -->\n<!-- run -->\n',
    '<!-- run -->\n<!-- run -->\n<!-- end of run -->',
  ])('refuses %j', (text) => {
    const path = join(folder, 'page.md')
    writeFileSync(path, text)
    expect(() => putIntoPage(path, 'new')).toThrow(/has not the marks/)
  })
})
