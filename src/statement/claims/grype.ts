import { isObject, type JsonObject } from '../../base/json.ts'
import { imageDigests, objectOf, objectsOf, optionalText, requiredText, textsOf, timeOf } from './report-values.ts'
import type { Finding, ScanReport } from './scan.ts'
import type { Rating } from './severity.ts'

const format = 'grype'

export function isGrype(document: JsonObject): boolean {
  return Array.isArray(document['matches']) && objectOf(document['descriptor'])['name'] === 'grype'
}

/**
 * Reads what `grype -o json` writes. Matches that grype's own configuration ignored (`ignoredMatches`) are not findings.
 *
 * @throws InputError `file-invalid`
 */
export function readGrype(document: JsonObject): ScanReport {
  const descriptor = objectOf(document['descriptor'])
  const target = objectOf(objectOf(document['source'])['target'])
  // Since 0.88 the state of the database lies one level deeper.
  const db = objectOf(descriptor['db'])
  const status = isObject(db['status']) ? db['status'] : db
  const built = optionalText(status, 'built', format)
  const time = timeOf(requiredText(descriptor, 'timestamp', format), 'descriptor.timestamp', format)
  return {
    format,
    scanner: { uri: 'pkg:github/anchore/grype', version: optionalText(descriptor, 'version', format) },
    db:
      built === null
        ? null
        : {
            uri: optionalText(status, 'from', format),
            version: optionalText(status, 'schemaVersion', format),
            lastUpdate: timeOf(built, 'descriptor.db.built', format),
          },
    findings: objectsOf(document['matches'], 'matches', format).map(findingOf),
    started: time,
    finished: time,
    about: imageDigests(
      [
        optionalText(target, 'manifestDigest', format),
        optionalText(target, 'imageID', format),
        ...textsOf(target['repoDigests']),
      ],
      format,
    ),
  }
}

function findingOf(match: JsonObject): Finding {
  const vulnerability = objectOf(match['vulnerability'])
  const artifact = objectOf(match['artifact'])
  const related = objectsOf(match['relatedVulnerabilities'], 'relatedVulnerabilities', format)
  const id = requiredText(vulnerability, 'id', format)
  const severity = optionalText(vulnerability, 'severity', format)
  const name = optionalText(artifact, 'name', format)
  const version = optionalText(artifact, 'version', format)
  return {
    id,
    aliases: [...new Set(related.map((other) => requiredText(other, 'id', format)))]
      .filter((other) => other !== id)
      .sort(),
    ratings: [
      ...(severity === null
        ? []
        : [{ method: optionalText(vulnerability, 'namespace', format) ?? 'grype', score: severity.toLowerCase() }]),
      ...cvssOf(vulnerability),
      ...related.flatMap(cvssOf),
    ],
    where: optionalText(artifact, 'purl', format) ?? (name === null ? null : [name, version].filter(Boolean).join('@')),
    fixed: textsOf(objectOf(vulnerability['fix'])['versions']),
  }
}

function cvssOf(vulnerability: JsonObject): Rating[] {
  return objectsOf(vulnerability['cvss'], 'cvss', format).flatMap((entry) => {
    const score = objectOf(entry['metrics'])['baseScore']
    const version = optionalText(entry, 'version', format)
    return typeof score === 'number' ? [{ method: `cvss-${version ?? 'unversioned'}`, score: String(score) }] : []
  })
}
