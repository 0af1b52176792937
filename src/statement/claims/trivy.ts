import type { JsonObject } from '../../base/json.ts'
import { imageDigests, objectOf, objectsOf, optionalText, requiredText, textsOf, timeOf } from './report-values.ts'
import type { Finding, ScanReport } from './scan.ts'
import type { Rating } from './severity.ts'

const format = 'Trivy'

export function isTrivy(document: JsonObject): boolean {
  return document['SchemaVersion'] === 2 && typeof document['ArtifactName'] === 'string'
}

/**
 * Reads what `trivy image --format json` writes (schema version 2). The report does not state the time of its database, so the claim has none.
 *
 * @throws InputError `file-invalid`
 */
export function readTrivy(document: JsonObject): ScanReport {
  const metadata = objectOf(document['Metadata'])
  const time = timeOf(requiredText(document, 'CreatedAt', format), 'CreatedAt', format)
  return {
    format,
    scanner: {
      uri: 'pkg:github/aquasecurity/trivy',
      version: optionalText(objectOf(document['Trivy']), 'Version', format),
    },
    db: null,
    findings: objectsOf(document['Results'], 'Results', format).flatMap((result) =>
      objectsOf(result['Vulnerabilities'], 'Vulnerabilities', format).map((entry) => findingOf(entry)),
    ),
    started: time,
    finished: time,
    about: imageDigests([optionalText(metadata, 'ImageID', format), ...textsOf(metadata['RepoDigests'])], format),
  }
}

function findingOf(entry: JsonObject): Finding {
  const severity = optionalText(entry, 'Severity', format)
  const name = optionalText(entry, 'PkgName', format)
  const version = optionalText(entry, 'InstalledVersion', format)
  const fixed = optionalText(entry, 'FixedVersion', format)
  return {
    id: requiredText(entry, 'VulnerabilityID', format),
    aliases: textsOf(entry['VendorIDs']),
    ratings: [
      // Trivy's word for "nobody rated it" is no rating.
      ...(severity === null || severity === 'UNKNOWN'
        ? []
        : [{ method: optionalText(entry, 'SeveritySource', format) ?? 'trivy', score: severity.toLowerCase() }]),
      ...scores(objectOf(entry['CVSS'])),
    ],
    where:
      optionalText(objectOf(entry['PkgIdentifier']), 'PURL', format) ??
      (name === null ? null : [name, version].filter(Boolean).join('@')),
    fixed: fixed === null ? [] : fixed.split(',').map((item) => item.trim()),
  }
}

/** `{"nvd":{"V3Score":9.8},"redhat":{…}}` */
function scores(cvss: JsonObject): Rating[] {
  return Object.keys(cvss)
    .sort()
    .flatMap((source) => {
      const entry = objectOf(cvss[source])
      const score = entry['V40Score'] ?? entry['V3Score'] ?? entry['V2Score']
      return typeof score === 'number' ? [{ method: `cvss-${source}`, score: String(score) }] : []
    })
}
