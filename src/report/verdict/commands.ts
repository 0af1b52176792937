import { cosignReads } from '../../oci/identity.ts'
import { isLocalText } from '../../oci/reference.ts'
import { predicateTypes } from '../../statement/types.ts'
import type { GateRequest } from '../../tasks/gate/request.ts'
import type { GateResult } from '../../tasks/gate/run.ts'
import { quote } from '../shell.ts'
import type { ActionReport } from '../types.ts'

/** What of a request stands in the command that repeats it. */
export type AskedAgain = Pick<
  GateRequest,
  'platform' | 'policy' | 'at' | 'collateral' | 'keys' | 'policyDigest' | 'expectCommit' | 'expectDigest' | 'nonce'
>

/** The commands that repeat a verdict and, where a verification summary was signed, read that with cosign. */
export function verdictCommands(
  asked: AskedAgain,
  result: Pick<GateResult, 'verdict' | 'reference' | 'vsaDigest' | 'publicKeyPath'>,
): ActionReport['commands'] {
  const { verdict, vsaDigest, publicKeyPath } = result
  const { reference } = verdict.image
  // The verdict names the child alone, but what signs its index can vouch for it.
  const again = ['sealwright verify-deploy', `--image ${quote(asked.platform === null ? reference : result.reference)}`]
  if (asked.platform !== null) again.push(`--platform ${quote(asked.platform)}`)
  again.push(`--policy ${quote(asked.policy)}`)
  if (asked.at !== null) again.push(`--at ${asked.at.toISOString()}`)
  if (asked.collateral !== null) again.push(`--collateral ${quote(asked.collateral)}`)
  // A KBS gives the key to the evidence of an agent. The reader's shell has none, and sends sample evidence.
  const { kbsUrl } = asked.keys
  const needsAgent = kbsUrl !== '' && verdict.builder.technology !== 'sample'
  if (kbsUrl !== '' && !needsAgent) again.push(`--kbs-url ${quote(kbsUrl)}`)
  // The key itself is no part of any summary; without the option the content would not be looked into.
  if (asked.keys.decryptionKey !== null) again.push('--decryption-key FILE')
  if (asked.policyDigest !== null) again.push(`--policy-digest ${asked.policyDigest}`)
  if (asked.expectCommit !== null) again.push(`--expect-commit ${asked.expectCommit}`)
  if (asked.expectDigest !== null) again.push(`--expect-digest ${asked.expectDigest}`)
  if (asked.nonce !== null) again.push(`--nonce ${quote(asked.nonce)}`)
  const expected = `# Without the key this is refused as not-checked, all else is verified. In a job with an agent add: --kbs-url ${quote(kbsUrl)}`
  const lines = [...(needsAgent ? [expected] : []), again.join(' ')]
  const list = [{ title: 'Verify again with Sealwright', lines }]
  if (!verdict.verified || vsaDigest === '' || isLocalText(reference) || !cosignReads(reference)) return list
  return [...list, { title: 'Check the verification summary with cosign', lines: [vsaLine(reference, publicKeyPath)] }]
}

/**
 * The same line for cosign 2.5 and 3: a verification summary exists as a bundle only, which 2.5 reads when asked, and then it asks the network for
 * a trust root unless it is given one. A key needs none, so an empty one is enough.
 */
function vsaLine(reference: string, publicKeyPath: string): string {
  const root = `'{"mediaType":"application/vnd.dev.sigstore.trustedroot+json;version=0.1"}'`
  const flags = `--key ${quote(publicKeyPath)} --private-infrastructure=true --new-bundle-format --trusted-root /dev/stdin`
  return `echo ${root} | cosign verify-attestation ${flags} --type ${predicateTypes.vsa} ${quote(reference)}`
}
