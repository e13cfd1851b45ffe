// The servers that speak TLS, with one certificate: monodon, and Node's own over both versions of HTTP.
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { installed } from './processes.mjs'

const here = (path) => fileURLToPath(new URL(path, import.meta.url))

let made

/**
 * The files of a certificate for localhost and its key, made once: ECDSA on P-256, as most that are
 * issued today.
 *
 * @throws {Error} where nothing makes them
 */
export function certificate() {
  if (made !== undefined) return made
  if (!installed('openssl'))
    throw new Error('openssl, which makes the certificate, is not installed')
  const folder = mkdtempSync(join(tmpdir(), 'monodon-bench-'))
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }))
  const files = { certfile: join(folder, 'cert.pem'), keyfile: join(folder, 'key.pem') }
  execFileSync(
    'openssl',
    [
      ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'],
      ...['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1'],
      ...['-days', '2', '-out', files.certfile, '-keyout', files.keyfile],
    ],
    { stdio: 'ignore' },
  )
  made = files
  return made
}

/** monodon's flags for it: without another `--bind` all are TLS. */
export function tlsFlags() {
  const { certfile, keyfile } = certificate()
  return ['--certfile', certfile, '--keyfile', keyfile]
}

/** A server of Node's, with the files in its environment. */
const program = (name, label, script, protocol) => ({
  name,
  label,
  answers: ['hello'],
  protocols: [protocol],
  jsThread: 'main',
  prepare: async () => {
    const { certfile, keyfile } = certificate()
    return (port) => ({
      command: process.execPath,
      args: [here(`peers/${script}`)],
      env: { PORT: String(port), CERTFILE: certfile, KEYFILE: keyfile },
    })
  },
})

/** @param {(options: string[]) => Promise<(port: number) => object>} launch monodon, with further flags */
export function tlsServers(launch, jsThread) {
  return [
    {
      name: 'monodon-tls',
      label: 'monodon fetch',
      answers: ['hello'],
      protocols: ['h1s', 'h2s'],
      jsThread,
      prepare: async () => launch(tlsFlags()),
    },
    program('node-https', 'node:https', 'node-https.mjs', 'h1s'),
    program('node-http2-tls', 'node:http2', 'node-http2.mjs', 'h2s'),
  ]
}
