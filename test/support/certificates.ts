/** Certificates for a test, made by openssl(1) in a folder that is removed at its end. */

import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** A certificate and its key, as names of files. */
export interface Pair {
  readonly certfile: string
  readonly keyfile: string
}

export interface LeafOptions {
  /** Alternative names: `DNS:localhost`. */
  readonly names?: readonly string[]
  readonly subject?: string
  /** How `openssl genpkey` makes the key. */
  readonly key?: readonly string[]
  /** As `YYYYMMDDHHMMSSZ`. */
  readonly from?: string
  readonly until?: string
}

const EC = ['-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256']
export const RSA = ['-algorithm', 'RSA', '-pkeyopt', 'rsa_keygen_bits:2048']

/** A certificate authority. */
export class Certificates {
  readonly folder: string
  /** Its own certificate. */
  readonly authority: string
  readonly #keyfile: string
  readonly #config: string

  constructor(name = 'Test authority') {
    this.folder = mkdtempSync(join(tmpdir(), 'monodon-tls-'))
    this.authority = join(this.folder, 'ca.pem')
    this.#keyfile = join(this.folder, 'ca.key')
    this.#config = join(this.folder, 'ca.conf')
    mkdirSync(join(this.folder, 'issued'))
    writeFileSync(join(this.folder, 'index.txt'), '')
    writeFileSync(join(this.folder, 'crlnumber'), '01\n')
    writeFileSync(this.#config, this.#configuration())
    this.#genkey(this.#keyfile, EC)
    this.openssl(
      ...['req', '-x509', '-key', this.#keyfile, '-subj', `/CN=${name}`],
      ...['-days', '30', '-out', this.authority],
    )
  }

  /** The authority's certificate in PEM, for clients. */
  get ca(): string {
    return readFileSync(this.authority, 'utf8')
  }

  /** Issues a certificate. */
  issue(name: string, options: LeafOptions = {}): Pair {
    const path = (suffix: string) => join(this.folder, `${name}.${suffix}`)
    const { names = [], subject = `/CN=${name}`, key = EC, from, until } = options
    this.#genkey(path('key'), key)
    const alternatives = names.length === 0 ? [] : ['-addext', `subjectAltName=${names.join(',')}`]
    this.openssl(
      ...['req', '-new', '-utf8', '-key', path('key'), '-subj', subject, ...alternatives],
      ...['-out', path('csr')],
    )
    this.openssl(
      ...['ca', '-batch', '-notext', '-config', this.#config, '-in', path('csr')],
      ...['-out', path('pem'), '-rand_serial', '-preserveDN'],
      ...(from === undefined ? [] : ['-startdate', from]),
      ...(until === undefined ? ['-days', '10'] : ['-enddate', until]),
    )
    return { certfile: path('pem'), keyfile: path('key') }
  }

  /** The list of what was revoked, with these certificates on it. */
  revoke(...pairs: readonly Pair[]): string {
    for (const { certfile } of pairs)
      this.openssl('ca', '-batch', '-config', this.#config, '-revoke', certfile)
    return this.#list('crl.pem', '-crldays', '5')
  }

  /** Such a list, which was to be followed by another at the end of 2020. */
  outdatedList(): string {
    const dates = ['-crl_lastupdate', '20200101000000Z', '-crl_nextupdate', '20210101000000Z']
    return this.#list('outdated.pem', ...dates)
  }

  /** Writes a file of what others hold together, or of text. */
  write(name: string, text: string): string {
    const path = join(this.folder, name)
    writeFileSync(path, text)
    return path
  }

  /** Runs openssl in the folder. */
  openssl(...args: readonly string[]): string {
    return execFileSync('openssl', args, {
      cwd: this.folder,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
    })
  }

  remove(): void {
    rmSync(this.folder, { recursive: true })
  }

  #list(name: string, ...dates: readonly string[]): string {
    const list = join(this.folder, name)
    this.openssl('ca', '-gencrl', ...dates, '-config', this.#config, '-out', list)
    return list
  }

  #genkey(file: string, how: readonly string[]): void {
    this.openssl('genpkey', ...how, '-out', file)
  }

  #configuration(): string {
    return `[ca]
default_ca = own
[own]
database = ${join(this.folder, 'index.txt')}
serial = ${join(this.folder, 'serial')}
crlnumber = ${join(this.folder, 'crlnumber')}
crl_extensions = list
new_certs_dir = ${join(this.folder, 'issued')}
certificate = ${this.authority}
private_key = ${this.#keyfile}
default_md = sha256
unique_subject = no
copy_extensions = copy
policy = any
[any]
commonName = supplied
organizationName = optional
[list]
authorityKeyIdentifier = keyid
`
  }
}
