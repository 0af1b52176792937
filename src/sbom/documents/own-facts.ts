import { isObject, parseJson, type JsonObject } from '../../base/json.ts'
import { VerificationError } from '../../base/errors.ts'
import { gapReasons, type Coverage, type Gap, type IntegrityFinding } from '../model.ts'
import type { Completeness, DocumentIdentity, DocumentPackage, SbomDocument } from './model.ts'
import { takeReferences } from './references.ts'
import { digestOf } from './values.ts'

/** Takes apart the facts that our writers put into properties, annotations and comments (src/sbom/formats/facts.ts); all others are kept as properties. */
export function takeDocumentFacts(document: SbomDocument, facts: readonly [name: string, value: string][]): void {
  const { identity } = document
  for (const [name, value] of takeReferences(identity, facts)) {
    switch (name) {
      case 'sealwright:document:name':
        document.name = value
        break
      case 'sealwright:image:config-digest':
        identity.configDigest = digestOf(value)
        break
      case 'sealwright:image:manifest-digest':
        identity.manifestDigest = digestOf(value)
        break
      case 'sealwright:image:diff-id': {
        const diffId = digestOf(value)
        if (diffId !== null) identity.diffIds.push(diffId)
        break
      }
      case 'sealwright:image:platform':
        identity.platform = value
        break
      case 'sealwright:inventory':
        document.inventory = digestOf(value)
        break
      case 'sealwright:catalogers':
        document.catalogers = value === '' ? [] : value.split(',')
        break
      case 'sealwright:completeness':
        document.completeness = completenessOf(value)
        break
      case 'sealwright:dependencies':
        identity.dependencies = completenessOf(value)
        break
      case 'sealwright:unread':
        document.gaps.push(gapOf(value))
        break
      case 'sealwright:files:unattributed':
        coverageOf(document).unattributed = Number(value)
        break
      case 'sealwright:executable:unattributed':
        coverageOf(document).executables.push(value)
        break
      case 'sealwright:executable:privileged':
        coverageOf(document).privileged.push(value)
        break
      case 'sealwright:integrity:checked':
        coverageOf(document).checked = Number(value)
        break
      case 'sealwright:integrity:finding':
        coverageOf(document).findings.push(findingOf(value))
        break
      default:
        if (name.startsWith(modelFact)) takeModelFact(identity, name.slice(modelFact.length), value)
        else document.properties.push([ownName(name), value])
    }
  }
}

const modelFact = 'sealwright:model:'

function takeModelFact(identity: DocumentIdentity, name: string, value: string): void {
  const model = (identity.model ??= { properties: [] })
  if (name === 'architecture' || name === 'family' || name === 'task') model[name] = value
  else if (name === 'language') (model.languages ??= []).push(value)
  else model.properties.push([name, value])
}

/** The same for one package. @returns owners by id, in the document's own ids */
export function takePackageFacts(item: DocumentPackage, facts: readonly [name: string, value: string][]): string[] {
  const owners: string[] = []
  for (const [name, value] of takeReferences(item, facts)) {
    switch (name) {
      case 'sealwright:location':
        item.locations.push(value)
        break
      case 'sealwright:owned-by':
        owners.push(value)
        break
      case 'sealwright:cataloger':
        item.cataloger = value
        break
      case 'sealwright:scope':
        item.scope = scopes.find((scope) => scope === value) ?? item.scope
        break
      case 'sealwright:unknown':
        if (!item.declaredUnknown.includes(value)) item.declaredUnknown.push(value)
        break
      case 'sealwright:dependencies':
        item.dependencies = completenessOf(value)
        break
      case 'sealwright:type':
        item.type = value
        break
      case 'sealwright:cpe':
        item.cpes.push(value)
        break
      case 'sealwright:licence:text':
        item.licenceText = value
        break
      case 'sealwright:licence:concluded':
        item.concluded = value
        break
      case 'sealwright:homepage':
        item.homepage = value
        break
      case 'sealwright:identifier': {
        const equals = value.indexOf('=')
        if (equals > 0) item.identifiers.push([value.slice(0, equals), value.slice(equals + 1)])
        break
      }
      default:
        item.properties.push([ownName(name), value])
    }
  }
  return owners
}

const scopes = ['required', 'optional', 'development', 'build', 'excluded'] as const

/** Our own names lose the prefix that the writers gave them. */
function ownName(name: string): string {
  return /^sealwright:[^:]+$/.test(name) ? name.slice('sealwright:'.length) : name
}

function completenessOf(value: string): Completeness {
  return value === 'complete' || value === 'incomplete' ? value : 'unknown'
}

function coverageOf(document: SbomDocument): Coverage {
  return (document.coverage ??= { unattributed: 0, executables: [], privileged: [], checked: 0, findings: [] })
}

function gapOf(value: string): Gap {
  const fact = factOf(value)
  const reason = gapReasons.find((known) => known === fact['reason']) ?? 'unreadable'
  return { path: word(fact, 'path'), kind: word(fact, 'kind'), reason, why: word(fact, 'why') }
}

function findingOf(value: string): IntegrityFinding {
  const fact = factOf(value)
  return {
    path: word(fact, 'path'),
    purl: word(fact, 'purl'),
    kind: fact['kind'] === 'missing' ? 'missing' : 'modified',
  }
}

function factOf(value: string): JsonObject {
  const fact = parseJson(value, 'a fact of the document')
  if (isObject(fact)) return fact
  throw new VerificationError('format-invalid', `the fact ${value} is not an object`, { subject: value })
}

function word(fact: JsonObject, name: string): string {
  const value = fact[name]
  if (typeof value === 'string') return value
  throw new VerificationError('format-invalid', `a fact of the document has no "${name}"`, { subject: name })
}
