import { cpSync, mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { root, vector, withPeers } from '../../../testkit/peers.ts'
import { scratch } from '../../../testkit/ports.ts'
import { door } from './door.ts'

/** Files that the page speaks of, and the vectors that they are. */
const files: Readonly<Record<string, string>> = {
  'quote.bin': 'tee/tdx/go-tdx-guest/testdata/quote_v5_sample.dat',
  'collateral/90c06f000000.json': 'tee/tdx/dcap-qvl/sample/tdx_quote_outdated_collateral.json',
  'report.bin': 'tee/snp/go-sev-guest/attestation.bin',
  'collateral/vcek.der': 'tee/snp/go-sev-guest/vcek.testcer',
  'azure.json': 'coco/az-snp-vtpm/evidence-v2.json',
  'quote.msg': 'tee/tpm/swtpm/quote_ecdsa_sha256.msg',
  'quote.sig': 'tee/tpm/swtpm/quote_ecdsa_sha256.sig',
  'quote.pcrs': 'tee/tpm/swtpm/quote_ecdsa_sha256.pcrs',
  'ak.pem': 'tee/tpm/swtpm/ak_ecdsa_sha256.pem',
}

interface Example {
  command: string
  /** Lines that are printed, in this order; `…` stands for any, also at the end of one. */
  lines: string[]
}

function examples(): Example[] {
  const page = readFileSync(join(root, 'docs/tee-commands.md'), 'utf8')
  const blocks = [...page.matchAll(/```console\n([\s\S]*?)```/g)].map(([, block]) => block ?? '')
  return blocks.flatMap((block) =>
    block
      .split(/^\$ /m)
      .slice(1)
      .map((one) => {
        const [command = '', ...lines] = one.trimEnd().split('\n')
        return { command, lines }
      }),
  )
}

/** The command of an example as the door takes it; the longest name that fits. */
function parse(command: string): { name: string; args: string[] } {
  const words = command.split(' ').slice(1)
  const length = words[1] === 'collateral' ? 3 : 2
  return { name: words.slice(0, length).join(' '), args: words.slice(length).filter((word) => word !== '--json') }
}

withPeers(
  ['vectors:tee', 'vectors:coco'],
  'each example of docs/tee-commands.md prints what stands there',
  async () => {
    const folder = scratch('docs')
    mkdirSync(join(folder, 'collateral'))
    for (const [name, path] of Object.entries(files)) cpSync(vector(path), join(folder, name))
    const all = examples()
    expect(all.length).toBeGreaterThan(8)
    for (const { command, lines } of all) {
      const { name, args } = parse(command)
      const { text, error } = await door(
        name,
        ...args.map((arg) => (/^[\w.-]+$/.test(arg) && isFile(arg) ? join(folder, arg) : arg)),
      )
      expect([command, error]).toEqual([command, undefined])
      const printed = text.replaceAll(`${folder}/`, '').split('\n')
      for (const line of lines.filter((one) => one !== '…')) {
        const start = line.endsWith('…') ? line.slice(0, -1) : null
        expect([command, printed.find((one) => (start === null ? one === line : one.startsWith(start)))]).not.toContain(
          undefined,
        )
      }
    }
  },
)

/** Arguments that are files of the page; `--technology sample` is none. */
function isFile(arg: string): boolean {
  return arg === 'collateral' || /\.(bin|json|msg|sig|pcrs|pem|txt)$/.test(arg)
}
