import { hash } from 'node:crypto'
import { tpmVerifier } from '../../../src/tee/verify/tpm/verifier.ts'
import { makeCertificate, makeKey } from '../pki/pki.ts'
import { ecdsa, ekPurpose, makeTpm, pcrs, purpose, tpmData, tpmKeys, tpmNames, type TpmOptions } from '../pki/tpm.ts'
import type { SyntheticCase } from './case.ts'

const past = new Date('2026-06-01T00:00:00Z')
const future = new Date('2026-06-30T00:00:00Z')
const { stranger, root } = tpmKeys
const critical = { oid: '1.2.3.4', critical: true, value: Buffer.of(5, 0) }

/** @param echoes without a chain of the maker nothing vouches for the key, so that most faults of one end in `ak-trust`, too */
function tpm(name: string, expectedCheck: string, options: TpmOptions, echoes: readonly string[] = []): SyntheticCase {
  const run = (): ReturnType<SyntheticCase['run']> => {
    const { taken, context } = makeTpm(options)
    return tpmVerifier.verify(taken, tpmData, context)
  }
  return { name, technology: 'tpm', expectedCheck, echoes, run }
}

const chain = (name: string, check: string, options: TpmOptions): SyntheticCase =>
  tpm(name, `ek-certificate-${check}`, options, ['ak-trust'])
const own = (name: string, check: string, ak: NonNullable<TpmOptions['ak']>): SyntheticCase =>
  tpm(name, `ak-certificate-${check}`, { ak }, ['ak-trust'])

