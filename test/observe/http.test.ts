import { existsSync, mkdtempSync, rmSync, statSync } from 'node:fs'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { ObserveServer, type Pages } from '../../lib/observe/http.ts'

const TOKEN = 'a-token-of-some-length'

const PAGES: Pages = {
  '/metrics': ({ accept }) => ({
    type: 'text/plain; charset=utf-8',
    body: `${accept} é`,
    headers: { 'x-extra': 'yes' },
  }),
  '/broken': () => {
    throw new Error('it is broken')
  },
}

let server: ObserveServer | undefined
let folder: string

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'monodon-observe-'))
})

afterEach(() => {
  server?.close()
  server = undefined
  rmSync(folder, { recursive: true })
})

function open(bind = '127.0.0.1:0', token = ''): ObserveServer {
  server = ObserveServer.open({ bind, token, option: '--metrics-bind' }, PAGES)
  return server
}

interface Given {
  readonly method?: string
  readonly path?: string
  readonly headers?: Record<string, string>
}

/** By `node:http`, which sends any `Host`. */
function ask(at: ObserveServer, given: Given = {}) {
  const where = at.url.startsWith('unix:')
    ? { socketPath: at.url.slice('unix:'.length) }
    : { port: new URL(at.url).port, host: '127.0.0.1' }
  return new Promise<{ status: number; headers: Record<string, unknown>; body: string }>(
    (resolve, reject) => {
      const asked = request({ path: '/metrics', agent: false, ...where, ...given }, (response) => {
        let body = ''
        response.setEncoding('utf8').on('data', (data: string) => {
          body += data
        })
        response.on('end', () =>
          resolve({ status: response.statusCode!, headers: response.headers, body }),
        )
      })
      asked.on('error', reject).end()
    },
  )
}

describe('what it answers', () => {
  it('shows a page, with what was asked of it', async () => {
    const at = open()
    const { status, headers, body } = await ask(at, {
      path: '/metrics?a=b',
      headers: { accept: 'text/x' },
    })
    expect([status, body]).toEqual([200, 'text/x é'])
    expect(headers).toMatchObject({
      'content-type': 'text/plain; charset=utf-8',
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
      'x-extra': 'yes',
    })
  })

  it('answers HEAD with the length and no body', async () => {
    const at = open()
    const got = await ask(at, { method: 'HEAD' })
    expect([got.status, got.headers['content-length'], got.body]).toEqual([200, '3', ''])
  })

  it('names what there is for a path that is not there', async () => {
    const at = open()
    const { status, body } = await ask(at, { path: '/toString' })
    expect([status, body]).toEqual([404, expect.stringContaining('/metrics, /broken')])
  })

  it('says nothing of the fault of a page', async () => {
    const at = open()
    const { status, body } = await ask(at, { path: '/broken' })
    expect([status, body]).toEqual([500, expect.not.stringContaining('it is broken')])
  })
})

describe('whom it refuses', () => {
  it.each(['POST', 'PUT', 'DELETE', 'OPTIONS', 'TRACE'])('refuses %s', async (method) => {
    const { status, headers } = await ask(open(), { method })
    expect([status, headers['allow']]).toEqual([405, 'GET, HEAD'])
  })

  it.each([
    'evil.example',
    'evil.example:9464',
    'localhost.evil.example',
    '127.0.0.1.evil.example',
  ])('refuses the host %s, which may be a rebound name', async (host) => {
    const at = open()
    expect((await ask(at, { headers: { host } })).status).toBe(421)
  })

  it('refuses a host that is none', async () => {
    expect((await ask(open(), { headers: { host: '[evil]' } })).status).toBe(400)
  })

  it.each([
    'localhost',
    'LOCALHOST:9464',
    'app.localhost',
    '127.0.0.1',
    '[::1]:80',
    '10.0.0.7:9464',
  ])('takes the host %s', async (host) => {
    const at = open()
    expect((await ask(at, { headers: { host } })).status).toBe(200)
  })

  it('opens no address without a token that other machines reach', () => {
    const refusal = expect.objectContaining({ code: 'MONODON_BAD_OPTION' })
    expect(() => open('0.0.0.0:0')).toThrow(refusal)
    expect(() => open('[::]:0')).toThrow(refusal)
    expect(() => open(':0')).toThrow('--observe-token')
  })

  it('refuses callers without the token, whatever they call it by', async () => {
    const at = open('0.0.0.0:0', TOKEN)
    const { status, headers, body } = await ask(at)
    expect([status, headers['www-authenticate']]).toEqual([
      401,
      'Basic realm="monodon", charset="UTF-8"',
    ])
    expect(body).toContain('to a browser, as the password of any user')
    for (const authorization of [`Bearer ${TOKEN}x`, 'Bearer', 'Basic !', TOKEN, `Digest ${TOKEN}`])
      expect((await ask(at, { headers: { authorization } })).status).toBe(401)
  })

  it('takes the token as bearer and as the password of a browser, by any host', async () => {
    const at = open('0.0.0.0:0', TOKEN)
    const basic = Buffer.from(`anybody:${TOKEN}`).toString('base64')
    for (const authorization of [`Bearer ${TOKEN}`, `bearer ${TOKEN}`, `Basic ${basic}`]) {
      const headers = { authorization, host: 'metrics.example:9464' }
      expect((await ask(at, { headers })).status).toBe(200)
    }
  })
})

describe('where it listens', () => {
  it('listens at a Unix socket of its own user, which asks for no token, and removes it', async () => {
    const path = join(folder, 'metrics.sock')
    const at = open(`unix:${path}`, TOKEN)
    expect(statSync(path).mode & 0o777).toBe(0o600)
    expect((await ask(at, { headers: { host: 'anything' } })).status).toBe(200)
    at.close()
    expect(existsSync(path)).toBe(false)
    server = undefined
  })

  it('makes a file also of a name that begins with @', async () => {
    const path = `@monodon-${process.pid}.sock`
    const at = open(`unix:${path}`)
    expect(statSync(path).mode & 0o777).toBe(0o600)
    expect((await ask(at)).status).toBe(200)
    at.close()
    expect(existsSync(path)).toBe(false)
    server = undefined
  })

  it('says which option names an address that cannot be had', () => {
    const first = open()
    const again = { bind: first.url.slice('http://'.length), token: '', option: '--metrics-bind' }
    expect(() => ObserveServer.open(again, PAGES)).toThrow(/--metrics-bind.*EADDRINUSE/)
  })
})
