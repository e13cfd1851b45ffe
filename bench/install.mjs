// Brings what the servers need: the peers from their registries, the limit and some loads from their source.
import { execFile } from 'node:child_process'
import { copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { findBinary } from '../npm/runtimes.mjs'

const run = promisify(execFile)
const bench = fileURLToPath(new URL('.', import.meta.url))
const root = join(bench, '..')
const cache = join(bench, '.cache')

/** An install that is not done by then, in ms, does not happen here. */
const INSTALL_LIMIT = 300_000

/** Runs a command; its failure becomes one line. */
async function attempt(command, args, options = {}) {
  try {
    return await run(command, args, {
      timeout: INSTALL_LIMIT,
      maxBuffer: 64 * 1024 * 1024,
      ...options,
    })
  } catch (error) {
    const [line] = (error.stderr || error.message).trim().split('\n').slice(-1)
    throw new Error(`${command} ${args[0]} failed: ${line}`)
  }
}

/**
 * Installs into bench/.cache/<name> when `manifest` differs from what is there.
 *
 * @param {(folder: string) => Promise<unknown>} install
 */
async function installOnce(name, manifest, install) {
  const folder = join(cache, name)
  const wanted = readFileSync(manifest, 'utf8') + process.version
  const stamp = join(folder, 'installed')
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return folder
  console.error(`installing the ${name} peers into bench/.cache ...`)
  mkdirSync(folder, { recursive: true })
  await install(folder)
  writeFileSync(stamp, wanted)
  return folder
}

const npmPeers = () => {
  const manifest = join(bench, 'peers/package.json')
  return installOnce('npm', manifest, async (folder) => {
    copyFileSync(manifest, join(folder, 'package.json'))
    // No install scripts: they only link a binary that is in a package of its own already.
    await attempt('npm', ['install', '--ignore-scripts', '--no-audit', '--no-fund'], {
      cwd: folder,
    })
  })
}

const pythonPeers = () => {
  const manifest = join(bench, 'peers/requirements.txt')
  return installOnce('python', manifest, async (folder) => {
    await attempt('python3', ['-m', 'venv', folder])
    await attempt(join(folder, 'bin/pip'), ['install', '--quiet', '-r', manifest])
  })
}

async function runtimeBinary(name) {
  return findBinary(join(await npmPeers(), 'node_modules'), name)
}

/** The project publishes no npm package; this one republishes it, built against an old glibc. */
async function uWebSockets() {
  const folder = join(await npmPeers(), 'node_modules/uwebsockets')
  const { platform, arch, versions } = process
  if (!existsSync(join(folder, `uws_${platform}_${arch}_${versions.modules}.node`))) {
    throw new Error(`no binary for ${platform} ${arch}, Node ABI ${versions.modules}`)
  }
  return join(folder, 'ESM_wrapper.mjs')
}

async function ws() {
  return join(await npmPeers(), 'node_modules/ws/wrapper.mjs')
}

async function compression() {
  return join(await npmPeers(), 'node_modules/compression/index.js')
}

async function pythonServer(name) {
  const binary = join(await pythonPeers(), 'bin', name)
  if (!existsSync(binary)) throw new Error(`the package has no ${name}`)
  return binary
}

/** Builds crates/monodon-http/examples/NAME.rs. */
async function example(name) {
  const { stdout } = await attempt(
    'cargo',
    [
      ...['build', '--release', '--example', name, '-p', 'monodon-http'],
      '--message-format=json-render-diagnostics',
    ],
    { cwd: root, timeout: 2 * INSTALL_LIMIT },
  )
  const artifacts = stdout
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line))
  const built = artifacts.find(({ executable, target }) => executable && target.name === name)
  if (!built) throw new Error(`cargo built no example named ${name}`)
  return built.executable
}

async function monodon() {
  const cli = join(root, 'dist/cli/main.js')
  if (!existsSync(cli)) throw new Error('monodon is not built: run npm run build')
  return cli
}

const SOURCES = {
  monodon,
  limit: () => example('limit'),
  sockets: () => example('sockets'),
  handshakes: () => example('handshakes'),
  uws: uWebSockets,
  ws,
  compression,
  bun: () => runtimeBinary('bun'),
  deno: () => runtimeBinary('deno'),
  python: () => pythonServer('python'),
  gunicorn: () => pythonServer('gunicorn'),
  granian: () => pythonServer('granian'),
  uwsgi: () => pythonServer('pyuwsgi'),
}

const provided = new Map()

/**
 * The path of a thing that a server needs; installed or built at the first call.
 *
 * @param {keyof typeof SOURCES} name
 * @returns {Promise<string>}
 * @throws {Error} with the reason why it is not to be had here
 */
export function provide(name) {
  if (!provided.has(name)) provided.set(name, SOURCES[name]())
  return provided.get(name)
}
