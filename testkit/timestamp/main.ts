// A time stamp service in a process of its own, as another party would run it: its key is in no file. Prints one line of JSON, then serves until it is
// ended. The argument is the address to listen on.
import { makeAuthority } from './authority.ts'
import { startTimestampServer } from './server.ts'

const [host = '127.0.0.1'] = process.argv.slice(2)
const authority = makeAuthority({ name: 'TSA of the demo' })
const { url } = await startTimestampServer(authority, { host })
process.stdout.write(`${JSON.stringify({ url, pem: authority.pem })}\n`)
