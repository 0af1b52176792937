import { InputError } from '../../base/errors.ts'
import type { ActionContext, RawInputs } from '../../doors/context.ts'
import { adminClaims, adminToken } from '../../kbs/admin-token.ts'
import { examineKbs } from '../../kbs/doctor/doctor.ts'
import type { Finding, Standing } from '../../kbs/doctor/finding.ts'
import type { CommandResult } from '../command.ts'

const words: Readonly<Record<Standing, string>> = {
  ok: 'ok',
  unsafe: 'UNSAFE',
  warning: 'warning',
  'not-probed': 'not probed',
}

/** Examines a KBS and prints one line for each probe, with the remedy below it. */
export async function kbsDoctor(inputs: RawInputs, { ports }: ActionContext): Promise<CommandResult> {
  const url = serverUrl(inputs.required('kbs-url'))
  const key = await inputs.secret('admin-key')
  const [role, issuer, audience] = ['admin-role', 'admin-issuer', 'admin-audience'].map((name) => inputs.required(name))
  const claims = adminClaims({ role: role ?? '', issuer: issuer ?? '', audience: audience ?? '' })
  const token = key === null ? null : adminToken(key, ports.clock, claims)
  const findings = await examineKbs({ url, token, ports })
  const refused = findings.some(({ standing }) => standing === 'unsafe')
  return {
    outputs: { 'kbs-url': url, safe: refused ? 'false' : 'true', findings: findings.map((one) => ({ ...one })) },
    text: textOf(url, findings),
    refused,
  }
}

/** Any http or https URL: that it is plain http is something to find, not a reason to look away. */
function serverUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : null
  const isPlain = url !== null && url.search === '' && url.hash === '' && url.username === ''
  if (url !== null && isPlain && /^https?:$/.test(url.protocol)) return url.href.replace(/\/+$/, '')
  throw new InputError('input-invalid', `kbs-url: ${JSON.stringify(text)} is not the URL of a KBS`, {
    subject: 'kbs-url',
    remedy: 'Write `--kbs-url` as https://HOST[:PORT], without user, query or fragment.',
  })
}

function textOf(url: string, findings: readonly Finding[]): string {
  const width = Math.max(...findings.map(({ probe }) => probe.length))
  const count = (standing: Standing): number => findings.filter((one) => one.standing === standing).length
  const lines = findings.flatMap(({ probe, standing, found, remedy }) => [
    `${probe.padEnd(width)}  ${words[standing]}: ${found}`,
    ...(remedy === null ? [] : [`${' '.repeat(width + 2)}→ ${remedy}`]),
  ])
  const total = `${count('unsafe')} unsafe, ${count('warning')} warnings, ${count('ok')} ok, ${count('not-probed')} not probed`
  return [`${url}: ${total}`, ...lines, ''].join('\n')
}
