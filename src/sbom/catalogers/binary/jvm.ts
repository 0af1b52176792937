import type { Cataloger } from '../../cataloger.ts'
import { emptyPackage } from '../../found.ts'
import { formatPurl } from '../../purl.ts'

/** Most bytes of a `release` file; real ones have 2 KiB. */
const limit = 500 << 10

type Release = ReadonlyMap<string, string>

/** Java run times by the `release` file at their root. */
export const jvmRelease: Cataloger<Release> = {
  name: 'jvm-release',
  kind: 'jvm',
  finds: 'installed',
  match: { names: ['release'] },
  wants: ({ size }) => (size <= limit ? limit : 0),
  sameAs: () => true,
  read: (_file, content) => {
    const fields = new Map<string, string>()
    for (const line of content.toString('utf8').split('\n')) {
      const at = line.indexOf('=')
      if (at > 0)
        fields.set(
          line.slice(0, at),
          line
            .slice(at + 1)
            .trim()
            .replace(/^"+|"+$/g, ''),
        )
    }
    // Other programs have files of this name.
    return fields.has('JAVA_VERSION') || fields.has('JAVA_RUNTIME_VERSION') ? fields : null
  },
  finish: (facts, { tree }) => ({
    packages: [...facts].map(([path, release]) => {
      const folder = path.slice(0, path.lastIndexOf('/') + 1)
      const { vendor, product } = vendorOf(release, path, tree.get(`${folder}bin/javac`) !== undefined)
      const version = versionOf(release)
      const field = (name: string): string => release.get(name) ?? ''
      return {
        ...emptyPackage('binary', 'jvm-release'),
        name: product,
        version,
        purl: formatPurl({
          type: 'generic',
          namespace: vendor,
          name: product,
          version: version ?? undefined,
          qualifiers: { repository_url: field('SOURCE_REPO') || field('BUILD_SOURCE_REPO') },
        }),
        locations: [path],
        properties: ['IMPLEMENTOR', 'IMPLEMENTOR_VERSION', 'OS_ARCH', 'IMAGE_TYPE']
          .filter((name) => field(name) !== '')
          .map((name): [string, string] => [`jvm:${name.toLowerCase()}`, field(name)]),
      }
    }),
  }),
}

/** The run-time version is the fullest; Java 8's FULL_VERSION counts where it begins like JAVA_VERSION. */
function versionOf(release: Release): string | null {
  const [runtime, full, plain] = ['JAVA_RUNTIME_VERSION', 'FULL_VERSION', 'JAVA_VERSION'].map(
    (name) => release.get(name) ?? '',
  )
  if (runtime !== undefined && runtime !== '') return runtime
  if (full !== undefined && full !== '' && full.split('.')[0] === plain?.split('.')[0]) return full
  return plain || null
}

function vendorOf(release: Release, path: string, hasCompiler: boolean): { vendor: string; product: string } {
  const maker = (release.get('IMPLEMENTOR') ?? '').toLowerCase().replaceAll(' ', '')
  const isRuntime = (release.get('IMAGE_TYPE') ?? '').toLowerCase().includes('jre')
  const product = hasCompiler || !isRuntime ? 'jdk' : 'jre'
  if (maker.includes('azul') || path.includes('zulu')) return { vendor: 'azul', product: 'zulu' }
  if (maker.includes('sun')) return { vendor: 'sun', product }
  if (maker.includes('ibm') || path.includes('/ibm'))
    return { vendor: 'ibm', product: hasCompiler ? 'java_sdk' : 'java' }
  const commercial = (release.get('BUILD_TYPE') ?? '').includes('commercial')
  if (maker.includes('oracle') || path.includes('oracle') || commercial) return { vendor: 'oracle', product }
  return { vendor: 'oracle', product: 'openjdk' }
}
