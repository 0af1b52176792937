import { readFile } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { InputError } from '../../base/errors.ts'
import { isObject, parseJson, type JsonObject } from '../../base/json.ts'
import { isDigest } from '../../oci/digest.ts'
import type { PublisherSection } from './publisher-schema.ts'
import type { PromotionRule } from './promotions-schema.ts'
import type { PolicyDocument, PolicyJob } from './schema.ts'

/** A policy document in which the content of every named file stands in place of its name: what its digest covers. */
export interface Resolved extends Omit<
  PolicyDocument,
  | 'job'
  | 'release-keys'
  | 'trusted-root'
  | 'reference-values'
  | 'tee'
  | 'ear'
  | 'claims'
  | 'promotions'
  | 'time'
  | 'notation'
  | 'scitt'
  | 'status'
  | 'archive'
  | 'publisher'
> {
  job: InlineJob[]
  /** Text of the file; of a repository with the text of its root. */
  'trusted-root'?: PolicyDocument['trusted-root']
  'release-keys': ResolvedKey[]
  publisher?: (Omit<PublisherSection, 'release-keys'> & { 'release-keys': ResolvedKey[] }) | undefined
  /** `content` is the envelope's text. */
  'reference-values'?: { file: string; content: string; keys: string[] }[] | undefined
  tee?: PolicyDocument['tee']
  ear?: { keys: string[]; 'policy-id'?: string | undefined } | undefined
  claims?: PolicyDocument['claims']
  promotions?: (Omit<PromotionRule, 'jobs'> & { jobs?: InlineJob[] })[]
  time?: PolicyDocument['time']
  notation?: PolicyDocument['notation']
  scitt?: PolicyDocument['scitt']
  status?: PolicyDocument['status']
  archive?: PolicyDocument['archive']
}

/** A `job` entry with the pinned keys of its issuer; null where `jwks-uri` says where they are read. */
export interface InlineJob extends Omit<PolicyJob, 'jwks'> {
  jwks: { keys: JsonObject[] } | null
}

interface ResolvedKey {
  key: string
  'not-before'?: string | undefined
  'not-after'?: string | undefined
}

/** Reads a file as text, by absolute path. */
export type ReadText = (file: string) => Promise<string>

const readText: ReadText = (file) => readFile(file, 'utf8')

interface Files {
  /** Of the policy: names are taken from its folder. */
  path: string
  read: ReadText
}

/** @throws InputError `file-missing`, `file-invalid` */
export async function inlineFiles(
  document: PolicyDocument,
  path: string,
  read: ReadText = readText,
): Promise<Resolved> {
  const files: Files = { path, read }
  const jobs = document.job === undefined ? [] : Array.isArray(document.job) ? document.job : [document.job]
  const {
    'reference-values': references,
    'trusted-root': root,
    tee,
    ear,
    claims,
    promotions,
    time,
    notation,
    scitt,
    status,
    archive,
    publisher,
    ...rest
  } = document
  return {
    ...rest,
    job: await inlineJobs(jobs, files),
    'release-keys': await inlineKeys(document['release-keys'], files),
    ...(publisher === undefined
      ? {}
      : { publisher: { ...publisher, 'release-keys': await inlineKeys(publisher['release-keys'], files) } }),
    ...(references === undefined
      ? {}
      : {
          'reference-values': await Promise.all(
            references.map(async ({ file, keys }) => ({
              file,
              content: await beside(files, file),
              keys: await pemTexts(keys, files),
            })),
          ),
        }),
    ...(root === undefined ? {} : { 'trusted-root': await inlineRoot(root, files) }),
    ...(tee === undefined ? {} : { tee: await inlineTee(tee, files) }),
    ...(ear === undefined ? {} : { ear: { ...ear, keys: await pemTexts(ear.keys, files) } }),
    ...(claims === undefined
      ? {}
      : {
          claims: await Promise.all(
            claims.map(async (claim) => ({ ...claim, keys: await pemTexts(claim.keys, files) })),
          ),
        }),
    ...(promotions === undefined
      ? {}
      : {
          promotions: await Promise.all(promotions.map((one) => inlinePromotion(one, files))),
        }),
    ...(notation === undefined ? {} : { notation: await inlineNotation(notation, files) }),
    ...(scitt === undefined ? {} : { scitt: await inlineScitt(scitt, files) }),
    ...(status === undefined ? {} : { status: await inlineStatus(status, files) }),
    ...(archive === undefined ? {} : { archive: await inlineTexts(archive, files) }),
    ...(time === undefined ? {} : { time: await inlineTime(time, files) }),
  }
}

async function inlineKeys(keys: PolicyDocument['release-keys'], files: Files): Promise<ResolvedKey[]> {
  return Promise.all(
    (keys ?? []).map(async (item) => {
      const entry = typeof item === 'string' ? { key: item } : item
      return { ...entry, key: await pemText(entry.key, files) }
    }),
  )
}

