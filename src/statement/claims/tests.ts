import { sha256 } from '../../base/streams.ts'
import { InputError } from '../../base/errors.ts'
import { isObject, type JsonObject, type JsonValue } from '../../base/json.ts'
import { table } from '../../base/table.ts'
import { readXml, type XmlElement } from '../../encoding/xml.ts'
import { mostEntries, notA, objectOf, objectsOf, optionalText, requiredText, tooMany } from './report-values.ts'
import type { ReadClaim } from './types.ts'

/** How one test ended. */
type Outcome = 'passed' | 'failed' | 'skipped'
interface Test {
  name: string
  outcome: Outcome
}

/**
 * Reads a JUnit XML report: `testcase` elements with `failure`, `error` or `skipped` in them. Suites nest.
 *
 * @throws InputError `file-invalid` for a report without any test, whose `tests` attribute names another number than there are, or that states
 *   failures and names none
 */
export function readJunit(bytes: Uint8Array): ReadClaim {
  const format = 'JUnit'
  let root: XmlElement
  try {
    root = readXml(new TextDecoder('utf-8', { fatal: true }).decode(bytes), { attributes: true })
  } catch (cause) {
    throw notA(format, `it is not well-formed XML (${cause instanceof Error ? cause.message : 'not UTF-8'})`)
  }
  if (root.name !== 'testsuites' && root.name !== 'testsuite')
    throw notA(format, `its element is <${root.name}>, not <testsuites> or <testsuite>`)
  return claimOf(junitTests(root, format), bytes, format)
}

function junitTests(suite: XmlElement, format: string): Test[] {
  const tests = suite.children.flatMap((child): Test[] => {
    if (child.name === 'testsuite') return junitTests(child, format)
    if (child.name !== 'testcase') return []
    const name = child.attributes?.get('name')
    const classname = child.attributes?.get('classname')
    if (name === undefined) throw notA(format, 'a <testcase> has no name')
    return [
      {
        name: classname === undefined || classname === '' ? name : `${classname} ${name}`,
        outcome: junitOutcome(child),
      },
    ]
  })
  // Writers disagree whether the tests of inner suites count.
  const own = suite.children.filter(({ name }) => name === 'testcase').length
  const declared = suite.attributes?.get('tests')
  if (declared !== undefined && declared !== String(tests.length) && declared !== String(own))
    throw notA(format, `a suite states ${declared} tests and holds ${tests.length}: it is cut or merged wrongly`)
  const stated = ['failures', 'errors'].some((name) => !/^0*$/.test(suite.attributes?.get(name) ?? ''))
  if (stated) refuseHidden(tests, format)
  return tests
}

/** How GoogleTest, CTest and others say by an attribute alone that a test did not run, or that it failed. */
const junitWords: Readonly<Record<string, Outcome>> = table({
  notrun: 'skipped',
  disabled: 'skipped',
  skipped: 'skipped',
  suppressed: 'skipped',
  fail: 'failed',
  failed: 'failed',
  error: 'failed',
})

function junitOutcome({ children, attributes }: XmlElement): Outcome {
  const is = (tag: string): boolean => children.some((inner) => inner.name === tag)
  const said = ['status', 'result'].map((name) => junitWords[attributes?.get(name)?.toLowerCase() ?? ''])
  if (is('failure') || is('error') || said.includes('failed')) return 'failed'
  return is('skipped') || said.includes('skipped') ? 'skipped' : 'passed'
}

export function isCtrf(document: JsonObject): boolean {
  return isObject(document['results']) && Array.isArray(document['results']['tests'])
}

/** Reads a Common Test Report (CTRF) document. @throws InputError `file-invalid` */
export function readCtrf(document: JsonObject, bytes: Uint8Array): ReadClaim {
  const format = 'CTRF'
  const results = objectOf(document['results'])
  const tests = objectsOf(results['tests'], 'tests', format).map((test): Test => {
    const status = requiredText(test, 'status', format)
    return { name: requiredText(test, 'name', format), outcome: outcomeOf(status, format) }
  })
  const { tests: total, failed, other } = objectOf(results['summary'])
  refuseCut(tests, total, [failed, other], format)
  return claimOf(tests, bytes, format)
}

export function isJest(document: JsonObject): boolean {
  return typeof document['numTotalTests'] === 'number' && Array.isArray(document['testResults'])
}

