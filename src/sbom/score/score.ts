import type { SbomDocument } from '../documents/model.ts'
import { bsi21 } from './bsi.ts'
import { general } from './general.ts'
import { cisa2026, ntia2021 } from './minimum.ts'
import type { Profile, Score } from './types.ts'

const judges: Readonly<Record<Profile, (document: SbomDocument) => Score>> = {
  'cisa-2026': cisa2026,
  'ntia-2021': ntia2021,
  'bsi-2.1': bsi21,
  general,
}

/** How far a document has what a profile asks for; nothing is looked up elsewhere. */
export function scoreDocument(document: SbomDocument, profile: Profile): Score {
  return judges[profile](document)
}
