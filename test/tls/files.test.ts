/** Files that cannot be used, and files that change. */

import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { appendFileSync, copyFileSync, renameSync } from 'node:fs'
import { connect, type TLSSocket } from 'node:tls'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { FileWatch } from '../../lib/control/listen/file-watch.ts'
import { Certificates, type Pair } from '../support/certificates.ts'
import { COMMAND, SpawnedServer } from '../support/spawned.ts'
import { until, within } from '../support/wait.ts'
import { shakeHands } from './openssl.ts'

let certificates: Certificates
let good: Pair
let other: Pair
beforeAll(() => {
  certificates = new Certificates()
  good = certificates.issue('good', { names: ['DNS:localhost'] })
  other = certificates.issue('other', { names: ['DNS:localhost'] })
})
afterAll(() => certificates.remove())

/** What the command says and exits with. */
function command(...flags: readonly string[]): { code: number | null; text: string } {
  const bind = flags.includes('--bind') ? [] : ['--bind', '127.0.0.1:0']
  const args = [COMMAND, 'examples/hello.ts', ...bind, ...flags]
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' })
  return { code: status, text: stdout + stderr }
}

describe('a file that cannot be used', () => {
  const encrypted = () => {
    const file = `${good.keyfile}.encrypted`
    certificates.openssl(
      ...['pkcs8', '-topk8', '-in', good.keyfile, '-passout', 'pass:x', '-out', file],
    )
    return file
  }
  const small = () =>
    certificates.issue('small', { key: ['-algorithm', 'RSA', '-pkeyopt', 'rsa_keygen_bits:1024'] })
  const cases: readonly (readonly [string, () => readonly string[], RegExp])[] = [
    ['no such file', () => ['--certfile', '/nowhere.pem'], /certfile \/nowhere\.pem: .*ENOENT/],
    [
      'the key of another certificate',
      () => ['--certfile', good.certfile, '--keyfile', other.keyfile],
      /keyfile .*other\.key: its key is not that of the first certificate in .*good\.pem/,
    ],
    [
      'an encrypted key',
      () => ['--certfile', good.certfile, '--keyfile', encrypted()],
      /its key is encrypted/,
    ],
    ['no key', () => ['--certfile', good.certfile], /holds no private key: give .* by keyfile/],
    [
      'a key in place of a certificate',
      () => ['--certfile', good.keyfile],
      /holds no certificate in PEM/,
    ],
    [
      'a weak key',
      () => ['--certfile', small().certfile, '--keyfile', small().keyfile],
      /RSA of 2048/,
    ],
    ['a key without a certificate', () => ['--keyfile', good.keyfile], /needs a certificate/],
    ['https:// without a certificate', () => ['--bind', 'https://127.0.0.1:0'], /needs a cert/],
    ['redirect-http without one', () => ['--redirect-http'], /needs a certificate/],
    [
      'fewer keys than certificates',
      () => ['--certfile', good.certfile, '--certfile', other.certfile, '--keyfile', good.keyfile],
      /2 certfiles and 1 keyfiles/,
    ],
    [
      'cert-reqs without ca-certs',
      () => ['--certfile', good.certfile, '--keyfile', good.keyfile, '--cert-reqs', 'required'],
      /ca-certs: give it/,
    ],
    [
      'ca-certs without cert-reqs',
      () => ['--certfile', good.certfile, '--keyfile', good.keyfile, '--ca-certs', good.certfile],
      /set cert-reqs/,
    ],
    [
      'cert-reqs without TLS',
      () => ['--cert-reqs', 'required', '--ca-certs', certificates.authority],
      /cert-reqs required: no bind speaks TLS/,
    ],
    [
      'ca-certs without TLS',
      () => ['--ca-certs', certificates.authority],
      /ca-certs .*: no bind speaks TLS/,
    ],
    [
      'cert-reqs where each bind is http://',
      () => [
        ...['--bind', 'http://127.0.0.1:0', '--certfile', good.certfile],
        ...['--keyfile', good.keyfile, '--cert-reqs', 'required'],
        ...['--ca-certs', certificates.authority],
      ],
      /cert-reqs required: every bind says http/,
    ],
    [
      'proxy+https:// without a certificate',
      () => ['--bind', 'proxy+https://127.0.0.1:0'],
      /bind proxy\+https:\/\/127.0.0.1:0: it needs a cert/,
    ],
    ['crl without TLS', () => ['--crl', certificates.revoke()], /crl .*: no bind speaks TLS/],
  ]
  it.each(cases)('%s is one line, at the check and at the start', (_, flags, line) => {
    for (const check of [['--check-config'], []]) {
      const { code, text } = command(...flags(), ...check)
      expect(text).toMatch(line)
      expect(text.match(/MONODON_BAD_CERTIFICATE/g)?.length).toBe(1)
      expect(code).toBe(2)
    }
  })

  it('that has expired, or is for later, is a warning', () => {
    const dates = [
      [{ from: '20200101000000Z', until: '20210101000000Z' }, /expired on Jan {2}1 00:00:00 2021/],
      [{ from: '20400101000000Z', until: '20410101000000Z' }, /not valid before Jan {2}1/],
    ] as const
    for (const [at, [options, line]] of dates.entries()) {
      const { certfile, keyfile } = certificates.issue(`dated-${at}`, options)
      const { code, text } = command(
        ...['--certfile', certfile, '--keyfile', keyfile, '--check-config'],
      )
      expect(text).toMatch(line)
      expect(text).toContain('MONODON_CERTIFICATE_NOT_VALID')
      expect(code).toBe(0)
    }
  })
})

