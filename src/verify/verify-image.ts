import type { Ports } from '../base/ports.ts'
import type { Child } from '../image/platforms.ts'
import type { LogHistory } from '../log/history.ts'
import type { Store } from '../oci/types.ts'
import type { VerifyContext } from '../tee/verify/verifier.ts'
import { admission, receiverAdmission } from './admitted.ts'
import { contextFor } from './context.ts'
import type { ImageOpener } from './image-content.ts'
import { indexVerdict, refusedIndex, type Judgement } from './index-verdict.ts'
import { judgeManifest, type Question } from './judge-manifest.ts'
import { openSubject, resolveNamed } from './named.ts'
import { claimKeys } from './policy/claims.ts'
import type { Policy } from './policy/load.ts'
import { withTrustedRoot } from './policy/trusted-root.ts'
import { releaseKeysAt } from './parties.ts'
import type { Verdict } from './types.ts'

/** Children of a refused index that are judged all the same, for the reader. */
const judgedAnyway = 16

export interface VerifyOptions {
  /** When the verdict is made; the ports' clock by default. */
  at?: Date | undefined
  /** `os/architecture[/variant]`: of an index, this child alone is judged and named. */
  platform?: string | undefined
  /** Nonce that this verifier had issued to the job: the evidence must be over it. */
  nonce?: string | undefined
  /** Commit that the image must be of. */
  expectCommit?: string | undefined
  /** Digest that the reference must lead to: of what it names, or of the image that is judged. */
  expectDigest?: string | undefined
  /** Folder or file with certificates and lists of the hardware makers, in place of the policy's. */
  collateral?: string | undefined
  /** Roots of synthetic hardware, for tests; no door sets it. */
  trust?: VerifyContext['trust']
  /** What is remembered of the log that the policy pins; without it nothing is compared. */
  history?: LogHistory | undefined
  /** Where the key of encrypted layers comes from, as the verdict's inputs name it: the URL of a KBS, or that it was at hand. */
  keySource?: string | undefined
  /** What is read in place of the image's store: one that the caller has open already, or a part of it. */
  view?: ((store: Store) => Store) | undefined
  /** Opens encrypted layers; without it an encrypted image is `not-checked`. */
  opener?: ImageOpener | undefined
}

/**
 * The gate (TRUST §5): replays the whole chain of one image against a policy. Anybody who may push can attach things, so what counts is found
 * first, and the image is verified if one candidate passes every check. Of an index every manifest that a runtime could take has to pass, or
 * `platform` picks one, which is then what the verdict names.
 *
 * @param text reference of the image
 * @returns a verdict, also for a refusal
 * @throws InputError (`reference-invalid`, `not-found`), TransportError
 */
export async function verifyImage(
  text: string,
  policy: Policy,
  options: VerifyOptions,
  ports: Ports,
): Promise<Verdict> {
  return (await judgeImage(text, policy, options, ports)).verdict
}

/** As {@link verifyImage}, with the accept lines that the policy lacks, and the first failure that no line can accept. */
export async function judgeImage(
  text: string,
  written: Policy,
  options: VerifyOptions,
  ports: Ports,
): Promise<Judgement> {
  const at = options.at ?? ports.clock.now()
  const policy = await withTrustedRoot(written, ports)
  const question: Question = {
    ports,
    policy,
    at,
    context: { ...(await contextFor(policy, at, options.collateral ?? null)), trust: options.trust },
    nonce: options.nonce ?? null,
    opener: options.opener,
    keySource: options.keySource,
    history: options.history,
    expect: { commit: options.expectCommit, digest: options.expectDigest },
    admit: admission(policy, ports),
    receive: receiverAdmission(policy, ports),
    releaseKeys: releaseKeysAt(policy, at),
    claimKeys: [
      ...claimKeys(policy.claims),
      ...(policy.status?.publicKeys ?? []),
      ...(policy.archive?.publicKeys ?? []),
    ],
  }
  const named = await resolveNamed(text, options.platform, ports, options.view)
  if (named.refusal !== null) return refusedIndex(named, named.refusal, policy)
  const judged: { child: Child; judgement: Judgement }[] = []
  for (const child of named.children) {
    const subject = await openSubject(named, child)
    const { verdict, lacking, hard } = await judgeManifest(subject, { ...question, tag: named.tag })
    judged.push({ child, judgement: { verdict: verdict(subject.reference, subject), lacking, hard } })
    if (hard !== null && judged.length >= judgedAnyway) break
  }
  const [first] = judged
  if (first === undefined) throw new Error('nothing was judged')
  return named.whole ? indexVerdict(named, judged) : first.judgement
}
