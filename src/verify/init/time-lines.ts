import { SealwrightError } from '../../base/errors.ts'
import { writePem } from '../../encoding/pem.ts'
import type { Certificate } from '../../encoding/x509/certificate.ts'
import { readAuthorityChain } from '../../log/timestamp/authority.ts'
import { heldCertificates } from '../../log/timestamp/path.ts'
import { readTimestamp } from '../../log/timestamp/response.ts'

/**
 * Section `time` of a policy that pins the authorities that were given. Without any, what the image itself carries becomes a comment: whoever made the
 * image chose it, so pinning it unseen would let a job state its own time (TRUST §6).
 *
 * @param given PEM chains
 * @param stamps time stamps of the image's statements, in DER
 * @param witnesses verifier keys of witnesses whose cosignatures count as time
 * @throws VerificationError `format-invalid` for a given chain that cannot be read
 */
export function timeLines(
  given: readonly string[],
  stamps: readonly Buffer[],
  witnesses: readonly string[] = [],
): string[] {
  if (given.length > 0 || witnesses.length > 0) {
    const chains = given.map((pem, i) => readAuthorityChain(pem, `time stamp authority ${i + 1}`))
    return [
      'time:',
      ...(chains.length === 0 ? [] : ['  authorities:', ...chains.flatMap(authorityLines)]),
      ...(witnesses.length === 0 ? [] : ['  witnesses:', ...witnesses.map((one) => `    - ${JSON.stringify(one)}`)]),
    ]
  }
  const found = certificatesOf(stamps)
  if (found === null) return []
  return [
    '# UNSAFE: taken from the image. Compare it with what the service publishes before you use it, and add its root:',
    ...['time:', '  authorities:', ...authorityLines(found)].map((line) => `# ${line}`),
  ]
}

function authorityLines(chain: readonly Certificate[]): string[] {
  const name = chain.map(({ subjectName }) => subjectName).find((one) => one !== null) ?? 'time stamp authority'
  const pem = chain.flatMap(({ bytes }) => writePem('CERTIFICATE', bytes).trim().split('\n'))
  // A JSON string is a YAML string: no certificate can add a line.
  return [
    `    - name: ${JSON.stringify(name.slice(0, 256))}`,
    '      chain: |',
    ...pem.map((line) => `        ${line}`),
  ]
}

/** Certificates in the first stamp that can be read and holds any. */
function certificatesOf(stamps: readonly Buffer[]): Certificate[] | null {
  for (const stamp of stamps) {
    try {
      const { data, name } = readTimestamp(stamp)
      const held = heldCertificates(data, name)
      if (held.length > 0) return held
    } catch (error) {
      // Anybody may attach what is not a stamp.
      if (!(error instanceof SealwrightError)) throw error
    }
  }
  return null
}
