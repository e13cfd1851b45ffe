/** `monodon dev` in a terminal: the keys, and the modes of the terminal after it. */
import { afterEach, beforeEach, expect, test } from 'vitest'
import { fetchOnce } from '../support/client.ts'
import { childrenOf } from '../support/leaks.ts'
import { describePython } from '../support/python.ts'
import { Terminal } from '../support/terminal.ts'
import { until } from '../support/wait.ts'
import { Project } from './project.ts'

const TIMEOUT = { timeout: 60_000 }

/** Of the address that the command has shown. */
function portIn({ output }: Terminal): number {
  return Number(/http:\/\/127\.0\.0\.1:(\d+)/.exec(output)?.[1])
}

describePython('monodon dev in a terminal', () => {
  let project: Project
  let terminal: Terminal
  beforeEach(async () => {
    project = new Project()
    project.write('app.mjs', "export default () => new Response('1')")
    terminal = new Terminal(project.folder, ['dev', 'app.mjs', '--bind', '127.0.0.1:0'])
    await terminal.shows('Keys: r reload, u URL, c clear, q quit, h help')
    await terminal.mode('raw')
  })
  afterEach(() => {
    terminal.child.kill('SIGKILL')
    project.remove('.')
  })

  test('r reloads, and q quits', TIMEOUT, async () => {
    terminal.type('r')
    await terminal.shows('Reloading: the key r was pressed')
    await terminal.shows(/\] Reloaded/)
    terminal.type('q')
    await terminal.says('ended 0')
    await terminal.mode('cooked')
  })

  test(
    'keys are heeded after workers have gone, which set the terminal as they found it',
    TIMEOUT,
    async () => {
      for (const reloads of [1, 2]) {
        terminal.type('r')
        await until('the reload', () => terminal.output.split('] Reloaded').length > reloads)
        await until('the old worker to be gone', () => childrenOf(terminal.job).length === 1)
        await terminal.mode('raw')
      }
      terminal.type('q')
      await terminal.says('ended 0')
    },
  )

  test('h, u and c show, and other keys do nothing', TIMEOUT, async () => {
    const url = `http://127.0.0.1:${portIn(terminal)}`
    const count = () => terminal.output.split(url).length
    const before = count()
    terminal.type('x\x1b[A')
    terminal.type('h')
    await terminal.shows('r  reload: replace the workers by new ones')
    terminal.type('u')
    await until('the URL', () => count() > before)
    terminal.type('c')
    await terminal.shows('\x1b[2J')
    expect((await fetchOnce({ host: '127.0.0.1', port: portIn(terminal) }, '/')).status).toBe(200)
    expect(terminal.output).not.toContain('Reloading')
    terminal.type('q')
    await terminal.says('ended 0')
  })

  test.each([
    ['Ctrl-C', '\x03', 'SIGINT'],
    ['Ctrl-\\', '\x1c', 'SIGQUIT'],
  ])('%s ends it as ever', TIMEOUT, async (_, key, signal) => {
    terminal.type(key)
    await terminal.shows(`Stopping (${signal})`)
    await terminal.says('ended 0')
    await terminal.mode('cooked')
  })

  test('Ctrl-Z stops it, and keys are heeded again when it goes on', TIMEOUT, async () => {
    terminal.type('\x1a')
    await terminal.says('stopped')
    await terminal.mode('cooked')
    terminal.shell.write('foreground\n')
    await terminal.mode('raw')
    terminal.type('r')
    await terminal.shows('Reloading: the key r was pressed')
    terminal.type('q')
    await terminal.says('ended 0')
    await terminal.mode('cooked')
  })

  test('the terminal is as it was after a crash', TIMEOUT, async () => {
    const pid = Number(/Listening at: \S+ \((\d+)\)/.exec(terminal.output)?.[1])
    process.kill(pid, 'SIGUSR2')
    await terminal.shows('Error: crashed')
    await terminal.says('ended 1')
    await terminal.mode('cooked')
  })
})

test('without a terminal there are no keys', TIMEOUT, async () => {
  const project = new Project()
  project.write('app.mjs', "export default () => new Response('1')")
  await project.start('dev', 'app.mjs')
  await project.logs('dev\n\n  http://127.0.0.1:')
  expect(project.server.output).not.toContain('Keys')
  await project.close()
})
