import type { ActionContext, RawInputs } from '../../doors/context.ts'
import { InputError } from '../../base/errors.ts'
import { technologies } from '../../base/technology.ts'
import { jcs } from '../../encoding/jcs.ts'
import { chooseCollector } from '../../tee/collect/index.ts'
import type { CommandResult } from '../command.ts'
import { writeNewFile } from '../new-file.ts'
import { hexOption } from './option-values.ts'

/** `tee collect`: evidence of this machine over given bytes, without an agent. It extends no register. */
export async function teeCollect(inputs: RawInputs, { ports }: ActionContext): Promise<CommandResult> {
  inputs.required('report-data')
  inputs.required('output')
  const given = hexOption(inputs, 'report-data', 48)
  const device = inputs.text('tpm-device')
  const wanted = inputs.choice('technology', ['auto', ...technologies])
  if (device !== '' && (wanted === 'snp' || wanted === 'tdx' || wanted === 'sample')) {
    throw new InputError('input-invalid', `--tpm-device has no meaning with ${wanted}`, {
      subject: 'tpm-device',
      remedy: 'Leave --tpm-device out.',
    })
  }
  const collector = await chooseCollector(wanted, ports, device === '' ? {} : { tpmDevice: device })
  const reportData = Buffer.alloc(48)
  given?.copy(reportData)
  const evidence = await collector.collect(reportData, ports)
  const path = await writeNewFile(inputs, 'output', Buffer.from(jcs({ ...evidence })))
  const { technology } = evidence
  return {
    outputs: {
      technology,
      evidence: path,
      'report-data': reportData.toString('hex'),
      documents: Object.keys(evidence.documents),
    },
    text: `${path} (${technology})\nVerify it with: sealwright tee verify --evidence ${path} --report-data ${given?.toString('hex') ?? ''}\n`,
  }
}
