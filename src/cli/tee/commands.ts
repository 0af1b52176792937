import type { ActionContext, RawInputs } from '../../doors/context.ts'
import {
  collateralFetchOptions,
  collateralShowOptions,
  collectOptions,
  convertOptions,
  showOptions,
  verifyOptions,
} from './evidence-options.ts'

/** Commands about evidence of machines (docs/tee-commands.md). */
export const evidenceCommands = {
  'tee show': {
    description:
      'Prints what evidence holds, field by field with offsets. It checks nothing. Event logs, IMA lists and certificates are shown, too.',
    inputs: showOptions,
    positional: 'file',
    examples: ['sealwright tee show quote.bin', 'sealwright tee show evidence.json --json'],
    run: async (inputs: RawInputs, context: ActionContext) => (await import('./show.ts')).teeShow(inputs, context),
  },
  'tee verify': {
    description:
      'Verifies evidence of a TEE, offline. Ends with 0 when it holds, with 1 and all checks when it is refused.',
    inputs: verifyOptions,
    positional: 'evidence',
    examples: [
      'sealwright tee verify quote.bin --collateral collateral/ --report-data 7465…',
      'sealwright tee verify --evidence quote.msg --signature quote.sig --pcrs quote.pcrs --ak ak.pem --nonce 0011… --pcr-selection sha256:0,1,7 --accept software-tpm',
      'sealwright tee verify --evidence evidence.json --policy policy.yml --json',
    ],
    run: async (inputs: RawInputs, context: ActionContext) => (await import('./verify.ts')).teeVerify(inputs, context),
  },
  'tee collateral fetch': {
    description:
      "Brings certificates, revocation lists and TCB information of a machine's maker into a folder. What is good for a while yet is not asked for again.",
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
      'Lists what lies in a folder of collateral, with windows. Ends with 1 when something is outside its window or of no use.',
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
      'Writes evidence in another form. Signed bytes stay as they are; what the form has no place for is named.',
    inputs: convertOptions,
    examples: [
      'sealwright tee convert --evidence evidence.json --to tdx-quote --output quote.bin',
      'sealwright tee convert --evidence quote.msg --signature quote.sig --pcrs quote.pcrs --ak ak.pem --to keylime --output quote.txt',
    ],
    run: async (inputs: RawInputs, context: ActionContext) =>
      (await import('./convert.ts')).teeConvert(inputs, context),
  },
}
