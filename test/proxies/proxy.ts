/**
 * Proxies in front of two servers, each in a process and a folder of its own. Where one is not installed
 * its tests are skipped by name; with CI set they fail. TEST_NGINX and TEST_HAPROXY name other programs
 * than those that are found.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import type { Address } from '../support/client.ts'
import { describeWith } from '../support/required.ts'
import { until, within } from '../support/wait.ts'

export interface ProxyKind {
  readonly name: 'nginx' | 'HAProxy'
  readonly command: string
  /** The command's arguments, given its configuration's path. */
  readonly args: (file: string) => string[]
  /** The configuration: what listens in `folder`, and the servers behind it. */
  readonly config: (folder: string, ports: readonly number[]) => string
  /** Has it finish what is under way and end. */
  readonly stopSignal: NodeJS.Signals
}

export const H1_SOCKET = 'h1.sock'
export const H2_SOCKET = 'h2.sock'

/** It learns from failed attempts that a server is gone, and asks the other one then. */
const NGINX: ProxyKind = {
  name: 'nginx',
  command: process.env.TEST_NGINX ?? 'nginx',
  args: (file) => ['-c', file, '-e', 'stderr'],
  stopSignal: 'SIGQUIT',
  config: (folder, ports) => `
${process.getuid?.() === 0 ? 'user root;' : ''}
daemon off;
worker_processes 1;
pid ${folder}/nginx.pid;
error_log stderr warn;
events { worker_connections 1024; }
http {
  access_log off;
  # A client that has sent its next request when it is told that there can be none more has lost it.
  keepalive_requests 1000000;
${['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
  .map((name) => `  ${name}_temp_path ${folder}/${name};`)
  .join('\n')}
  upstream app {
${ports.map((port) => `    server 127.0.0.1:${port} max_fails=1 fail_timeout=1s;`).join('\n')}
    keepalive 32;
  }
  server {
    listen unix:${folder}/${H1_SOCKET};
    listen unix:${folder}/${H2_SOCKET} http2;
    location / {
      proxy_pass http://app;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_read_timeout 2m;
      proxy_next_upstream error timeout;
    }
  }
}
`,
}

/** It asks the health endpoint, and sends nothing more to a server that says that it is going. */
const HAPROXY: ProxyKind = {
  name: 'HAProxy',
  command: process.env.TEST_HAPROXY ?? 'haproxy',
  args: (file) => ['-db', '-f', file],
  stopSignal: 'SIGUSR1',
  config: (folder, ports) => `
defaults
  mode http
  timeout connect 10s
  timeout client 2m
  timeout server 2m
  # Unless told otherwise an answer has to come within inter.
  timeout check 10s
  option redispatch 1
  retry-on conn-failure empty-response
frontend http1
  bind unix@${folder}/${H1_SOCKET}
  default_backend app
frontend http2
  bind unix@${folder}/${H2_SOCKET} proto h2
  default_backend app
backend app
  balance roundrobin
  http-request disable-l7-retry if METH_POST
  http-reuse always
  option httpchk GET /health/ready
  http-check expect status 200
  default-server check inter 100ms fall 1 rise 1 pool-max-conn 32
${ports.map((port) => `  server at-${port} 127.0.0.1:${port}`).join('\n')}
`,
}

/** A suite for each proxy that there is. */
export function describeProxies(suite: (kind: ProxyKind) => void): void {
  for (const kind of [NGINX, HAPROXY])
    describeWith(missing(kind), `behind ${kind.name}`, () => suite(kind))
}

/** Debian has both where only root's path leads. */
const env = { ...process.env, PATH: [process.env.PATH, '/usr/sbin'].join(delimiter) }

function missing({ command }: ProxyKind): string | undefined {
  const { error } = spawnSync(command, ['-v'], { env, stdio: 'ignore' })
  return error === undefined ? undefined : `there is no ${command}: ${error.message}`
}

/** What a failed test may have left running. */
const started = new Set<ChildProcess>()
process.on('exit', () => {
  for (const child of started) child.kill('SIGKILL')
})

export class RunningProxy {
  /** Where it speaks HTTP/1.1, and where HTTP/2. */
  readonly http1: Address
  readonly http2: Address
  private readonly kind: ProxyKind
  private readonly child: ChildProcess
  private readonly folder: string

  private constructor(kind: ProxyKind, child: ChildProcess, folder: string) {
    this.kind = kind
    this.child = child
    this.folder = folder
    this.http1 = { host: 'localhost', port: 0, path: join(folder, H1_SOCKET) }
    this.http2 = { host: 'localhost', port: 0, path: join(folder, H2_SOCKET) }
  }

  /** Starts it in front of the servers on these ports; resolves when it listens. */
  static async start(kind: ProxyKind, ports: readonly number[]): Promise<RunningProxy> {
    const folder = mkdtempSync(join(tmpdir(), 'monodon-proxy-'))
    const file = join(folder, 'proxy.conf')
    writeFileSync(file, kind.config(folder, ports))
    const child = spawn(kind.command, kind.args(file), {
      env,
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    started.add(child)
    child.once('exit', () => started.delete(child))
    const proxy = new RunningProxy(kind, child, folder)
    let said = ''
    child.stderr.on('data', (bytes: Buffer) => {
      said += bytes
    })
    await until(`${kind.name} to listen`, async () => {
      if (child.exitCode !== null) throw new Error(`${kind.name} has ended: ${said}`)
      return (await listens(proxy.http1)) && (await listens(proxy.http2))
    })
    return proxy
  }

  async stop(): Promise<void> {
    const exited = once(this.child, 'exit')
    this.child.kill(this.kind.stopSignal)
    await within(30_000, `${this.kind.name} to end`, () => exited).finally(() =>
      this.child.kill('SIGKILL'),
    )
    rmSync(this.folder, { recursive: true })
  }
}

function listens({ path }: Address): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ path: path! })
    socket.once('error', () => resolve(false))
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
  })
}

/**
 * A port to start on again and again: none of those that the kernel gives to whoever asks for any, of
 * which one may be taken in between.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = 15_000 + Math.floor(Math.random() * 15_000)
    const probe = createServer()
    const isFree = await new Promise<boolean>((resolve) => {
      probe.once('error', () => resolve(false))
      probe.listen(port, '127.0.0.1', () => resolve(true))
    })
    if (!isFree) continue
    await new Promise((resolve) => probe.close(resolve))
    return port
  }
}
