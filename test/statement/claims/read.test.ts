import { execFile } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { readReport } from '../../../src/statement/claims/read.ts'
import { isWorse, severityOf, severityOfScore } from '../../../src/statement/claims/severity.ts'
import { jcs } from '../../../src/encoding/jcs.ts'
import { scratch } from '../../../testkit/ports.ts'
import { bytesOf, cyclonedxVex, grype, openvex, sarif, trivy } from './reports.ts'

const about = `sha256:${'a'.repeat(64)}` as const
const read = (document: object): ReturnType<typeof readReport> => readReport(bytesOf(document), 'report')

test('grype gives its findings with every rating, alias and fixed version', () => {
  const claim = read(grype(about, ['High', 'Negligible']))
  expect(claim).toMatchObject({ kind: 'vulns', format: 'grype', summary: '2 findings, 1 high' })
  expect(claim.about).toContain(about)
  expect(claim.predicate).toEqual({
    scanner: {
      uri: 'pkg:github/anchore/grype',
      version: '0.104.0',
      db: { uri: 'https://grype.example/db.tar.zst', version: 'v6.1.3', lastUpdate: '2026-10-31T06:00:00Z' },
      result: [
        {
          id: 'CVE-2026-0000',
          severity: [
            { method: 'debian:distro:debian:12', score: 'high' },
            { method: 'cvss-3.1', score: '7.5' },
          ],
          annotations: [
            { package: 'pkg:deb/debian/libx0@1.0' },
            { alias: 'GHSA-0000-0000' },
            { 'fixed-in': '1.2.3-1' },
          ],
        },
        expect.objectContaining({ id: 'CVE-2026-0001' }),
      ],
    },
    metadata: { scanStartedOn: '2026-11-01T10:00:00Z', scanFinishedOn: '2026-11-01T10:00:00Z' },
  })
})

test('Trivy gives a claim without the time of a database that its report does not state', () => {
  const claim = read(trivy(about))
  expect(claim).toMatchObject({ kind: 'vulns', about: [about], summary: '2 findings, 1 unknown, 1 critical' })
  expect(claim.predicate['scanner']).not.toHaveProperty('db')
  expect(claim.predicate['scanner']).toMatchObject({
    result: [
      { id: 'CVE-2026-1', severity: [] },
      {
        id: 'CVE-2026-2',
        severity: [
          { method: 'ghsa', score: 'critical' },
          { method: 'cvss-ghsa', score: '9.1' },
          { method: 'cvss-nvd', score: '9.8' },
        ],
        annotations: [{ package: 'pkg:npm/left-pad@1.0.0' }, { 'fixed-in': '1.0.1' }, { 'fixed-in': '2.0.0' }],
      },
    ],
  })
})

test('SARIF leaves out what is suppressed or passed, and rates by security-severity before level', () => {
  const claim = read(sarif())
  expect(claim.predicate['scanner']).toMatchObject({
    uri: 'https://linter.example',
    version: '4.5.6',
    result: [
      { id: 'R1', severity: [{ method: 'security-severity', score: '8.1' }], annotations: [{ package: 'src/a.c' }] },
      { id: 'R2', severity: [{ method: 'sarif-level', score: 'high' }] },
      { id: 'R5', severity: [{ method: 'sarif-level', score: 'low' }] },
    ],
  })
})

