import { generateKeyPairSync } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { must } from '../measured-boot/predict.ts'

/** What the image's owner says of it, beside what is predicted; images/runner/README.md tells why each holds. */
const statements = [
  ...['--covers', 'kernel,initrd,cmdline,rootfs,runner,agent', '--storage', 'sealed'],
  ...['--level', 'agent-exclusive', '--boot-jobs', '1'],
]

/** Key of whoever measured the image, made for this run. */
export interface Owner {
  privateKey: string
  publicKey: string
}

export function makeOwner(directory: string): Owner {
  mkdirSync(directory, { recursive: true })
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const paths = { privateKey: join(directory, 'owner.key'), publicKey: join(directory, 'owner.pub') }
  writeFileSync(paths.privateKey, privateKey.export({ format: 'pem', type: 'pkcs8' }), { mode: 0o600 })
  writeFileSync(paths.publicKey, publicKey.export({ format: 'pem', type: 'spki' }))
  return paths
}

/**
 * Predicts an image's registers, and writes the signed reference values and a policy of the gate that pins their signer.
 *
 * @param recipient id of the public key that may open the image
 * @returns path of the policy
 */
export async function writePolicy(
  directory: string,
  name: string,
  uki: string,
  owner: Owner,
  recipient: string,
): Promise<string> {
  const file = (suffix: string): string => join(directory, `${name}.${suffix}`)
  await must([
    ...['tee', 'predict', 'pcr', '--uki', uki, '--secure-boot', 'off', '--name', `runner image ${name}`],
    ...[...statements, '--output', file('values.json')],
  ])
  await must([
    ...['tee', 'reference-values', 'sign', '--document', file('values.json'), '--key', owner.privateKey],
    ...['--output', file('values.dsse.json')],
  ])
  writeFileSync(file('policy.yml'), policyText(`${name}.values.dsse.json`, recipient))
  return file('policy.yml')
}

/** Everything is required but what a laptop cannot have; each of these lines is named in every verdict that used it. */
function policyText(values: string, recipient: string): string {
  return `version: 1
technology: tpm
reference-values:
  - file: ${values}
    keys: [owner.pub]
accept-software-tpm: true       # UNSAFE: the TPM is a program, swtpm: whoever runs the host can forge its quotes
accept-coverage-short: true     # UNSAFE: the firmware (PCR 0) is not predicted
accept-self-asserted-job: true  # UNSAFE: the guest has no network, so no OIDC token says which job this was
accept-unproven-time: true      # UNSAFE: no trusted time stamps the statements
build:
  context: [app, small]
  prepare: install-locked /inputs/packages
  build-args: { BASE: "*" }
  network: none
  bases: [localhost/base]
encryption:
  recipients: [${recipient}]
`
}
