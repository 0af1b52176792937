import { keyFingerprint, keyFromSpki, primaryUnder } from '../../../src/tee/verify/tpm/attestation-key.ts'
import { parseQuote } from '../../../src/tee/verify/tpm/attest.ts'
import { parsePublic, parseSizedPublic } from '../../../src/tee/verify/tpm/public.ts'
import { formatSelection, type PcrSelection } from '../../../src/tee/verify/tpm/selection.ts'
import { checkSignature, parseSignature } from '../../../src/tee/verify/tpm/signature.ts'
import { parseToolPcrs } from '../../../src/tee/tpm/tool-pcrs.ts'
import { bootIdentity } from '../../../src/tee/verify/tpm/verifier.ts'
import { verifyQuote, type QuoteInput } from '../../../src/tee/verify/tpm/verify-quote.ts'
import { withPeers } from '../../../testkit/peers.ts'
import { bytesOf, flipped, jsonOf, nonce } from '../../../testkit/tee/tpm/vectors.ts'

const dir = 'tee/tpm/swtpm'
const failed = (input: QuoteInput) =>
  verifyQuote(input)
    .checks.filter(({ ok }) => !ok)
    .map(({ name }) => name)

/** Input for a stored quote; the selection that is wanted is told by hand, never read from the quote. */
function swtpmQuote(name: string, key: string, selection: PcrSelection[]): QuoteInput {
  const signature = bytesOf(`${dir}/quote_${name}.sig`)
  return {
    message: bytesOf(`${dir}/quote_${name}.msg`),
    signature: () => parseSignature(signature),
    key: keyFromSpki(bytesOf(`${dir}/ak_${key}.pem`), 'ak'),
    values: parseToolPcrs(bytesOf(`${dir}/quote_${name}.pcrs`)).values,
    selection,
    qualifyingData: nonce,
  }
}

const boot = [0, 1, 2, 3, 4, 5, 6, 7, 11]
const quotes: [string, string, PcrSelection[]][] = [
  ['ecdsa_sha256', 'ecdsa_sha256', [{ hash: 'sha256', pcrs: boot }]],
  ['rsassa_sha256', 'rsassa_sha256', [{ hash: 'sha256', pcrs: boot }]],
  ['rsapss_sha256', 'rsapss_sha256', [{ hash: 'sha256', pcrs: [0, 7, 11] }]],
  [
    'rsassa_multibank',
    'rsassa_sha256',
    [
      { hash: 'sha1', pcrs: [0, 7] },
      { hash: 'sha256', pcrs: [0, 1, 7, 11] },
    ],
  ],
]

describe.each(quotes)('quote %s', (name, key, wanted) => {
  const stored = () => swtpmQuote(name, key, wanted)

  withPeers([`vectors:${dir}`], 'of tpm2-tools verifies', async () => {
    const result = verifyQuote(stored())
    expect(result.checks.filter(({ ok }) => !ok)).toEqual([])
    expect(result.facts).toMatchObject({ qualifyingData: nonce.toString('hex'), safe: true, resetCount: 1 })
  })

  withPeers([`vectors:${dir}`], 'is refused with another nonce, key, value or selection', async () => {
    const good = stored()
    const other = keyFromSpki(
      bytesOf(`${dir}/ak_${key === 'ecdsa_sha256' ? 'rsassa' : 'ecdsa'}_sha256.pem`),
      'other key',
    )
    expect(failed({ ...good, qualifyingData: flipped(nonce, 9) })).toEqual(['qualifying-data'])
    expect(failed({ ...good, qualifyingData: nonce.subarray(1) })).toEqual(['qualifying-data'])
    expect(failed({ ...good, key: other })).toEqual(['signature'])
    const [bank] = good.selection
    const [first] = bank!.pcrs
    const values = new Map(good.values)
    values.set(
      bank!.hash,
      new Map(values.get(bank!.hash)).set(first!, Buffer.alloc(bank!.hash === 'sha1' ? 20 : 32, 9)),
    )
    expect(failed({ ...good, values })).toEqual(['pcr-digest'])
    expect(failed({ ...good, selection: [{ hash: bank!.hash, pcrs: bank!.pcrs.slice(1) }] })).toEqual(['pcr-selection'])
    const more = new Map(good.values).set(bank!.hash, new Map(good.values.get(bank!.hash)).set(22, Buffer.alloc(32)))
    expect(failed({ ...good, values: more })).toEqual(['pcr-digest'])
  })

  withPeers(
    [`vectors:${dir}`],
    'is refused at each truncation and each flipped bit of message and signature',
    async () => {
      const good = stored()
      const message = Buffer.from(good.message)
      const signature = bytesOf(`${dir}/quote_${name}.sig`)
      for (let length = 0; length < message.length; length++) {
        expect(() => parseQuote(message.subarray(0, length))).toThrow(/TPMS_ATTEST/)
      }
      expect(() => parseQuote(Buffer.concat([message, Buffer.alloc(1)]))).toThrow(/follow the end/)
      for (let bit = 0; bit < message.length * 8; bit++) {
        expect(failed({ ...good, message: flipped(message, bit) })).toContain('signature')
      }
      for (let length = 0; length < signature.length; length++) {
        expect(() => parseSignature(signature.subarray(0, length))).toThrow(/TPMT_SIGNATURE/)
      }
      for (let bit = 0; bit < signature.length * 8; bit++) {
        expect(failed({ ...good, signature: () => parseSignature(flipped(signature, bit)) })).toContain('signature')
      }
    },
  )
})

