import { readFile } from 'node:fs/promises'
import { InputError, VerificationError } from '../../base/errors.ts'
import { isIndex } from '../../oci/manifest.ts'
import { holdReferrers } from '../../oci/one-listing.ts'
import { signEnvelope } from '../../sign/dsse.ts'
import { findStatements } from '../../sign/find.ts'
import { openSigner } from '../../sign/signers/open.ts'
import { readReport } from '../../statement/claims/read.ts'
import type { ReadClaim } from '../../statement/claims/types.ts'
import { makeStatement } from '../../statement/statement.ts'
import { predicateTypes } from '../../statement/types.ts'
import { isObject } from '../../base/json.ts'
import type { StepContext } from '../context.ts'
import { keepWritten } from './keep.ts'
import { openSignatureLog } from './log-signatures.ts'
import type { SignRequest } from './request.ts'
import { findImage, publishTo, type Published } from './source.ts'
import type { SignAttestResult } from './result.ts'
import { timeStamperFor } from './time-stamp.ts'
import { keyedSigner } from './signer.ts'
import { openWriter } from './writer.ts'

/**
 * Signs what other tools found out about an image: results of scanners, VEX and test runs. Nothing else is signed in such a run, because a key that
 * vouches for images must not vouch for verdicts on them (TRUST §4). All reports are read before anything is written.
 *
 * @throws InputError `file-missing`, `file-invalid` for a report that cannot be read, `input-missing` without a key
 * @throws VerificationError `subject-mismatch` for a report that names another image
 */
export async function signClaims(inputs: SignRequest, context: StepContext): Promise<SignAttestResult> {
  if (inputs.key === null)
    throw new InputError('input-missing', '`claims` needs `signer: key` with the key of whoever made the reports', {
      subject: 'claims',
      remedy: 'Set `signer: key` and `key`. The agent signs no claims, because it did not make them.',
    })
  if (inputs.key.kind === 'kbs')
    throw new InputError('unsupported', '`claims` cannot be signed with a key of a KBS', {
      subject: 'claims',
      remedy:
        'Such a key signs only what vouches for images. Set `signer: key` and the key of whoever made the reports.',
    })
  const key = await openSigner(inputs.key, context.ports)
  const signatureLog = await openSignatureLog(inputs.log, context.ports)
  const claims = await Promise.all(inputs.claims.map(async (path) => ({ path, claim: await readClaim(path) })))
  // Where the image lies nothing is copied, so a report about another image is found before anything is written.
  const found = await findImage(inputs, null, context)
  const source = await publishTo(found, null, context)
  const known = await formsOf(source)
  for (const { path, claim } of claims) requireAbout(claim, path, known, source.descriptor.digest)
  const target = inputs.output === null ? source : await publishTo(found, inputs.output, context)
  const { store, flush } = holdReferrers(target.store)
  const published = { ...target, store }
  const { descriptor, tag } = published
  const identity = inputs.identity ?? store.identity
  const legacy = { att: inputs.consumers.includes('cosign2'), sig: false }
  const stamper = await timeStamperFor(inputs.timestamp, null, [key.publicKeyPem], context.ports)
  const writer = await openWriter(published, { legacy, internal: inputs.internal, log: context.ports.log })
  const by = keyedSigner({ ...key, name: 'key' }, (payload) => signEnvelope(payload, key), { stamper, signatureLog })
  for (const { path, claim } of claims) {
    context.ports.log.progress(`claim ${claim.kind} (${claim.format}): ${claim.summary}`)
    context.ports.log.debug(`read from ${path}`)
    const payload = makeStatement(claim.kind, { name: identity, digest: descriptor.digest }, claim.predicate)
    await writer.statement(claim.kind, payload, by)
  }
  await writer.settle()
  await flush()
  await writer.finish()
  await keepWritten(store, [writer], context.ports)
  await store.tag(tag, descriptor.digest)
  return {
    published: target,
    identity,
    receipts: writer.receipts.map((receipt) => ({ subject: descriptor.digest, ...receipt })),
    left: [],
    bundles: writer.bundles,
    publicKeyPem: key.publicKeyPem,
    agent: null,
    keyless: null,
  }
}

async function readClaim(path: string): Promise<ReadClaim> {
  const bytes = await readFile(path).catch((cause: unknown) => {
    throw new InputError('file-missing', `the report ${JSON.stringify(path)} cannot be read`, {
      subject: 'claims',
      cause,
      remedy: 'Give the paths of reports, one a line.',
    })
  })
  return readReport(bytes, path)
}

/** Digests that a report may call this image by: manifest, configuration, and the plain form that an encryption statement names. */
async function formsOf({ store, descriptor }: Published): Promise<Set<string>> {
  const { content } = await store.getManifest(descriptor.digest)
  const children = isIndex(content) ? content.manifests.map(({ digest }) => digest) : [content.config.digest]
  const encryptions = await findStatements(store, descriptor, {
    predicateTypes: [predicateTypes.encryption],
    onBroken: () => {},
  })
  const plain = encryptions.flatMap(({ statement: { predicate } }) => {
    const form = predicate['plain']
    return isObject(form) && typeof form['manifest'] === 'string' ? [form['manifest']] : []
  })
  return new Set([descriptor.digest, ...children, ...plain])
}

function requireAbout({ about, format }: ReadClaim, path: string, known: ReadonlySet<string>, digest: string): void {
  if (about.length === 0 || about.some((one) => known.has(one))) return
  throw new VerificationError(
    'subject-mismatch',
    `the ${format} report ${JSON.stringify(path)} is about ${about[0] ?? ''}, not about ${digest}`,
    {
      subject: digest,
      remedy: 'Scan the image that is signed, by its digest.',
    },
  )
}
