import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { connect as connectHttp2, type ClientHttp2Session } from 'node:http2'
import { connect } from 'node:net'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { bytesFieldMessage, readBytesField } from '../src/encrypt/provider/protobuf.ts'
import { peer } from './peers.ts'
import { scratch } from './ports.ts'

/** What a program of a cluster was answered. */
export interface Pulled {
  /** Reference of the image by the digest of its configuration; empty where the pull failed. */
  readonly image: string
  /** Words of containerd where it failed. */
  readonly failure: string
}

/** A containerd that a kubelet could use, with our decoder as stream processor for encrypted layers. */
export interface RunningContainerd {
  /** Folder whose files are the keys of this node. */
  readonly keys: string
  /** Pulls and unpacks an image from a registry on loopback, as the kubelet asks for it. */
  pull(reference: string): Promise<Pulled>
  /** Contents of all files with this path in the unpacked images. */
  unpacked(path: string): string[]
  close(): Promise<void>
}

const layerType = 'application/vnd.oci.image.layer.v1.tar'
const quiet = ['nri.v1.nri', 'internal.v1.opt', 'tracing.processor.v1.otlp', 'internal.v1.tracing']

/**
 * Starts containerd as root of this machine or of a user namespace. It unpacks into plain folders; nothing is mounted and no container runs.
 *
 * @param registry `HOST:PORT` that speaks plain http
 * @param providers file for `OCICRYPT_KEYPROVIDER_CONFIG`
 */
export async function startContainerd(registry: string, providers: string): Promise<RunningContainerd> {
  const folder = scratch('ctd')
  const keys = join(folder, 'keys')
  const hosts = join(folder, 'certs.d', registry)
  for (const path of [keys, hosts]) mkdirSync(path, { recursive: true })
  writeFileSync(join(hosts, 'hosts.toml'), `server = "http://${registry}"\n[host."http://${registry}"]\n`)
  const socket = join(folder, 'c.sock')
  writeFileSync(join(folder, 'config.toml'), configOf(folder, socket, providers))
  const user = process.getuid?.() === 0 ? [] : ['-r']
  const child = spawn('unshare', [...user, '-m', '--', peer('containerd'), '-c', join(folder, 'config.toml')], {
    env: { PATH: process.env['PATH'] ?? '' },
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  const ended = new Promise((done) => child.once('close', done))
  let said = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => (said += text))
  for (let i = 0; i < 300 && child.exitCode === null && !said.includes('successfully booted'); i++) await wait(100)
  if (!existsSync(socket)) throw new Error(`containerd did not start: ${said.slice(-2000)}`)
  return {
    keys,
    pull: (reference) => pull(socket, reference),
    unpacked: (path) => {
      const snapshots = join(folder, 'root/io.containerd.snapshotter.v1.native/snapshots')
      const found = existsSync(snapshots) ? readdirSync(snapshots).map((name) => join(snapshots, name, path)) : []
      return found.filter((file) => existsSync(file)).map((file) => readFileSync(file, 'utf8'))
    },
    close: async () => {
      child.kill('SIGTERM')
      await ended
    },
  }
}

function configOf(folder: string, socket: string, providers: string): string {
  const processors = ['', '+gzip', '+zstd'].map((suffix) => {
    const type = `${layerType}${suffix}`
    // Under the names of containerd's own defaults, which come first otherwise.
    return `[stream_processors."io.containerd.ocicrypt.decoder.v1.tar${suffix.replace('+', '.')}"]
  accepts = ["${type}+encrypted"]
  returns = "${type}"
  path = "${peer('ctd-decoder')}"
  args = ["-decryption-keys-path", "${folder}/keys"]
  env = ["OCICRYPT_KEYPROVIDER_CONFIG=${providers}", "PATH=${process.env['PATH'] ?? ''}"]`
  })
  return `version = 3
root = "${folder}/root"
state = "${folder}/state"
disabled_plugins = [${quiet.map((name) => `"io.containerd.${name}"`).join(', ')}]
[grpc]
  address = "${socket}"
[plugins."io.containerd.cri.v1.images"]
  snapshotter = "native"
  # The transfer service starts the decoder without the descriptor of the layer.
  use_local_image_pull = true
  [plugins."io.containerd.cri.v1.images".registry]
    config_path = "${folder}/certs.d"
  [plugins."io.containerd.cri.v1.images".image_decryption]
    key_model = "node"
${processors.join('\n')}
`
}

/** One call of the container runtime interface (`runtime.v1.ImageService`), which is gRPC. */
async function pull(socket: string, reference: string): Promise<Pulled> {
  const session = connectHttp2('http://localhost', { createConnection: () => connect(socket) })
  try {
    return await call(session, bytesFieldMessage(bytesFieldMessage(Buffer.from(reference))))
  } finally {
    session.close()
  }
}

function call(session: ClientHttp2Session, message: Buffer): Promise<Pulled> {
  return new Promise((done, reject) => {
    const path = '/runtime.v1.ImageService/PullImage'
    const headers = { ':method': 'POST', ':path': path, 'content-type': 'application/grpc', te: 'trailers' }
    const request = session.request(headers)
    const chunks: Buffer[] = []
    let failure = 'no answer'
    const status = (fields: { readonly [name: string]: unknown }): void => {
      if (fields['grpc-status'] === undefined) return
      failure = fields['grpc-status'] === '0' ? '' : decodeURIComponent(String(fields['grpc-message'] ?? 'unknown'))
    }
    session.once('error', reject)
    request.on('response', status).on('trailers', status)
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.once('error', reject)
    request.once('close', () => {
      const body = Buffer.concat(chunks).subarray(5)
      done({ failure, image: failure === '' ? readBytesField(body).toString('utf8') : '' })
    })
    const head = Buffer.alloc(5)
    head.writeUInt32BE(message.length, 1)
    request.end(Buffer.concat([head, message]))
  })
}
