import { basename, dirname, isAbsolute, normalize } from 'node:path/posix'

/** What the selection depends on. All paths are absolute and without links. */
export interface PathFacts {
  /** PATH as setup actions left it. */
  path: string
  /** Folder of tools that setup actions unpack into (`RUNNER_TOOL_CACHE`). */
  toolCache: string | null
  /** Folders that are never shown, nor anything above them: home, temp, workspace. What lies below may be a tool. */
  closed: readonly string[]
  /** Folders that are never shown, nor anything above or below them: the state with the agent's socket, the output. */
  secret: readonly string[]
  /** Whether a folder is there. */
  exists: (path: string) => boolean
}

export interface PathChoice {
  /** PATH inside. */
  path: string
  /** Folders outside /usr that are shown. */
  folders: string[]
  /** Entries outside /usr as the record names them. */
  recorded: string[]
}

const system = ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin']
/** Folders of the machine itself: nothing in them is a tool, and sockets of services lie there. */
const machine = ['/run', '/proc', '/sys', '/dev', '/etc', '/var/run']
const shared = ['/tmp', '/var/tmp', '/var', '/home', '/root', '/opt', '/srv', '/mnt', '/usr', '/lib', '/lib64']

/**
 * Which folders of PATH a sandbox shows. Setup actions put tools there; a hostile entry may name the agent's state or the whole home, so an
 * entry counts only if nothing closed lies in it. `X/bin` with `X/lib` beside it is one installation and is shown whole.
 */
export function choosePath(facts: PathFacts): PathChoice {
  const cache = facts.toolCache !== null && fits(facts.toolCache, facts) ? facts.toolCache : null
  const folders = cache === null ? [] : [cache]
  const path: string[] = []
  const recorded: string[] = []
  for (const given of facts.path.split(':')) {
    if (!isAbsolute(given)) continue
    const entry = normalize(given).replace(/(.)\/$/, '$1')
    if (path.includes(entry)) continue
    if (entry.startsWith('/usr/') || system.includes(entry)) {
      path.push(entry)
      continue
    }
    if (!facts.exists(entry) || !fits(entry, facts)) continue
    if (cache !== null && within(entry, cache)) recorded.push(`tool-cache${entry.slice(cache.length)}`)
    else {
      const above = dirname(entry)
      const whole = basename(entry) === 'bin' && facts.exists(`${above}/lib`) && fits(above, facts)
      folders.push(whole ? above : entry)
      recorded.push(entry)
    }
    path.push(entry)
  }
  for (const entry of system) if (!path.includes(entry)) path.push(entry)
  const outermost = [...new Set(folders)].filter((one, _i, all) => !all.some((o) => o !== one && within(one, o)))
  return { path: path.join(':'), folders: outermost, recorded }
}

function fits(entry: string, { closed, secret }: PathFacts): boolean {
  if (entry === '/' || machine.some((place) => within(entry, place)) || shared.includes(entry)) return false
  return !closed.some((place) => within(place, entry)) && !secret.some((s) => within(s, entry) || within(entry, s))
}

/** Whether a path is a folder or lies in it. */
export function within(path: string, folder: string): boolean {
  return path === folder || path.startsWith(folder === '/' ? '/' : `${folder}/`)
}
