import { generateKeyPairSync, sign } from 'node:crypto'
import type { Binding } from '../../../src/journal/binding.ts'
import type { TeeEvidence } from '../../../src/tee/types.ts'
import { parseTpmEvidence } from '../../../src/tee/verify/tpm/coco-quote.ts'
import { hclReport, type HclChange } from '../pki/azure.ts'
import { syntheticSnp } from '../pki/snp.ts'
import type { ForgedMachine } from '../../chain.ts'
import { forgedTpm, type ForgedTpmOptions } from '../tpm/forged-tpm.ts'

export interface ForgedAzureOptions extends Omit<ForgedTpmOptions, 'keys' | 'bound'> {
  hcl?: (binding: Binding) => HclChange
  /** What the guest wrote for the paravisor, in the place of the binding's hash. */
  userData?: (bound: Buffer, binding: Binding) => Buffer | null
  /** Another vTPM signs than the one that the variable data names. */
  stranger?: (binding: Binding) => boolean
}

/** SYNTHETIC: Azure's SNP machine, evidence of version 2, whose vTPM's register is extended before each report. */
export function forgedAzure(options: ForgedAzureOptions = {}): ForgedMachine {
  const key = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const stranger = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const { n, e } = key.publicKey.export({ format: 'jwk' })
  const [vcek = Buffer.alloc(0)] = syntheticSnp({ line: 'Milan' }).certificates
  const vtpm = forgedTpm({ ...options, bound: 48 })
  return {
    technology: 'az-snp-vtpm',
    report: async (binding, data): Promise<TeeEvidence> => {
      const taken = await vtpm.report(binding, data)
      const { message, pcrs } = parseTpmEvidence(taken.evidence)
      const bound = Buffer.concat([data, Buffer.alloc(16)])
      const userData = options.userData === undefined ? bound : options.userData(bound, binding)
      const signer = options.stranger?.(binding) === true ? stranger : key
      return {
        technology: 'az-snp-vtpm',
        evidence: {
          version: 2,
          tpm_quote: {
            message: message.toString('hex'),
            signature: sign('sha256', message, signer.privateKey).toString('hex'),
            pcrs: [...pcrs.values()].map((value) => value.toString('hex')),
          },
          hcl_report: padded(hclReport('snp', { n: String(n), e: String(e) }, userData, options.hcl?.(binding))),
          vcek: padded(vcek),
        },
        documents: taken.documents,
      }
    },
  }
}

/** The URL alphabet with padding, as CoCo's attester writes it. */
function padded(bytes: Buffer): string {
  return bytes.toString('base64').replaceAll('+', '-').replaceAll('/', '_')
}
