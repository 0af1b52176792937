import { InputError } from '../../base/errors.ts'
import type { Ports } from '../../base/ports.ts'
import type { Plan } from '../containerfile/plan.ts'
import type { Driver } from '../driver.ts'
import { checkEmbedded, embeddedDriver } from '../embedded/driver.ts'
import type { DriverName } from '../types.ts'
import { buildahDriver } from './buildah.ts'
import { dockerDriver } from './docker.ts'
import type { DriverNeeds } from './needs.ts'

/**
 * The driver that was asked for; `auto` takes buildah, then docker, then the embedded one.
 *
 * @throws InputError `tool-missing`, `unsupported`
 */
export async function chooseDriver(wanted: 'auto' | DriverName, needs: DriverNeeds, ports: Ports): Promise<Driver> {
  if (wanted === 'embedded') return embedded(needs.plan)
  if (wanted === 'buildah') {
    const driver = await buildahDriver(needs, ports)
    if (driver !== null) return driver
    throw missing('buildah')
  }
  if (wanted === 'docker') {
    const driver = await dockerDriver(needs, ports)
    if (driver !== null) return driver
    throw missing('docker')
  }
  return (
    (await usable(() => buildahDriver(needs, ports), ports)) ??
    (await usable(() => dockerDriver(needs, ports), ports)) ??
    embedded(needs.plan)
  )
}

function embedded(plan: Plan): Driver {
  checkEmbedded(plan)
  return embeddedDriver
}

/** With `auto`, a driver that is installed and cannot work is no error, but it is told. */
async function usable(find: () => Promise<Driver | null>, ports: Ports): Promise<Driver | null> {
  try {
    return await find()
  } catch (error) {
    if (!(error instanceof InputError)) throw error
    ports.log.info(error.message)
    return null
  }
}

function missing(name: string): InputError {
  return new InputError('tool-missing', `${name} is not installed`, {
    subject: 'builder',
    remedy: `Install ${name}, or use \`builder: embedded\` where the Containerfile has no RUN.`,
  })
}
