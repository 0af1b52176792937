import { defineTask } from '../context.ts'
import { finishEncryption } from './finish.ts'
import { encryptRequestSchema, prepareEncryption } from './prepare.ts'

/** Encrypts the layers of an image for KBS keys and public keys. */
export const encrypt = defineTask(encryptRequestSchema, async (request, context) =>
  finishEncryption(await prepareEncryption(request, context), context),
)
