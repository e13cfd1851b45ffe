// What it takes to have a server: the size of the addon, a cold start, and an installation.
import { spawn } from 'node:child_process'
import {
  copyFileSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { must, npm, root } from '../npm/project.mjs'
import { prebuildIn, RELEASE } from '../npm/release/stage.mjs'
import { targetOf } from '../npm/release/targets.mjs'
import { cores, freePort } from './processes.mjs'

const here = (path) => fileURLToPath(new URL(path, import.meta.url))

const ROUNDS = 15
/** Between two looks whether a server answers, in ms. */
const LOOK_MS = 2
const PATIENCE_MS = 60_000

const STARTED = {
  'node:http': (port) => peerAt(port, 'hello-http'),
  // What no server can do without whose app has a thread of its own.
  'node:net in a thread': (port) => peerAt(port, 'thread-net'),
  monodon: (port) => ({ args: monodonAt(port) }),
  // As the first start after an installation: later ones take over what V8 has compiled.
  'monodon, nothing kept': (port) => ({
    args: monodonAt(port),
    env: { MONODON_CODE_CACHE: '0' },
  }),
}

const peerAt = (port, name) => ({
  args: [here(`peers/${name}.mjs`)],
  env: { PORT: String(port) },
})

function monodonAt(port) {
  const flags = ['--bind', `127.0.0.1:${port}`, '--log-level', 'error']
  // Named, as the figure that is asked for is of `app:app`.
  return [join(root, 'dist/cli/main.js'), `${here('apps/hello.mjs')}:app`, ...flags]
}

/** A start may use the cores of servers and of load: nothing else runs. */
function begin(command, { args, env }) {
  const both = `${cores.server},${cores.load}`
  return spawn('taskset', ['-c', both, command, ...args], {
    stdio: 'ignore',
    env: { ...process.env, ...env },
  })
}

/**
 * @typedef {object} Start
 * @property {number} wall ms until a request was answered
 * @property {number} cpu ms of processor time until then, of all threads
 * @property {number} main ms of the main thread
 * @property {number} worker ms of the worker's
 */

/** Has monodon keep what V8 compiles of it, which it does a second after its start. */
async function keepCode() {
  const folder = join(root, 'dist/compiled')
  const isKept = () =>
    ['command', 'worker'].every((kind) =>
      namesIn(folder).some((name) => name.startsWith(kind) && name.includes(process.version)),
    )
  rmSync(folder, { recursive: true, force: true })
  const port = await freePort()
  const child = begin(process.execPath, { args: monodonAt(port) })
  try {
    await answered(port, child)
    const deadline = performance.now() + PATIENCE_MS
    while (!isKept()) {
      if (performance.now() > deadline) throw new Error(`no code is kept in ${folder}`)
      await sleep(LOOK_MS)
    }
  } finally {
    await end(child)
  }
}

const namesIn = (folder) => (existsSync(folder) ? readdirSync(folder) : [])

/**
 * Medians over interleaved cold starts, before which monodon has had its first one.
 *
 * @returns {Promise<Record<keyof typeof STARTED, Start>>}
 */
export async function coldStarts() {
  const rounds = Object.fromEntries(Object.keys(STARTED).map((name) => [name, []]))
  await keepCode()
  for (let round = 0; round < ROUNDS; round++)
    for (const [name, commandFor] of Object.entries(STARTED))
      rounds[name].push(await startOnce(commandFor))
  return Object.fromEntries(
    Object.entries(rounds).map(([name, starts]) => [
      name,
      Object.fromEntries(
        Object.keys(starts[0]).map((figure) => [figure, median(starts.map((one) => one[figure]))]),
      ),
    ]),
  )
}

async function startOnce(commandFor) {
  const port = await freePort()
  const begun = performance.now()
  const child = begin(process.execPath, commandFor(port))
  try {
    await answered(port, child)
    return { wall: performance.now() - begun, ...processorTimes(child.pid) }
  } finally {
    await end(child)
  }
}

/** Of a process so far, in ms. */
function processorTimes(pid) {
  const threads = readdirSync(`/proc/${pid}/task`).map((id) => ({
    isMain: Number(id) === pid,
    name: readFileSync(`/proc/${pid}/task/${id}/comm`, 'utf8'),
    ms: Number.parseInt(readFileSync(`/proc/${pid}/task/${id}/schedstat`, 'utf8'), 10) / 1e6,
  }))
  const sum = (chosen) => threads.filter(chosen).reduce((total, { ms }) => total + ms, 0)
  return {
    cpu: sum(() => true),
    main: sum(({ isMain }) => isMain),
    worker: sum(({ name }) => name.startsWith('monodon-worker')),
  }
}

async function answered(port, child) {
  const deadline = performance.now() + PATIENCE_MS
  while (!(await answers(port))) {
    if (child.exitCode !== null) throw new Error(`it ended with exit code ${child.exitCode}`)
    if (performance.now() > deadline) throw new Error(`no answer within ${PATIENCE_MS} ms`)
    await sleep(LOOK_MS)
  }
}

function answers(port) {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    socket.on('connect', () =>
      socket.end('GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n'),
    )
    socket.on('data', (bytes) => resolve(bytes.includes('200 OK', 0, 'latin1')))
    socket.on('error', () => resolve(false))
    socket.on('close', () => resolve(false))
  })
}

