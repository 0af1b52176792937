import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { syntheticSnp } from '../../../testkit/tee/pki/snp.ts'
import { vector, withPeers } from '../../../testkit/peers.ts'
import { scratch } from '../../../testkit/ports.ts'
import { withSwtpm } from '../../../testkit/tee/tpm/with-swtpm.ts'
import { door } from './door.ts'

const file = (name: string): string => join(scratch('convert'), name)
const convert = (evidence: string, to: string, output: string, ...more: string[]) =>
  door('tee convert', '--evidence', evidence, '--to', to, '--output', output, ...more)

withPeers(['vectors:tee', 'vectors:coco'], 'CoCo JSON of SNP and TDX as raw bytes and back', async () => {
  const snp = file('snp.bin')
  expect(await convert(vector('tee/trustee/evidence.json'), 'snp-report', snp)).toMatchObject({
    code: 0,
    outputs: { notes: ['cert_chain has no place in snp-report'] },
  })
  expect(readFileSync(snp)).toHaveLength(1184)
  const original = readFileSync(vector('tee/snp/go-sev-guest/attestation.bin'))
  const own = file('own.json')
  await convert(vector('tee/snp/go-sev-guest/attestation.bin'), 'sealwright', own)
  const again = file('again.bin')
  await convert(own, 'snp-report', again)
  expect(readFileSync(again)).toEqual(original)
  const quote = vector('tee/tdx/dcap-qvl/sample/tdx_quote')
  const coco = file('tdx.json')
  expect(await convert(quote, 'coco', coco)).toMatchObject({ outputs: { notes: ['tsm-outblob has no place in coco'] } })
  const raw = file('quote.bin')
  await convert(coco, 'tdx-quote', raw)
  expect(readFileSync(raw)).toEqual(readFileSync(quote))
  expect(await convert(quote, 'keylime', file('x'))).toMatchObject({ code: 2, error: { code: 'unsupported' } })
  const hcl = vector('coco/az-snp-vtpm/hcl-report.bin')
  expect(await convert(hcl, 'coco', file('x'))).toMatchObject({ code: 2, error: { code: 'unsupported' } })
})

test("the host's certificate table goes behind the report, as go-sev-guest has it", async () => {
  const { report, certificates } = syntheticSnp({ line: 'Milan' })
  const [der = Buffer.alloc(0)] = certificates
  const head = Buffer.alloc(48)
  Buffer.from('63da758de6644564adc5f4b93be8accd', 'hex').copy(head)
  head.writeUInt32LE(48, 16)
  head.writeUInt32LE(der.length, 20)
  const whole = Buffer.concat([report, head, der])
  const input = file('ext.bin')
  writeFileSync(input, whole)
  const own = file('own.json')
  await convert(input, 'sealwright', own)
  const output = file('out.bin')
  expect(await convert(own, 'snp-report', output)).toMatchObject({ code: 0, outputs: { notes: [] } })
  expect(readFileSync(output)).toEqual(whole)
})

withPeers(['vectors:tee/tpm/swtpm'], 'a quote of some PCRs as Keylime has it, and back', async () => {
  const at = (name: string): string => vector(`tee/tpm/swtpm/${name}`)
  const parts = [
    '--signature',
    at('quote_rsassa_multibank.sig'),
    '--pcrs',
    at('quote_rsassa_multibank.pcrs'),
    '--ak',
    at('ak_rsassa_sha256.pem'),
  ]
  const line = file('quote.txt')
  await convert(at('quote_rsassa_multibank.msg'), 'keylime', line, ...parts)
  expect(readFileSync(line, 'utf8')).toMatch(/^r[\w+/=]+:[\w+/=]+:[\w+/=]+$/)
  const back = file('back')
  await convert(line, 'tpm-quote', back, '--ak', `${line}.pem`)
  expect(readFileSync(back)).toEqual(readFileSync(at('quote_rsassa_multibank.msg')))
  expect(readFileSync(`${back}.sig`)).toEqual(readFileSync(at('quote_rsassa_multibank.sig')))
  expect(readFileSync(`${back}.pcrs`)).toEqual(readFileSync(at('quote_rsassa_multibank.pcrs')))
  expect(await convert(line, 'coco', file('x'), '--ak', `${line}.pem`)).toMatchObject({
    code: 2,
    error: { code: 'unsupported' },
  })
})

withPeers(
  ['swtpm', 'tpm2'],
  'evidence of a live TPM: collected, verified, and checked by tpm2_checkquote',
  async () => {
    await withSwtpm(async (tpm) => {
      const evidence = file('evidence.json')
      const collected = await door(
        'tee collect',
        '--technology',
        'tpm',
        '--tpm-device',
        tpm.device,
        '--report-data',
        '0123456789abcdef',
        '--output',
        evidence,
      )
      expect(collected.error).toBeUndefined()
      const verify = (reportData: string, ...more: string[]) =>
        door('tee verify', '--evidence', evidence, '--report-data', reportData, ...more)
      const accepted = ['--accept', 'software-tpm']
      expect(await verify('0123456789abcdef', ...accepted)).toMatchObject({
        code: 0,
        outputs: { status: 'verified', technology: 'tpm' },
      })
      expect(await verify('0123456789abcdee', ...accepted)).toMatchObject({ code: 1 })
      expect((await verify('0123456789abcdef')).text).toContain('refused: tpm (software TPM)')
      const quote = file('quote')
      expect(await convert(evidence, 'tpm-quote', quote)).toMatchObject({ code: 0 })
      const nonce = '0123456789abcdef'.padEnd(64, '0')
      const options = ['checkquote', '-u', `${quote}.pem`, '-m', quote, '-s', `${quote}.sig`, '-f', `${quote}.pcrs`]
      expect(tpm.tool(...options, '-q', nonce, '-g', 'sha256')).toContain('pcrs:')
      expect(() => tpm.tool(...options, '-q', nonce.replace('1', '2'), '-g', 'sha256')).toThrow('checkquote')
      const again = await door(
        'tee verify',
        '--evidence',
        quote,
        '--signature',
        `${quote}.sig`,
        '--pcrs',
        `${quote}.pcrs`,
        '--ak',
        `${quote}.pem`,
        '--nonce',
        nonce,
        ...accepted,
      )
      expect(again).toMatchObject({ code: 0 })
    })
  },
)

test('nothing is overwritten, and no half of it stays', async () => {
  const evidence = file('sample.json')
  writeFileSync(evidence, JSON.stringify({ svn: '1', report_data: Buffer.alloc(48).toString('base64') }))
  const output = file('out.json')
  expect(await convert(evidence, 'sealwright', output)).toMatchObject({ code: 0 })
  expect(await convert(evidence, 'coco', output)).toMatchObject({ code: 2, error: { code: 'exists' } })
  expect(await convert(evidence, 'pdf', file('x'))).toMatchObject({ code: 2, error: { code: 'input-invalid' } })
  expect(await convert(evidence, 'tpm-quote', file('y'))).toMatchObject({ code: 2, error: { code: 'unsupported' } })
  expect(existsSync(file('y'))).toBe(false)
})