/** Reads what `jest --json` and `vitest --reporter=json` write. @throws InputError `file-invalid` */
export function readJest(document: JsonObject, bytes: Uint8Array): ReadClaim {
  const format = 'jest'
  const files = objectsOf(document['testResults'], 'testResults', format)
  const tests = files.flatMap((file) => {
    const inner = objectsOf(file['assertionResults'], 'assertionResults', format).map((test): Test => {
      const status = requiredText(test, 'status', format)
      return { name: requiredText(test, 'fullName', format), outcome: outcomeOf(status, format) }
    })
    // A file that does not load has no tests, and still failed.
    const broken = file['status'] === 'failed' && !inner.some(({ outcome }) => outcome === 'failed')
    return broken
      ? [...inner, { name: optionalText(file, 'name', format) ?? 'test file', outcome: 'failed' as const }]
      : inner
  })
  const listed = files.reduce(
    (sum, file) => sum + objectsOf(file['assertionResults'], 'assertionResults', format).length,
    0,
  )
  if (document['numTotalTests'] !== listed) throw cut(format, document['numTotalTests'], listed)
  refuseCut(tests, undefined, [document['numFailedTests']], format)
  // A file may fail as a whole beside failed tests in it, so the two numbers do not add up.
  if ((document['numRuntimeErrorTestSuites'] ?? 0) !== 0) refuseHidden(tests, format)
  return claimOf(tests, bytes, format)
}

/**
 * Compares the numbers of a summary with the tests that the report lists.
 *
 * @param total of tests; absent where the report states none
 * @param failures numbers that add up to the failures
 * @throws InputError `file-invalid`
 */
function refuseCut(
  tests: readonly Test[],
  total: JsonValue | undefined,
  failures: readonly (JsonValue | undefined)[],
  format: string,
): void {
  if (total !== undefined && total !== tests.length) throw cut(format, total, tests.length)
  const stated = failures.reduce<number>((sum, value) => {
    if (value === undefined) return sum
    if (typeof value !== 'number' || value < 0) throw notA(format, 'a number of failures is not a number')
    return sum + value
  }, 0)
  const named = tests.filter(({ outcome }) => outcome === 'failed').length
  if (stated > named) throw notA(format, `it states ${stated} failures and names ${named}: it is cut or merged wrongly`)
}

function cut(format: string, stated: unknown, listed: number): InputError {
  return notA(format, `it states ${JSON.stringify(stated)} tests and lists ${listed}: it is cut or merged wrongly`)
}

/** A report that states failures and names none would give a claim that everything passed. @throws InputError `file-invalid` */
function refuseHidden(tests: readonly Test[], format: string): void {
  if (!tests.some(({ outcome }) => outcome === 'failed'))
    throw notA(format, 'it states failures, but no test in it failed: it is cut or merged wrongly')
}

function outcomeOf(status: string, format: string): Outcome {
  if (status === 'passed' || status === 'failed') return status
  if (['skipped', 'pending', 'todo', 'disabled'].includes(status)) return 'skipped'
  if (status === 'other') return 'failed'
  throw notA(format, `the status "${status}" is unknown`)
}

/**
 * in-toto test-result v0.1. The report is named by its digest as the configuration. Skipped tests neither passed nor failed: they stand in a member of
 * their own, which readers that do not know it ignore.
 */
function claimOf(tests: readonly Test[], bytes: Uint8Array, format: string): ReadClaim {
  if (tests.length === 0) throw notA(format, 'it holds no test')
  if (tests.length > mostEntries) throw tooMany(format, tests.length, 'tests')
  const named = (wanted: Outcome): string[] =>
    tests.flatMap(({ name, outcome }) => (outcome === wanted ? [name] : [])).sort()
  const failed = named('failed')
  const skipped = named('skipped')
  const passed = named('passed')
  if (skipped.length === tests.length)
    throw new InputError(
      'file-invalid',
      `the ${format} report cannot be used: all ${skipped.length} tests in it were skipped, so nothing was tested`,
      { subject: 'claims', remedy: 'Run the tests, and give the report of that run.' },
    )
  return {
    kind: 'test-result',
    format,
    predicate: {
      result: failed.length > 0 ? 'FAILED' : 'PASSED',
      configuration: [{ name: `${format} report`, digest: { sha256: sha256(bytes).slice('sha256:'.length) } }],
      passedTests: passed,
      warnedTests: [],
      failedTests: failed,
      ...(skipped.length === 0 ? {} : { skippedTests: skipped }),
    },
    about: [],
    summary: `${passed.length} passed, ${failed.length} failed, ${skipped.length} skipped`,
  }
}
