/** What apps see of clients behind nginx and HAProxy, set up as docs/proxies.md says. */
import { request } from 'node:http'
import { afterEach, expect, test } from 'vitest'
import { Client } from '../support/client.ts'
import type { Interface, ServeOptions, TestServer } from '../support/server.ts'
import {
  describeProxies,
  freePort,
  H1_SOCKET,
  H2_SOCKET,
  type ProxyKind,
  RunningProxy,
} from './proxy.ts'
import { type Seen, startSeen } from './seen.ts'

/** A client's address that the proxy does not have. */
const CLIENT = '127.0.0.5'

let server: TestServer | undefined
let proxy: RunningProxy | undefined
afterEach(async () => {
  await proxy?.stop()
  await server?.close()
  proxy = server = undefined
})

/** An app behind a proxy with this configuration, given where it listens and the app's port. */
async function behind(
  kind: ProxyKind,
  app: Interface,
  options: ServeOptions,
  config: (front: number, app: number, folder: string) => string,
): Promise<number> {
  server = await startSeen(app, options)
  const { port } = server
  const front = await freePort()
  const proxying = { ...kind, config: (folder: string) => config(front, port, folder) }
  proxy = await RunningProxy.start(proxying, [port])
  return front
}

/** Asks the proxy from CLIENT, with fields that a client could send to deceive. */
async function ask(port: number, path: string): Promise<Seen> {
  const headers = { 'X-Forwarded-For': '6.6.6.6', Forwarded: 'for=6.6.6.6', Host: 'a.example' }
  const options = { host: '127.0.0.1', port, path, localAddress: CLIENT, headers, agent: false }
  const answer = await new Promise<string>((resolve, reject) => {
    const sent = request(options, (response) => {
      let text = ''
      response.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk
      })
      response.once('end', () => resolve(text)).once('error', reject)
    })
    sent.once('error', reject).end()
  })
  return JSON.parse(answer) as Seen
}

const nginx = (server: string) => (front: number, app: number, folder: string) =>
  `
${process.getuid?.() === 0 ? 'user root;' : ''}
daemon off;
worker_processes 1;
pid ${folder}/nginx.pid;
error_log stderr warn;
events { worker_connections 64; }
http {
  access_log off;
${['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
  .map((name) => `  ${name}_temp_path ${folder}/${name};`)
  .join('\n')}
  upstream app { server 127.0.0.1:${app}; }
  server {
    listen 127.0.0.1:${front};
    listen unix:${folder}/${H1_SOCKET};
    listen unix:${folder}/${H2_SOCKET};
    ${server}
  }
}
`

const haproxy = (mode: string, app: string) => (front: number, port: number, folder: string) =>
  `
defaults
  mode ${mode}
  timeout connect 10s
  timeout client 2m
  timeout server 2m
frontend clients
  bind 127.0.0.1:${front}
  bind unix@${folder}/${H1_SOCKET}
  bind unix@${folder}/${H2_SOCKET}
  default_backend app
backend app
  ${app.replaceAll('APP', `127.0.0.1:${port}`)}
`

describeProxies((kind) => {
  const interfaces = ['fetch', 'node', 'wsgi'] as const

  if (kind.name === 'nginx') {
    test.each(interfaces)('a %s app sees the client', async (app) => {
      const options = { forwardedHeaders: ['x-forwarded'] }
      const config = nginx(`location /shop/ {
        proxy_pass http://app/;
        proxy_set_header Host $host;
        proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
        proxy_set_header X-Forwarded-Proto https;
        proxy_set_header X-Forwarded-Host $host;
        proxy_set_header X-Forwarded-Port 8443;
        proxy_set_header X-Forwarded-Prefix /shop;
      }`)
      const seen = await ask(await behind(kind, app, options, config), '/shop/cart')
      expect(seen).toMatchObject({
        address: CLIENT,
        scheme: 'https',
        host: 'a.example:8443',
        script: app === 'wsgi' ? '/shop' : '',
        path: '/cart',
      })
    })

    test('Forwarded, as nginx can add it', async () => {
      const options = { forwardedHeaders: ['forwarded'] }
      const config = nginx(`location / {
        proxy_pass http://app;
        proxy_set_header Forwarded "$http_forwarded, for=$remote_addr;proto=https;host=$host";
      }`)
      const seen = await ask(await behind(kind, 'node', options, config), '/')
      expect(seen).toMatchObject({ address: CLIENT, scheme: 'https', host: 'a.example' })
    })
    return
  }

  test.each(interfaces)('a %s app sees the client by header fields', async (app) => {
    const config = haproxy(
      'http',
      'option forwardfor\n  http-request set-header X-Forwarded-Proto https\n  server s APP',
    )
    const seen = await ask(await behind(kind, app, {}, config), '/')
    expect(seen).toMatchObject({ address: CLIENT, scheme: 'https' })
  })

  test.each([
    ['send-proxy', 'http'],
    ['send-proxy-v2', 'http'],
    ['send-proxy-v2-ssl', 'http'],
  ])('the PROXY protocol: %s', async (flag, scheme) => {
    for (const app of interfaces) {
      const config = haproxy('tcp', `server s APP ${flag}`)
      const front = await behind(kind, app, { proxyProtocol: 'required' }, config)
      const seen = await ask(front, '/')
      // What the client has sent passes such a proxy, and is not believed.
      expect(seen).toMatchObject({ address: CLIENT, scheme })
      expect(seen.port).toBeGreaterThan(0)
      await proxy!.stop()
      await server!.close()
      proxy = server = undefined
    }
  })

  test.each(interfaces)(
    'the PROXY protocol at one bind of a %s app, and none at another',
    async (app) => {
      const bind = ['proxy://127.0.0.1:0', '127.0.0.1:0']
      const front = await behind(kind, app, { bind }, haproxy('tcp', 'server s APP send-proxy-v2'))
      const { url, addresses } = server!.serving
      expect(url).toBe(`proxy+http://127.0.0.1:${addresses[0]!.port}`)
      expect(addresses.map(({ isProxied }) => isProxied)).toEqual([true, false])
      expect(await ask(front, '/')).toMatchObject({ address: CLIENT, scheme: 'http' })
      expect(await ask(addresses[1]!.port, '/')).toMatchObject({ address: CLIENT, scheme: 'http' })
      // Each is closed to what the other expects.
      await expect(ask(addresses[0]!.port, '/')).rejects.toThrow()
      const client = await Client.connect({ host: '127.0.0.1', port: addresses[1]!.port }, ['GET'])
      await client.write('PROXY TCP4 1.2.3.4 5.6.7.8 9 10\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n')
      expect((await client.response()).status).toBe(400)
      await client.leave()
    },
  )
})
