// Serves with Bun and with Deno, from a folder where monodon is installed; docs/packages.md tells what
// of it they can. Each server is asked, reloaded, asked again, and stopped.
//
//     node npm/smoke.mjs FOLDER
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Failure, script } from './project.mjs'
import { runtimeBinary } from './runtimes.mjs'

const PATIENCE_MS = 60_000
const LOOK_MS = 20
/** How each is run, and what it can beside `serve()`. */
const RUNTIMES = {
  bun: { flags: [], kinds: ['fetch', 'wsgi', 'node'] },
  deno: {
    flags: ['run', '--allow-all'],
    kinds: ['fetch', 'wsgi', 'node', 'process', 'python'],
  },
}

/** An app for each interface, which answers with the path, and code that embeds a server. */
const FILES = {
  'fetch.ts': `export default { fetch: (request: Request) => new Response(new URL(request.url).pathname) }`,
  'wsgi.ts': `export function app(environ: { PATH_INFO: string }, startResponse: Function) {
    startResponse('200 OK', [['Content-Type', 'text/plain']])
    return [environ.PATH_INFO]
  }`,
  'node.ts': `import type { IncomingMessage, ServerResponse } from 'node:http'
  export default (req: IncomingMessage, res: ServerResponse) => { res.end(req.url) }`,
  'python.py': `
def app(environ, start_response):
    start_response('200 OK', [('Content-Type', 'text/plain')])
    return [environ['PATH_INFO'].encode()]
`,
  'embedded.mjs': `import { serve } from 'monodon'
  const server = await serve((request) => new Response(request.url), { bind: '127.0.0.1:0' })
  const response = await fetch(server.url + '/path')
  if ((await response.text()) !== server.url + '/path') throw new Error('another answer')
  await server.close()`,
}
const COMMANDS = {
  fetch: ['fetch.ts'],
  wsgi: ['wsgi.ts:app', '--interface', 'wsgi'],
  node: ['node.ts', '--interface', 'node'],
  process: ['fetch.ts', '--worker-class', 'process'],
  python: ['python.py:app'],
}

async function main([folder, ...more]) {
  if (folder === undefined || more.length > 0) throw new Failure('usage: node npm/smoke.mjs FOLDER')
  const place = join(resolve(folder), 'monodon-smoke')
  const command = join(resolve(folder), 'node_modules/monodon/dist/cli/main.js')
  mkdirSync(place)
  try {
    for (const [name, text] of Object.entries(FILES)) writeFileSync(join(place, name), text)
    for (const [name, { flags, kinds }] of Object.entries(RUNTIMES)) {
      const runtime = [await runtimeBinary(name), ...flags]
      await succeeds(start(place, [...runtime, 'embedded.mjs']))
      console.log(`${name}: serve()`)
      for (const kind of kinds) {
        const args = [...COMMANDS[kind], '--bind', '127.0.0.1:0']
        await serves(start(place, [...runtime, command, ...args]))
        console.log(`${name}: ${kind}`)
      }
    }
  } finally {
    rmSync(place, { recursive: true })
  }
}

/** @returns {{ child: import('node:child_process').ChildProcess, output: string }} */
function start(cwd, [program, ...args]) {
  const child = spawn(program, args, { cwd, stdio: ['ignore', 'pipe', 'pipe'] })
  const started = { child, output: '' }
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (bytes) => {
      started.output += bytes
    })
  return started
}

async function serves(server) {
  try {
    await said(server, /Workers: \d/)
    const [, url] = /Listening at: (http:\S+)/.exec(server.output)
    await answers(url)
    server.child.kill('SIGHUP')
    await said(server, /\] Reloaded/)
    await answers(url)
    server.child.kill('SIGTERM')
    await succeeds(server)
  } finally {
    server.child.kill('SIGKILL')
  }
}

async function answers(url) {
  const body = await (await fetch(`${url}/path`)).text()
  if (body !== '/path') throw new Failure(`${url}/path answers ${JSON.stringify(body)}`)
}

async function said(server, pattern) {
  const deadline = performance.now() + PATIENCE_MS
  while (!pattern.test(server.output)) {
    if (hasEnded(server.child)) throw new Failure(`it has ended:\n${server.output}`)
    if (performance.now() > deadline) throw new Failure(`no ${pattern} yet:\n${server.output}`)
    await sleep(LOOK_MS)
  }
}

async function succeeds(server) {
  const late = setTimeout(() => server.child.kill('SIGKILL'), PATIENCE_MS)
  if (!hasEnded(server.child)) await once(server.child, 'close')
  clearTimeout(late)
  const { exitCode, signalCode } = server.child
  if (exitCode !== 0)
    throw new Failure(`it ended with ${exitCode ?? signalCode}:\n${server.output}`)
}

const hasEnded = ({ exitCode, signalCode }) => exitCode !== null || signalCode !== null

await script(main)
