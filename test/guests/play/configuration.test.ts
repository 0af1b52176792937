import { configurationStep } from '../../../src/guests/play/configuration.ts'
import { guestFiles } from '../../../src/initdata/guest-files.ts'
import { readInitdata } from '../../../src/initdata/document.ts'
import { makeInitdata } from '../../../src/initdata/make.ts'

// Each change here was tried with attestation-agent and CDH of guest-components 8246e5e0: they failed with what fails here (docs/trustee.md).

const url = 'http://kbs.example:8080'
const files = guestFiles({
  kbsUrl: url,
  kbsCertificate: null,
  policyUri: 'kbs:///default/security-policy/test',
  registryAuthorities: [],
  agentPolicy: null,
})
const said = (change: (files: Map<string, string>) => void, from: string | null = url): string => {
  const changed = new Map(files)
  change(changed)
  const step = configurationStep(readInitdata(makeInitdata(changed).bytes, 'test'), from)
  return `${step.outcome}: ${step.why}`
}
const edit =
  (name: string, from: string | RegExp, to = '') =>
  (all: Map<string, string>): void => {
    expect(all.get(name)).not.toBe(all.get(name)?.replace(from, to))
    all.set(name, String(all.get(name)?.replace(from, to)))
  }

test('initdata as guest pod makes it', () => {
  expect(said(() => {})).toBe(`passed: the guest attests to ${url} and asks it for keys`)
  expect(said(() => {}, `${url}/`)).toMatch('passed')
  expect(said(() => {}, null)).toMatch('passed')
})

test.each<[string, (all: Map<string, string>) => void, string]>([
  ['no token_configs.kbs', edit('aa.toml', /\[token_configs\.kbs\]\nurl.*\n/), 'failed: aa.toml names no KBS'],
  ['no kbc', edit('cdh.toml', /\[kbc\]\nname.*\nurl.*\n/), 'failed: cdh.toml has no kbc.name'],
  ['no kbc.url', edit('cdh.toml', /url = .*\n/), 'failed: cdh.toml names no KBS'],
  ['keys from a file', edit('cdh.toml', 'cc_kbc', 'offline_fs_kbc'), 'failed: cdh.toml reads keys from a file'],
  ['an unknown kbc', edit('cdh.toml', 'cc_kbc', 'other_kbc'), 'failed: cdh.toml has kbc.name "other_kbc"'],
  ['an agent’s file that is not TOML', edit('aa.toml', '[token', '[[token'), 'failed: aa.toml is not TOML'],
  ['a hub’s file that is not TOML', edit('cdh.toml', '[kbc]', '[kbc'), 'failed: cdh.toml is not TOML'],
  [
    'another KBS of the agent',
    edit('aa.toml', 'kbs.example', 'other.example'),
    'not-known: aa.toml attests to http://other',
  ],
  [
    'another KBS of the hub',
    edit('cdh.toml', 'kbs.example', 'other.example'),
    'not-known: aa.toml attests to http://kbs',
  ],
  ['no aa.toml', (all) => all.delete('aa.toml'), 'not-known: it has no aa.toml'],
  ['no cdh.toml', (all) => all.delete('cdh.toml'), 'not-known: it has no cdh.toml'],
])('%s', (_, change, expected) => {
  expect(said(change)).toMatch(expected)
})

test('a KBS that the guest does not ask', () => {
  expect(said(() => {}, 'http://localhost:8080')).toBe(
    `not-known: aa.toml attests to ${url}, cdh.toml asks ${url}, and --kbs-url is http://localhost:8080: whether they are one KBS cannot be seen`,
  )
})
