/** Builds one context in a process of its own and prints the digests: `child.ts CONTEXT LAYOUT BUILDER`. */
import { buildImage } from '../../src/build/build.ts'
import { openStore } from '../../src/oci/open.ts'
import { makePorts } from '../../src/runner/make-ports.ts'

const [context = '', directory = '', builder = ''] = process.argv.slice(2)
const ports = makePorts({ env: process.env, cwd: process.cwd() })
const result = await buildImage(
  {
    context,
    file: null,
    prepare:
      'umask; mkdir -p made/sub && date +%s > /dev/null && cp a made/sub/copy && chmod 600 made/sub/copy && touch made/x',
    builder: builder === 'buildah' ? 'buildah' : 'embedded',
    network: 'none',
    target: null,
    platforms: [],
    buildArgs: {},
    labels: {},
    sourceDateEpoch: 'commit',
    rebuilds: 1,
    compression: 'gzip',
    allowDifference: false,
    exclude: [],
    output: { store: openStore({ kind: 'layout', directory }, ports), tag: 'latest' },
  },
  ports,
)
console.log(
  JSON.stringify({
    digest: result.digest,
    record: result.recordDigest,
    clean: result.unclean,
    same: result.reproducible,
  }),
)
