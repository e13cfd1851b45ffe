import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
} from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { FOLDER, PUBLIC } from './app-parts.ts'

const SOURCES = join(FOLDER, 'next')
const ROOT = fileURLToPath(new URL('../../../', import.meta.url))
const CACHE = join(ROOT, 'test/.cache')

/**
 * The folder of a production build of `test/frameworks/next`. It is made when its sources or
 * Next have changed.
 */
export function nextBuild(): string {
  process.env.NEXT_ROOT = ROOT
  process.env.NEXT_TELEMETRY_DISABLED = '1'
  const folder = join(CACHE, `next-${fingerprint()}`)
  if (!existsSync(folder)) build(folder)
  return folder
}

/** Under another name until it is whole: a build that was interrupted is made again. */
function build(folder: string): void {
  mkdirSync(CACHE, { recursive: true })
  for (const name of readdirSync(CACHE))
    if (/^next-[0-9a-f]/.test(name)) rmSync(join(CACHE, name), { recursive: true })
  const making = join(CACHE, 'next-making')
  rmSync(making, { recursive: true, force: true })
  cpSync(SOURCES, making, { recursive: true })
  cpSync(join(PUBLIC, 'image.png'), join(making, 'public/image.png'))
  cpSync(join(PUBLIC, 'hello.txt'), join(making, 'public/hello.txt'))
  symlinkSync(join(FOLDER, 'node_modules'), join(making, 'node_modules'))
  const next = join(FOLDER, 'node_modules/next/dist/bin/next')
  const { status, stdout, stderr } = spawnSync(process.execPath, [next, 'build'], {
    cwd: making,
    env: { ...process.env, NODE_ENV: 'production' },
    encoding: 'utf8',
  })
  if (status !== 0) throw new Error(`next build failed:\n${stdout}\n${stderr}`)
  renameSync(making, folder)
}

function fingerprint(): string {
  const hash = createHash('sha256')
  hash.update(readFileSync(join(FOLDER, 'node_modules/next/package.json')))
  for (const name of readdirSync(SOURCES, { recursive: true, encoding: 'utf8' }).sort()) {
    const path = join(SOURCES, name)
    if (statSync(path).isFile()) hash.update(`${name}\0`).update(readFileSync(path))
  }
  return hash.digest('hex').slice(0, 16)
}
