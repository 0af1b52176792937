import { InputError } from '../../base/errors.ts'

/** Asks docker something; null where it does not answer. */
type Ask = (...args: string[]) => Promise<string | null>

/**
 * An engine that is not on a Unix socket of this machine is another machine: nothing that we say of this one holds for what it builds (TRUST §4).
 *
 * @throws InputError `unsupported`
 */
export async function requireLocal(env: Readonly<Record<string, string>>, ask: Ask): Promise<void> {
  // The variable wins over the context, as in docker itself.
  const variable = env['DOCKER_HOST'] ?? ''
  const endpoint = variable === '' ? await hostOf(ask) : variable
  if (!endpoint.startsWith('unix:///'))
    throw elsewhere(
      endpoint === '' ? 'docker does not say where its engine is' : `the docker engine is at "${endpoint}"`,
    )
}

/**
 * The same for buildx's own builders: a remote or Kubernetes one builds on another machine.
 *
 * @param inspection what `docker buildx inspect` printed
 * @throws InputError `unsupported`
 */
export async function requireLocalBuilder(inspection: string, ask: Ask): Promise<void> {
  const driver = /^Driver:\s*(\S+)/m.exec(inspection)?.[1] ?? 'docker'
  if (driver !== 'docker' && driver !== 'docker-container') throw elsewhere(`buildx uses the driver "${driver}"`)
  for (const [, endpoint = ''] of inspection.matchAll(/^\s*Endpoint:\s*(\S+)/gm)) {
    // Without a scheme it is the name of a context.
    const host = endpoint.includes('://') ? endpoint : await hostOf(ask, endpoint)
    if (!host.startsWith('unix:///')) throw elsewhere(`buildx builds at "${host === '' ? endpoint : host}"`)
  }
}

/** Where a context's engine is: of the one that is named, else of the current one. */
async function hostOf(ask: Ask, ...name: string[]): Promise<string> {
  return ((await ask('context', 'inspect', ...name, '--format', '{{.Endpoints.docker.Host}}')) ?? '').trim()
}

function elsewhere(what: string): InputError {
  return new InputError('unsupported', `${what}, but a build must stay on this machine`, {
    subject: 'builder',
    remedy:
      'Use an engine on a local Unix socket (unset DOCKER_HOST, docker context use default, docker buildx use default), or `builder: buildah`.',
  })
}
