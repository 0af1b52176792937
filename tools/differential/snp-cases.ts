import { readFileSync } from 'node:fs'
import type { JsonObject } from '../../src/base/json.ts'
import { fromBase64 } from '../../src/encoding/base64.ts'
import { parseAzureEvidence } from '../../src/tee/verify/azure/evidence.ts'
import { parseHcl } from '../../src/tee/verify/azure/hcl.ts'
import { amdCertificates, type SnpLine } from '../../src/tee/verify/snp/amd-authorities.ts'
import { readCocoSnp } from '../../src/tee/verify/snp/coco-report.ts'
import { certificatesOf } from '../../src/tee/verify/snp/index.ts'
import { readVek } from '../../src/tee/verify/snp/vek.ts'
import { verifySnp } from '../../src/tee/verify/snp/verify-snp.ts'
import { parseCertificate } from '../../src/encoding/x509/certificate.ts'
import { vector } from '../../testkit/peers.ts'
import { flip } from '../../testkit/mutate.ts'
import { readEvidence } from '../../src/tee/formats/read.ts'
import { tsmJson } from '../../testkit/tee/held.ts'
import { Random } from '../../testkit/random.ts'
import { failedSteps } from '../fuzz/targets/snp.ts'
import { certificateTable } from './certificate-table.ts'
import { changeField, reportFields } from './mutations.ts'
import type { Case } from './types.ts'

interface Base {
  name: string
  report: Buffer
  key: Buffer
  keyKind: 'vcek' | 'vlek'
  line: SnpLine
  product: string
  vmpl: 0 | 1
}

/** Reports of the shared vectors, as they are and changed. The peer reads the clock, so we are asked about the same moment. */
export function snpCases(mutations: number, seed: number, now: Date): Case[] {
  const all = bases()
  const random = new Random(seed, 'go-sev-guest')
  const cases = all.flatMap((base) => vectorsOf(base, all, now))
  for (let n = 0; n < mutations; n++) {
    const base = random.pick(all)
    if (random.below(4) === 0) {
      const bit = random.below(base.key.length * 8)
      cases.push(
        caseOf(
          { ...base, key: flip(base.key, bit) },
          'mutation',
          `${base.name}, key certificate: bit ${bit}`,
          base,
          now,
        ),
      )
    } else {
      const { what, bytes } = changeField(base.report, reportFields, random)
      cases.push(caseOf({ ...base, report: bytes }, 'mutation', `${base.name}, ${what}`, base, now))
    }
  }
  return cases
}

function vectorsOf(base: Base, all: readonly Base[], now: Date): Case[] {
  const other = all.find(({ name, keyKind }) => name !== base.name && keyKind === base.keyKind)
  return [
    caseOf(base, 'vector', base.name, base, now),
    caseOf(
      base,
      'vector',
      `${base.name}, other report data asked for`,
      { ...base, report: flip(base.report, 0x50 * 8) },
      now,
    ),
    wrappedCase(base, now),
    ...(other === undefined
      ? []
      : [caseOf({ ...base, key: other.key }, 'vector', `${base.name}, key certificate of ${other.name}`, base, now)]),
  ]
}

/** The same report out of another program's file: our reader of such files must hand on the very bytes. */
function wrappedCase(base: Base, now: Date): Case {
  const read = readEvidence(Buffer.from(JSON.stringify(tsmJson(base.report))), 'auto', base.name)
  const report =
    read.kind === 'evidence' ? fromBase64(read.evidence.documents['tsm-outblob'] ?? '', 'tsm-outblob') : null
  return caseOf(
    { ...base, report: report ?? Buffer.alloc(0) },
    'vector',
    `${base.name}, out of configfs-tsm JSON`,
    base,
    now,
  )
}

/** @param good tells what must be bound: never the changed report */
function caseOf(base: Base, group: Case['group'], what: string, good: Base, now: Date): Case {
  const reportData = Buffer.from(good.report.subarray(0x50, 0x90))
  const { report, key, keyKind, line, product, vmpl } = base
  const { ark, ask, asvk } = amdCertificates[line]
  const [arkDer, askDer] = [fromBase64(ark, 'ARK'), fromBase64(keyKind === 'vcek' ? ask : asvk, 'ASK')]
  return {
    peer: 'go-sev-guest',
    technology: 'snp',
    group,
    what,
    ours: () => failedSteps(verifySnp({ report, certificates: [key] }, { reportData, at: now, policy: { vmpl } })),
    theirs: {
      kind: 'snp',
      report,
      table: certificateTable([
        [keyKind, key],
        ['ask', askDer],
        ['ark', arkDer],
      ]),
      product,
      reportData,
      vmpl,
      roots: null,
    },
  }
}

function bases(): Base[] {
  const read = (path: string): Buffer => readFileSync(vector(path))
  const base = (name: string, report: Buffer, keyPath: string, more: Partial<Base> = {}): Base => ({
    name,
    report,
    key: certificatesOf(read(keyPath), keyPath)[0] ?? Buffer.alloc(0),
    keyKind: 'vcek',
    line: 'Milan',
    product: 'Milan-B0',
    vmpl: 0,
    ...more,
  })
  const genoa = readCocoSnp(JSON.parse(read('tee/trustee/evidence.json').toString('utf8')))
  const altered = (kind: string): Base =>
    base(
      `trustee test-report, VCEK altered (${kind})`,
      read('coco/snp/test-report.bin'),
      `coco/snp/test-vcek-invalid-${kind}.der`,
    )
  return [
    base(
      'go-sev-guest attestation (debug)',
      read('tee/snp/go-sev-guest/attestation.bin'),
      'tee/snp/go-sev-guest/vcek.testcer',
    ),
    base(
      'virtee report_milan',
      Buffer.from(read('tee/snp/virtee-sev/certs_data/report_milan.hex').toString('latin1').trim(), 'hex'),
      'tee/snp/virtee-sev/certs_data/vcek_milan.der',
    ),
    base('trustee test-report', read('coco/snp/test-report.bin'), 'coco/snp/test-vcek.der'),
    altered('legacy'),
    altered('new'),
    base('trustee test-vlek-report (expired)', read('coco/snp/test-vlek-report.bin'), 'coco/snp/test-vlek.der', {
      keyKind: 'vlek',
      vmpl: 1,
    }),
    azure('az-snp-vtpm evidence-v1', 'coco/az-snp-vtpm/evidence-v1.json'),
    azure('az-snp-vtpm evidence-v2', 'coco/az-snp-vtpm/evidence-v2.json'),
    {
      name: 'trustee evidence (Genoa)',
      report: genoa.report,
      key: genoa.certificates[0] ?? Buffer.alloc(0),
      keyKind: 'vcek',
      line: 'Genoa',
      product: 'Genoa-B1',
      vmpl: 0,
    },
  ]
}

/** The processor's report inside of a paravisor's. */
function azure(name: string, path: string): Base {
  const evidence = parseAzureEvidence('az-snp-vtpm', JSON.parse(readFileSync(vector(path), 'utf8')) as JsonObject)
  const { line, product } = readVek(parseCertificate(evidence.document, 'VCEK'))
  const { hardware: report } = parseHcl(evidence.hclReport)
  return { name, report, key: evidence.document, keyKind: 'vcek', line, product, vmpl: 0 }
}
