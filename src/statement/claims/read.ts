import { InputError } from '../../base/errors.ts'
import { duplicateMember } from '../../base/json-members.ts'
import { isObject, nestsDeeper, parseJson } from '../../base/json.ts'
import { predicateFault } from '../schemas/predicate.ts'
import { isGrype, readGrype } from './grype.ts'
import { notA } from './report-values.ts'
import { isSarif, readSarif } from './sarif.ts'
import { vulnsClaim } from './scan.ts'
import { isCtrf, isJest, readCtrf, readJest, readJunit } from './tests.ts'
import { isTrivy, readTrivy } from './trivy.ts'
import type { ReadClaim } from './types.ts'
import { isCyclonedxVex, isOpenvex, readCyclonedxVex, readOpenvex } from './vex.ts'

/** Bytes of a report at most. */
export const reportLimit = 64 << 20
const mostLevels = 128

/**
 * Reads a report of another tool and says what it claims. The format is found by what each one must contain: grype, Trivy, SARIF 2.1.0, OpenVEX,
 * CycloneDX VEX, JUnit XML, CTRF, jest.
 *
 * @param name path of the report, for errors
 * @throws InputError `file-invalid`: the format is unknown, a report of a known one is incomplete, or its claim would not be read
 */
export function readReport(bytes: Uint8Array, name: string): ReadClaim {
  const claim = read(bytes, name)
  const fault = predicateFault(claim.kind, claim.predicate)
  if (fault !== null) throw notA(claim.format, `no reader would accept a claim of it (${fault})`)
  return claim
}

function read(bytes: Uint8Array, name: string): ReadClaim {
  if (bytes.length > reportLimit)
    throw unknown(name, `it has ${bytes.length} bytes; at most ${reportLimit} bytes are read`)
  const start = Buffer.from(bytes.subarray(0, 256)).toString('utf8').trimStart()
  if (start.startsWith('<') || start.startsWith('\ufeff<')) return readJunit(bytes)
  if (nestsDeeper(bytes, mostLevels)) throw unknown(name, `it nests deeper than ${mostLevels} levels`)
  const text = Buffer.from(bytes).toString('utf8')
  const document = parseJson(text, name, 'input')
  // Readers differ on which one counts, so a finding could stand in a list that we do not see.
  const twice = duplicateMember(text)
  if (twice !== null) throw unknown(name, `it has the member ${JSON.stringify(twice.slice(0, 64))} twice in one object`)
  if (!isObject(document)) throw unknown(name, 'it is not a JSON object')
  if (isGrype(document)) return vulnsClaim(readGrype(document))
  if (isTrivy(document)) return vulnsClaim(readTrivy(document))
  if (isSarif(document)) return vulnsClaim(readSarif(document))
  if (isOpenvex(document)) return readOpenvex(document)
  if (isCyclonedxVex(document)) return readCyclonedxVex(document)
  if (isJest(document)) return readJest(document, bytes)
  if (isCtrf(document)) return readCtrf(document, bytes)
  throw unknown(name, 'it has the marks of none of the known formats')
}

function unknown(name: string, why: string): InputError {
  return new InputError('file-invalid', `${JSON.stringify(name)} is not a report that can be read: ${why}`, {
    subject: 'claims',
    remedy:
      'Supported: grype and Trivy JSON, SARIF 2.1.0, OpenVEX, CycloneDX VEX, JUnit XML, CTRF and jest JSON. Trivy: --format json.',
  })
}
