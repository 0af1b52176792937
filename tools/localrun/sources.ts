import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, rmSync } from 'node:fs'
import { join, resolve, sep } from 'node:path'
import { checkout } from './checkout.ts'

/** Repository and commit that a workflow file or an action was read from: what `$/` means inside it. */
export interface Source {
  /** OWNER/REPO */
  readonly repository: string
  /** As the `uses:` line names it: a branch, a tag, or a full commit id. */
  readonly ref: string
  readonly sha: string
  /** Folder of the repository's files at that commit. */
  folder(): Promise<string>
}

/** Where a `uses:` line points. */
export type Uses =
  /** `./PATH`: for a step the workspace, so whatever the job checked out; for a job the repository of the workflow file. */
  | { kind: 'local'; path: string }
  /** `$/PATH`: repository and commit of the file in which the line stands, whatever the workspace holds. */
  | { kind: 'self'; path: string }
  | { kind: 'remote'; repository: string; path: string; ref: string }

/** @throws Error when the text has none of the three forms, or the path leads out of its repository */
export function parseUses(text: string): Uses {
  if (text.startsWith('./')) return { kind: 'local', path: text }
  const self = /^\$\/([^@]+)$/.exec(text)
  if (self !== null) return { kind: 'self', path: self[1] ?? '' }
  const remote = /^([\w.-]+\/[\w.-]+)(?:\/([^@]+))?@([\w./-]+)$/.exec(text)
  if (remote === null) throw new Error(`"${text}" is not ./PATH, $/PATH or OWNER/REPO[/PATH]@REF`)
  return { kind: 'remote', repository: remote[1] ?? '', path: remote[2] ?? '.', ref: remote[3] ?? '' }
}

/** The repositories of a run: the one that it starts in, and the ones that it may name, each a folder on this machine. */
export class Sources {
  private readonly known: Readonly<Record<string, string>>
  private readonly scratch: string
  private readonly taken = new Map<string, Promise<string>>()

  /**
   * @param known folder of each OWNER/REPO that `uses:` may name
   * @param scratch folder for copies
   */
  constructor(known: Readonly<Record<string, string>>, scratch: string) {
    this.known = known
    this.scratch = scratch
  }

  /** The repository that the run starts in, with its tracked files as they are, as `actions/checkout` gives them here. */
  own(repository: string, ref: string, sha: string, folder: string): Source {
    const copy = (): Promise<string> =>
      this.once('own', async (target) => {
        await checkout(folder, target)
      })
    return { repository, ref, sha, folder: copy }
  }

  /**
   * Another repository at a commit; nothing that is not committed there is in it.
   *
   * @throws Error when the repository is not known here, or has no such commit
   */
  remote(repository: string, ref: string): Source {
    const origin = this.known[repository]
    if (origin === undefined) {
      throw new Error(
        `"${repository}" is not a repository of this run. Give its folder: --repository ${repository}=DIR`,
      )
    }
    const sha = execFileSync('git', ['-C', origin, 'rev-parse', '--verify', '--quiet', `${ref}^{commit}`], {
      encoding: 'utf8',
    }).trim()
    const unpack = (): Promise<string> =>
      this.once(`${repository.replace('/', '-')}-${sha}`, async (target) => {
        const archive = `${target}.tar`
        execFileSync('git', ['-C', origin, 'archive', '--format=tar', '--output', archive, sha])
        execFileSync('tar', ['-xf', archive, '-C', target])
        rmSync(archive)
      })
    return { repository, ref, sha, folder: unpack }
  }

  private once(name: string, fill: (target: string) => Promise<void>): Promise<string> {
    const present = this.taken.get(name)
    if (present !== undefined) return present
    const made = (async () => {
      const target = join(this.scratch, name)
      mkdirSync(target, { recursive: true })
      await fill(target)
      return target
    })()
    this.taken.set(name, made)
    return made
  }
}

/** A path inside a source. @throws Error when it leads out, or is not there */
export async function inside(source: Source, path: string): Promise<string> {
  const folder = await source.folder()
  const found = resolve(folder, path)
  if (found !== folder && !found.startsWith(folder + sep))
    throw new Error(`"${path}" leads out of ${source.repository}`)
  if (!existsSync(found)) throw new Error(`${source.repository} has no "${path}" at ${source.ref}`)
  return found
}
