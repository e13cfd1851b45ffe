import { createServer, IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import express, { type Express } from 'express'
import fastify from 'fastify'
import { describe, expect, it } from 'vitest'
import { adoptPrototypes, classesFor } from '../../lib/interface/node/adopt.ts'
import { NodeRequest } from '../../lib/interface/node/request.ts'
import { type NodeApp, type NodeListener, nodeInterface } from '../../lib/interface/node.ts'
import { FakeExchange, type FakeOptions } from '../support/fake-exchange.ts'
import { context } from '../support/node-context.ts'

async function ask(app: NodeApp, target: string, options: FakeOptions = {}): Promise<FakeExchange> {
  const exchange = new FakeExchange({ target, headers: [['host', 'a.test']], ...options })
  nodeInterface(app, context())(exchange)
  await exchange.over
  return exchange
}

const json: FakeOptions = {
  method: 'POST',
  body: '{"a":1}',
  headers: [
    ['host', 'a.test'],
    ['content-type', 'application/json'],
    ['content-length', '7'],
  ],
}

function expressApp(): Express {
  const app = express()
  app.use(express.json())
  app.get('/who', (req, res) => res.json({ ip: req.ip, host: req.hostname, path: req.path }))
  app.post('/echo', (req, res) => res.send(req.body))
  app.get('/file', (_req, res) => res.sendFile(import.meta.filename))
  const admin = express()
  admin.get('/url', (req, res) => res.type('text').send(`${req.originalUrl} ${req.url}`))
  app.use('/admin', admin)
  return app
}

describe('Express', () => {
  it('routes, parses and sends', async () => {
    const app = expressApp() as unknown as NodeApp
    const who = await ask(app, '/who?x=1')
    expect(JSON.parse(who.text)).toEqual({ ip: '127.0.0.1', host: 'a.test', path: '/who' })
    expect(who.responseHeader('x-powered-by')).toEqual(['Express'])
    expect((await ask(app, '/echo', json)).text).toBe('{"a":1}')
    expect((await ask(app, '/admin/url')).text).toBe('/admin/url /url')
    expect((await ask(app, '/none')).status).toBe(404)
    expect((await ask(app, '/file')).text).toContain('routes, parses and sends')
    expect((await ask(app, '/who', { method: 'HEAD' })).status).toBe(200)
  })

  it('gets requests that have its prototypes from the start, so that they keep their shape', () => {
    const app = expressApp()
    adoptPrototypes(app)
    const { Request, Response } = classesFor(app)
    const exchange = new FakeExchange()
    const req = new Request(exchange, context())
    expect(Object.getPrototypeOf(req)).toBe(app.request)
    expect(Object.getPrototypeOf(new Response(exchange, req))).toBe(app.response)
    expect(req).toBeInstanceOf(NodeRequest)
  })

  it('may be called by a listener', async () => {
    const app = expressApp()
    const listener: NodeListener = (req, res) => app(req, res)
    expect((await ask(listener, '/admin/url')).text).toBe('/admin/url /url')
    expect((await ask(listener, '/echo', json)).text).toBe('{"a":1}')
    expect((await ask(listener, '/none')).status).toBe(404)
  })

  it('leaves other prototypes alone', () => {
    const target = {}
    const prototype = Object.create(IncomingMessage.prototype)
    expect(Object.setPrototypeOf(target, prototype)).toBe(target)
    expect(Object.getPrototypeOf(prototype)).toBe(IncomingMessage.prototype)
    expect(Object.setPrototypeOf(target, null)).toBe(target)
    expect(() => Object.setPrototypeOf(undefined, {})).toThrow(TypeError)
  })

  it('keeps serving node:http with another app', async () => {
    await ask(expressApp() as unknown as NodeApp, '/who')
    const server = createServer(expressApp()).listen(0, '127.0.0.1')
    await new Promise((resolve) => server.once('listening', resolve))
    const { port } = server.address() as AddressInfo
    const response = await fetch(`http://127.0.0.1:${port}/admin/url`)
    expect(await response.text()).toBe('/admin/url /url')
    server.closeAllConnections()
    server.close()
  })
})

describe('Fastify', () => {
  it('routes, parses and sends once it is ready', async () => {
    const app = fastify()
    app.register(async (scope) => {
      scope.get('/who', async (req) => ({ ip: req.ip, host: req.hostname }))
      scope.post('/echo', async (req) => req.body)
    })
    const served = app as unknown as NodeApp
    expect(JSON.parse((await ask(served, '/who')).text)).toEqual({
      ip: '127.0.0.1',
      host: 'a.test',
    })
    expect((await ask(served, '/echo', json)).text).toBe('{"a":1}')
    expect((await ask(served, '/none')).status).toBe(404)
  })
})
