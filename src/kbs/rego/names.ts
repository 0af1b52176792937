import type { Cursor } from './cursor.ts'
import { functions } from './functions.ts'
import { words, type Token } from './tokens.ts'

/** regorus takes the last part of an import for a name: `import rego.v1` gives it `v1`. */
const reserved = new Set([...words, 'v1', 'keywords'])

/** In heads and under `not`, nothing can be bound. */
type Block = 'body' | 'every' | 'not' | 'head' | 'member'

interface Frame {
  /** `index`: bound by an index of the statement that is being read. */
  names: Map<string, 'declared' | 'bound' | 'index'>
  /** Names that an inner block, ended by now, gave: OPA would take a later one of the same name for the same. */
  ended: Set<string>
  block: Block
}

/**
 * Names of a module while it is read: each local name is bound once, before it is used, and shadows nothing. Rego moves statements until
 * every name is safe; a policy that is only right after that is refused here.
 */
export interface Names {
  /** Runs a reader in a block of its own. */
  inside<T>(block: Block, read: () => T): T
  declare(token: Token): string
  bind(token: Token): string
  /** Whether `name = value` gives the name a value: if not, it compares. */
  isNew(token: Token): boolean
  /** An index that is only a name: true if it gives that name to the key, false if the name has a value. */
  binds(token: Token): boolean
  /** @throws InputError where the name has no value */
  use(token: Token): void
  /** A statement ends: names that its indices bound can be used. */
  settle(): void
  /**
   * Looks into a value by a computed index, or into the value of a local name.
   *
   * @throws InputError in heads, and under `not` in `every`, where regorus gives other values or none
   */
  looksInto(token: Token, by: 'index' | 'name'): void
  /** Rules and functions used since the last call. */
  used(): Set<string>
}

export function names(rules: ReadonlySet<string>, reader: Cursor): Names {
  const frames: Frame[] = []
  let used = new Set<string>()
  const state = (name: string): 'declared' | 'bound' | 'index' | undefined => {
    for (const frame of frames) if (frame.names.has(name)) return frame.names.get(name)
    return undefined
  }
  const fresh = (token: Token): string => {
    const name = token.text
    if (reserved.has(name)) throw reader.fail(`\`${name}\` is a word of the language`, token)
    if (name === '_') return name
    if (rules.has(name) || functions.has(name))
      throw reader.fail(`the name ${name} is taken by a rule or function`, token)
    if (state(name) !== undefined) throw reader.fail(`the name ${name} has a value already`, token)
    if (frames.at(-1)?.ended.has(name) === true)
      throw reader.fail(`the name ${name} is used in a block above: take another`, token)
    return name
  }
  const enter = (name: string, how: 'declared' | 'bound' | 'index'): string => {
    if (name !== '_') frames.at(-1)?.names.set(name, how)
    return name
  }

  return {
    inside: (block, read) => {
      frames.push({ names: new Map(), ended: new Set(), block })
      const result = read()
      const frame = frames.pop()
      for (const [name, how] of frame?.names ?? []) {
        if (how === 'declared') throw reader.fail(`the name ${name} is declared above and never bound`)
        frames.at(-1)?.ended.add(name)
      }
      for (const name of frame?.ended ?? []) frames.at(-1)?.ended.add(name)
      return result
    },
    declare: (token) => enter(fresh(token), 'declared'),
    bind: (token) => enter(fresh(token), 'bound'),
    isNew: ({ text: name }) => state(name) === undefined && !rules.has(name) && !reserved.has(name) && name !== '_',
    binds: (token) => {
      const name = token.text
      const how = state(name)
      if (how === 'bound' || (how === undefined && rules.has(name)) || name === 'input') return false
      if (how === 'index') throw reader.fail(`${name} is bound in this statement: use it in the next one`, token)
      if (frames.at(-1)?.block !== 'body' && frames.at(-1)?.block !== 'every')
        throw reader.fail(`the name ${name} has no value here`, token)
      if (how === undefined) enter(fresh(token), 'index')
      else if (frames.at(-1)?.names.has(name) === true) enter(name, 'index')
      else throw reader.fail(`bind the name ${name} in the block that declares it`, token)
      return true
    },
    use: (token) => {
      const name = token.text
      if (name === 'input' || name === 'data' || state(name) === 'bound') return
      if (state(name) === 'index')
        throw reader.fail(`${name} is bound in this statement: use it in the next one`, token)
      if (!rules.has(name) || state(name) === 'declared') throw reader.fail(`the name ${name} has no value here`, token)
      used.add(name)
    },
    settle: () => {
      const here = frames.at(-1)?.names
      for (const [name, how] of here ?? []) if (how === 'index') here?.set(name, 'bound')
    },
    looksInto: (token, by) => {
      if (by === 'name' && state(token.text) === undefined) return
      const every = frames.findIndex(({ block }) => block === 'every')
      if (frames.at(-1)?.block === 'head')
        throw reader.fail('give this value a name in the body of the rule, and use the name', token)
      if (by === 'index' && every >= 0 && frames.findLastIndex(({ block }) => block === 'not') > every)
        throw reader.fail('an index under `not` in `every` is a constant: give the value a name before', token)
    },
    used: () => {
      const result = used
      used = new Set()
      return result
    },
  }
}
