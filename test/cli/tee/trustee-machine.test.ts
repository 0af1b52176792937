import { readFileSync } from 'node:fs'
import { machineValuesOptions } from '../../../src/cli/tee/evidence-options.ts'
import { machineValues } from '../../../src/cli/tee/trustee-machine.ts'
import { isObject } from '../../../src/base/json.ts'
import { vector, withPeers } from '../../../testkit/peers.ts'
import { commandLine, type Given } from './given.ts'

const line = commandLine()
async function values(given: Given): Promise<Record<string, unknown>> {
  const { outputs } = await line.run(machineValues, machineValuesOptions, given)
  if (!isObject(outputs)) throw new Error('outputs')
  return JSON.parse(String(outputs['reference-values'])) as Record<string, unknown>
}
const crl = { accept: 'no-crl' }

withPeers(['vectors:tee/snp/virtee-sev'], 'SNP: measurement, TCB as numbers, platform and policy', async () => {
  const folder = 'tee/snp/virtee-sev/certs_data'
  const evidence = vector(`${folder}/report_milan.hex`)
  expect(await values({ evidence, collateral: vector(`${folder}/vcek_milan.der`), ...crl })).toEqual({
    snp_launch_measurement: [expect.stringMatching(/^7a1e5c26[0-9a-f]{88}$/) as string],
    snp_bootloader: [3],
    snp_microcode: [115],
    snp_snp_svn: [8],
    snp_tee_svn: [0],
    snp_smt_enabled: expect.any(Boolean) as boolean,
    snp_tsme_enabled: expect.any(Boolean) as boolean,
    snp_guest_abi_major: 0,
    snp_guest_abi_minor: 0,
    snp_single_socket: false,
    snp_smt_allowed: true,
  })
})

withPeers(
  ['vectors:tee/trustee/az-snp-vtpm'],
  "Azure's SNP: everything is text, the measurement is base64",
  async () => {
    const found = await values({ evidence: vector('tee/trustee/az-snp-vtpm/evidence-v2.json'), ...crl })
    expect(Object.keys(found).sort()).toEqual(
      [
        'measurement',
        'snp_pcr11',
        'tcb_bootloader',
        'tcb_microcode',
        'tcb_snp',
        'tcb_tee',
        'smt_enabled',
        'tsme_enabled',
        'abi_major',
        'abi_minor',
        'single_socket',
        'smt_allowed',
      ].sort(),
    )
    expect(Buffer.from(String((found['measurement'] as string[])[0]), 'base64')).toHaveLength(48)
    expect(found['tcb_snp']).toEqual([expect.stringMatching(/^\d+$/) as string])
    expect(found['smt_allowed']).toBe('true')
  },
)

withPeers(
  ['vectors:tee/tdx/go-tdx-guest', 'vectors:tee/tdx/dcap-qvl'],
  'TDX: measurement, registers, features',
  async () => {
    const found = await values({
      evidence: vector('tee/tdx/go-tdx-guest/testdata/quote_v5_sample.dat'),
      collateral: vector('tee/tdx/dcap-qvl/sample/tdx_quote_outdated_collateral.json'),
      at: '2026-03-05T10:50:03Z',
    })
    expect(Object.keys(found)).toEqual(['mr_td', 'rtmr_1', 'rtmr_2', 'xfam'])
    expect(found['xfam']).toEqual([expect.stringMatching(/^[0-9a-f]{16}$/) as string])
  },
)

withPeers(['vectors:coco/tpm'], 'TPM: PCR 11 and the key as trusted_aks holds it', async () => {
  const evidence = vector('coco/tpm/tpm_evidence.json')
  const { ak_public: key } = JSON.parse(readFileSync(evidence, 'utf8')) as { ak_public: string }
  expect(await values({ evidence, accept: 'software-tpm' })).toEqual({
    tpm_pcr11: [expect.stringMatching(/^[0-9a-f]{64}$/) as string],
    trusted_aks: [key],
  })
})

withPeers(['vectors:tee/snp/virtee-sev'], 'evidence that does not verify gives no values', async () => {
  const evidence = vector('tee/snp/virtee-sev/certs_data/report_milan.hex')
  await expect(values({ evidence, ...crl })).rejects.toMatchObject({
    code: 'evidence-invalid',
    message: expect.stringContaining('key-certificate') as string,
  })
  const sample = line.put('sample.json', JSON.stringify({ svn: '1', report_data: Buffer.alloc(48).toString('base64') }))
  await expect(values({ evidence: sample })).rejects.toMatchObject({ code: 'unsupported' })
})
