import { table } from '../../../base/table.ts'
import type { OsRelease } from '../../model.ts'
import { formatPurl } from '../../purl.ts'

/** What a package of an operating system says of itself. */
export interface SystemPackage {
  type: 'deb' | 'apk' | 'rpm' | 'alpm' | 'opkg'
  name: string
  version: string | null
  arch: string
  /** Source package that it was built from, with its version where that differs. */
  upstream?: string | undefined
  epoch?: string | undefined
}

/** Distributions whose namespace in package URLs is not their `ID` of os-release(5). */
const namespaces: Readonly<Record<string, string>> = table({
  rhel: 'redhat',
  'opensuse-leap': 'opensuse',
  'opensuse-tumbleweed': 'opensuse',
  'opensuse-microos': 'opensuse',
})

/** Package URL of an operating system's package (purl-spec types/*-definition.json): the distribution is namespace and qualifier. */
export function systemPurl(
  { type, name, version, arch, upstream, epoch }: SystemPackage,
  os: OsRelease | null,
  fallback: string | undefined,
): string {
  const id = os?.id ?? fallback
  return formatPurl({
    type,
    namespace: id === undefined ? undefined : (namespaces[id] ?? id),
    name,
    version: version ?? undefined,
    qualifiers: {
      arch,
      distro: os === null || os.versionId === '' ? undefined : `${os.id}-${os.versionId}`,
      epoch,
      upstream: upstream === name ? undefined : upstream,
    },
  })
}

/** Name and version of a source package as `name@version`, or the name alone; undefined where there is none. */
export function sourceOf(text: string): string | undefined {
  const source = /^(\S+)(?: \((\S+)\))?$/.exec(text)
  return source === null ? undefined : [source[1], source[2]].filter((part) => part !== undefined).join('@')
}
