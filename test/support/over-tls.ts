/** A subject of the conformance suites whose server speaks TLS. */

import { afterAll } from 'vitest'
import { Certificates } from './certificates.ts'
import type { ServeOptions, TestServer } from './server.ts'
import type { Subject } from './subject.ts'

export function overTls(subject: Subject): Subject {
  const certificates = new Certificates()
  afterAll(() => certificates.remove())
  const { certfile, keyfile } = certificates.issue('server', {
    names: ['DNS:localhost', 'IP:127.0.0.1'],
  })
  const { ca } = certificates
  const start = async (options: ServeOptions = {}): Promise<TestServer> => {
    const bind = 'https://127.0.0.1:0'
    const server = await subject.start({ ...options, bind, certfile, keyfile })
    return { ...server, ca }
  }
  return { ...subject, title: `${subject.title} over TLS`, start }
}
