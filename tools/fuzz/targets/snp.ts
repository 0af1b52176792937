import { readFileSync } from 'node:fs'
import { readCocoSnp } from '../../../src/tee/verify/snp/coco-report.ts'
import { certificatesOf } from '../../../src/tee/verify/snp/index.ts'
import type { SnpPolicy } from '../../../src/tee/verify/snp/policy.ts'
import { amdTrust, type SnpTrust } from '../../../src/tee/verify/snp/trust.ts'
import { verifySnp, type SnpInput } from '../../../src/tee/verify/snp/verify-snp.ts'
import type { TeeVerdict } from '../../../src/tee/types.ts'
import { vector } from '../../../testkit/peers.ts'
import { syntheticCrl, syntheticSnp, syntheticTrust } from '../../../testkit/tee/pki/snp.ts'
import type { Target } from '../target.ts'

interface World {
  name: string
  report: Buffer
  certificates: Buffer[]
  crl?: Buffer
  at: Date
  policy: SnpPolicy
  trust: SnpTrust
}

/** Each report is a target, and the certificate of its key, and its list where there is one. */
export function snpTargets(): Target[] {
  return [...realWorlds(), ...syntheticWorlds()].flatMap(targetsOf)
}

export function failedSteps({ checks }: Pick<TeeVerdict, 'checks'>): string[] {
  return checks.filter(({ ok }) => !ok).map(({ name }) => name)
}

function targetsOf({ name, report, certificates, crl, at, policy, trust }: World): Target[] {
  // What must be bound is told apart from the report that is changed.
  const reportData = Buffer.from(report.subarray(0x50, 0x90))
  const run = (change: Partial<SnpInput>) =>
    failedSteps(verifySnp({ report, certificates, crl, ...change }, { reportData, at, policy, trust }))
  const [key, ...others] = certificates
  return [
    { name: `report ${name}`, kind: 'report', bytes: report, failed: (changed) => run({ report: changed }) },
    ...(key === undefined
      ? []
      : [
          {
            name: `key certificate ${name}`,
            kind: 'certificate' as const,
            bytes: key,
            failed: (changed: Buffer) => run({ certificates: [changed, ...others] }),
          },
        ]),
    ...(crl === undefined
      ? []
      : [
          {
            name: `list ${name}`,
            kind: 'crl' as const,
            bytes: crl,
            failed: (changed: Buffer) => run({ crl: changed }),
          },
        ]),
  ]
}

function realWorlds(): World[] {
  const read = (path: string): Buffer => readFileSync(vector(`tee/${path}`))
  const world = (name: string, report: Buffer, key: string, policy: SnpPolicy = {}): World => ({
    name,
    report,
    certificates: certificatesOf(read(key), key),
    at: new Date('2025-06-01T00:00:00Z'),
    policy,
    trust: amdTrust,
  })
  const genoa = readCocoSnp(JSON.parse(read('trustee/evidence.json').toString('utf8')))
  return [
    world(
      'go-sev-guest (Milan, version 2)',
      read('snp/go-sev-guest/attestation.bin'),
      'snp/go-sev-guest/vcek.testcer',
      {
        acceptDebug: true,
      },
    ),
    world(
      'virtee (Milan, version 2)',
      Buffer.from(read('snp/virtee-sev/certs_data/report_milan.hex').toString('latin1').trim(), 'hex'),
      'snp/virtee-sev/certs_data/vcek_milan.der',
    ),
    world('trustee (Milan, Azure)', read('trustee/snp/test-report.bin'), 'trustee/snp/test-vcek.der'),
    world('trustee (Milan, VLEK, AWS)', read('trustee/snp/test-vlek-report.bin'), 'trustee/snp/test-vlek.der', {
      vmpl: 1,
    }),
    {
      ...world('trustee (Genoa, version 3)', genoa.report, 'trustee/snp/test-vcek.der'),
      certificates: genoa.certificates,
    },
  ]
}

function syntheticWorlds(): World[] {
  return (['Turin', 'Genoa'] as const).map((line) => {
    // Made once: the trust of the tests signs its authorities anew at each question.
    const trusted = syntheticTrust()(line)
    return {
      name: `synthetic (${line}, version 5)`,
      ...syntheticSnp({ line, version: 5 }),
      crl: syntheticCrl(line, { revoked: [0x30002, 0x30003] }),
      at: new Date('2026-06-01T00:00:00Z'),
      policy: { requireCrl: true },
      trust: () => trusted,
    }
  })
}
