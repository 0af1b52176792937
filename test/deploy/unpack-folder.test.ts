import { chmodSync, existsSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { openState } from '../../src/agent/state.ts'
import { unpackFolder } from '../../src/tasks/verify/unpack-folder.ts'
import { scratch, testPorts } from '../../testkit/ports.ts'

const open = (): ReturnType<typeof openState> => openState(scratch('unpack-folder'), testPorts())

test('the own folder of the step is emptied for a second run, a folder without write permission too', async () => {
  const state = open()
  const folder = await unpackFolder(null, state)
  expect(folder).toBe(join(state.directory, 'rootfs'))
  mkdirSync(join(folder, 'usr/bin'), { recursive: true })
  writeFileSync(join(folder, 'usr/bin/app'), '')
  chmodSync(join(folder, 'usr/bin'), 0o555)
  chmodSync(join(folder, 'usr'), 0o555)
  expect(await unpackFolder(null, state)).toBe(folder)
  expect(existsSync(folder)).toBe(false)
})

test('what no run made there is not removed, nor what a link leads to', async () => {
  const state = open()
  const folder = join(state.directory, 'rootfs')
  mkdirSync(folder)
  writeFileSync(join(folder, 'mine'), '')
  await expect(unpackFolder(null, state)).rejects.toMatchObject({ code: 'exists' })
  expect(readdirSync(folder)).toEqual(['mine'])

  const other = open()
  const own = await unpackFolder(null, other)
  symlinkSync(folder, own)
  await expect(unpackFolder(null, other)).rejects.toMatchObject({ code: 'exists' })
  expect(readdirSync(folder)).toEqual(['mine'])
})

test('a folder that was named must be empty each time', async () => {
  const state = open()
  const folder = scratch('named')
  expect(await unpackFolder(folder, state)).toBe(folder)
  writeFileSync(join(folder, 'mine'), '')
  await expect(unpackFolder(folder, state)).rejects.toMatchObject({ code: 'exists' })
  expect(readdirSync(folder)).toEqual(['mine'])
})
