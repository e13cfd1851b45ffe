/** The kinds of workers, each with the same app, which does to its worker what it is asked to. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe } from 'vitest'
import { describePython } from './python.ts'
import { SpawnedServer } from './spawned.ts'

/**
 * Answers with the name of its worker, and on `/begin` with a response in the middle of which it hangs. While it is loaded it hangs if there is a file `hang`, and ends
 * if there is a file `fail`.
 */
const JAVASCRIPT = `import { existsSync } from 'node:fs'
import { threadId } from 'node:worker_threads'
if (existsSync('fail')) process.exit(7)
if (existsSync('hang')) for (;;) {}
const kept = []
function spin() { for (;;) {} }
const DEEDS = {
  '/spin': spin,
  '/exit': () => process.exit(7),
  '/kill': () => process.kill(process.pid, 'SIGKILL'),
  '/segfault': () => process.kill(process.pid, 'SIGSEGV'),
  '/memory': () => { for (;;) kept.push(new Array(100_000).fill(kept.length)) },
  '/leak': () => kept.push(Buffer.alloc(8 * 1024 * 1024, 1)),
}
const begun = () => new ReadableStream({
  start: (controller) => controller.enqueue(new TextEncoder().encode('begun')),
  pull: () => new Promise(() => setTimeout(spin, 100)),
})
export default (request) => {
  const { pathname } = new URL(request.url)
  if (pathname === '/begin') return new Response(begun())
  DEEDS[pathname]?.()
  return new Response(process.pid + '-' + threadId)
}
`
const PYTHON = `import os, signal
if os.path.exists('fail'):
    os._exit(7)
while os.path.exists('hang'):
    pass
kept = []
def spin():
    while True:
        pass
DEEDS = {
    '/spin': spin,
    '/exit': lambda: os._exit(7),
    '/kill': lambda: os.kill(os.getpid(), signal.SIGKILL),
    '/segfault': lambda: os.kill(os.getpid(), signal.SIGSEGV),
    '/leak': lambda: kept.append(bytearray(b'x') * (8 * 1024 * 1024)),
}
def begin():
    yield b'begun'
    spin()
def app(environ, start_response):
    if environ['PATH_INFO'] == '/begin':
        start_response('200 OK', [])
        return begin()
    DEEDS.get(environ['PATH_INFO'], lambda: None)()
    start_response('200 OK', [('Content-Type', 'text/plain')])
    return [str(os.getpid()).encode()]
`

export interface WorkerKind {
  readonly name: 'thread' | 'process' | 'python'
  /** Writes the app into the folder and serves it from there. */
  start(folder: string, flags: readonly string[], env?: NodeJS.ProcessEnv): Promise<SpawnedServer>
}

const javascript = (name: 'thread' | 'process'): WorkerKind => ({
  name,
  start: (folder, flags, env) => {
    writeFileSync(join(folder, 'app.mjs'), JAVASCRIPT)
    return SpawnedServer.start('app.mjs', ['--worker-class', name, ...flags], env, folder)
  },
})

const THREAD = javascript('thread')
const PROCESS = javascript('process')
const OF_PYTHON: WorkerKind = {
  name: 'python',
  start: (folder, flags, env) => {
    writeFileSync(join(folder, 'app.py'), PYTHON)
    return SpawnedServer.python('app:app', flags, env, folder)
  },
}

/** A suite for workers of each kind; Python's is skipped where there is none. */
export function describeWorkers(title: string, suite: (kind: WorkerKind) => void): void {
  describe(`${title}: threads`, () => suite(THREAD))
  describe(`${title}: processes`, () => suite(PROCESS))
  describePython(`${title}: Python`, () => suite(OF_PYTHON))
}