async function end(child) {
  const ended = new Promise((resolve) => child.once('exit', resolve))
  if (child.exitCode !== null || child.signalCode !== null) return
  child.kill('SIGKILL')
  await ended
}

const median = (values) => values.toSorted((a, b) => a - b)[values.length >> 1]

/**
 * Installs the packed package into an empty folder without the network, and serves an app from there.
 *
 * @returns {Promise<{ install: number, answer: number }>} ms of `npm install`, and from its start to the
 *   first answered request
 */
export async function installation() {
  const out = 'target/package-bench'
  const release = join(root, 'npm/release.mjs')
  await must(process.execPath, [release, 'build', '--built', addonFile(), '--out', out])
  await must(process.execPath, [release, 'pack', '--out', out])
  const tarball = readdirSync(join(root, out)).find((name) => name.endsWith('-offline.tgz'))
  const folder = mkdtempSync(join(tmpdir(), 'monodon-install-'))
  try {
    writeFileSync(join(folder, 'package.json'), '{ "private": true }')
    writeFileSync(join(folder, 'app.mjs'), `export default () => new Response('Hello')`)
    const begun = performance.now()
    const flags = ['--offline', '--no-audit', '--no-fund', '--silent']
    await must(...npm('install', ...flags, '--prefix', folder, join(root, out, tarball)))
    const install = performance.now() - begun
    const port = await freePort()
    const command = join(folder, 'node_modules/.bin/monodon')
    const args = [join(folder, 'app.mjs'), '--bind', `127.0.0.1:${port}`, '--log-level', 'error']
    const child = begin(command, { args })
    try {
      await answered(port, child)
      return { install, answer: performance.now() - begun }
    } finally {
      await end(child)
    }
  } finally {
    rmSync(folder, { recursive: true })
    rmSync(join(root, out), { recursive: true })
  }
}

/**
 * The addon that packages have, if `npm/release.mjs` has built one for this machine where it puts it by default: it
 * is stripped, and links to an older C library, which makes it a little larger. Else the one that was built here, when
 * it is stripped as that one is.
 *
 * @returns {Promise<{ bytes: number, build: string }>} its size, and for people which it is
 */
export async function addonSize() {
  const released = prebuildIn(RELEASE, targetOf())
  if (existsSync(join(root, released)))
    return { bytes: statSync(join(root, released)).size, build: `for release, ${released}` }
  const folder = mkdtempSync(join(tmpdir(), 'monodon-addon-'))
  try {
    const stripped = join(folder, 'addon.node')
    copyFileSync(addonFile(), stripped)
    await must('strip', [stripped])
    return { bytes: statSync(stripped).size, build: 'built here, stripped' }
  } finally {
    rmSync(folder, { recursive: true })
  }
}

function addonFile() {
  const dist = join(root, 'dist')
  const name = readdirSync(dist).find((one) => one.endsWith('.node'))
  if (name === undefined) throw new Error('no addon is built')
  return join(dist, name)
}
