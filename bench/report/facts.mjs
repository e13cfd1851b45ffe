// Where, with what, and from which commit a run was made.
import { execFileSync, spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { cpus, release, totalmem } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const bench = fileURLToPath(new URL('..', import.meta.url))
const require = createRequire(import.meta.url)

/** What a command prints first; undefined when it is not there. */
function firstLine(command, args) {
  const { stdout, stderr } = spawnSync(command, args, { cwd: bench, encoding: 'utf8' })
  return `${stdout ?? ''}${stderr ?? ''}`.trim().split('\n')[0] || undefined
}

function commit() {
  try {
    const git = (...args) =>
      execFileSync('git', args, {
        cwd: bench,
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'ignore'],
      }).trim()
    return git('rev-parse', 'HEAD') + (git('status', '--porcelain') ? ' (with local changes)' : '')
  } catch {
    return undefined // not a checkout
  }
}

const installedVersion = (name) => {
  for (const folder of require.resolve.paths(name)) {
    try {
      return JSON.parse(readFileSync(join(folder, name, 'package.json'), 'utf8')).version
    } catch {
      // Not in this folder: the next one.
    }
  }
}

function versions() {
  const pinned = JSON.parse(readFileSync(join(bench, 'peers/package.json'), 'utf8')).dependencies
  const python = readFileSync(join(bench, 'peers/requirements.txt'), 'utf8').trim().split('\n')
  const packages = ['fastify', 'express', 'hono', '@hono/node-server', 'autocannon']
  return {
    node: process.version,
    python: firstLine('python3', ['--version']),
    wrk: firstLine('wrk', ['-v']),
    h2load: firstLine('h2load', ['--version']),
    rustc: firstLine('rustc', ['--version']),
    ...Object.fromEntries(packages.map((name) => [name, installedVersion(name)])),
    ...pinned,
    ...Object.fromEntries(python.map((line) => line.split('=='))),
  }
}

export function facts(argv) {
  return {
    date: new Date().toISOString(),
    command: ['node', 'bench/run.mjs', ...argv].join(' '),
    commit: commit(),
    machine: {
      processor: cpus()[0]?.model.trim(),
      cores: cpus().length,
      memory: totalmem(),
      kernel: release(),
      platform: `${process.platform} ${process.arch}`,
    },
    versions: versions(),
  }
}
