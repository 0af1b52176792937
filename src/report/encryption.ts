import { isLocalText } from '../oci/reference.ts'
import type { ActionReport } from './types.ts'
import type { EncryptResult } from '../tasks/encrypt/finish.ts'

/** What a reviewer sees of an encryption. */
export function encryptionReport({
  digest,
  plainDigest,
  reference,
  layers,
  recipients,
  again,
  agent,
}: EncryptResult): ActionReport {
  const encrypted = layers.filter((layer) => layer.plain !== layer.encrypted)
  const all = encrypted.length === layers.length
  return {
    headline: `Encrypted ${encrypted.length} of ${layers.length} layers for ${recipients.map(({ keyId }) => keyId).join(', ')}`,
    status: all ? 'passed' : 'warning',
    subject: { name: reference.replace(/@.*$/, ''), digest },
    facts: [
      ['Plain image', plainDigest],
      ['Cipher', 'AES-256-CTR with HMAC-SHA256 (ocicrypt), a fresh key for each layer'],
      [
        'Keys',
        recipients.some(({ scheme }) => scheme === 'kbs')
          ? agent
            ? 'made and held by the agent until kbs-publish'
            : 'wrapped with key-file'
          : 'wrapped for public keys',
      ],
      ['This run', again ? 'found the image encrypted already, and changed nothing' : 'encrypted the image'],
    ],
    tables: [
      {
        title: 'Layers',
        header: ['Plain', 'Encrypted'],
        rows: layers.map(({ plain, encrypted: to }) => [plain, to === plain ? 'left in clear' : to]),
      },
    ],
    exceptions: all ? [] : ['Some layers are published in clear.'],
    commands: recipients.some(({ scheme }) => scheme === 'jwe' || scheme === 'pkcs7')
      ? [
          {
            title: 'Open it with skopeo',
            lines: [`skopeo copy --decryption-key PRIVATE.pem ${skopeoName(reference)} oci:plain:latest`],
          },
        ]
      : [],
    notes: ['The configuration of the image (environment, commands, labels) stays readable: keep secrets out of it.'],
    details: { digest, plain: plainDigest, layers },
  }
}

/** What a reviewer sees of other recipients. @param keep the ones before stay */
export function rewrapReport(
  { digest, plainDigest, reference, recipients, again }: EncryptResult,
  keep: boolean,
): ActionReport {
  const names = recipients.map(({ keyId }) => keyId).join(', ')
  return {
    headline: keep ? `Added recipients: ${names}` : `Replaced the recipients by ${names}`,
    status: 'passed',
    subject: { name: reference.replace(/@.*$/, ''), digest },
    facts: [
      ['Image before', plainDigest],
      ['Layers', 'unchanged: no layer was read or encrypted again'],
      ['This run', again ? 'found the new manifest already, and changed nothing' : 'wrapped the keys of the layers'],
    ],
    tables: [],
    exceptions: [],
    commands: [],
    notes: [
      'The keys of the layers stay the same: who could open the image before can go on with what he kept of it.',
      'Statements about the image before do not speak of this manifest: sign it.',
    ],
    details: { digest, before: plainDigest },
  }
}

function skopeoName(reference: string): string {
  const name = reference.replace(/@.*$/, '')
  return isLocalText(name) ? name : `docker://${name}`
}
