/** How connections are encrypted. */

import type { OptionRow } from './row.ts'

const FILE = /^[^\0]+$/

export const TLS = {
  certfile: {
    type: 'list',
    unit: 'FILE',
    item: FILE,
    allowed: 'names of files',
    default: [],
    group: 'TLS',
    readBy: ['native'],
    reloadable: true,
    doc: "The server's certificate in PEM, with those of its issuers after it; may be repeated",
    note: 'Of several, the name that the client asks for (SNI) chooses one; the first is for every other name. It makes every `--bind` TLS unless one of them says `https://`. See [tls.md](tls.md).',
  },
  keyfile: {
    type: 'list',
    unit: 'FILE',
    item: FILE,
    allowed: 'names of files',
    default: [],
    group: 'TLS',
    readBy: ['native'],
    reloadable: true,
    doc: "The certificate's key in PEM (PKCS#8, PKCS#1 or SEC1); repeated as often as certfile",
    note: 'Without it, the key is in the file of the certificate.',
  },
  caCerts: {
    type: 'string',
    unit: 'FILE',
    default: '',
    group: 'TLS',
    readBy: ['native'],
    reloadable: true,
    doc: "Certificates in PEM of those who may issue clients' certificates",
  },
  certReqs: {
    type: 'enum',
    values: ['none', 'optional', 'required'],
    default: 'none',
    group: 'TLS',
    readBy: ['native'],
    reloadable: true,
    doc: 'Whether clients are asked for a certificate, and have to show one',
    note: 'One that is shown and not good ends the connection in either case. Gunicorn spells it 0, 1 and 2.',
  },
  crl: {
    type: 'string',
    unit: 'FILE',
    default: '',
    group: 'TLS',
    readBy: ['native'],
    reloadable: true,
    doc: "Lists in PEM of clients' certificates that were revoked, one of each issuer",
    note: 'A client whose issuer has no list, or one that is out of date, is not let in.',
  },
  tlsMinVersion: {
    type: 'enum',
    values: ['1.2', '1.3'],
    default: '1.2',
    group: 'TLS',
    readBy: ['native'],
    reloadable: true,
    doc: 'The oldest version of TLS that clients may use',
  },
} as const satisfies Record<string, OptionRow>