describe('a list of revocations', () => {
  /** What a server with these lists and authorities is started with. */
  const flags = (crl: string, authorities = certificates.authority): readonly string[] => [
    ...['--certfile', good.certfile, '--keyfile', good.keyfile],
    ...['--cert-reqs', 'required', '--ca-certs', authorities, '--crl', crl],
  ]

  it('that is in order says nothing', () => {
    const { code, text } = command(...flags(certificates.revoke()), '--check-config')
    expect(text).not.toContain('MONODON_')
    expect(code).toBe(0)
  })

  it('that an authority has not is a warning', () => {
    const others = new Certificates('Other authority')
    const authorities = certificates.write('both.pem', certificates.ca + others.ca)
    const { code, text } = command(...flags(certificates.revoke(), authorities), '--check-config')
    expect(text).toMatch(
      /NOT_VALID.* crl .*crl\.pem: there is no list of CN=Other authority: no certificate that/,
    )
    expect(text).not.toContain('of CN=Test authority')
    expect(code).toBe(0)
    others.remove()
  })

  it('that is out of date is an error of the operator, at the start and at each client', async () => {
    const server = await SpawnedServer.start(
      'examples/hello.ts',
      flags(certificates.outdatedList()),
    )
    expect(server.output).toMatch(
      /ERROR\] MONODON_CERTIFICATE_NOT_VALID.*: the list of CN=Test authority is out of date since Jan {2}1 00:00:00 2021 GMT: no certificate that it has issued is accepted/,
    )
    const shaken = await shakeHands(server.port, '-cert', other.certfile, '-key', other.keyfile)
    expect(shaken.text).toContain('alert')
    await until('the error about the client', () =>
      /ERROR\] MONODON_CERTIFICATE_NOT_VALID.*127\.0\.0\.1:\d+: .*revocation list expired/.test(
        server.output,
      ),
    )
    expect(server.output).not.toContain('MONODON_TLS_HANDSHAKE_FAILED')
    await server.stop()
  })

  it('that is missing is an error of the operator at each client of its issuer', async () => {
    const others = new Certificates('Other authority')
    const { certfile, keyfile } = others.issue('client', { names: ['DNS:client'] })
    const authorities = certificates.write('both.pem', certificates.ca + others.ca)
    const server = await SpawnedServer.start(
      'examples/hello.ts',
      flags(certificates.revoke(), authorities),
    )
    const shaken = await shakeHands(server.port, '-cert', certfile, '-key', keyfile)
    expect(shaken.text).toContain('alert')
    await until('the error about the client', () =>
      /ERROR\] MONODON_CERTIFICATE_NOT_VALID.*127\.0\.0\.1:\d+: .*crl has no list of an issuer/.test(
        server.output,
      ),
    )
    expect(server.output).not.toContain('MONODON_TLS_HANDSHAKE_FAILED')
    await server.stop()
    others.remove()
  })
})

describe('a certificate that is renewed', () => {
  let live: Pair
  const renew = (from: Pair) => {
    for (const name of ['certfile', 'keyfile'] as const) {
      copyFileSync(from[name], `${live[name]}.new`)
      renameSync(`${live[name]}.new`, live[name])
    }
  }
  const subject = async (port: number) => (await shakeHands(port)).subject

  it('is taken at HUP under load, and no connection is lost', async () => {
    live = certificates.issue('live', { names: ['DNS:localhost'] })
    renew(good)
    const flags = ['--certfile', live.certfile]
    const server = await SpawnedServer.start('examples/hello.ts', [
      ...flags,
      '--keyfile',
      live.keyfile,
    ])
    const lanes = await Promise.all(
      Array.from({ length: 4 }, () => Lane.open(server.port, certificates.ca)),
    )
    const running = lanes.map((lane) => lane.run())
    expect(await subject(server.port)).toBe('CN = good')
    renew(other)
    server.child.kill('SIGHUP')
    await until('the new certificate', async () => (await subject(server.port)) === 'CN = other')

    certificates.write('live.pem', 'nonsense')
    server.child.kill('SIGHUP')
    await until('the log to say why', () => /holds no certificate in PEM/.test(server.output))
    expect(await subject(server.port)).toBe('CN = other')
    const answered = lanes.map((lane) => lane.answered)
    await until('answers after that', () =>
      lanes.every((lane, at) => lane.answered > answered[at]!),
    )
    for (const lane of lanes) lane.stop()
    await Promise.all(running)
    await server.stop()
  }, 120_000)
})

/** A client that asks again and again on one connection, which must not end. */
class Lane {
  answered = 0
  private stopped = false
  private readonly socket: TLSSocket

  private constructor(socket: TLSSocket) {
    this.socket = socket
  }

  static async open(port: number, ca: string): Promise<Lane> {
    const socket = connect({ host: '127.0.0.1', port, ca, servername: 'localhost' })
    await once(socket, 'secureConnect')
    return new Lane(socket)
  }

  async run(): Promise<void> {
    while (!this.stopped) {
      this.socket.write('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n')
      const [bytes] = (await within(30_000, 'an answer', () => once(this.socket, 'data'))) as [
        Buffer,
      ]
      expect(bytes.toString()).toMatch(/^HTTP\/1\.1 200 OK/)
      this.answered += 1
    }
    this.socket.destroy()
  }

  stop(): void {
    this.stopped = true
  }
}

describe('files that are watched', () => {
  it('are noticed when they change, also by another file in their place', async () => {
    const file = certificates.write('watched.pem', 'one')
    let changes = 0
    const watch = new FileWatch(() => changes++, 5)
    await watch.watch([file])
    // At once: a look that finds it empty first would count two changes.
    appendFileSync(file, ' more')
    await until('the change', () => changes === 1)
    certificates.write('watched.new', 'seven')
    renameSync(`${certificates.folder}/watched.new`, file)
    await until('the other file', () => changes === 2)
    watch.stop()
  })
})
