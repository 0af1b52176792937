import { readFileSync } from 'node:fs'
import type { KeyObject } from 'node:crypto'
import { keyFromSpki } from '../../../src/tee/verify/tpm/attestation-key.ts'
import { parsePublic } from '../../../src/tee/verify/tpm/public.ts'
import type { PcrSelection } from '../../../src/tee/verify/tpm/selection.ts'
import { parseSignature } from '../../../src/tee/verify/tpm/signature.ts'
import { parseToolPcrs } from '../../../src/tee/tpm/tool-pcrs.ts'
import { tpmVerifier } from '../../../src/tee/verify/tpm/verifier.ts'
import { verifyQuote } from '../../../src/tee/verify/tpm/verify-quote.ts'
import { vector } from '../../../testkit/peers.ts'
import { makeTpm, tpmData } from '../../../testkit/tee/pki/tpm.ts'
import type { Target } from '../target.ts'

const nonce = Buffer.from('00112233445566778899aabbccddeeff'.repeat(2), 'hex')
const boot = [0, 1, 2, 3, 4, 5, 6, 7, 11]
const dir = 'tee/tpm/swtpm'
const read = (path: string): Buffer => readFileSync(vector(path))

interface Stored {
  name: string
  message: Buffer
  signature: Buffer
  pcrs: Buffer
  key: KeyObject
  selection: PcrSelection[]
  qualifyingData: Buffer
}

/** Quotes of swtpm and Keylime: message, signature and the file of PCR values that tpm2-tools writes. */
export function tpmTargets(): Target[] {
  return [...stored().flatMap(quoteTargets), ...publicTargets(), ...besideTargets()]
}

function stored(): Stored[] {
  const swtpm = (name: string, key: string, selection: PcrSelection[]): Stored => ({
    name: `swtpm ${name}`,
    message: read(`${dir}/quote_${name}.msg`),
    signature: read(`${dir}/quote_${name}.sig`),
    pcrs: read(`${dir}/quote_${name}.pcrs`),
    key: keyFromSpki(read(`${dir}/ak_${key}.pem`), 'ak'),
    selection,
    qualifyingData: nonce,
  })
  const keylime = 'tee/tpm/keylime/files'
  return [
    swtpm('ecdsa_sha256', 'ecdsa_sha256', [{ hash: 'sha256', pcrs: boot }]),
    swtpm('rsassa_sha256', 'rsassa_sha256', [{ hash: 'sha256', pcrs: boot }]),
    swtpm('rsapss_sha256', 'rsapss_sha256', [{ hash: 'sha256', pcrs: [0, 7, 11] }]),
    swtpm('rsassa_multibank', 'rsassa_sha256', [
      { hash: 'sha1', pcrs: [0, 7] },
      { hash: 'sha256', pcrs: [0, 1, 7, 11] },
    ]),
    {
      name: 'Keylime',
      message: read(`${keylime}/quote.out`),
      signature: read(`${keylime}/quotesig.out`),
      pcrs: read(`${keylime}/quotepcr.out`),
      key: keyFromSpki(read(`${keylime}/akpub.pem`), 'ak'),
      selection: [{ hash: 'sha256', pcrs: [15, 16, 22] }],
      qualifyingData: Buffer.from('db1db298db6d60e6385b7231743e9c3056a18003', 'hex'),
    },
  ]
}

function quoteTargets({ name, message, signature, pcrs, key, selection, qualifyingData }: Stored): Target[] {
  const run = (change: { message?: Buffer; signature?: Buffer; pcrs?: Buffer }) =>
    verifyQuote({
      message: change.message ?? message,
      signature: () => parseSignature(change.signature ?? signature),
      key,
      values: parseToolPcrs(change.pcrs ?? pcrs).values,
      selection,
      qualifyingData,
    })
      .checks.filter(({ ok }) => !ok)
      .map((check) => check.name)
  return [
    { name: `TPMS_ATTEST ${name}`, kind: 'quote', bytes: message, failed: (changed) => run({ message: changed }) },
    {
      name: `TPMT_SIGNATURE ${name}`,
      kind: 'quote',
      bytes: signature,
      failed: (changed) => run({ signature: changed }),
    },
    {
      name: `PCR file ${name}`,
      kind: 'evidence',
      bytes: pcrs,
      failed: (changed) => run({ pcrs: changed }),
      meaning: pcrMeaning,
      fields: Array.from(pcrs, (_, at) => at),
    },
  ]
}

/** The file is the memory of C structures with unused places, which are not read. */
function pcrMeaning(bytes: Buffer): string[] {
  const { values } = parseToolPcrs(bytes)
  return [...values].flatMap(([hash, bank]) =>
    [...bank].map(([pcr, value]) => `${hash} ${pcr} ${value.toString('hex')}`),
  )
}

/** A public area is named by its hash: another one has another Name, with which an activation record or a qualified name does not agree. */
function publicTargets(): Target[] {
  return ['ecdsa', 'rsassa', 'rsapss'].map((scheme) => {
    const bytes = read(`${dir}/ak_${scheme}_sha256.tpmt`).subarray(2)
    const name = read(`${dir}/ak_${scheme}_sha256.name`)
    return {
      name: `TPMT_PUBLIC swtpm ${scheme}`,
      kind: 'evidence' as const,
      bytes,
      failed: (changed: Buffer) => (parsePublic(changed).name.equals(name) ? [] : ['name']),
    }
  })
}

/** The public area beside a quote: of one whose Name nothing proves, nothing may be told. */
function besideTargets(): Target[] {
  const worlds: [string, Parameters<typeof makeTpm>[0]][] = [
    ['with an activation record', {}],
    ['with a certificate of the key', { ak: {} }],
  ]
  return worlds.map(([name, options]) => {
    const { taken, context } = makeTpm(options)
    const verify = (area: Buffer) =>
      tpmVerifier.verify(
        { ...taken, documents: { ...taken.documents, 'ak-tpmt': area.toString('base64') } },
        tpmData,
        context,
      )
    return {
      name: `TPMT_PUBLIC beside a quote ${name} (synthetic)`,
      kind: 'evidence',
      bytes: Buffer.from(taken.documents['ak-tpmt'] ?? '', 'base64'),
      failed: (changed) =>
        verify(changed)
          .checks.filter(({ ok }) => !ok)
          .map((check) => check.name),
      meaning: (changed) => {
        const area = verify(changed).facts?.area ?? null
        return [JSON.stringify([area?.akAttributes ?? null, area?.akName ?? null])]
      },
    }
  })
}
