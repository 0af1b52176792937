import { machineAttester } from '../../src/agent/machine/attester.ts'
import type { JsonObject } from '../../src/base/json.ts'
import { fromBase64 } from '../../src/encoding/base64.ts'
import { startSwtpm } from '../../tools/swtpm.ts'
import { withPeers } from '../support/peers.ts'
import { testPorts } from '../support/ports.ts'

withPeers(
  ['swtpm'],
  'the attestation key is of the kind that was asked for, the same each time, and extends no register',
  async () => {
    const tpm = await startSwtpm()
    const ports = testPorts()
    const quote = async (tpmKey: '' | 'ecc' | 'rsa'): Promise<{ algorithm: string; key: unknown; pcrs: unknown }> => {
      const attester = await machineAttester('tpm', { tpmDevice: tpm.device, tpmKey }, ports)
      const { evidence } = await attester.evidence('nonce')
      const { ak_public, tpm_quote } = evidence as { ak_public: string; tpm_quote: JsonObject }
      const signature = fromBase64(String(tpm_quote['signature']), 'signature')
      return { algorithm: signature.subarray(0, 2).toString('hex'), key: ak_public, pcrs: tpm_quote['pcrs'] }
    }
    const rsa = await quote('rsa')
    // What Trustee's verifier takes: RSASSA. Ours by default: ECDSA.
    expect(rsa.algorithm).toBe('0014')
    expect(await quote('rsa')).toEqual(rsa)
    const ecc = await quote('')
    expect(ecc.algorithm).toBe('0018')
    expect(await quote('ecc')).toEqual(ecc)
    expect(ecc.pcrs).toEqual(rsa.pcrs)
    await tpm.stop()
  },
)
