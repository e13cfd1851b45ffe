/** `monodon dev` in a terminal: the keys, and the modes of the terminal after it. */
import { type ChildProcess, spawn } from 'node:child_process'
import type { Duplex } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { fetchOnce } from '../support/client.ts'
import { describePython, requirePython } from '../support/python.ts'
import { COMMAND } from '../support/spawned.ts'
import { until } from '../support/wait.ts'
import { Project } from './project.ts'

const SHELL = fileURLToPath(new URL('../support/terminal.py', import.meta.url))
/** Makes the command throw where nobody catches it. */
const CRASHES = "data:text/javascript,process.on('SIGUSR2', () => { throw new Error('crashed') })"
const TIMEOUT = { timeout: 60_000 }

/** The command as the job of a shell in a terminal. */
class Terminal {
  readonly child: ChildProcess
  output = ''
  /** What the shell has said of its job. */
  said = ''

  constructor(cwd: string, args: readonly string[]) {
    const node = [process.execPath, '--import', CRASHES]
    this.child = spawn(requirePython(), [SHELL, ...node, COMMAND, ...args], {
      cwd,
      stdio: ['pipe', 'pipe', 'inherit', 'pipe'],
    })
    this.child.stdout!.on('data', (data) => {
      this.output += data
    })
    this.shell.on('data', (data) => {
      this.said += data
    })
    this.shell.on('error', () => {}) // it is killed in the end
  }

  get shell(): Duplex {
    return this.child.stdio[3] as Duplex
  }

  type(keys: string): void {
    this.child.stdin!.write(keys)
  }

  async shows(text: string | RegExp): Promise<void> {
    const found = () =>
      typeof text === 'string' ? this.output.includes(text) : text.test(this.output)
    await until(`${text} in the terminal`, found).catch((error: Error) => {
      throw new Error(`${error.message}\n${this.output}`)
    })
  }

  async says(text: string): Promise<void> {
    await until(`the shell to say ${text}`, () => this.said.includes(`${text}\n`)).catch(
      (error: Error) => {
        throw new Error(`${error.message}; it said ${this.said}\n${this.output}`)
      },
    )
  }

  /** Waits until the terminal is in this mode. */
  async mode(mode: 'raw' | 'cooked'): Promise<void> {
    await until(`the terminal to be ${mode}`, async () => {
      this.said = this.said.replaceAll(/(?:raw|cooked)\n/g, '')
      this.shell.write('mode\n')
      await until('an answer', () => /(?:raw|cooked)\n/.test(this.said))
      return this.said.includes(mode)
    })
  }

  get port(): number {
    return Number(/http:\/\/127\.0\.0\.1:(\d+)/.exec(this.output)?.[1])
  }
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

  test('h, u and c show, and other keys do nothing', TIMEOUT, async () => {
    const url = `http://127.0.0.1:${terminal.port}`
    const count = () => terminal.output.split(url).length
    const before = count()
    terminal.type('x\x1b[A')
    terminal.type('h')
    await terminal.shows('r  reload: replace the workers by new ones')
    terminal.type('u')
    await until('the URL', () => count() > before)
    terminal.type('c')
    await terminal.shows('\x1b[2J')
    expect((await fetchOnce({ host: '127.0.0.1', port: terminal.port }, '/')).status).toBe(200)
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
