import type { Definition } from '../../doors/definitions.generated.ts'
import { amdService, intelRootList, intelService } from '../../tee/collateral/services.ts'
import { evidenceFormats } from '../../tee/formats/types.ts'

type Options = Definition['inputs']

export const option = (name: string, description: string, fallback = '', required = false): Options[number] => ({
  name,
  description,
  default: fallback,
  required,
})

const format = option(
  'format',
  `Form of the evidence: auto, or one of ${evidenceFormats.join(', ')}. Hex and base64 text of each is taken too.`,
  'auto',
)

/** Options of `tee show`. The file is given as the one word behind the command. */
export const showOptions: Options = [
  option('file', 'File with evidence; may be given without --file.', '', true),
  format,
]

/** Options of `tee verify`. */
export const verifyOptions: Options = [
  option('evidence', 'File with evidence.', '', true),
  format,
  option(
    'report-data',
    'What the report must carry, hex, up to 64 bytes; shorter values are padded with zeros as the hardware does.',
  ),
  option('nonce', 'Qualifying data of a TPM quote, hex, compared whole; for other evidence the same as --report-data.'),
  option('collateral', 'Folder or file with collateral (docs/tee-commands.md); several may be given.'),
  option('policy', 'Policy of the gate (docs/policy.md): its tee section and measurements are applied.'),
  option('at', 'Time to judge at, e.g. 2026-11-25T12:00:00Z; now by default.'),
  option(
    'accept',
    'Accept a missing proof by name: unbound (no expected report data was given), no-crl (no AMD revocation list), new-report-version (SNP reports newer than 5), trailing-bytes, software-tpm, unbound-user-data.',
  ),
  option('event-log', "The firmware's event log that belongs to the evidence (TCG2, or CCEL on TDX)."),
  option('ima-log', 'The binary IMA log that belongs to the evidence.'),
  option('signature', 'Raw TPM quote: TPMT_SIGNATURE, as tpm2_quote -s writes it.'),
  option('pcrs', 'Raw TPM quote: PCR values, as tpm2_quote -o or tpm2_pcrread -o writes them.'),
  option('ak', 'Raw TPM quote: attestation key as PEM, DER, certificate, TPMT_PUBLIC or TPM2B_PUBLIC.'),
  option('pcr-selection', 'Raw TPM quote: what must have been quoted, e.g. sha256:0,1,7; all 24 of sha256 by default.'),
]

/** Options of `tee token`. */
export const tokenOptions: Options = [
  option('file', 'File with the token (JWT); may be given without --file.', '', true),
  option('keys', 'JWKS of the verifier, saved from a source that you trust. Keys in the token are ignored.', '', true),
  option('issuer', 'Issuer (iss) that the token must have; only tokens of Veraison have none.'),
  option('audience', 'Audience (aud) that the token must have.'),
  option('nonce', 'Nonce that the verifier was asked with, as the token repeats it.'),
  option('report-data', 'Report data of the evidence, hex, up to 64 bytes, as the token has it.'),
  option('measurement', 'Launch measurement that the token must have, hex; several may be given.'),
  option('at', 'Time to judge at, e.g. 2026-11-25T12:00:00Z; now by default.'),
  option('max-age', 'Seconds for which a token without an end counts (Veraison).', '300'),
]

/** Options of `tee reference-values machine`: those of `tee verify` that say what is good, and where the values go. */
export const machineValuesOptions: Options = [
  ...verifyOptions.filter(({ name }) =>
    ['evidence', 'format', 'collateral', 'at', 'accept', 'signature', 'pcrs', 'ak'].includes(name),
  ),
  option('output', 'New file for the JSON; without it, it is printed.'),
]

/** Options of `tee collateral fetch`. */
export const collateralFetchOptions: Options = [
  option('directory', 'Folder to bring it into; it is made where it is not there.', '', true),
  option('evidence', 'Evidence whose machine it is for. Without it, name the machine by the options below.'),
  option('format', `Form of the evidence: auto, or one of ${evidenceFormats.join(', ')}.`, 'auto'),
  option('line', 'AMD: line of the processor: Milan, Genoa or Turin.'),
  option(
    'endorser',
    'AMD: kind of key that the list is for, vcek or vlek; with --evidence the report says it.',
    'vcek',
  ),
  option('hwid', 'AMD: chip id in hex, 64 bytes (Turin: 8). Without it only the revocation list is brought.'),
  option('tcb', 'AMD: reported TCB, 8 bytes in hex as "tee show" prints them.'),
  option('fmspc', 'Intel: family of platforms, 6 bytes in hex.'),
  option('ca', 'Intel: CA of the PCK certificate: platform or processor.', 'platform'),
  option('refresh', 'true also downloads documents that are still valid.', 'false'),
  option('kds-url', "AMD's Key Distribution Service, or a mirror of it.", amdService),
  option(
    'pcs-url',
    "Intel's Provisioning Certification Service, or a caching service (PCCS) in its place.",
    intelService,
  ),
  option('root-crl-url', "Where the list of Intel's root is.", intelRootList),
]

/** Options of `tee collect`. */
export const collectOptions: Options = [
  option(
    'report-data',
    'What the report shall carry, hex, up to 48 bytes; zeros are put behind a shorter value.',
    '',
    true,
  ),
  option('output', 'New file for the evidence; it must not exist.', '', true),
  option(
    'technology',
    'auto, snp, tdx, az-snp-vtpm, az-tdx-vtpm, tpm or sample; auto takes what is here, never sample.',
    'auto',
  ),
  option('tpm-device', "Path of a TPM, or swtpm:SOCKET; by default the machine's own."),
]

/** Options of `tee convert`. */
export const convertOptions: Options = [
  option('evidence', 'File with evidence.', '', true),
  option('to', 'Form to write: sealwright, coco, snp-report, tdx-quote, tpm-quote or keylime.', '', true),
  option('output', 'New file; a quote also gets files .sig, .pcrs and .pem, a Keylime quote .pem.', '', true),
  option(
    'collateral',
    'Folder or file with collateral: what fits the machine goes along as documents (--to sealwright).',
  ),
  format,
  ...verifyOptions.filter(({ name }) => ['signature', 'pcrs', 'ak'].includes(name)),
]

/** Options of `tee collateral show`. */
export const collateralShowOptions: Options = [
  option('directory', 'Folder or file with collateral; may be given without --directory.', '', true),
  option('at', 'Time to judge windows at, e.g. 2026-11-25T12:00:00Z; now by default.'),
]