test.each<[string, object | string, RegExp]>([
  ['a SARIF log without times', sarif((run) => delete run['invocations']), /endTimeUtc/],
  [
    'a SARIF log of a failed tool',
    sarif((run) => (run['invocations'] = [{ executionSuccessful: false, endTimeUtc: '2026-11-01T10:00:00Z' }])),
    /did not run successfully/,
  ],
  ['a SARIF log of no run', { version: '2.1.0', runs: [] }, /0 runs/],
  ['a grype report with a bad time', grype(about, [], 'yesterday'), /"yesterday", which is not an RFC 3339 time/],
  ['a grype match without id', { ...grype(about, []), matches: [{ vulnerability: {} }] }, /"id" is missing/],
  ['grype matches that are texts', { ...grype(about, []), matches: ['CVE'] }, /not an object/],
  ['OpenVEX without statements', openvex(about, []), /no statements/],
  ['OpenVEX with a status of its own', openvex(about, [{ id: 'CVE-1', status: 'fine' }]), /"fine" is unknown/],
  ['CycloneDX findings without analysis', cyclonedxVex(['resolved', null]), /no analysis/],
  ['CycloneDX with a foreign state', cyclonedxVex(['perhaps']), /"perhaps"/],
  ['JSON of another tool', { hello: 1 }, /none of the known formats/],
  ['a list', [1], /not a JSON object/],
  ['text', 'no report at all', /JSON/],
  ['XML of another kind', '<html></html>', /<html>/],
  ['JUnit without tests', '<testsuites/>', /no test/],
  ['JUnit that is cut', '<testsuite tests="3"><testcase name="a"/></testsuite>', /states 3 tests and holds 1/],
  ['JUnit that is broken', '<testsuite tests="3"><testcase name="a">', /not well-formed/],
  ['JUnit with a document type', '<!DOCTYPE x []><testsuite/>', /document types/],
  ['jest without tests', { numTotalTests: 0, testResults: [] }, /no test/],
  ['CTRF with a foreign status', { results: { tests: [{ name: 'a', status: 'maybe' }] } }, /"maybe"/],
  ['deep nesting', `${'['.repeat(5000)}${']'.repeat(5000)}`, /nests deeper/],
])('%s is refused', (_name, document, why) => {
  const bytes = typeof document === 'string' ? Buffer.from(document) : bytesOf(document)
  expect(() => readReport(bytes, 'report')).toThrow(
    expect.objectContaining({
      code: expect.stringMatching(/^(file|format|input)-invalid$/),
      message: expect.stringMatching(why),
    }),
  )
})

test('OpenVEX stays as it is, and names the image by purl', () => {
  const document = openvex(about, [{ id: 'CVE-1', status: 'not_affected' }])
  expect(read(document)).toMatchObject({
    kind: 'openvex',
    predicate: document,
    about: [about],
    summary: '1 not affected',
  })
})

test('CycloneDX VEX becomes OpenVEX with the state that says the same', () => {
  const { predicate } = read(cyclonedxVex(['not_affected', 'resolved', 'exploitable', 'in_triage']))
  expect(predicate['statements']).toMatchObject([
    { status: 'not_affected', justification: 'vulnerable_code_not_in_execute_path', impact_statement: 'why' },
    { status: 'fixed' },
    { status: 'affected', action_statement: 'why' },
    { status: 'under_investigation' },
  ])
})

test('the JUnit report of a real runner (node --test) gives each outcome', async () => {
  const file = join(scratch('junit'), 'a.test.mjs')
  writeFileSync(
    file,
    `import { test, describe } from 'node:test'
     describe('group', () => {
       test('good <one>', () => {})
       test('bad', () => { throw new Error('x') })
       test.skip('later', () => {})
     })
     test('top', () => {})`,
  )
  const { NODE_TEST_CONTEXT: _none, ...env } = process.env
  const { stdout } = await promisify(execFile)(process.execPath, ['--test', '--test-reporter=junit', file], {
    env,
  }).catch((error: { stdout: string }) => error)
  const claim = readReport(Buffer.from(stdout), 'junit.xml')
  expect(claim.summary).toBe('2 passed, 1 failed, 1 skipped')
  expect(claim.predicate).toMatchObject({
    result: 'FAILED',
    passedTests: ['group good <one>', 'test top'],
    failedTests: ['group bad'],
    skippedTests: ['group later'],
  })
})

