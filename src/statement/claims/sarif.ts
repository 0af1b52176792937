import { table } from '../../base/table.ts'
import type { JsonObject, JsonValue } from '../../base/json.ts'
import { notA, objectOf, objectsOf, optionalText, requiredText, timeOf } from './report-values.ts'
import type { Finding, ScanReport } from './scan.ts'
import type { Rating } from './severity.ts'

const format = 'SARIF'

export function isSarif(document: JsonObject): boolean {
  return document['version'] === '2.1.0' && Array.isArray(document['runs'])
}

/** SARIF §3.27.10: what a level stands for where the rule has no `security-severity`, in the words that code scanning shows. */
const levelWords: Readonly<Record<string, string>> = table({
  error: 'high',
  warning: 'medium',
  note: 'low',
  none: 'none',
})

/**
 * Reads a SARIF 2.1.0 log of one run. A result that is suppressed, or whose kind says that nothing was found (`pass`, `notApplicable`), is no
 * finding. The time is the end of the run's invocation, without which the age of the report is unknown.
 *
 * @throws InputError `file-invalid` for a log of several runs, or one without times
 */
export function readSarif(document: JsonObject): ScanReport {
  const runs = objectsOf(document['runs'], 'runs', format)
  const [run] = runs
  if (run === undefined || runs.length !== 1) throw notA(format, `it has ${runs.length} runs, and a claim is of one`)
  const driver = objectOf(objectOf(run['tool'])['driver'])
  const invocations = objectsOf(run['invocations'], 'invocations', format)
  const failed = invocations.find((item) => item['executionSuccessful'] === false)
  if (failed !== undefined) throw notA(format, 'it states that the tool did not run successfully')
  const ends = invocations.flatMap((item) => optionalText(item, 'endTimeUtc', format) ?? [])
  const [end] = ends
    .map((time) => timeOf(time, 'endTimeUtc', format))
    .sort()
    .reverse()
  if (end === undefined) throw notA(format, 'no invocation has "endTimeUtc", so nobody can tell how old the report is')
  const [start] = invocations
    .flatMap((item) => optionalText(item, 'startTimeUtc', format) ?? [])
    .map((time) => timeOf(time, 'startTimeUtc', format))
    .sort()
  const rules = objectsOf(driver['rules'], 'rules', format)
  const byId = new Map(rules.map((rule) => [rule['id'], rule]))
  return {
    format,
    scanner: {
      uri: optionalText(driver, 'informationUri', format) ?? requiredText(driver, 'name', format),
      version: optionalText(driver, 'semanticVersion', format) ?? optionalText(driver, 'version', format),
    },
    db: null,
    findings: objectsOf(run['results'], 'results', format)
      .filter(isFound)
      .map((result) => findingOf(result, ruleOf(result, rules, byId))),
    started: start ?? end,
    finished: end,
    about: [],
  }
}

function isFound(result: JsonObject): boolean {
  const { kind, suppressions } = result
  const suppressed = objectsOf(suppressions, 'suppressions', format).some(
    ({ status }) => status === undefined || status === 'accepted',
  )
  return !suppressed && kind !== 'pass' && kind !== 'notApplicable' && result['baselineState'] !== 'absent'
}

function ruleOf(
  result: JsonObject,
  rules: readonly JsonObject[],
  byId: ReadonlyMap<JsonValue | undefined, JsonObject>,
): JsonObject {
  const index = result['ruleIndex'] ?? objectOf(result['rule'])['index']
  const indexed = typeof index === 'number' && index >= 0 ? rules[index] : undefined
  return indexed ?? byId.get(result['ruleId']) ?? {}
}

function findingOf(result: JsonObject, rule: JsonObject): Finding {
  const id = optionalText(result, 'ruleId', format) ?? requiredText(rule, 'id', format)
  const [place] = objectsOf(result['locations'], 'locations', format)
  const physical = objectOf(objectOf(place)['physicalLocation'])
  return {
    id,
    aliases: [],
    ratings: ratingsOf(result, rule),
    where: optionalText(objectOf(physical['artifactLocation']), 'uri', format),
    fixed: [],
  }
}

/** `security-severity` of the rule is a CVSS score as text; without it the level counts, whose default is `warning` (§3.27.10). */
function ratingsOf(result: JsonObject, rule: JsonObject): Rating[] {
  const score =
    optionalText(objectOf(result['properties']), 'security-severity', format) ??
    optionalText(objectOf(rule['properties']), 'security-severity', format)
  if (score !== null) return [{ method: 'security-severity', score }]
  const level =
    optionalText(result, 'level', format) ??
    optionalText(objectOf(rule['defaultConfiguration']), 'level', format) ??
    'warning'
  return [{ method: 'sarif-level', score: levelWords[level] ?? level }]
}
