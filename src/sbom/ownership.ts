import { parentOf } from '../tar/paths.ts'
import type { OwnedFile } from './model.ts'
import { isShared } from './shared-folders.ts'
import type { FileTree } from './tree.ts'

/**
 * Owners by real path: databases list `/lib/x` where the file lies in `usr/lib/x` (usr-merge), so folders that are links are followed. The
 * last part stays as it is: a package owns its link, not what the link points to. Files that are not there keep their listed name.
 * Where two databases name one file, that of the system counts: an RPM of a Python distribution brings the distribution's own list as well.
 * Into folders of the whole system a package of a language owns only what it states the SHA-256 of: with a bare name a list in one library could
 * claim a program that somebody has put into `usr/bin`.
 */
export function resolveOwners(owned: readonly OwnedFile[], tree: FileTree): Map<string, OwnedFile> {
  const owners = new Map<string, OwnedFile>()
  for (const file of owned) {
    const path = tree.resolve(file.path, true) ?? file.path
    if (rankOf(file.purl) > 0 && file.checksum?.algorithm !== 'SHA-256' && isShared(parentOf(path))) continue
    const known = owners.get(path)
    // Of two packages of one kind the first keeps the file: which of them is right the databases do not say.
    if (known !== undefined && known.purl !== file.purl && rankOf(known.purl) <= rankOf(file.purl)) continue
    // A list names the file, a second document its checksum: what is known of both counts.
    owners.set(path, known?.purl === file.purl ? { ...known, ...file, config: known.config || file.config } : file)
  }
  return owners
}

function rankOf(purl: string): number {
  if (/^pkg:(?:deb|apk|rpm|alpm|opkg|ebuild|generic)\//.test(purl)) return 0
  return purl.startsWith('pkg:conda/') ? 1 : 2
}

/** Folders that packages own whole. None owns a folder of the whole system, whatever its description says. */
export function resolveFolders(claimed: readonly (readonly [folder: string, purl: string])[]): Map<string, string> {
  return new Map(claimed.filter(([folder]) => !isShared(folder)))
}
