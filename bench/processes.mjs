// Starts servers and load generators, each on its core, and leaves none behind.
import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { createServer } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { allowedCores } from './proc.mjs'

/** How long a server may take to answer its first request, in ms. */
const START_LIMIT = 20_000
/** How long a server may take to end after SIGTERM, in ms, before it is killed. */
const STOP_LIMIT = 2_000

/** True when `command` is on the path. */
export const installed = (command) =>
  spawnSync('sh', ['-c', `command -v ${command}`], { stdio: 'ignore' }).status === 0

/** The core of the servers and the core of the load. */
export const cores = (() => {
  const allowed = allowedCores()
  return { server: allowed[0], load: allowed.at(-1) }
})()

let reaper

/** Tells the reaper of a process group, `+` or `-`; it is started with the first. */
export function tellReaper(sign, group) {
  if (reaper === undefined) {
    const script = fileURLToPath(new URL('reaper.sh', import.meta.url))
    reaper = spawn('sh', [script], { stdio: ['pipe', 'ignore', 'ignore'], detached: true })
    reaper.unref()
    reaper.stdin.unref()
  }
  reaper.stdin.write(`${sign} ${group}\n`)
}

// The reaper does the rest.
for (const [signal, code] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
  ['SIGHUP', 129],
]) {
  process.on(signal, () => process.exit(code))
}

/** Keeps this process itself off the servers' core. */
export function moveToLoadCore() {
  execFileSync('taskset', ['-acp', String(cores.load), String(process.pid)], { stdio: 'ignore' })
}

/** Starts a command on one core, as the leader of its own process group. */
export function start(core, command, args, options) {
  const child = spawn('taskset', ['-c', String(core), command, ...args], {
    ...options,
    detached: true,
  })
  if (child.pid !== undefined) tellReaper('+', child.pid)
  child.ended = new Promise((resolve) => {
    child.on('error', (error) => resolve({ code: undefined, error }))
    child.on('close', (code, signal) => resolve({ code: code ?? signal }))
  })
  return child
}

/**
 * Runs a load generator on the load's core.
 *
 * @param {(pid: number) => void} [onStart]
 * @returns {Promise<string>} what it printed
 * @throws {Error} when it fails
 */
export async function runLoad(command, args, onStart) {
  const child = start(cores.load, command, args, { stdio: ['ignore', 'pipe', 'pipe'] })
  let output = ''
  let errors = ''
  child.stdout.on('data', (text) => {
    output += text
  })
  child.stderr.on('data', (text) => {
    errors += text
  })
  onStart?.(child.pid)
  const { code, error } = await child.ended
  if (error) throw error
  tellReaper('-', child.pid)
  if (code !== 0) throw new Error(`${command} ended with ${code}: ${(errors || output).trim()}`)
  return output
}

/** A port that was free a moment ago. */
export async function freePort() {
  const probe = createServer()
  await new Promise((resolve, reject) => {
    probe.on('error', reject)
    probe.listen(0, '127.0.0.1', resolve)
  })
  const { port } = probe.address()
  await new Promise((resolve) => probe.close(resolve))
  return port
}

/** A server that runs on the servers' core. */
class RunningServer {
  #child
  #output = ''

  /** @param {{ command: string, args: string[], env?: object, cwd?: string }} launch */
  constructor(launch, port) {
    this.port = port
    this.exited = undefined
    this.#child = start(cores.server, launch.command, launch.args, {
      cwd: launch.cwd,
      env: { ...process.env, NODE_ENV: 'production', ...launch.env },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    const keep = (text) => {
      this.#output = (this.#output + text).slice(-4096)
    }
    this.#child.stdout.on('data', keep)
    this.#child.stderr.on('data', keep)
    this.#child.ended.then(({ code, error }) => {
      this.exited = error?.message ?? `ended with ${code}`
    })
  }

  get pid() {
    return this.#child.pid
  }

  /** Why it is not running, with the last lines it printed. */
  get lastWords() {
    const tail = this.#output.trim().split('\n').slice(-6).join('\n    ')
    return `${this.exited ?? 'does not answer'}${tail && `\n    ${tail}`}`
  }

  /** Has it rest, wherever it is. */
  pause() {
    this.#signal('SIGSTOP')
  }

  /** Has it go on. */
  resume() {
    this.#signal('SIGCONT')
  }

  async stop() {
    if (this.exited !== undefined) return
    this.#signal('SIGTERM')
    this.resume()
    const ended = await Promise.race([
      this.#child.ended.then(() => true),
      delay(STOP_LIMIT, false, { ref: false }),
    ])
    // Its children may outlive it: the whole group goes.
    this.#signal('SIGKILL')
    if (!ended) await this.#child.ended
    tellReaper('-', this.pid)
  }

  #signal(name) {
    try {
      process.kill(-this.pid, name)
    } catch {
      // It has ended.
    }
  }
}

/**
 * Starts a server and waits until `answers` says that it does.
 *
 * @param {(port: number) => { command: string, args: string[] }} launch
 * @param {(port: number) => Promise<unknown>} answers rejects while the server does not answer
 * @throws {Error} when the server ends or does not answer in time
 */
export async function startServer(launch, answers) {
  const port = await freePort()
  const server = new RunningServer(launch(port), port)
  const deadline = Date.now() + START_LIMIT
  for (;;) {
    if (server.exited === undefined) {
      try {
        await answers(port)
        return server
      } catch (error) {
        if (error.wrongAnswer) {
          await server.stop()
          throw error
        }
      }
    }
    if (server.exited !== undefined || Date.now() > deadline) {
      await server.stop()
      throw new Error(server.lastWords)
    }
    await delay(50)
  }
}
