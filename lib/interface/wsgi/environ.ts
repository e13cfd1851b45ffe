import type { Exchange, TlsFacts } from '../../bridge/exchange.ts'
import { HEADER_CODES } from '../../bridge/layout.ts'
import type { InterfaceContext } from '../interface.ts'
import type { Call } from './call.ts'
import { ErrorLog } from './error-stream.ts'
import { fileWrapper } from './file-wrapper.ts'
import { fieldKey, STORE_BY_CODE } from './header-fields.ts'
import { RequestInput } from './input.ts'
import { decodePath } from './path.ts'
import type { Environ } from './types.ts'

const VERSION: Environ['wsgi.version'] = Object.freeze([1, 0] as const)
const PROTOCOLS = { '1.0': 'HTTP/1.0', '1.1': 'HTTP/1.1', '2.0': 'HTTP/2.0' } as const
const ERRORS = new ErrorLog()
const SLASH = 47

/**
 * The environ of one request. All fixed keys are assigned in one order, so that all environs share
 * a hidden class; the prototype is empty, so that no key is found that the object does not own.
 */
export class RequestEnviron implements Environ {
  declare REQUEST_METHOD: Environ['REQUEST_METHOD']
  declare SCRIPT_NAME: Environ['SCRIPT_NAME']
  declare PATH_INFO: Environ['PATH_INFO']
  declare QUERY_STRING: Environ['QUERY_STRING']
  declare CONTENT_TYPE: Environ['CONTENT_TYPE']
  declare CONTENT_LENGTH: Environ['CONTENT_LENGTH']
  declare SERVER_NAME: Environ['SERVER_NAME']
  declare SERVER_PORT: Environ['SERVER_PORT']
  declare SERVER_PROTOCOL: Environ['SERVER_PROTOCOL']
  declare REMOTE_ADDR: Environ['REMOTE_ADDR']
  declare REMOTE_PORT: Environ['REMOTE_PORT']
  declare RAW_URI: Environ['RAW_URI']
  declare 'wsgi.version': Environ['wsgi.version']
  declare 'wsgi.url_scheme': Environ['wsgi.url_scheme']
  declare 'wsgi.input': Environ['wsgi.input']
  declare 'wsgi.errors': Environ['wsgi.errors']
  declare 'wsgi.multithread': Environ['wsgi.multithread']
  declare 'wsgi.multiprocess': Environ['wsgi.multiprocess']
  declare 'wsgi.run_once': Environ['wsgi.run_once']
  declare 'wsgi.file_wrapper': Environ['wsgi.file_wrapper']
  declare 'wsgi.input_terminated': Environ['wsgi.input_terminated']
  declare 'wsgi.early_hints': Environ['wsgi.early_hints']
  declare 'monodon.signal': Environ['monodon.signal']
  declare HTTP_HOST?: string;
  [field: `HTTP_${string}`]: string | undefined
  [key: string]: unknown
  readonly #call: Call

  constructor(call: Call, context: InterfaceContext) {
    const exchange = call.exchange
    this.#call = call
    this.REQUEST_METHOD = exchange.method
    const { mounted } = exchange
    this.SCRIPT_NAME = mounted === undefined ? '' : mounted.prefix + mounted.mount
    this.PATH_INFO = ''
    this.QUERY_STRING = ''
    this.CONTENT_TYPE = ''
    this.CONTENT_LENGTH = ''
    this.SERVER_NAME = context.serverName
    this.SERVER_PORT = context.serverPort
    this.SERVER_PROTOCOL = PROTOCOLS[exchange.httpVersion]
    this.REMOTE_ADDR = exchange.remoteAddress
    this.REMOTE_PORT = exchange.remotePort === 0 ? '' : String(exchange.remotePort)
    this.RAW_URI = exchange.target
    this['wsgi.version'] = VERSION
    this['wsgi.url_scheme'] = exchange.scheme
    this['wsgi.input'] = new RequestInput(exchange)
    this['wsgi.errors'] = ERRORS
    this['wsgi.multithread'] = false
    this['wsgi.multiprocess'] = context.multiprocess
    this['wsgi.run_once'] = false
    this['wsgi.file_wrapper'] = fileWrapper
    this['wsgi.input_terminated'] = true
    this['wsgi.early_hints'] = call.earlyHints
    Object.defineProperty(this, 'monodon.signal', SIGNAL)
    if (exchange.tls !== undefined) setEncryption(this, exchange.tls)
    setFields(this, exchange)
    setTarget(this, this.RAW_URI, mounted === undefined ? 0 : mounted.mount.length)
  }

