import { z } from 'zod'
import { isDocumentKind, predicateForms } from '../../src/statement/schemas/predicate.ts'
import { predicateTypeOf, type WrittenKind as Kind } from '../../src/statement/statement.ts'
import { predicateExamples } from '../../testkit/predicate-examples.ts'
import { predicateNotes, type PredicateNote } from './predicate-notes.ts'

/** The pages of docs/predicates by file name: one a kind, and the index. */
export function predicatePages(): [name: string, text: string][] {
  const examples = predicateExamples()
  const kinds = Object.entries(predicateNotes) as [Kind, PredicateNote][]
  return [
    ['README.md', index(kinds)],
    ...kinds.map(([kind, note]): [string, string] => [`${kind}.md`, page(kind, note, examples[kind])]),
  ]
}

/** JSON Schema (draft 2020-12) of a predicate as we write it; null for a document, which has an official schema. */
export function predicateSchema(kind: Kind): object | null {
  if (isDocumentKind(kind)) return null
  const { $schema, ...rest } = z.toJSONSchema(predicateForms[kind].strict, {
    io: 'input',
    unrepresentable: 'any',
    // `date-time` says the same in one word as the pattern of 200 characters beside it.
    override: ({ jsonSchema }) => {
      if (jsonSchema.format === 'date-time') delete jsonSchema.pattern
    },
  })
  return { $schema, $id: `https://sealwright.dev/schema/predicate/${kind}.json`, ...rest }
}

const made =
  '<!-- Made by npm run docs from src/statement/schemas, scripts/docs/predicate-notes.ts and testkit/predicate-examples.ts. Do not edit. -->'

function index(kinds: [Kind, PredicateNote][]): string {
  return `${made}

# Predicates

Every statement that Sealwright signs has one of these predicates. Each page gives the type, who signs it and when, the schema, an example, the commands that read it, and
what a verifier must check. How statements are attached and found: [statements.md](../statements.md).

| kind | predicate type | says |
|---|---|---|
${kinds.map(([kind, { says }]) => `| [${kind}](${kind}.md) | \`${predicateTypeOf(kind)}\` | ${says} |`).join('\n')}

* **What is written** is checked against the schema before it is signed: a predicate with a missing, malformed or additional member is not signed.
* **What is read** is checked by the same schema. Members that a schema does not name are ignored, as in-toto asks of consumers; known members must have
  their form, otherwise the gate refuses the statement as \`format-invalid\`.
* Equal input gives equal bytes (RFC 8785). Only the verification summary and the promotion record hold the time of their making.
`
}

function page(kind: Kind, note: PredicateNote, example: Buffer): string {
  const type = predicateTypeOf(kind)
  return `${made}

# Predicate \`${kind}\`

${note.says[0]?.toUpperCase() ?? ''}${note.says.slice(1)}.

| | |
|---|---|
| predicate type | \`${type}\` |
| specification | ${note.specification} |
| subject | ${note.subject} |
| signed by | ${note.signer} |
| signed when | ${note.when} |

## Schema

${schemaOf(kind, note)}

## Example

The payload of one statement, made by the same code from fixed input. It is shown indented; what is signed is the RFC 8785 form in one line.

\`\`\`json
${JSON.stringify(JSON.parse(example.toString('utf8')), null, 2)}
\`\`\`

## Read it

${note.read ?? readWithCosign(type)}

## What a verifier must check

${note.checks.map((check) => `* ${check}`).join('\n')}
`
}

function schemaOf(kind: Kind, { schema }: PredicateNote): string {
  const own = predicateSchema(kind)
  const intro =
    schema ?? 'JSON Schema of the predicate as Sealwright writes it. A reader ignores members that it does not know.'
  return own === null ? intro : `${intro}\n\n\`\`\`json\n${JSON.stringify(own, null, 2)}\n\`\`\``
}

/** cosign verifies the signature, jq reads the payload. */
function readWithCosign(type: string): string {
  return `\`\`\`sh
cosign verify-attestation --key signer.pub --private-infrastructure=true --type ${type} HOST/NAME@DIGEST \\
  | jq '.payload | @base64d | fromjson | .predicate'
\`\`\`

cosign checks the signature, the subject and the type. It does not check who may sign this type: that is the task of the policy.`
}
