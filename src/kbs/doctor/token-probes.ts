import type { Ports } from '../../base/ports.ts'
import { SealwrightError } from '../../base/errors.ts'
import { call, failureOf } from '../call.ts'
import { sampleGuest } from '../keyed-attester.ts'
import { rcarSession } from '../rcar.ts'
import { fine, notProbed, type Finding } from './finding.ts'
import { forgedEar, type Made } from './forged.ts'

/** A resource that does not exist. */
export type NoResource = readonly [string, string, string]

/** How a KBS answers a token: not believed, believed and denied by policy, or believed and let through to a resource that is not there. */
type Answer = 'not-believed' | 'denied' | 'let-through' | 'other'

const pinning =
  'Set `trusted_certs_paths` or `trusted_jwk_sets` in [attestation_token], and remove `insecure_header_jwk`.'

/** Tokens that are signed by a key of our own, and what their claims would open. */
export async function probeTokens(url: string, path: NoResource, ports: Ports): Promise<Finding[]> {
  const now = Math.floor(ports.clock.now().getTime() / 1000)
  const ask = async (made: Made): Promise<{ answer: Answer; detail: string }> =>
    answerTo(await readWith(url, path, { authorization: `Bearer ${await forgedEar(made, now)}` }, ports))
  const good = await ask({ tee: 'snp', status: 'affirming' })
  if (good.answer === 'not-believed')
    return [
      fine('header-jwk', 'a token that was signed by a key of its own is refused'),
      notProbed(
        'resource-policy',
        'the policy cannot be read, and to try it takes tokens that the KBS believes',
        'Publish a policy of your own: the one that Trustee comes with gives every resource to any hardware, however it was appraised.',
      ),
    ]
  if (good.answer === 'other')
    return [
      notProbed('header-jwk', `the KBS answered a token of our own with ${good.detail}`),
      notProbed('resource-policy', 'no token could be tried'),
    ]
  const header: Finding = {
    probe: 'header-jwk',
    standing: 'unsafe',
    found:
      'a token that was signed by a key of its own is believed: whoever reaches the KBS reads what its policy gives to any guest',
    remedy: pinning,
  }
  const bad = await ask({ tee: 'snp', status: 'contraindicated' })
  if (bad.answer === 'let-through')
    return [
      header,
      {
        probe: 'resource-policy',
        standing: 'unsafe',
        found: 'the policy gives resources to a machine that was appraised as contraindicated',
        remedy: 'Publish a policy that demands an affirming status and a measurement for each path: `kbs-publish`.',
      },
    ]
  if (good.answer === 'let-through')
    return [
      header,
      {
        probe: 'resource-policy',
        standing: 'unsafe',
        found: 'the policy gives any path to any machine with an affirming status',
        remedy: 'Publish a policy with a rule for each path: `kbs-publish`.',
      },
    ]
  return [header, fine('resource-policy', 'a path that no rule names is denied, also with an affirming status')]
}

/** Whether `sample` evidence, which anybody can make, opens a path that no rule names. */
export async function probeSample(url: string, path: NoResource, ports: Ports): Promise<Finding> {
  const probe = 'sample-evidence'
  let token: string
  try {
    token = await rcarSession(url, sampleGuest(), ports).token()
  } catch (error) {
    if (!(error instanceof SealwrightError) || error.code !== 'kbs-error') throw error
    return fine(probe, 'sample evidence is refused')
  }
  const { answer, detail } = answerTo(await readWith(url, path, { authorization: `Bearer ${token}` }, ports))
  if (answer === 'let-through')
    return {
      probe,
      standing: 'unsafe',
      found: 'sample evidence, which anybody can make, gets a path that no rule names',
      remedy: 'Publish a policy that names a real technology and its measurements: `kbs-publish`.',
    }
  if (answer === 'denied') return fine(probe, 'sample evidence is appraised, and gets no path that no rule names')
  return notProbed(probe, `the KBS answered its own token with ${detail}`)
}

async function readWith(
  url: string,
  path: NoResource,
  headers: Readonly<Record<string, string>>,
  ports: Ports,
): Promise<{ status: number; name: string; detail: string }> {
  const answer = await call(ports, `${url}/kbs/v0/resource/${path.join('/')}`, { method: 'GET', headers })
  return { status: answer.status, ...failureOf(answer) }
}

function answerTo({ status, name, detail }: { status: number; name: string; detail: string }): {
  answer: Answer
  detail: string
} {
  const words = `${status} ${name || detail.slice(0, 80)}`.trimEnd()
  // A resource that is there answers 200; of one that is not, the plugin says so, after the policy has let the request through.
  if (status === 200 || name === 'PluginInternalError') return { answer: 'let-through', detail: words }
  if (name === 'PolicyDeny' || name === 'PolicyEngineError') return { answer: 'denied', detail: words }
  if (name === 'TokenVerifierError') return { answer: 'not-believed', detail: words }
  return { answer: 'other', detail: words }
}
