import { InputError } from '../../base/errors.ts'
import type { ImageConfig } from '../../image/types.ts'
import type { AgentPolicyRequest } from './write.ts'

/** What a pod says beside the image. */
export interface PodSettings {
  /** `HOST/NAME@sha256:…` */
  readonly image: string
  /** Command and arguments in place of the image's; empty for those. */
  readonly args: readonly string[]
  /** `NAME=VALUE`, in addition to the image's or in place of them. */
  readonly env: readonly string[]
  /** `UID:GID`; null for the image's. */
  readonly user: string | null
  readonly readonly: boolean
  readonly logs: boolean
}

/** Container runtimes add it where an image has none. */
const usualPath = 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'

/**
 * The process that a container runtime starts for a pod of one container of this image.
 *
 * @throws InputError `unsupported` for an image with volumes; `input-missing` for one without a command, or with a user that only its own files
 *   explain; `input-invalid` for settings in another form
 */
export function ofImage({ config = {} }: Pick<ImageConfig, 'config'>, pod: PodSettings): AgentPolicyRequest {
  const volumes = Object.keys(config.Volumes ?? {})
  if (volumes.length > 0)
    throw new InputError('unsupported', `the image declares volumes (${volumes.join(', ')}), which hosts would mount`, {
      subject: 'image',
      remedy: 'Build the image without VOLUME, or take the policy of genpolicy for this pod.',
    })
  const args = pod.args.length > 0 ? pod.args : [...(config.Entrypoint ?? []), ...(config.Cmd ?? [])]
  if (args.length === 0)
    throw new InputError('input-missing', 'the image names no command', {
      subject: 'arg',
      remedy: 'Give the command of the pod in `--arg`, a word each.',
    })
  const variables = new Map<string, string>()
  for (const one of [usualPath, ...(config.Env ?? []), ...pod.env]) {
    const [, name] = /^([^=]+)=/.exec(one) ?? []
    if (name === undefined) throw invalid('env', `"${one}" is not NAME=VALUE`)
    variables.set(name, one)
  }
  const user = pod.user ?? (config.User === undefined || config.User === '' ? '0:0' : config.User)
  const [, uid, gid] = /^(0|[1-9]\d{0,9}):(0|[1-9]\d{0,9})$/.exec(user) ?? []
  if (uid === undefined || gid === undefined) {
    if (pod.user !== null) throw invalid('user', `"${user}" is not UID:GID`)
    throw new InputError('input-missing', `the image runs as "${user}", which files of the image explain`, {
      subject: 'user',
      remedy: 'Give the numbers in `--user UID:GID`, and in securityContext of the pod.',
    })
  }
  const { image, readonly, logs } = pod
  const env = [...variables.values()]
  return { image, args, env, cwd: config.WorkingDir || '/', uid: Number(uid), gid: Number(gid), readonly, logs }
}

function invalid(subject: string, what: string): InputError {
  return new InputError('input-invalid', `--${subject}: ${what}`, {
    subject,
    remedy: subject === 'env' ? 'Write `--env MODE=production`.' : 'Write `--user 1000:1000`.',
  })
}