test('jest and CTRF documents give each outcome; a file that does not load has failed', () => {
  const jest = {
    numTotalTests: 1,
    testResults: [
      { name: '/a.test.js', status: 'passed', assertionResults: [{ fullName: 'a works', status: 'passed' }] },
      { name: '/b.test.js', status: 'failed', assertionResults: [] },
    ],
  }
  expect(read(jest).predicate).toMatchObject({
    result: 'FAILED',
    failedTests: ['/b.test.js'],
    passedTests: ['a works'],
  })
  const ctrf = {
    results: {
      tests: [
        { name: 'a', status: 'passed' },
        { name: 'b', status: 'pending' },
      ],
    },
  }
  expect(read(ctrf).predicate).toMatchObject({ result: 'PASSED', passedTests: ['a'], skippedTests: ['b'] })
})

test('the same report gives the same bytes, whatever the order of its findings', () => {
  const report = grype(about, ['High', 'Low', 'Medium']) as { matches: object[] }
  const turned = { ...report, matches: report.matches.toReversed() }
  expect(jcs(read(turned).predicate)).toEqual(jcs(read(report).predicate))
})

test.each<[string, string[], string]>([
  ['a word decides before a higher score', ['low', '9.8'], 'low'],
  ['the worst word counts', ['low', 'Important', 'medium'], 'high'],
  ['a score counts without a word', ['scored', '7.0'], 'high'],
  ['no rating is unknown', [], 'unknown'],
  ['a rating that nobody understands is unknown', ['AV:N/AC:L', '-1', '11'], 'unknown'],
])('%s', (_name, scores, level) => {
  expect(severityOf(scores.map((score) => ({ method: 'm', score })))).toBe(level)
})

test('the thresholds of CVSS, and unknown above critical', () => {
  expect(['0.0', '0.1', '3.9', '4.0', '6.9', '7.0', '8.9', '9.0', '10.0'].map(severityOfScore)).toEqual([
    'none',
    'low',
    'low',
    'medium',
    'medium',
    'high',
    'high',
    'critical',
    'critical',
  ])
  expect(isWorse('unknown', 'critical')).toBe(true)
})

test.each(['constructor', '__proto__', 'toString'])('the SARIF level "%s" is a word that nobody rates', (level) => {
  const claim = read(
    sarif((run) => {
      run['results'] = [{ ruleId: 'CVE-2026-0001', level }]
    }),
  )
  expect(claim).toMatchObject({
    summary: '1 finding, 1 unknown',
    predicate: { scanner: { result: [{ severity: [{ method: 'sarif-level', score: level }] }] } },
  })
})

test.each([
  [
    'a member twice',
    '{"SchemaVersion":2,"ArtifactName":"x","CreatedAt":"2026-01-01T00:00:00Z","Results":[{}],"Results":[]}',
  ],
  ['a JUnit suite with hidden failures', '<testsuite tests="1" failures="1"><testcase name="a"/></testsuite>'],
  [
    'a JUnit suite with hidden errors',
    '<testsuites errors="2"><testsuite><testcase name="a"/></testsuite></testsuites>',
  ],
  [
    'a jest report with hidden failures',
    '{"numTotalTests":1,"numFailedTests":1,"testResults":[{"assertionResults":[{"fullName":"a","status":"passed"}]}]}',
  ],
  [
    'a jest report that names fewer failures than it states',
    '{"numTotalTests":2,"numFailedTests":2,"testResults":[{"assertionResults":[{"fullName":"a","status":"failed"},{"fullName":"b","status":"passed"}]}]}',
  ],
  [
    'a jest report that lists fewer tests than it states',
    '{"numTotalTests":2,"testResults":[{"assertionResults":[{"fullName":"a","status":"passed"}]}]}',
  ],
  [
    'a CTRF report with hidden failures',
    '{"results":{"summary":{"tests":1,"failed":1},"tests":[{"name":"a","status":"passed"}]}}',
  ],
  [
    'a CTRF report with another end that is hidden',
    '{"results":{"summary":{"tests":1,"failed":0,"other":1},"tests":[{"name":"a","status":"passed"}]}}',
  ],
  [
    'a CTRF report that lists fewer tests than it states',
    '{"results":{"summary":{"tests":2,"failed":0},"tests":[{"name":"a","status":"passed"}]}}',
  ],
  [
    'a CTRF report whose number is a text',
    '{"results":{"summary":{"tests":1,"failed":"1"},"tests":[{"name":"a","status":"passed"}]}}',
  ],
])('a report with two meanings is refused: %s', (_, text) => {
  expect(() => readReport(Buffer.from(text), 'report')).toThrow(expect.objectContaining({ code: 'file-invalid' }))
})

