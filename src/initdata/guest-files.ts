import { InputError } from '../base/errors.ts'

/** What a guest of Confidential Containers is told about its Key Broker Service and its images. */
export interface GuestSettings {
  /** Base URL of the KBS as the guest reaches it. */
  readonly kbsUrl: string
  /** PEM of the certificate or authority of the KBS; null for one that the guest's image trusts. */
  readonly kbsCertificate: string | null
  /** `kbs:///…` of the image policy. Without one a guest looks at no signature. */
  readonly policyUri: string
  /** PEM of authorities of the registry, beside those of the guest's image. */
  readonly registryAuthorities: readonly string[]
  /** Policy of the Kata agent (Rego); null for the one of the guest's image. */
  readonly agentPolicy: string | null
}

/**
 * The files of initdata that a guest needs to reach its KBS and to check signatures: `aa.toml` of the attestation agent, `cdh.toml` of the
 * Confidential Data Hub (coco.md §5, §7.1), and `policy.rego` if there is one. Equal settings give equal bytes.
 *
 * @throws InputError `file-invalid` for a certificate that is not PEM
 */
export function guestFiles(settings: GuestSettings): Map<string, string> {
  const { kbsUrl, kbsCertificate, policyUri, registryAuthorities, agentPolicy } = settings
  const url = JSON.stringify(kbsUrl)
  const certificate = (name: string): string[] =>
    kbsCertificate === null ? [] : [`${name} = ${pemText(kbsCertificate, 'kbs-cert')}`]
  const roots = registryAuthorities.map((pem) => pemText(pem, 'registry-ca'))
  const aa = ['[token_configs]', '[token_configs.kbs]', `url = ${url}`, ...certificate('cert')]
  const cdh = [
    'socket = "unix:///run/confidential-containers/cdh.sock"',
    'credentials = []',
    '',
    '[kbc]',
    'name = "cc_kbc"',
    `url = ${url}`,
    ...certificate('kbs_cert'),
    '',
    '[image]',
    `image_security_policy_uri = ${JSON.stringify(policyUri)}`,
    ...(roots.length === 0 ? [] : [`extra_root_certificates = [${roots.join(', ')}]`]),
  ]
  return new Map([
    ['aa.toml', `${aa.join('\n')}\n`],
    ['cdh.toml', `${cdh.join('\n')}\n`],
    ...(agentPolicy === null ? [] : [['policy.rego', agentPolicy] as const]),
  ])
}

const pem = /^(?:-----BEGIN CERTIFICATE-----\n(?:[A-Za-z0-9+/=]{1,76}\n)+-----END CERTIFICATE-----\n)+$/

/** A TOML text of several lines: PEM holds neither quotes nor backslashes. */
function pemText(text: string, subject: string): string {
  const plain = `${text.replaceAll('\r\n', '\n').trim()}\n`
  if (pem.test(plain)) return `"""\n${plain}"""`
  throw new InputError('file-invalid', `${subject}: is not one or more PEM blocks "CERTIFICATE" and nothing else`, {
    subject,
    remedy: 'Give the certificates as PEM, without text between them.',
  })
}
