/** The file that names the server's process. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { PidFile } from '../../lib/control/pid-file.ts'
import { fetchOnce } from '../support/client.ts'
import { COMMAND, SpawnedServer } from '../support/spawned.ts'

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'monodon-pid-'))
})
afterAll(() => rmSync(folder, { recursive: true }))

test('a second server does not start with the file of one that runs, and leaves it alone', async () => {
  const path = join(folder, 'server.pid')
  const server = await SpawnedServer.start('examples/hello.ts', ['--pid', path])
  const args = [COMMAND, 'examples/hello.ts', '--bind', '127.0.0.1:0', '--pid', path]
  const { status, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' })
  expect(stderr).toContain(`${path} is that of process ${server.pid} (MONODON_PID_FILE_TAKEN;`)
  expect(status).toBe(1)
  expect(readFileSync(path, 'utf8')).toBe(`${server.pid}\n`)
  expect((await fetchOnce(server, '/')).status).toBe(200)
  await server.stop()
  expect(existsSync(path)).toBe(false)
})

describe('a file is written anew', () => {
  const path = () => join(folder, 'other.pid')
  const sleeper = async (): Promise<ChildProcess> => {
    const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'])
    await once(child, 'spawn')
    return child
  }
  const takes = (text: string): void => {
    const file = new PidFile(path())
    expect(readFileSync(path(), 'utf8'), text).toBe(`${process.pid}\n`)
    file.remove()
    expect(existsSync(path())).toBe(false)
  }

  test('of a process that has ended', async () => {
    const child = await sleeper()
    writeFileSync(path(), `${child.pid}\n`)
    expect(() => new PidFile(path())).toThrow(`is that of process ${child.pid}`)
    child.kill('SIGKILL')
    await once(child, 'exit')
    takes('ended')
  })

  test.runIf(process.platform === 'linux')('of a process that has begun after it', async () => {
    const child = await sleeper()
    writeFileSync(path(), `${child.pid}\n`)
    const before = Date.now() / 1000 - 3600
    utimesSync(path(), before, before)
    takes('younger')
    child.kill('SIGKILL')
  })

  test.each(['', 'x', '-1', '0', '1 2', String(process.pid)])('that holds %j', (text) => {
    writeFileSync(path(), text)
    takes(text)
  })
})
