import { writeFileSync } from 'node:fs'
import { pathToFileURL } from 'node:url'
import { MessageChannel, receiveMessageOnPort } from 'node:worker_threads'
import { expect, onTestFinished, test } from 'vitest'
import { fileVersion } from '../../lib/file-version.ts'
import { initialize, resolve } from '../../lib/worker/loads/resolve-hook.ts'
import { Scratch } from '../support/scratch.ts'

test('a file that changes before its thread hears that it was loaded is told as it was', async () => {
  const scratch = new Scratch()
  const { port1: here, port2: there } = new MessageChannel()
  onTestFinished(() => {
    here.close()
    scratch.remove()
  })
  initialize(there)
  const path = scratch.path('late.mjs')
  writeFileSync(path, "export default 'e'")
  const loaded = fileVersion(path)
  await resolve('./late.mjs', {}, async () => ({ url: pathToFileURL(path).href }))
  await resolve('node:fs', {}, async () => ({ url: 'node:fs' }))
  writeFileSync(path, "export default 'other'")
  expect(fileVersion(path)).not.toBe(loaded)
  expect(receiveMessageOnPort(here)).toEqual({ message: [path, loaded] })
  expect(receiveMessageOnPort(here)).toBeUndefined()
})
