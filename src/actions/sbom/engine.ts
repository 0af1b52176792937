import { InputError } from '../../base/errors.ts'
import type { ActionContext, RawInputs } from '../../doors/context.ts'
import { installTool } from '../../runner/tools.ts'
import { pinnedSyft, syftPin } from '../../sbom/engines/pins.ts'
import { engineNames, type EngineName } from '../../sbom/engines/types.ts'
import type { EngineRequest } from '../../tasks/sbom/request.ts'
import { join } from 'node:path'

/** Reads `engine`. @throws InputError `input-invalid` */
export function readEngine(inputs: RawInputs): EngineName {
  return inputs.text('engine') === '' ? 'builtin' : inputs.choice('engine', engineNames)
}

/**
 * Finds syft on PATH, or installs the pinned release by the runner's tool cache.
 *
 * @throws InputError `tool-missing` where none is pinned for this machine; VerificationError `digest-mismatch`
 */
export async function engineRequest(engine: EngineName, { ports, state }: ActionContext): Promise<EngineRequest> {
  if (engine === 'builtin') return { name: engine, program: null }
  const found = await ports.exec.find('syft')
  if (found !== null) return { name: engine, program: found }
  const pinned = pinnedSyft(process.platform, process.arch)
  if (pinned === null) {
    throw new InputError(
      'tool-missing',
      `syft is not on PATH, and none is pinned for ${process.platform}-${process.arch}`,
      {
        subject: 'engine',
        remedy: `Install syft ${syftPin.version} on PATH, or use \`engine: builtin\`.`,
      },
    )
  }
  const folder = await installTool({ name: 'syft', ...pinned }, await state.path('tools'), ports)
  return { name: engine, program: join(folder, 'syft') }
}
