import { createPublicKey } from 'node:crypto'
import { rawInputs } from '../../src/doors/raw-inputs.ts'
import { machineAttester } from '../../src/agent/machine/attester.ts'
import { openState } from '../../src/agent/state.ts'
import { showKeys } from '../../src/cli/tee/ak-machine.ts'
import { keyFingerprint } from '../../src/tee/verify/tpm/attestation-key.ts'
import type { JsonObject } from '../../src/base/json.ts'
import { fromBase64 } from '../../src/encoding/base64.ts'
import { startSwtpm } from '../../testkit/tee/tpm/swtpm.ts'
import { withPeers } from '../../testkit/peers.ts'
import { scratch, testPorts } from '../../testkit/ports.ts'

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
    // A registrar is shown the key that the runner will quote by.
    const fingerprint = (key: unknown): string =>
      keyFingerprint(createPublicKey({ key: fromBase64(String(key), 'key'), format: 'der', type: 'spki' }))
    for (const [tpmKey, found] of [
      ['rsa', rsa],
      ['', ecc],
    ] as const) {
      const given: Record<string, string> = { 'tpm-device': tpm.device, 'tpm-key': tpmKey }
      const inputs = rawInputs({
        given: (name) => given[name],
        defaults: {},
        ports,
        confine: null,
        label: (name) => name,
      })
      const { outputs } = await showKeys(inputs, { ports, state: openState(scratch(), ports) })
      expect(outputs['ak']).toBe(fingerprint(found.key))
    }
    await tpm.stop()
  },
)
