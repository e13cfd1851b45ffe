// npm run example NAME [-- options]: runs an example with its one command, in its folder.
//
//     npm run example hono
//     npm run example flask -- --workers 2
//     npm run example wsgi.ts
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { Failure, must, npm, root, run, script } from './project.mjs'

const examples = join(root, 'examples')
const COMMAND = join(root, 'dist/cli/main.js')
/** What has no package.json, and what it is served with. */
const PYTHON_APPS = { flask: 'app:app', django: 'guestbook.wsgi:application' }
/** A listener has two parameters, as a WSGI app has. */
const FLAGS = { 'node.ts': ['--interface', 'node'] }

/** A package, by its own script: `start`, or `test` for the one that is a test. */
async function runPackage(folder, options) {
  const prefix = ['--prefix', folder]
  if (!existsSync(join(folder, 'node_modules')))
    await must(...npm('install', ...prefix, '--no-audit', '--no-fund'))
  const { scripts } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
  return run(...npm('run', ...prefix, scripts.start ? 'start' : 'test', '--', ...options))
}

/** A Python app, in a virtual environment of its own. */
async function runPython(folder, app, options) {
  const environment = join(folder, '.venv')
  if (!existsSync(join(environment, '.installed'))) {
    await must('python3', ['-m', 'venv', environment])
    const pip = join(environment, 'bin/pip')
    await must(pip, ['install', '-q', '-r', join(folder, 'requirements.txt')])
    await must('touch', [join(environment, '.installed')])
  }
  const env = {
    VIRTUAL_ENV: environment,
    PATH: join(environment, 'bin') + delimiter + process.env.PATH,
  }
  return run(process.execPath, [COMMAND, app, '--chdir', folder, ...options], { env })
}

async function main([name, ...options]) {
  const names = readdirSync(examples).filter((entry) => !/^\.|\.md$/.test(entry))
  if (name === undefined || !names.includes(name))
    throw new Failure(`usage: npm run example NAME [-- options]\nThere are: ${names.join(', ')}`)
  const path = join(examples, name)
  if (/\.[jt]s$/.test(name))
    return run(process.execPath, [COMMAND, path, ...(FLAGS[name] ?? []), ...options])
  if (name in PYTHON_APPS) return runPython(path, PYTHON_APPS[name], options)
  return runPackage(path, options)
}

// Ctrl-C reaches the server as well, which ends first.
process.on('SIGINT', () => {})
await script(main)
