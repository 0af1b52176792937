/** Builds one context in a process (and under a user) of its own, and prints what the steps said: `child.ts OPTIONS`, as JSON. */
import { buildImage } from '../../../src/build/build.ts'
import type { BuildOptions } from '../../../src/build/types.ts'
import { openStore } from '../../../src/oci/open.ts'
import { makePorts } from '../../../src/runner/make-ports.ts'
import { silentLog } from '../../../src/runner/log.ts'

const given = JSON.parse(process.argv[2] ?? '') as Pick<
  BuildOptions,
  'context' | 'prepare' | 'builder' | 'network' | 'exclude' | 'places'
> & { layout: string; buildArgs?: Record<string, string> }
const lines: string[] = []
const log = { ...silentLog, progress: (line: string) => void lines.push(line) }
const ports = makePorts({ env: process.env, cwd: process.cwd(), log })
const { layout, buildArgs = {}, ...options } = given
const result = await buildImage(
  {
    ...options,
    file: null,
    target: null,
    platforms: [],
    buildArgs,
    labels: {},
    sourceDateEpoch: 1_700_000_000,
    rebuilds: 0,
    compression: 'gzip',
    allowDifference: false,
    output: { store: openStore({ kind: 'layout', directory: layout }, ports), tag: 'latest' },
  },
  ports,
).catch((error: unknown) => ({ error }))
if ('error' in result) console.log(JSON.stringify({ lines, error: String(result.error) }))
else console.log(JSON.stringify({ lines, isolation: result.isolation, record: result.record }))
