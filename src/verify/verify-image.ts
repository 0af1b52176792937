import { inOrder } from '../base/in-order.ts'
import type { Ports } from '../base/ports.ts'
import { weighed } from '../base/weighed.ts'
import type { Child } from '../image/platforms.ts'
import type { LogHistory } from '../log/history.ts'
import type { Store } from '../oci/types.ts'
import type { VerifyContext } from '../tee/verify/verifier.ts'
import { admission, receiverAdmission } from './admitted.ts'
import type { Subject } from './candidate.ts'
import { contextFor } from './context.ts'
import type { FoundContent } from './found-content.ts'
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
/** Children that are judged side by side, and the bytes that their layers may have: what lies in them is held in memory, and large ones use all processors. */
const parallel = { children: 8, bytes: 16 << 20 } as const

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
  /** What the gate found in images before, in this run: a copy is read whole again, but not unpacked. */
  foundContent?: FoundContent | undefined
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
    foundContent: options.foundContent,
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
  const inside = weighed(parallel.bytes)
  const each = inOrder(named.children, parallel.children, async (child) => {
    const subject = await openSubject(named, child)
    const judge = (): ReturnType<typeof judgeManifest> => judgeManifest(subject, { ...question, tag: named.tag })
    const { verdict, lacking, hard } = await inside(layerBytes(subject), judge)
    return { child, judgement: { verdict: verdict(subject.reference, subject), lacking, hard } }
  })
  for await (const one of each) {
    judged.push(one)
    if (one.judgement.hard !== null && judged.length >= judgedAnyway) break
  }
  const [first] = judged
  if (first === undefined) throw new Error('nothing was judged')
  return named.whole ? indexVerdict(named, judged) : first.judgement
}

function layerBytes({ image }: Subject): number {
  return image?.manifest.layers.reduce((sum, { size }) => sum + size, 0) ?? 0
}
