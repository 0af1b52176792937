import { table } from '../../../base/table.ts'
import { compareApk } from './apk.ts'
import { compareDeb } from './deb.ts'
import { compareMaven } from './maven.ts'
import type { Order } from './parts.ts'
import { comparePep440 } from './pep440.ts'
import { compareRpm } from './rpm.ts'
import { compareSemver } from './semver.ts'

/** Orders by type of the purl. Kinds that follow semantic versioning share one. */
const orders: Readonly<Record<string, (a: string, b: string) => Order | null>> = table({
  deb: compareDeb,
  opkg: compareDeb,
  rpm: compareRpm,
  alpm: compareRpm,
  apk: compareApk,
  pypi: comparePep440,
  maven: compareMaven,
  npm: compareSemver,
  golang: compareSemver,
  cargo: compareSemver,
  nuget: compareSemver,
  composer: compareSemver,
  gem: compareSemver,
  pub: compareSemver,
  swift: compareSemver,
  hex: compareSemver,
  github: compareSemver,
  generic: compareSemver,
})

/** Which of two versions of a package is newer: 1 if `a` is. Null where the kind has no order that is known, or a text does not follow it. */
export function compareVersions(type: string, a: string, b: string): Order | null {
  const order = Object.hasOwn(orders, type) ? orders[type] : undefined
  return order?.(a, b) ?? null
}
