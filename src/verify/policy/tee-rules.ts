import { InputError, SealwrightError } from '../../base/errors.ts'
import { readPem } from '../../encoding/pem.ts'
import { loadPublicKey } from '../../sign/public-key.ts'
import type { SnpPolicy } from '../../tee/verify/snp/policy.ts'
import type { TdxPolicy } from '../../tee/verify/tdx/policy.ts'
import type { TpmTrust } from '../../tee/verify/tpm/policy.ts'
import type { TeeRules } from '../../tee/verify/verifier.ts'
import type { Acceptance } from './accept.ts'
import type { TeeSection } from './tee-schema.ts'

/**
 * The section `tee` and the accept lines as the verifiers of evidence take them.
 *
 * @param section with every file that it names read in
 * @throws InputError `file-invalid` for a root or registrar that is no certificate or key
 */
export function teeRules(section: TeeSection | undefined, accepts: ReadonlySet<Acceptance>): TeeRules {
  return {
    snp: snpRules(section?.snp ?? {}, accepts),
    tdx: tdxRules(section?.tdx ?? {}, accepts),
    tpm: tpmRules(section?.tpm ?? {}, accepts),
    azure: {},
    register: section?.register?.name,
  }
}

function snpRules(rules: NonNullable<TeeSection['snp']>, accepts: ReadonlySet<Acceptance>): SnpPolicy {
  const [major, minor] = (rules['minimum-abi'] ?? '0.0').split('.').map(Number)
  const { Milan, Genoa, Turin } = rules['minimum-tcb'] ?? {}
  return {
    vmpl: (rules.vmpl ?? 0) as 0 | 1 | 2 | 3,
    acceptSmt: rules.smt !== 'refuse',
    singleSocket: rules['single-socket'] === 'require',
    minimumAbi: { major: major ?? 0, minor: minor ?? 0 },
    committedFirmware: rules['committed-firmware'] === 'require',
    aliasCheck: rules['alias-check'] === 'require',
    requireCrl: !accepts.has('accept-no-crl'),
    acceptNewVersion: accepts.has('accept-new-report-version'),
    ...(rules.lines === undefined ? {} : { lines: rules.lines }),
    ...(rules.mitigations === undefined ? {} : { mitigations: BigInt(rules.mitigations) }),
    ...(rules['host-data'] === undefined ? {} : { hostData: rules['host-data'] }),
    ...(rules['id-keys'] === undefined ? {} : { idKeyDigests: rules['id-keys'] }),
    ...(rules['author-keys'] === undefined ? {} : { authorKeyDigests: rules['author-keys'] }),
    ...(rules['minimum-tcb'] === undefined
      ? {}
      : {
          minimumTcb: {
            ...(Milan === undefined ? {} : { Milan: { fmc: null, ...Milan } }),
            ...(Genoa === undefined ? {} : { Genoa: { fmc: null, ...Genoa } }),
            ...(Turin === undefined ? {} : { Turin }),
          },
        }),
  }
}

function tdxRules(rules: NonNullable<TeeSection['tdx']>, accepts: ReadonlySet<Acceptance>): Partial<TdxPolicy> {
  return {
    statuses: rules.statuses ?? ['UpToDate'],
    minimumEvaluation: rules['minimum-evaluation'] ?? 0,
    requireSeptVeDisable: !accepts.has('accept-tdx-attributes'),
    ...(rules.xfam === undefined ? {} : { xfam: rules.xfam }),
    ...(rules['mr-seam'] === undefined ? {} : { mrSeams: rules['mr-seam'] }),
  }
}

function tpmRules(rules: NonNullable<TeeSection['tpm']>, accepts: ReadonlySet<Acceptance>): TpmTrust {
  return {
    ekRoots: (rules['ek-roots'] ?? []).flatMap((text) => certificates(text)),
    registrars: (rules.registrars ?? []).map((text) => publicKey(text)),
    acceptSoftwareTpm: accepts.has('accept-software-tpm'),
    trustedKeys: rules['attestation-keys'],
  }
}

function certificates(text: string): Buffer[] {
  const blocks = attempt('tee.tpm.ek-roots', () => readPem(text, 'tee.tpm.ek-roots'))
  if (blocks.length === 0 || blocks.some(({ label }) => label !== 'CERTIFICATE'))
    throw invalid('tee.tpm.ek-roots', 'it holds something else than PEM certificates')
  return blocks.map(({ bytes }) => bytes)
}

function publicKey(text: string): string {
  return attempt('tee.tpm.registrars', () => loadPublicKey(`${text.trim()}\n`, 'tee.tpm.registrars')).pem
}

function attempt<T>(subject: string, read: () => T): T {
  try {
    return read()
  } catch (cause) {
    if (cause instanceof SealwrightError) throw invalid(subject, cause.message, cause)
    throw cause
  }
}

function invalid(subject: string, why: string, cause?: unknown): InputError {
  return new InputError('file-invalid', `${subject} of the policy cannot be used: ${why}`, {
    subject,
    cause,
    remedy: 'Give PEM text, or a file beside the policy.',
  })
}