withPeers([`vectors:${dir}`], 'plain ECDSA in DER verifies as such', async () => {
  const key = keyFromSpki(bytesOf(`${dir}/ak_ecdsa_sha256.pem`), 'ak')
  const [message, bytes] = [bytesOf(`${dir}/quote_plain.msg`), bytesOf(`${dir}/quote_plain.sig`)]
  expect(checkSignature(message, { scheme: 'ecdsa-der', hash: 'sha256', bytes }, key)).toBe(true)
  for (let bit = 0; bit < bytes.length * 8; bit++) {
    const signature = { scheme: 'ecdsa-der', hash: 'sha256', bytes: flipped(bytes, bit) } as const
    expect(checkSignature(message, signature, key)).toBe(false)
  }
})

withPeers([`vectors:${dir}/selection-confusion`], 'an authentic quote over PCR 23 does not pass as PCR 8', async () => {
  const claim = jsonOf<{ nonce: string; claimedPcrs: string[] }>(`${dir}/selection-confusion/claim.json`)
  const signature = bytesOf(`${dir}/selection-confusion/quote.sig`)
  const list = claim.claimedPcrs.map((value) => Buffer.from(value, 'hex'))
  const input: QuoteInput = {
    message: bytesOf(`${dir}/selection-confusion/quote.msg`),
    signature: () => parseSignature(signature),
    key: keyFromSpki(bytesOf(`${dir}/selection-confusion/ak.pem`), 'ak'),
    values: new Map([['sha256', new Map(list.map((value, pcr) => [pcr, value]))]]),
    selection: [{ hash: 'sha256', pcrs: [0, 1, 2, 3, 4, 5, 6, 7, 8] }],
    qualifyingData: Buffer.from(claim.nonce, 'hex'),
  }
  expect(failed(input)).toEqual(['pcr-selection', 'pcr-digest'])
  expect(formatSelection(parseQuote(input.message).selection)).toBe('sha256:0,1,2,3,4,5,6,7,23')
})

describe('TPMT_PUBLIC', () => {
  withPeers([`vectors:${dir}`], 'gives key and Name of each stored attestation key', async () => {
    for (const name of ['ecdsa', 'rsassa', 'rsapss']) {
      const bytes = publicArea(name)
      const area = parsePublic(bytes)
      expect(area.name).toEqual(bytesOf(`${dir}/ak_${name}_sha256.name`))
      expect(area.key.equals(keyFromSpki(bytesOf(`${dir}/ak_${name}_sha256.pem`), 'ak'))).toBe(true)
      expect(area.attributes).toEqual(expect.arrayContaining(['fixedTPM', 'restricted', 'sign', 'sensitiveDataOrigin']))
      for (let length = 0; length < bytes.length; length++) {
        expect(() => parsePublic(bytes.subarray(0, length))).toThrow(/TPMT_PUBLIC/)
      }
      for (let bit = 0; bit < bytes.length * 8; bit++) {
        expect(nameOrRefusal(flipped(bytes, bit))).not.toBe(area.name.toString('hex'))
      }
    }
  })

  withPeers(
    [`vectors:${dir}`, 'vectors:tee/tpm/keylime/files'],
    'behind its length: EKs and Keylime’s key',
    async () => {
      expect(parseSizedPublic(bytesOf(`${dir}/ek_rsa.pub`)).attributes).toContain('decrypt')
      expect(parseSizedPublic(bytesOf(`${dir}/ek_ecc.pub`)).key.asymmetricKeyType).toBe('ec')
      const ak = parseSizedPublic(bytesOf('tee/tpm/keylime/files/ak.pub'))
      expect(ak.name).toEqual(bytesOf('tee/tpm/keylime/files/ak.name'))
    },
  )

  withPeers([`vectors:${dir}`], 'with a reserved attribute bit is refused', async () => {
    const bytes = publicArea('ecdsa')
    for (const bit of [0, 3, 12, 20, 31]) {
      const copy = Buffer.from(bytes)
      copy.writeUInt32BE((copy.readUInt32BE(4) | (1 << bit)) >>> 0, 4)
      expect(() => parsePublic(copy)).toThrow(/reserved/)
    }
  })
})

