import { cosignReads, registryName } from '../../oci/identity.ts'
import { formatReference } from '../../oci/reference.ts'
import type { Digest } from '../../oci/types.ts'
import { quote } from '../shell.ts'
import { legacyTag } from '../../sign/legacy.ts'
import { claimKinds } from '../../statement/claims/types.ts'
import { predicateTypeOf } from '../../statement/statement.ts'
import { sbomKinds } from '../../statement/types.ts'
import { readsSignatureTag, type Consumer, type SignRequest } from '../../tasks/sign/request.ts'
import type { SignAttestResult } from '../../tasks/sign/result.ts'

export interface CommandGroup {
  title: string
  lines: string[]
}

/** What a reader verifies with. */
export interface SignerPaths {
  /** Public key (PEM); null where an identity alone signed. */
  key: string | null
  /** Trusted root of a keyless signature; null for the public one, and for keys. */
  root: string | null
}

/** Names that both cosigns have for `--type`; where there is none, the URI does. */
const cosignTypes: Readonly<Record<string, string>> = {
  spdx: 'spdxjson',
  cyclonedx: 'cyclonedx',
  openvex: 'openvex',
  provenance: 'slsaprovenance1',
}
const attested = ['provenance', ...sbomKinds, ...claimKinds] as const

/**
 * The commands that check what was written, each as it can be typed (INTERFACE §6). `--private-infrastructure` says that there is no public log;
 * with it neither cosign asks the network for a trust root. cosign reads registries only, so a layout is copied into one first, under a name that
 * cosign accepts.
 *
 * @param paths of the public key and of the trusted root, where there are some
 * @param localIssuer the job's token came from an issuer on this machine's loopback
 */
export function commandsFor(
  result: SignAttestResult,
  paths: SignerPaths,
  consumers: readonly Consumer[],
  signer: SignRequest['signer'],
  localIssuer: boolean,
): CommandGroup[] {
  const { published, receipts } = result
  const { reference, descriptor } = published
  // What was named first, then the manifests of an index: a consumer of one platform looks for signatures of its manifest.
  const signed = [...new Set([descriptor.digest, ...receipts.map(({ subject }) => subject)])]
  const groups: CommandGroup[] = []
  const about = (subject: Digest): Receipts => receipts.filter((receipt) => receipt.subject === subject)
  let target = formatReference({ ...reference, tag: undefined, digest: undefined })
  if (reference.kind !== 'registry') {
    const directory = reference.directory ?? reference.local ?? ''
    const tags = signed.flatMap((subject) => legacyTags(subject, about(subject), consumers))
    target = `localhost:5000/${registryName(result.identity.slice(result.identity.indexOf('/') + 1))}`
    groups.push({
      title: `Copy the ${reference.kind === 'layout' ? 'layout' : 'archive'} to a registry`,
      lines: copyLines(directory, target, published.tag, tags),
    })
  }
  for (const [program, consumer] of [
    ['cosign 2.5', 'cosign2'],
    ['cosign 3', 'cosign3'],
  ] as const) {
    if (paths.key === null || !consumers.includes(consumer) || !cosignReads(target)) continue
    const flags = `--key ${quote(paths.key)} --private-infrastructure=true`
    groups.push({
      title: `Verify with ${program}`,
      lines: signed.flatMap((subject) => cosignLines(consumer, flags, `${target}@${subject}`, about(subject))),
    })
  }
  const { keyless } = result
  if (keyless !== null && consumers.includes('cosign3') && cosignReads(target)) {
    const { san, issuer: by } = keyless.identity
    const who = `--certificate-identity ${quote(san.value)} --certificate-oidc-issuer ${quote(by ?? '')}`
    const flags = paths.root === null ? who : `${who} --trusted-root ${quote(paths.root)}`
    groups.push({
      title: 'Verify with cosign 3 by identity',
      lines: signed.flatMap((subject) =>
        cosignLines('cosign3', flags, `${target}@${subject}`, about(subject).filter(isKeyless)),
      ),
    })
  }
  // Claims vouch for nothing: a policy names their keys in `claims`, as docs/claims.md shows.
  if (receipts.every(({ kind }) => claimKinds.some((one) => one === kind)))
    return groups.filter(({ lines }) => lines.length > 0)
  const itself = quote(formatReference(reference))
  // An agent's key is another one in the next job: a policy pins only a key that stays.
  const release =
    signer === 'key' && paths.key !== null ? ` --public-key ${quote(paths.key)}` : identityOptions(result, paths)
  // An issuer on loopback may have ended before anybody reads this. Only an agent has a token that is judged by its keys.
  const local = localIssuer && result.agent !== null
  const issuer = local ? ' --jwks FILE' : ''
  groups.push({
    title: local ? 'Verify with Sealwright (FILE: keys of the local token issuer)' : 'Verify with Sealwright',
    lines: [
      `sealwright policy init --image ${itself}${release}${issuer} --output policy.yml`,
      `sealwright verify-deploy --image ${itself} --policy policy.yml`,
    ],
  })
  return groups.filter(({ lines }) => lines.length > 0)
}

type Receipts = SignAttestResult['receipts']

function isKeyless({ signer }: Receipts[number]): boolean {
  return signer === 'keyless'
}

/** What pins the identity in a policy: the public instance's trusted root is not at hand as a file. */
function identityOptions({ keyless }: SignAttestResult, { root }: SignerPaths): string {
  if (keyless === null) return ''
  const file = root === null ? 'FILE' : quote(root)
  const { san, issuer } = keyless.identity
  return ` --identity ${quote(san.value)} --issuer ${quote(issuer ?? '')} --trusted-root ${file}`
}

/** What cosign checks of one manifest. */
function cosignLines(consumer: 'cosign2' | 'cosign3', flags: string, image: string, receipts: Receipts): string[] {
  const verify = receipts.some(({ kind }) => kind === (consumer === 'cosign2' ? 'image-signature' : 'sign'))
  const kinds = attested.filter((kind) => receipts.some((receipt) => receipt.kind === kind))
  return [
    ...(verify ? [`cosign verify ${flags} ${image}`] : []),
    ...kinds.map(
      (kind) => `cosign verify-attestation ${flags} --type ${cosignTypes[kind] ?? predicateTypeOf(kind)} ${image}`,
    ),
  ]
}

/** Legacy tags that were written: cosign 2 reads attestations from one, and all that is older than cosign 3 signatures from the other. */
function legacyTags(subject: Digest, receipts: Receipts, consumers: readonly Consumer[]): string[] {
  const others = [
    'sign',
    'image-signature',
    'inventory-document',
    'evidence-bundle',
    'notation-signature',
    'scitt-statement',
  ]
  // An identity signs for no legacy tag: an `.att` tag that nobody wrote cannot be copied.
  const attestations = receipts.some((receipt) => !isKeyless(receipt) && !others.includes(receipt.kind))
  const signature = receipts.some(({ kind }) => kind === 'image-signature')
  return [
    ...(attestations && consumers.includes('cosign2') ? [legacyTag(subject, 'att')] : []),
    ...(signature && readsSignatureTag(consumers) ? [legacyTag(subject, 'sig')] : []),
  ]
}

function copyLines(directory: string, target: string, tag: string, legacy: readonly string[]): string[] {
  const copy = (options: string, name: string): string =>
    `oras cp ${options}--from-oci-layout ${quote(`${directory}:${name}`)} --to-plain-http ${target}:${name}`
  return [copy('--recursive ', tag), ...legacy.map((name) => copy('', name))]
}
