/** A registry for tests and demos, as a program. See {@link usage}. */
import { parseArgs } from 'node:util'
import { presets } from './presets.ts'
import { quirkTable } from './quirks.ts'
import { serveRegistry } from './server.ts'

const line = (name: string, what: string): string => `\n  ${name.padEnd(24)}${what}`
const usage = `Usage: node tools/registry/index.ts [options]

A container registry (OCI distribution-spec 1.1) on loopback, for tests and demos. It forgets everything when it ends.
The first line on stdout is "listening on HOST:PORT". GET /_requests gives the numbers of requests, DELETE sets them to 0.

  --addr HOST:PORT        loopback address to listen on (default 127.0.0.1:0, a free port)
  --quirks A,B=N,…        quirks and presets, see below
  --tls-cert PEM          certificate of the server; with --tls-key, https is spoken
  --tls-key PEM           its key
  --client-ca PEM         clients must have a certificate of this CA
  --verbose               one line a request on stderr

Quirks:${Object.entries(quirkTable)
  .map(([name, quirk]) => line('unit' in quirk ? `${name}=${quirk.unit}` : name, quirk.what))
  .join('')}

Presets:${Object.entries(presets)
  .map(([name, { quirks, what }]) => line(name, `${what} (${quirks})`))
  .join('')}`

const { values } = parseArgs({
  options: {
    addr: { type: 'string' },
    quirks: { type: 'string', default: '' },
    'tls-cert': { type: 'string' },
    'tls-key': { type: 'string' },
    'client-ca': { type: 'string' },
    verbose: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
})
const { 'tls-cert': cert, 'tls-key': key, 'client-ca': clientCa } = values
if (values.help) {
  console.log(usage)
} else {
  const registry = await serveRegistry({
    addr: values.addr,
    quirks: values.quirks,
    tls: cert === undefined || key === undefined ? undefined : { cert, key, clientCa },
    log: values.verbose ? (text) => console.error(text) : undefined,
  }).catch((error: Error) => {
    console.error(error.message)
    process.exit(1)
  })
  console.log(`listening on ${registry.host}`)
  const stop = async (): Promise<void> => {
    if (values.quirks.split(',').includes('count')) console.error(JSON.stringify(registry.requests()))
    await registry.close()
    process.exit(0)
  }
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => void stop())
}