/** Chains of endorsement and attestation keys, activation records, quotes. */
export const tpmCases: readonly SyntheticCase[] = [
  // Endorsement key.
  chain('EK certificate expired', 'chain-validity', { ek: { to: past } }),
  chain('EK certificate not yet valid', 'chain-validity', { ek: { from: future } }),
  chain('TPM CA expired', 'chain-validity', { authority: { to: past } }),
  chain('TPM root expired', 'chain-validity', { root: { to: past } }),
  chain('EK certificate by another key', 'chain-signatures', { ek: { by: stranger } }),
  chain('TPM CA by another key', 'chain-signatures', { authority: { by: stranger } }),
  chain('TPM CA that is no authority', 'chain-authorities', { authority: { ca: undefined as never, usage: 0x06 } }),
  chain('TPM CA that may sign lists only', 'chain-authorities', { authority: { usage: 0x02 } }),
  chain('TPM root that allows no authority below', 'chain-path-length', { root: { ca: { pathLength: 0 } } }),
  chain('EK certificate that is an authority', 'chain-leaf', { ek: { ca: { pathLength: null }, usage: 0x24 } }),
  chain('a critical extension of the EK certificate', 'chain-critical-extensions', {
    ek: { extensions: [tpmNames(), purpose(ekPurpose), critical] },
  }),
  chain('a certificate for another purpose than an EK', 'purpose', {
    ek: { extensions: [tpmNames(), purpose('1.3.6.1.5.5.7.3.1')] },
  }),
  chain('a certificate of an attestation key in place of an EK’s', 'purpose', {
    ek: { extensions: [tpmNames(), purpose('2.23.133.8.3')] },
  }),
  tpm(
    'a root of the same name that is not pinned',
    'ek-certificate-chain-signatures',
    {
      context: ({ rules }) => {
        const name = 'Synthetic TPM Root'
        const other = makeCertificate({
          subject: name,
          issuer: name,
          key: stranger,
          by: stranger,
          ca: { pathLength: 1 },
        })
        rules.tpm = { ...rules.tpm, ekRoots: [other] }
      },
    },
    ['ak-trust'],
  ),
  tpm(
    'a root of another maker',
    'ek-certificate-root-pinned',
    {
      context: ({ rules }) => {
        const name = 'Another Maker'
        rules.tpm = {
          ...rules.tpm,
          ekRoots: [makeCertificate({ subject: name, issuer: name, key: root, by: root, ca: { pathLength: 1 } })],
        }
      },
    },
    [
      'ek-certificate-chain-length',
      'ek-certificate-chain-signatures',
      'ak-trust',
      'ek-certificate-chain-authorities',
      'ek-certificate-chain-names',
      'ek-certificate-chain-path-length',
    ],
  ),
  tpm(
    'names of the TPM that are no names',
    'ek-certificate-form',
    {
      ek: { extensions: [{ oid: '2.5.29.17', critical: true, value: Buffer.of(0x30, 0x05) }, purpose(ekPurpose)] },
    },
    ['ak-trust'],
  ),
  tpm(
    'an EK certificate that is cut',
    'ek-certificate',
    {
      change: ({ documents }) => (documents['ek-certificate'] = (documents['ek-certificate'] ?? '').slice(0, 400)),
    },
    ['ak-trust'],
  ),
  // Who ties the attestation key to it.
  tpm('EK of another TPM', 'ak-activation-keys', { ek: { key: makeKey('P-256') } }, ['ak-trust']),
  tpm(
    'activation of another attestation key',
    'ak-activation-keys',
    { activation: (r) => (r['ak'] = '00'.repeat(32)) },
    ['ak-trust'],
  ),
  tpm(
    'activation of the key under another Name',
    'ak-activation-keys',
    { activation: (r) => (r['ak-name'] = `000b${'00'.repeat(32)}`) },
    ['ak-trust'],
  ),
  tpm('activation by a registrar that is not pinned', 'ak-activation', { registrar: stranger }, ['ak-trust']),
  tpm(
    'activation record of another type',
    'ak-activation',
    { activation: (r) => (r['type'] = 'https://sealwright.dev/x/v1') },
    ['ak-trust'],
  ),
  tpm('activation record with a foreign member', 'ak-activation', { activation: (r) => (r['more'] = 'x') }, [
    'ak-trust',
  ]),
  tpm('no activation record', 'ak-trust', { change: ({ documents }) => delete documents['ak-activation'] }),
  tpm('no EK certificate', 'ak-trust', { change: ({ documents }) => delete documents['ek-certificate'] }),
  tpm('no pinned roots', 'ak-trust', { context: ({ rules }) => (rules.tpm = { registrars: rules.tpm?.registrars }) }),
  // A certificate of the attestation key itself.
  own('AK certificate expired', 'chain-validity', { to: past }),
  own('AK certificate by another key', 'chain-signatures', { by: stranger }),
  own('AK certificate for another purpose', 'purpose', { extensions: [purpose('1.3.6.1.5.5.7.3.2')] }),
  tpm('AK certificate of another key', 'ak-certificate-key', { ak: { key: stranger } }),
  // The key.
  tpm('a key that is not restricted', 'ak-attributes', { attributes: 0x00040072 }),
  tpm('a key that was imported', 'ak-attributes', { attributes: 0x00050052 }),
  tpm('a key that may leave its TPM', 'ak-attributes', { attributes: 0x00050060 }),
  tpm('a key that decrypts, too', 'ak-attributes', { attributes: 0x00070072 }),
  tpm('a public area with a reserved attribute', 'ak-public', { attributes: 0x80050072 }, ['ak-trust']),
  tpm('a public area of another key', 'ak-same', {
    area: (area) => Buffer.concat([area.subarray(0, -68), pointOf(stranger)]),
  }),
  // The quote.
  tpm('signed by another key', 'signature', { by: stranger }),
  tpm('a message without the TPM’s mark', 'TPMS_ATTEST', { signed: (m) => (m.magic = 0xff544348) }),
  tpm('a certification in place of a quote', 'TPMS_ATTEST', { signed: (m) => (m.type = 0x8017) }),
  tpm('bytes behind the message', 'TPMS_ATTEST', { signed: (m) => (m.behind = Buffer.of(0)) }),
  tpm('a clock that is neither safe nor not', 'TPMS_ATTEST', { signed: (m) => (m.safe = 2) }),
  tpm('a bank that comes twice', 'TPMS_ATTEST', {
    signed: (m) => (m.selection = Buffer.from('00000002000b03ffffff000b03ffffff', 'hex')),
  }),
  tpm('a quote over another nonce', 'qualifying-data', { signed: (m) => (m.extraData = Buffer.alloc(32, 1)) }),
  tpm('a nonce with a byte behind', 'qualifying-data', {
    signed: (m) => (m.extraData = Buffer.concat([m.extraData, Buffer.of(0)])),
  }),
  tpm(
    'PCR 14 left out, and 23 counted in its place',
    'pcr-selection',
    {
      signed: (m) => {
        m.selection = Buffer.from('00000001000b03ffbfff', 'hex')
        m.digest = hash('sha256', Buffer.concat(pcrs.filter((_value, pcr) => pcr !== 14)), 'buffer')
      },
    },
    ['pcr-digest'],
  ),
  tpm('a PCR value changed', 'pcr-digest', { change: ({ pcrs: values }) => (values[4] = '00'.repeat(32)) }),
  tpm('two PCR values in each other’s place', 'pcr-digest', {
    change: ({ pcrs: values }) => ([values[4], values[14]] = [values[14] ?? '', values[4] ?? '']),
  }),
  tpm('23 PCR values', 'form', { change: ({ pcrs: values }) => values.pop() }),
  tpm('a signature with SHA-1', 'TPMT_SIGNATURE', { change: (t) => t.signature.writeUInt16BE(4, 2) }, ['signature']),
  tpm(
    'a signature with bytes behind',
    'TPMT_SIGNATURE',
    {
      change: (t) => (t.signature = Buffer.concat([ecdsa(t.message, tpmKeys.ak), Buffer.of(0)])),
    },
    ['signature'],
  ),
  // What travels along.
  tpm('an event log that is none', 'event-log', { change: ({ documents }) => (documents['tcg-event-log'] = 'AAAA') }),
  tpm('an IMA list that is none', 'ima-log', { change: ({ documents }) => (documents['ima-log'] = 'AAAA') }),
  tpm('a runtime log that is none', 'register', { change: ({ documents }) => (documents['runtime-log'] = 'AAAA') }),
  tpm('an empty runtime log beside a register that holds something', 'register', {
    change: ({ documents }) => (documents['runtime-log'] = ''),
  }),
]

/** x and y of a point as TPM2B each. */
function pointOf({ publicKey }: { publicKey: typeof stranger.publicKey }): Buffer {
  const point = publicKey.export({ type: 'spki', format: 'der' }).subarray(-64)
  return Buffer.concat([Buffer.of(0, 32), point.subarray(0, 32), Buffer.of(0, 32), point.subarray(32)])
}