test.each<[string, string]>([
  [
    'JUnit',
    '<testsuite tests="2"><testcase name="a"><skipped/></testcase><testcase name="b" status="notrun"/></testsuite>',
  ],
  ['CTRF', '{"results":{"tests":[{"name":"a","status":"skipped"},{"name":"b","status":"pending"}]}}'],
  [
    'jest',
    '{"numTotalTests":2,"testResults":[{"assertionResults":[{"fullName":"a","status":"pending"},{"fullName":"b","status":"todo"}]}]}',
  ],
])('a %s report in which every test was skipped is refused', (_format, text) => {
  expect(() => readReport(Buffer.from(text), 'report')).toThrow(
    expect.objectContaining({
      code: 'file-invalid',
      message: expect.stringContaining('all 2 tests in it were skipped'),
    }),
  )
})

test.each<[string, object]>([
  ['status="notrun"', { passedTests: ['b'], skippedTests: ['a'], result: 'PASSED' }],
  ['status="run" result="suppressed"', { passedTests: ['b'], skippedTests: ['a'], result: 'PASSED' }],
  ['status="run" result="completed"', { passedTests: ['a', 'b'], result: 'PASSED' }],
  ['status="failed"', { failedTests: ['a'], passedTests: ['b'], result: 'FAILED' }],
])('a JUnit test with %s and nothing inside counts as what it says', (attributes, predicate) => {
  const text = `<testsuite><testcase name="a" ${attributes}/><testcase name="b"/></testsuite>`
  expect(readReport(Buffer.from(text), 'report').predicate).toMatchObject(predicate)
})

test.each<[string, object, RegExp]>([
  [
    'findings that add up to more than one claim may have',
    manyFindings(),
    /up to 100000 findings, and this report has 100002/,
  ],
  ['a finding with more names than a reader takes', manyNames(), /no reader would accept a claim of it .*annotations/],
])('a report with %s is refused before it is signed', (_name, document, why) => {
  expect(() => read(document)).toThrow(
    expect.objectContaining({ code: 'file-invalid', message: expect.stringMatching(why), remedy: expect.any(String) }),
  )
})

function manyFindings(): object {
  const Vulnerabilities = Array.from({ length: 50_001 }, (_, i) => ({ VulnerabilityID: `CVE-${i}` }))
  return { ...trivy(about), Results: [{ Vulnerabilities }, { Vulnerabilities }] }
}

function manyNames(): object {
  const VendorIDs = Array.from({ length: 1025 }, (_, i) => `DSA-${i}`)
  return { ...trivy(about), Results: [{ Vulnerabilities: [{ VulnerabilityID: 'CVE-1', VendorIDs }] }] }
}

test('a jest file whose name is not a text is still a failed one', () => {
  const document = {
    numTotalTests: 0,
    testResults: [{ status: 'failed', name: { toString: 1 }, assertionResults: [] }],
  }
  expect(read(document).predicate).toMatchObject({ result: 'FAILED', failedTests: ['test file'] })
})

test.each(['sha256:00', `sha256:${'A'.repeat(64)}`, `sha256:${'a'.repeat(65)}`])(
  'a report that names its image by %j is refused: it would count for any image',
  (digest) => {
    for (const report of [grype(digest as typeof about, ['High']), trivy(digest)])
      expect(() => read(report)).toThrow(expect.objectContaining({ code: 'file-invalid' }))
  },
)
