import type { JsonObject } from '../src/base/json.ts'
import { jcs } from '../src/encoding/jcs.ts'
import { predicateTypeOf, type StatementSubject, type WrittenKind } from '../src/statement/statement.ts'
import { statementType } from '../src/statement/types.ts'

/** A payload as another tool or an attacker would make it: the predicate is not checked. */
export function looseStatement(
  kind: WrittenKind,
  { digest, name }: StatementSubject,
  predicate: JsonObject = {},
): Buffer {
  return jcs({
    _type: statementType,
    predicateType: predicateTypeOf(kind),
    subject: [{ name, digest: { sha256: digest.slice('sha256:'.length) } }],
    predicate,
  })
}
