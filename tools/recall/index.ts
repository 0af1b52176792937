/** `npm run recall`: our SBOM engine beside syft on the fixtures of syft's own catalogers. See {@link usage}. */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { format, resolveConfig } from 'prettier'
import type { Ports } from '../../src/base/ports.ts'
import { makePorts } from '../../src/runner/make-ports.ts'
import { findPeer } from '../../testkit/peers.ts'
import { compareRows, faultsOf } from './compare.ts'
import { ecosystems as all } from './ecosystems.ts'
import { ourRows } from './engine.ts'
import { exceptions } from './exceptions.ts'
import { catalogersFolder, filesOf, stagedName, stageFixtures, syftVersion } from './fixtures.ts'
import { compareImage, imageReport, readImage } from './image.ts'
import { recallPage } from './report.ts'
import { uniqueRows, withKnownGroups } from './rows.ts'
import { syftRows } from './syft.ts'
import type { Row, Verdict } from './types.ts'

const usage = `usage: npm run recall -- [--only ECOSYSTEM[,ECOSYSTEM]] [--gaps] [--write]
       npm run recall -- --image LAYOUT

Reads the test data of syft's catalogers with syft and with our engine and compares the packages.
Ends with 1 when we miss a package or find one that is not there, and tools/recall/exceptions.ts does not say why.

  --only   some ecosystems: ${all.map(({ name }) => name).join(', ')}
  --gaps   also print what our engine could not read
  --write  write docs/sbom-recall.md; --check compares it (both need all ecosystems)
  --image  an image in an OCI layout, with the tag "latest", read by both: prints counts by kind, and ends with 1 when ours are fewer`

if (process.argv.includes('--help')) {
  console.log(usage)
  process.exit()
}
const { only, gaps: tellGaps, write, check, image } = options()
const root = resolve(import.meta.dirname, '../..')
const begin = performance.now()
const ecosystems = only === null ? all : all.filter(({ name }) => only.includes(name))
const scratch = mkdtempSync(join(tmpdir(), 'sealwright-recall-'))
try {
  const syft = findPeer('syft')
  if (syft === null) throw new Error('syft is not installed: run scripts/peers')
  const ports = makePorts({ env: { PATH: process.env['PATH'] }, cwd: scratch, temp: scratch })
  if (image === null) await fixtures(syft, ports)
  else {
    const { theirs, ours } = await readImage(syft, resolve(image), scratch, ports)
    const { text, good } = imageReport(compareImage(theirs, ours))
    console.log(text)
    process.exitCode = good ? 0 : 1
  }
} finally {
  rmSync(scratch, { recursive: true, force: true })
}

async function fixtures(syft: string, ports: Ports): Promise<void> {
  const staged = join(scratch, 'fixtures')
  stageFixtures(catalogersFolder(), staged, ecosystems)
  const syfts = syftRows(syft, staged, ecosystems, scratch)
  const ours: Row[] = []
  for (const { name } of ecosystems) {
    // Each fixture alone: a damaged one must not hide what is found in the others.
    const fixtures = Map.groupBy(filesOf(join(staged, stagedName(name))), ({ path }) => path.split('/')[0] as string)
    for (const [fixture, files] of fixtures) {
      const { rows, gaps } = await ourRows(name, files, {
        ...ports,
        roots: { ...ports.roots, temp: join(scratch, name, fixture) },
      })
      ours.push(...rows)
      if (tellGaps) for (const gap of gaps) console.log(`gap      ${gap}`)
    }
  }
  const unique = uniqueRows(ours)
  const theirs = uniqueRows(withKnownGroups(syfts, unique))
  const verdicts = ecosystems.map((one) => compareRows(one, theirs, unique, exceptions))
  const faults = faultsOf(verdicts, ecosystems, exceptions)
  for (const fault of faults) console.log(fault)
  for (const verdict of verdicts) console.log(summary(verdict))
  if (write || check) faults.push(...(await settle(verdicts)))
  const seconds = Math.round((performance.now() - begin) / 1000)
  const count = verdicts.reduce((sum, { expected }) => sum + expected, 0)
  console.log(`recall: ${count} packages in ${ecosystems.length} ecosystems, ${seconds} s: ${faults.length} faults`)
  process.exitCode = faults.length === 0 ? 0 : 1
}

function summary({ ecosystem, expected, found, missing, extra }: Verdict): string {
  const told = `${ecosystem}: ${found} of ${expected} found`
  return `${told}, ${missing.length} missing, ${extra.length} only ours`
}

async function settle(verdicts: readonly Verdict[]): Promise<string[]> {
  const path = join(root, 'docs/sbom-recall.md')
  const page = recallPage(verdicts, syftVersion)
  const text = await format(page, { ...(await resolveConfig(path)), filepath: path })
  if (write) {
    writeFileSync(path, text)
    return []
  }
  const same = existsSync(path) && readFileSync(path, 'utf8') === text
  return same ? [] : ['docs/sbom-recall.md is not what this run gives: run "npm run recall -- --write"']
}

function options(): { only: string[] | null; gaps: boolean; write: boolean; check: boolean; image: string | null } {
  try {
    const { values } = parseArgs({
      options: {
        only: { type: 'string' },
        gaps: { type: 'boolean', default: false },
        write: { type: 'boolean', default: false },
        check: { type: 'boolean', default: false },
        image: { type: 'string' },
      },
    })
    const only = values.only?.split(',') ?? null
    const unknown = only?.find((name) => !all.some((one) => one.name === name))
    if (unknown !== undefined) throw new Error(`${unknown} is no ecosystem`)
    if (only !== null && (values.write || values.check)) throw new Error('--write and --check need all ecosystems')
    return { only, gaps: values.gaps, write: values.write, check: values.check, image: values.image ?? null }
  } catch (error) {
    console.error(error instanceof Error ? error.message : error)
    console.error(usage)
    process.exit(2)
  }
}