async function inlineTexts<T extends { keys?: string[] | undefined }>(section: T, files: Files): Promise<T> {
  const { keys } = section
  return keys === undefined ? section : { ...section, keys: await pemTexts(keys, files) }
}

function inlineJobs(jobs: readonly PolicyJob[], files: Files): Promise<InlineJob[]> {
  return Promise.all(jobs.map(async (job) => ({ ...job, jwks: await readJwks(job.jwks, files) })))
}

async function inlinePromotion(
  { jobs, ...rest }: PromotionRule,
  files: Files,
): Promise<NonNullable<Resolved['promotions']>[number]> {
  const texts = await inlineTexts(rest, files)
  return jobs === undefined ? texts : { ...texts, jobs: await inlineJobs(jobs, files) }
}

type Status = NonNullable<PolicyDocument['status']>

async function inlineStatus(section: Status, files: Files): Promise<Status> {
  const { keys } = section
  if (keys === undefined) return section
  const read = (item: string | string[]): Promise<string | string[]> =>
    typeof item === 'string' ? pemText(item, files) : pemTexts(item, files)
  return { ...section, keys: await Promise.all(keys.map(read)) }
}

type Time = NonNullable<PolicyDocument['time']>

async function inlineTime({ authorities, logs, ...rest }: Time, files: Files): Promise<Time> {
  const chain = (item: { chain: string }): Promise<string> => pemText(item.chain, files)
  return {
    ...(authorities === undefined
      ? {}
      : { authorities: await Promise.all(authorities.map(async (item) => ({ ...item, chain: await chain(item) }))) }),
    ...(logs === undefined
      ? {}
      : { logs: await Promise.all(logs.map(async (item) => ({ ...item, key: await pemText(item.key, files) }))) }),
    ...rest,
  }
}

async function inlineRoot(
  root: NonNullable<PolicyDocument['trusted-root']>,
  files: Files,
): Promise<PolicyDocument['trusted-root']> {
  if (typeof root === 'string') return beside(files, root)
  return isDigest(root.root) ? root : { ...root, root: await beside(files, root.root) }
}

async function inlineTee(tee: NonNullable<PolicyDocument['tee']>, files: Files): Promise<PolicyDocument['tee']> {
  if (tee.tpm === undefined) return tee
  const { 'ek-roots': roots, registrars, ...rest } = tee.tpm
  return {
    ...tee,
    tpm: {
      ...rest,
      ...(roots === undefined ? {} : { 'ek-roots': await pemTexts(roots, files) }),
      ...(registrars === undefined ? {} : { registrars: await pemTexts(registrars, files) }),
    },
  }
}

async function inlineNotation(
  { roots, 'signing-authorities': authorities, ...rest }: NonNullable<PolicyDocument['notation']>,
  files: Files,
): Promise<PolicyDocument['notation']> {
  return {
    ...rest,
    ...(roots === undefined ? {} : { roots: await pemTexts(roots, files) }),
    ...(authorities === undefined ? {} : { 'signing-authorities': await pemTexts(authorities, files) }),
  }
}

async function inlineScitt(
  { issuers, services, ...rest }: NonNullable<PolicyDocument['scitt']>,
  files: Files,
): Promise<PolicyDocument['scitt']> {
  return {
    ...rest,
    issuers: await Promise.all(
      issuers.map(async ({ keys, ...issuer }) => ({
        ...issuer,
        ...(keys === undefined ? {} : { keys: await pemTexts(keys, files) }),
      })),
    ),
    services: await Promise.all(
      services.map(async ({ keys, ...service }) => ({
        ...service,
        keys: await Promise.all(keys.map(async (item) => (item.startsWith('{') ? item : pemText(item, files)))),
      })),
    ),
  }
}

function pemTexts(items: readonly string[], files: Files): Promise<string[]> {
  return Promise.all(items.map((item) => pemText(item, files)))
}

async function pemText(item: string, files: Files): Promise<string> {
  return item.includes('-----BEGIN') ? item : beside(files, item)
}

async function readJwks(value: PolicyJob['jwks'], files: Files): Promise<{ keys: JsonObject[] } | null> {
  if (value === undefined) return null
  const found: unknown = typeof value === 'string' ? parseJson(await beside(files, value), value, 'input') : value
  if (!isObject(found) || !Array.isArray(found['keys']) || !found['keys'].every(isObject)) {
    throw new InputError(
      'file-invalid',
      `the policy ${files.path} is not valid:\n  ${typeof value === 'string' ? value : 'jwks'} is not a JSON Web Key Set`,
      { subject: files.path, remedy: 'Give the JSON document that the issuer serves at its jwks_uri: {"keys":[…]}.' },
    )
  }
  return { keys: found['keys'] }
}

async function beside({ path, read }: Files, name: string): Promise<string> {
  const file = resolve(dirname(path), name)
  return read(file).catch((cause: unknown) => {
    throw new InputError('file-missing', `${file}, named by the policy, cannot be read`, {
      subject: file,
      cause,
      remedy: `Paths in ${path} are taken from its own folder.`,
    })
  })
}
