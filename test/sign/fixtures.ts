import { generateKeyPairSync } from 'node:crypto'
import { loadSigner } from '../../src/sign/keys.ts'
import { openStore } from '../../src/oci/open.ts'
import { parseReference } from '../../src/oci/reference.ts'
import { putArtifact } from '../../src/oci/artifact.ts'
import { mediaTypes, type Descriptor, type Store } from '../../src/oci/types.ts'
import type { Ports } from '../../src/base/ports.ts'
import type { Signer } from '../../src/statement/types.ts'

export type KeyKind = 'p256' | 'p384' | 'rsa' | 'ed25519'

/** A fresh private key as PKCS#8 PEM. */
export function privatePem(kind: KeyKind = 'p256'): string {
  const { privateKey } =
    kind === 'rsa'
      ? generateKeyPairSync('rsa', { modulusLength: 2048 })
      : kind === 'ed25519'
        ? generateKeyPairSync('ed25519')
        : generateKeyPairSync('ec', { namedCurve: kind === 'p256' ? 'P-256' : 'P-384' })
  return privateKey.export({ format: 'pem', type: 'pkcs8' }).toString()
}

export async function newSigner(kind: KeyKind = 'p256'): Promise<Signer> {
  return loadSigner(privatePem(kind), null)
}

export function storeOf(reference: string, ports: Ports): Store {
  return openStore(parseReference(reference, ports.roots.cwd), ports)
}

/** A small image with one layer; `seed` makes it another one. */
export async function putImage(store: Store, tag: string, seed = 'seed'): Promise<Descriptor> {
  const config = {
    architecture: 'amd64',
    os: 'linux',
    config: { Labels: { seed } },
    rootfs: { type: 'layers', diff_ids: ['sha256:5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef'] },
  }
  return putArtifact(store, {
    artifactType: mediaTypes.config,
    config: { mediaType: mediaTypes.config, bytes: Buffer.from(JSON.stringify(config)) },
    layers: [{ mediaType: mediaTypes.layerTar, bytes: Buffer.alloc(1024) }],
    tag,
  })
}
