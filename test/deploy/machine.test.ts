/** What runs on a machine of one's own or a platform: systemd's units, proxies, Procfile and fly.toml. */
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { parse as parseToml } from 'smol-toml'
import { afterAll, describe, expect, test } from 'vitest'
import { Client, fetchOnce, get } from '../support/client.ts'
import { describeWith } from '../support/required.ts'
import { Scratch } from '../support/scratch.ts'
import { DEPLOY, seconds, startAsDeployed, textOf } from './deployed.ts'

const folder = mkdtempSync(join(tmpdir(), 'monodon-deploy-'))
afterAll(() => rmSync(folder, { recursive: true }))
const env = { ...process.env, PATH: [process.env['PATH'], '/usr/sbin'].join(delimiter) }

const missing = (command: string, ...args: string[]): string | undefined =>
  spawnSync(command, args, { env, stdio: 'ignore' }).error && `there is no ${command}`

/** What a command says, on both streams, and its exit code. */
function said(command: string, ...args: string[]): { text: string; status: number | null } {
  const { stdout, stderr, status } = spawnSync(command, args, { env, encoding: 'utf8' })
  return { text: stdout + stderr, status }
}

/** The settings of a unit; of several with one name the last. */
function settingsOf(unit: string): Record<string, string> {
  const lines = textOf(unit).matchAll(/^(\w+)=(.*)$/gm)
  return Object.fromEntries([...lines].map(([, name, value]) => [name, value]))
}

describe('systemd/shop.service', () => {
  const service = settingsOf('systemd/shop.service')

  test('gives the server the time that it may take', () => {
    // The defaults of graceful-timeout and boot-timeout.
    expect(seconds(service['TimeoutStopSec']!)).toBeGreaterThan(30)
    expect(seconds(service['TimeoutStartSec']!)).toBeGreaterThan(90)
  })

  test('starts a command that is right', () => {
    const scratch = new Scratch()
    const [program, ...args] = service['ExecStart']!.split(' ')
    writeFileSync(scratch.path('app.ts'), 'export default () => new Response()')
    const local = program!.replace(service['WorkingDirectory']!, scratch.folder)
    execFileSync(local, [...args, '--check-config'], { cwd: scratch.folder, stdio: 'pipe' })
    scratch.remove()
  })
})

describeWith(missing('systemd-analyze', '--version'), 'systemd-analyze', () => {
  test('finds nothing wrong with the units', () => {
    const program = settingsOf('systemd/shop.service')['ExecStart']!.split(' ')[0]!
    const files = ['shop.service', 'shop.socket'].map((name) => {
      const file = join(folder, name)
      writeFileSync(file, textOf(`systemd/${name}`).replaceAll(program, process.execPath))
      return file
    })
    expect(said('systemd-analyze', 'verify', ...files)).toEqual({ text: '', status: 0 })
  })

  test('finds the service well locked up', () => {
    const file = join(DEPLOY, 'systemd/shop.service')
    // Of 10, where a service without any setting has 9.6.
    const args = ['security', '--offline=true', '--threshold=20', file]
    const { text, status } = said('systemd-analyze', ...args)
    expect(text).toMatch(/exposure level for shop\.service: [01]\.\d OK/)
    expect(status).toBe(0)
  })
})

describeWith(missing('nginx', '-v'), 'proxies/nginx.conf', () => {
  test('is a configuration that nginx takes', () => {
    const file = join(folder, 'nginx.conf')
    const paths = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
      (name) => `${name}_temp_path ${folder}/${name};`,
    )
    const http = [...paths, `include ${join(DEPLOY, 'proxies/nginx.conf')};`].join('\n')
    writeFileSync(file, `pid ${folder}/nginx.pid;\nevents {}\nhttp {\n${http}\n}\n`)
    expect(said('nginx', '-t', '-q', '-e', 'stderr', '-c', file)).toEqual({ text: '', status: 0 })
  })
})

describeWith(missing('haproxy', '-v'), 'proxies/haproxy.cfg', () => {
  test('is a configuration that HAProxy takes, without a warning', () => {
    const { text, status } = said('haproxy', '-c', '-f', join(DEPLOY, 'proxies/haproxy.cfg'))
    expect(text).toMatch(/^(?:Configuration file is valid\n)?$/)
    expect(status).toBe(0)
  })
})

describe('platforms', () => {
  test('heroku/Procfile: $PORT is bound, and the router believed', async () => {
    const [, line] = /^web: (.*)$/m.exec(textOf('heroku/Procfile'))!
    // As a shell reads it.
    const words = execFileSync('sh', ['-c', `printf '%s\\n' ${line}`], { encoding: 'utf8' })
    const command = words.trimEnd().split('\n')
    const timeout = command[command.indexOf('--graceful-timeout') + 1]!
    // The dyno is killed after 30 s.
    expect(seconds(timeout)).toBeLessThan(30)
    const scratch = new Scratch()
    const server = await startAsDeployed(scratch, command, { PORT: '0' })
    const client = await Client.connect(server)
    const answer = await client.request('GET', get('/', 'X-Forwarded-For: 203.0.113.9'))
    expect(answer.body.toString()).toBe('203.0.113.9')
    await client.leave()
    expect(await server.stop()).toBe(0)
    scratch.remove()
  })

  test('fly/fly.toml: its times add up, and its check is answered', async () => {
    const fly = parseToml(textOf('fly/fly.toml')) as {
      kill_signal: NodeJS.Signals
      kill_timeout: string
      env: Record<string, string>
      http_service: { internal_port: number; checks: { path: string; interval: string }[] }
    }
    const drain = seconds(fly.env['MONODON_DRAIN_DELAY']!)
    expect(seconds(fly.kill_timeout)).toBeGreaterThan(
      drain + seconds(fly.env['MONODON_GRACEFUL_TIMEOUT']!),
    )
    const [check] = fly.http_service.checks
    expect(drain).toBeGreaterThan(seconds(check!.interval))
    expect(fly.env['MONODON_BIND']).toBe(`0.0.0.0:${fly.http_service.internal_port}`)
    const scratch = new Scratch()
    const command = ['monodon', 'app.ts']
    const server = await startAsDeployed(scratch, command, {
      ...fly.env,
      MONODON_DRAIN_DELAY: 'off',
    })
    expect(await fetchOnce(server, check!.path)).toMatchObject({ status: 200 })
    expect(await server.stop(fly.kill_signal)).toBe(0)
    scratch.remove()
  })
})
