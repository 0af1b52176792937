import type { StatementRequest } from '../protocol.ts'
import type { Rule } from './context.ts'
import { encryption } from './encryption.ts'
import { evidence } from './evidence.ts'
import { inventory } from './inventory.ts'
import { promotion } from './promotion.ts'
import { provenance } from './provenance.ts'
import { rebuild } from './rebuild.ts'
import { sbom } from './sbom.ts'
import { sign } from './sign.ts'
import { vsa } from './vsa.ts'

/** The table of TRUST §4: a statement that is not here is never signed. */
export const rules: Readonly<Record<StatementRequest['kind'], Rule>> = {
  sign,
  provenance,
  spdx: sbom('spdx'),
  spdx3: sbom('spdx3'),
  cyclonedx: sbom('cyclonedx'),
  inventory,
  rebuild,
  encryption,
  evidence,
  vsa,
  promotion,
}
