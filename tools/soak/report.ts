/** One long run, kept as data from which documentation is made. */
export interface SoakRecord {
  name: string
  what: string
  count: number
  /** How many make the full run. */
  full: number
  seed: number
  seconds: number
  good: boolean
  result: string
  date: string
  commit: string
  cpu: string
}