  /** The signal of the environ that `object` is or inherits from. */
  static signalOf(object: object): AbortSignal {
    let environ: object = object
    while (!(#call in environ)) environ = Object.getPrototypeOf(environ)
    return environ.#call.signal
  }
}

Object.setPrototypeOf(RequestEnviron.prototype, null)
Reflect.deleteProperty(RequestEnviron.prototype, 'constructor')

/**
 * An accessor, for an AbortSignal costs more than all the rest: it is made when it is asked for.
 * Own, so that a copy of the environ has it; middleware may put another signal in its place.
 */
const SIGNAL: PropertyDescriptor = {
  configurable: true,
  enumerable: true,
  get(this: object): AbortSignal {
    return RequestEnviron.signalOf(this)
  },
  set(this: object, value: unknown): void {
    const property = { configurable: true, enumerable: true, writable: true, value }
    Object.defineProperty(this, 'monodon.signal', property)
  },
}

/** As mod_ssl names it. */
function setEncryption(environ: RequestEnviron, tls: TlsFacts): void {
  environ['HTTPS'] = 'on'
  environ['SSL_PROTOCOL'] = tls.protocol
  environ['SSL_CIPHER'] = tls.cipher
  environ['SSL_CIPHER_USEKEYSIZE'] = String(tls.cipherBits)
  environ['SSL_TLS_SNI'] = tls.serverName
  environ['SSL_SESSION_RESUMED'] = tls.isResumed ? 'Resumed' : 'Initial'
  environ['SSL_CLIENT_VERIFY'] = tls.client === undefined ? 'NONE' : 'SUCCESS'
  if (tls.client === undefined) return
  const { subject, issuer, serialNumber, validFrom, validTo, raw } = tls.client
  environ['SSL_CLIENT_S_DN'] = subject
  environ['SSL_CLIENT_I_DN'] = issuer
  environ['SSL_CLIENT_M_SERIAL'] = serialNumber
  environ['SSL_CLIENT_V_START'] = validFrom
  environ['SSL_CLIENT_V_END'] = validTo
  environ['SSL_CLIENT_CERT'] = pemOf(raw)
}

/** A certificate in PEM (RFC 7468). */
function pemOf(der: Uint8Array): string {
  const lines = Buffer.from(der.buffer, der.byteOffset, der.length)
    .toString('base64')
    .replace(/.{1,64}/g, '$&\n')
  return `-----BEGIN CERTIFICATE-----\n${lines}-----END CERTIFICATE-----\n`
}

/** State of `storeField`, which is a function of the module so that a request makes no closure. */
let target: RequestEnviron
/** Which numbered fields have been seen, a bit each: HEADER_NAMES has less than 128. */
const seen = new Int32Array(4)

function setFields(environ: RequestEnviron, exchange: Exchange): void {
  target = environ
  seen.fill(0)
  exchange.forEachHeader(storeField)
}

function storeField(name: string, value: string, code: number): void {
  const bit = 1 << (code & 31)
  const store = STORE_BY_CODE[code]
  if (store !== undefined && (seen[code >> 5]! & bit) === 0) {
    seen[code >> 5]! |= bit
    store(target, value)
  } else storeOther(name, value, code)
}

/** A field without a number or rarely sent, and every line of a field after its first. */
function storeOther(name: string, value: string, code: number): void {
  const key = fieldKey(name, code)
  if (key === undefined) return
  if (code === 0 && name.includes('_')) sawTwin(name)
  const earlier = target[key]
  if (earlier === undefined) target[key] = value
  // Native code lets only equal lengths pass (RFC 9112 section 6.3).
  else if (key !== 'CONTENT_LENGTH')
    target[key] = `${earlier}${key === 'HTTP_COOKIE' ? '; ' : ', '}${value}`
}

/** The field with `-` in the place of `_` has the same key: it is joined and takes no place. */
function sawTwin(name: string): void {
  const code = HEADER_CODES.get(name.replaceAll('_', '-')) ?? 0
  seen[code >> 5]! |= 1 << (code & 31)
}

/** `mount` is how much of the path says where the app is: SCRIPT_NAME has it. */
function setTarget(environ: RequestEnviron, uri: string, mount: number): void {
  const origin = uri.charCodeAt(0) === SLASH ? uri : originForm(environ, uri)
  const query = origin.indexOf('?')
  environ.PATH_INFO = decodePath(origin.slice(mount, query === -1 ? undefined : query))
  if (query !== -1) environ.QUERY_STRING = origin.slice(query + 1)
}

/**
 * Path and query of a target in another form: `*` is its own path; in absolute-form the authority
 * takes the place of `Host` (RFC 9112 section 3.2.2).
 */
function originForm(environ: RequestEnviron, uri: string): string {
  const parts = /^[a-z][a-z0-9+.-]*:\/\/([^/?]*)(.*)$/is.exec(uri)
  if (parts === null) return uri
  const [, authority, rest] = parts
  environ.HTTP_HOST = authority!
  return rest!.startsWith('/') ? rest! : `/${rest}`
}