withPeers(['vectors:tee/tpm/keylime/files'], 'a Keylime quote verifies', async () => {
  const message = bytesOf('tee/tpm/keylime/files/quote.out')
  const signature = bytesOf('tee/tpm/keylime/files/quotesig.out')
  const pcrs = parseToolPcrs(bytesOf('tee/tpm/keylime/files/quotepcr.out'))
  const input: QuoteInput = {
    message,
    signature: () => parseSignature(signature),
    key: keyFromSpki(bytesOf('tee/tpm/keylime/files/akpub.pem'), 'ak'),
    values: pcrs.values,
    selection: [{ hash: 'sha256', pcrs: [15, 16, 22] }],
    qualifyingData: Buffer.from('db1db298db6d60e6385b7231743e9c3056a18003', 'hex'),
  }
  expect(parseQuote(message).selection).toEqual(pcrs.selection)
  expect(failed(input)).toEqual([])
})

withPeers(['vectors:tee/dstack/tpm_quote_sample.bin'], 'a quote of dstack’s is read', async () => {
  const quote = parseQuote(bytesOf('tee/dstack/tpm_quote_sample.bin'))
  expect(quote.qualifyingData.toString('hex')).toBe('12345678')
  expect(quote.resetCount).toBe(16)
})

describe.each(['run1', 'run2'])('measured boot %s', (run) => {
  const path = `tee/tpm/qemu-ovmf-uki/${run}/probe.json`
  withPeers([`vectors:${path}`], 'quote by raw commands, its key a primary of a hierarchy', async () => {
    const probe = jsonOf<Record<'quoteMsg' | 'quoteSig' | 'akPublic' | 'nonce', string>>(path)
    const area = parsePublic(Buffer.from(probe.akPublic, 'hex'))
    const message = Buffer.from(probe.quoteMsg, 'hex')
    const quote = parseQuote(message)
    expect(checkSignature(message, parseSignature(Buffer.from(probe.quoteSig, 'hex')), area.key)).toBe(true)
    expect(quote.qualifyingData.toString('hex')).toBe(probe.nonce)
    expect(primaryUnder(quote, area)).toBe('endorsement')
    expect(primaryUnder({ ...quote, qualifiedSigner: Buffer.alloc(34) }, area)).toBeNull()
  })
})

withPeers([`vectors:${dir}`], 'a boot is named by its key and counters, whatever its clock says', async () => {
  const key = keyFromSpki(bytesOf(`${dir}/ak_rsassa_sha256.pem`), 'ak')
  const quote = parseQuote(bytesOf(`${dir}/quote_rsassa_sha256.msg`))
  const named = (later: Partial<typeof quote>, by = key) => bootIdentity(keyFingerprint(by), { ...quote, ...later })
  const boot = named({})
  expect(named({ clock: quote.clock + 1n })).toBe(boot)
  expect(named({ resetCount: quote.resetCount + 1 })).not.toBe(boot)
  expect(named({ restartCount: quote.restartCount + 1 })).not.toBe(boot)
  expect(named({}, keyFromSpki(bytesOf(`${dir}/ak_ecdsa_sha256.pem`), 'ak'))).not.toBe(boot)
})

/** The stored files carry the length of TPM2B_PUBLIC before it. */
function publicArea(name: string): Buffer {
  return bytesOf(`${dir}/ak_${name}_sha256.tpmt`).subarray(2)
}

function nameOrRefusal(bytes: Buffer): string {
  try {
    return parsePublic(bytes).name.toString('hex')
  } catch (error) {
    expect(error).toMatchObject({ code: 'format-invalid' })
    return 'refused'
  }
}
