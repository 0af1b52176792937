import type { Purl } from '../purl.ts'

/** One place where a program shows its version. All bytes are read as latin1. */
export interface Clue {
  /** Group 1 is the version. Bounded quantifiers only: the text may be hostile. A function gets the file's name and may decline with null. */
  text: RegExp | ((name: string) => RegExp | null)
  /** Bytes within {@link reach} of the match, searched first: a large file is then looked at only around them. */
  near?: string
  /** Bytes that end at most so many bytes before the match, anywhere in between. */
  before?: readonly [bytes: string, within: number]
  /** Bytes that begin at most so many bytes after the match. */
  after?: readonly [bytes: string, within: number]
  /** Bytes that the file contains anywhere. */
  has?: string
}

/** A program or library that is recognised by its name and its content. */
export interface Classifier {
  /** Unique. */
  readonly id: string
  /** Name of the package. */
  readonly name: string
  /** Default: `pkg:generic/NAME`. */
  readonly purl?: Omit<Purl, 'version'>
  /** Exact file names, or a pattern for the name that begins with `prefix`. */
  readonly files: readonly string[] | { prefix: string; pattern: RegExp }
  /** Of the path, where the name alone says too little. */
  readonly path?: RegExp
  /** The first that matches gives the version. */
  readonly clues: readonly Clue[]
  /** Of the classifiers of one group only the first that matches a file counts. */
  readonly group?: string
  /** Shows the version of another file only: is no package itself. */
  readonly hidden?: boolean
  /** Where the version stands when the file itself does not show it. */
  readonly lookup?: {
    /** Classifier of the other file. */
    id: string
    /** A shared library that the program loads, by its name. */
    library?: RegExp
    /** A file in this folder, seen from the program's. */
    folder?: readonly string[]
  }
}

/** Bytes around a `near` mark in which its clue is searched. */
export const reach = 600
