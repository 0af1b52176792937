import { readFileSync } from 'node:fs'
import { errorRecord, exitCodes } from '../../../src/base/errors.ts'
import { main } from '../../../src/cli/main.ts'

/** Types each line of a file in turn, in one process whose limits or user the test chose; prints how each ended. */
const [file = '', agent = ''] = process.argv.slice(2)
const print = process.stdout.write.bind(process.stdout)
const tooLong = Symbol('too long')
for (const args of JSON.parse(readFileSync(file, 'utf8')) as string[][]) {
  let printed = ''
  process.stdout.write = (text: string | Uint8Array) => {
    printed += text.toString()
    return true
  }
  process.exitCode = exitCodes.ok
  const ended = await Promise.race([
    main([...args, '--json'], { agent }).catch(
      (error: unknown) => (printed = JSON.stringify({ error: errorRecord(error) })),
    ),
    new Promise((done) => setTimeout(done, 8000, tooLong).unref()),
  ])
  const exitCode = ended === tooLong ? 'it did not end' : process.exitCode
  print(`${JSON.stringify({ exitCode, ...(JSON.parse(printed === '' ? '{}' : printed) as object) })}\n`)
}
process.exit(exitCodes.ok)
