import { bytesField, fieldOf } from '../../encoding/protobuf.ts'

/** Both messages of the key provider protocol have one field of bytes (ocicrypt `utils/keyprovider/keyprovider.proto`). */
const field = 1

/** The bytes of a message; empty where they are missing. @throws InputError `input-invalid` */
export function readBytesField(message: Buffer): Buffer {
  return bytesField(message, field, 'KeyProviderKeyWrapProtocolInput')
}

/** A message with these bytes. */
export function bytesFieldMessage(bytes: Uint8Array): Buffer {
  return fieldOf(field, bytes)
}
