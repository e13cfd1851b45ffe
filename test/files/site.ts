/** A folder of files to be served, and an app that says that it was asked. */

import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach } from 'vitest'
import { Client } from '../support/client.ts'
import type { WireResponse } from '../support/responses.ts'
import { type ServeOptions, startServer, type TestServer } from '../support/server.ts'

/** What is not to be seen. */
export const SECRET = 'the secret'

export class Site {
  /** Beside it lies what is not served. */
  readonly #home = mkdtempSync(join(tmpdir(), 'monodon-site-'))
  readonly root = join(this.#home, 'public')

  constructor() {
    mkdirSync(this.root)
    this.write('../secret.txt', SECRET)
    this.write('a.txt', 'a text\n')
    this.write('page.html', '<p>page</p>')
    this.write('d/index.html', '<p>index</p>')
  }

  path(name: string): string {
    return join(this.root, name)
  }

  write(name: string, content: string | Uint8Array): string {
    mkdirSync(dirname(this.path(name)), { recursive: true })
    writeFileSync(this.path(name), content)
    return this.path(name)
  }

  /** Adds all that must not be served. */
  addTraps(): void {
    this.write('.env', SECRET)
    this.write('.git/config', SECRET)
    this.write('d/.hidden', SECRET)
    this.write('.well-known/.secret', SECRET)
    this.write('.well-known/security.txt', 'public')
    mkdirSync(this.path('empty'))
    symlinkSync('../secret.txt', this.path('out.txt'))
    symlinkSync('..', this.path('outer'))
    symlinkSync(join(this.#home, 'secret.txt'), this.path('absolute.txt'))
    symlinkSync('loop', this.path('loop'))
    symlinkSync('missing', this.path('dangling.txt'))
    symlinkSync('a.txt', this.path('inside.txt'))
    execFileSync('mkfifo', [this.path('fifo')])
    execFileSync('python3', [
      '-c',
      'import socket, sys; socket.socket(socket.AF_UNIX).bind(sys.argv[1])',
      this.path('socket'),
    ])
    // Only root may make one; for others it is a name that is not there.
    if (process.getuid?.() === 0) execFileSync('mknod', [this.path('device'), 'c', '1', '5'])
  }

  remove(): void {
    rmSync(this.#home, { recursive: true, force: true })
  }
}

const sites = new Set<Site>()
afterEach(() => {
  for (const site of sites) site.remove()
  sites.clear()
})

/** A site that is removed after the test. */
export function newSite(): Site {
  const site = new Site()
  sites.add(site)
  return site
}

/** Serves a site below `/s`, or as the options say, beside an app that answers 404. */
export function serveSite(site: Site, options: ServeOptions = {}): Promise<TestServer> {
  const app = (request: Request) =>
    new Response(`app: ${request.method} ${new URL(request.url).pathname}`, { status: 404 })
  return startServer(app, { interface: 'fetch', static: `/s=${site.root}`, ...options })
}

/** One request on a connection of its own. */
export async function ask(
  server: TestServer,
  target: string,
  fields: readonly string[] = [],
  method = 'GET',
): Promise<WireResponse> {
  const client = await Client.connect(server)
  const lines = [`${method} ${target} HTTP/1.1`, 'Host: localhost', ...fields]
  const response = await client.request(method, `${lines.join('\r\n')}\r\n\r\n`)
  await client.leave()
  return response
}

/** Whether the app has answered. */
export function isApps(response: WireResponse): boolean {
  return response.body.toString().startsWith('app: ')
}
