/** h2spec over TCP with prior knowledge, and over TLS: all of its sections (generic, http2, hpack). */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Certificates } from '../support/certificates.ts'
import { describeWith } from '../support/required.ts'
import { SpawnedServer } from '../support/spawned.ts'
import { build, h2spec, missing } from './h2spec.ts'

describeWith(missing(), 'h2spec', () => {
  let program: string
  beforeAll(() => {
    program = build()
  })

  describe('--http 2', () => {
    const server = serving('--http', '2')

    test('every test passes', async () => {
      const { tests, failures } = await h2spec(program, server())
      expect(failures).toBe('')
      expect(tests).toBe(145)
    })
  })

  describe('beside HTTP/1.1', () => {
    const server = serving()

    test('every test passes, but for a wrong preface: that is a request of HTTP/1.1', async () => {
      const { tests, failed, failures } = await h2spec(program, server())
      expect(failures).toContain('Sends invalid connection preface')
      expect({ tests, failed }).toEqual({ tests: 145, failed: 1 })
    })
  })

  describe('over TLS', () => {
    const certificates = new Certificates()
    afterAll(() => certificates.remove())
    const { certfile, keyfile } = certificates.issue('server', { names: ['DNS:localhost'] })
    const server = serving('--certfile', certfile, '--keyfile', keyfile)

    test('every test passes', async () => {
      const { tests, failures } = await h2spec(program, server(), ['--tls', '--insecure'])
      expect(failures).toBe('')
      expect(tests).toBe(145)
    })
  })
})

/** A server for the tests of a suite. */
function serving(...flags: string[]): () => SpawnedServer {
  let server: SpawnedServer
  beforeAll(async () => {
    server = await SpawnedServer.start('examples/hello.ts', flags)
  })
  afterAll(() => server.stop())
  return () => server
}
