import type { ActionContext, RawInputs } from '../../doors/context.ts'
import {
  collateralFetchOptions,
  collateralShowOptions,
  collectOptions,
  convertOptions,
  showOptions,
  tokenOptions,
  verifyOptions,
} from './evidence-options.ts'

/** Commands about evidence of machines (docs/tee-commands.md). */
export const evidenceCommands = {
  'tee show': {
    description:
      'Prints evidence field by field, with offsets. Nothing is verified. Also prints event logs, IMA lists and certificates.',
    inputs: showOptions,
    positional: 'file',
    examples: ['sealwright tee show quote.bin', 'sealwright tee show evidence.json --json'],
    run: async (inputs: RawInputs, context: ActionContext) => (await import('./show.ts')).teeShow(inputs, context),
  },
  'tee verify': {
    description:
      'Verifies evidence of a TEE, offline. Exits with 0 if it is accepted, and with 1 and all checks if it is refused.',
    inputs: verifyOptions,
    positional: 'evidence',
    examples: [
      'sealwright tee verify quote.bin --collateral collateral/ --report-data 7465…',
      'sealwright tee verify --evidence quote.msg --signature quote.sig --pcrs quote.pcrs --ak ak.pem --nonce 0011… --pcr-selection sha256:0,1,7 --accept software-tpm',
      'sealwright tee verify --evidence evidence.json --policy policy.yml --json',
    ],
    run: async (inputs: RawInputs, context: ActionContext) => (await import('./verify.ts')).teeVerify(inputs, context),
  },
  'tee token': {
    description:
      'Checks the token of another verifier by keys that you pin. It reads tokens of Veraison, Trustee, Intel Trust Authority and Azure. Exits with 1 unless the token affirms the machine.',
    inputs: tokenOptions,
    positional: 'file',
    examples: [
      'sealwright tee token token.jwt --keys jwks.json --issuer https://sharedeus.eus.attest.azure.net --measurement 57fe…',
    ],
    run: async (inputs: RawInputs, context: ActionContext) => (await import('./token.ts')).teeToken(inputs, context),
  },
  'tee collateral fetch': {
    description:
      "Downloads the manufacturer's certificates, CRLs and TCB data. Documents that are still valid are not downloaded again; --refresh forces it.",
    inputs: collateralFetchOptions,
    examples: [
      'sealwright tee collateral fetch --evidence evidence.json --directory collateral',
      'sealwright tee collateral fetch --fmspc 90c06f000000 --ca platform --directory collateral',
    ],
    run: async (inputs: RawInputs, context: ActionContext) =>
      (await import('./collateral.ts')).collateralFetch(inputs, context),
  },
  'tee collateral show': {
    description:
      'Lists the documents in a folder of collateral, with validity. Exits with 1 if a document is expired, not yet valid, or unusable.',
    inputs: collateralShowOptions,
    positional: 'directory',
    examples: [
      'sealwright tee collateral show collateral',
      'sealwright tee collateral show collateral --at 2027-01-01',
    ],
    run: async (inputs: RawInputs, context: ActionContext) =>
      (await import('./collateral-show.ts')).collateralShow(inputs, context),
  },
  'tee collect': {
    description: 'Takes evidence from the TEE of this machine and writes it to a file.',
    inputs: collectOptions,
    examples: [
      'sealwright tee collect --report-data 00112233 --output evidence.json',
      'sealwright tee collect --technology tpm --tpm-device /dev/tpmrm0 --report-data 00112233 --output evidence.json',
    ],
    run: async (inputs: RawInputs, context: ActionContext) =>
      (await import('./collect.ts')).teeCollect(inputs, context),
  },
  'tee convert': {
    description:
      'Writes evidence in another format. Signed bytes stay as they are; data that the format cannot hold is listed.',
    inputs: convertOptions,
    examples: [
      'sealwright tee convert --evidence evidence.json --to tdx-quote --output quote.bin',
      'sealwright tee convert --evidence quote.msg --signature quote.sig --pcrs quote.pcrs --ak ak.pem --to keylime --output quote.txt',
    ],
    run: async (inputs: RawInputs, context: ActionContext) =>
      (await import('./convert.ts')).teeConvert(inputs, context),
  },
}
