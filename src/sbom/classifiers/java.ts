import type { Classifier, Clue } from './types.ts'

const graal: Clue = {
  text: /\x00([0-9]{1,8}[.0-9]{1,20}\+[0-9]{1,8}-jvmci-[0-9]{1,8}[.0-9]{1,20}-b[0-9]{1,8})\x00/,
  near: '-jvmci-',
}
const zulu = /zulu[^/]*\//
const ibm = /(?:^|\/)ibm\//

/** Full versions stand between NULs beside the names of the program and of its vendor, in an order that depends on the processor. */
const openjdk: readonly Clue[] = [
  { text: /\x00openjdk\x00java\x00[0-9]{1,8}[.0-9]{0,20}\x00([0-9]{1,8}[^\x00]{1,80})\x00/, near: '\0openjdk\0java\0' },
  {
    text: /\x00[0-9]{1,8}[.0-9]{0,20}\x00{1,64}([0-9]{1,8}[^\x00]{1,80})\x00{1,64}openjdk\x00java/,
    near: 'openjdk\0java',
  },
]
const updated: readonly Clue[] = [
  {
    text: /java\x00[0-9]{1,8}[.0-9]{0,20}\x00([0-9]{1,8}[^\x00_]{1,40}_[^\x00-]{1,40}-[^\x00]{1,40})\x00/,
    has: 'openjdk',
    near: 'java\0',
  },
  {
    text: /\x00[0-9]{1,8}[.0-9]{0,20}\x00{1,64}([0-9]{1,8}[^\x00_]{1,40}_[^\x00-]{1,40}-[^\x00]{1,40})\x00{1,64}openjdk\x00java/,
    near: 'openjdk\0java',
  },
]
const zuluClues: readonly Clue[] = [
  { text: /(?:java|jdb)\x00[0-9]{1,8}[.0-9]{0,20}\x00([0-9]{1,8}[^\x00]{1,80})\x00/ },
  { text: /\x00[0-9]{1,8}[.0-9]{0,20}\x00{1,64}([0-9]{1,8}[^\x00]{1,80})\x00{1,64}(?:openjdk|java|jdb)/ },
]
const jdk = /\x00([0-9]{1,8}\.[0-9]{1,8}\.[0-9]{1,8}(?:\+[0-9]{1,8})?(?:[-._a-zA-Z0-9]{1,60})?)\x00/

const own = (vendor: string, name: string): Pick<Classifier, 'name' | 'purl'> => ({
  name,
  purl: { type: 'generic', namespace: vendor, name },
})

/** Java launchers (`java`) and debuggers (`jdb`, which only a JDK has). */
export const javaClassifiers: readonly Classifier[] = [
  { id: 'java-graalvm', ...own('oracle', 'graalvm'), files: ['java'], group: 'java', clues: [graal] },
  { id: 'java-zulu', ...own('azul', 'zulu'), files: ['java'], group: 'java', path: zulu, clues: zuluClues },
  { id: 'java-openjdk-update', ...own('oracle', 'openjdk'), files: ['java'], group: 'java', clues: updated },
  { id: 'java-openjdk', ...own('oracle', 'openjdk'), files: ['java'], group: 'java', clues: openjdk },
  {
    id: 'java-ibm',
    ...own('ibm', 'java'),
    files: ['java'],
    group: 'java',
    path: ibm,
    clues: [
      {
        text: /\x00java\x00{1,64}[0-9]{1,8}[.0-9]{1,20}\x00{1,64}([0-9]{1,8}[-._a-zA-Z0-9]{1,60})\x00/,
        near: '\0java\0',
      },
    ],
  },
  {
    id: 'java-openjdk-other',
    ...own('oracle', 'jre'),
    files: ['java'],
    group: 'java',
    clues: [{ text: /\x00([0-9]{1,8}[.0-9]{1,20}[+][-0-9]{1,20})\x00/, has: 'openjdk' }],
  },
  {
    id: 'java-oracle',
    ...own('oracle', 'jre'),
    files: ['java'],
    group: 'java',
    clues: [{ text: /\x00([0-9]{1,8}\.[0-9]{1,8}\.[-._+a-zA-Z0-9]{1,60})\x00/ }],
  },
  { id: 'jdb-graalvm', ...own('oracle', 'graalvm'), files: ['jdb'], group: 'jdb', clues: [graal] },
  { id: 'jdb-zulu', ...own('azul', 'zulu'), files: ['jdb'], group: 'jdb', path: zulu, clues: zuluClues },
  { id: 'jdb-openjdk', ...own('oracle', 'openjdk'), files: ['jdb'], group: 'jdb', clues: openjdk },
  {
    id: 'jdb-ibm',
    ...own('ibm', 'java_sdk'),
    files: ['jdb'],
    group: 'jdb',
    path: ibm,
    clues: [{ text: /\x00([0-9]{1,8}[-._a-zA-Z0-9]{2,60})\x00/, before: ['\0java\0', 210], near: '\0java\0' }],
  },
  {
    id: 'jdb-openjdk-other',
    ...own('oracle', 'openjdk'),
    files: ['jdb'],
    group: 'jdb',
    clues: [{ text: jdk, has: 'openjdk' }],
  },
  { id: 'jdb-oracle', ...own('oracle', 'jdk'), files: ['jdb'], group: 'jdb', clues: [{ text: jdk }] },
]
