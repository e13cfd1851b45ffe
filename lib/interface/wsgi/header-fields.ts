import { HEADER_NAMES } from '../../bridge/layout.ts'

/** The request fields that clients and proxies commonly send. */
export interface CommonFields {
  HTTP_ACCEPT?: string
  HTTP_ACCEPT_CHARSET?: string
  HTTP_ACCEPT_ENCODING?: string
  HTTP_ACCEPT_LANGUAGE?: string
  HTTP_ACCESS_CONTROL_REQUEST_HEADERS?: string
  HTTP_ACCESS_CONTROL_REQUEST_METHOD?: string
  HTTP_AUTHORIZATION?: string
  HTTP_CACHE_CONTROL?: string
  HTTP_CONNECTION?: string
  HTTP_COOKIE?: string
  HTTP_DNT?: string
  HTTP_EXPECT?: string
  HTTP_FORWARDED?: string
  HTTP_HOST?: string
  HTTP_IF_MATCH?: string
  HTTP_IF_MODIFIED_SINCE?: string
  HTTP_IF_NONE_MATCH?: string
  HTTP_IF_RANGE?: string
  HTTP_KEEP_ALIVE?: string
  HTTP_ORIGIN?: string
  HTTP_PRAGMA?: string
  HTTP_PRIORITY?: string
  HTTP_RANGE?: string
  HTTP_REFERER?: string
  HTTP_SEC_CH_UA?: string
  HTTP_SEC_CH_UA_MOBILE?: string
  HTTP_SEC_CH_UA_PLATFORM?: string
  HTTP_SEC_FETCH_DEST?: string
  HTTP_SEC_FETCH_MODE?: string
  HTTP_SEC_FETCH_SITE?: string
  HTTP_SEC_FETCH_USER?: string
  HTTP_TE?: string
  HTTP_TRACEPARENT?: string
  HTTP_TRACESTATE?: string
  HTTP_TRANSFER_ENCODING?: string
  HTTP_UPGRADE_INSECURE_REQUESTS?: string
  HTTP_USER_AGENT?: string
  HTTP_VIA?: string
  HTTP_X_FORWARDED_FOR?: string
  HTTP_X_FORWARDED_HOST?: string
  HTTP_X_FORWARDED_PROTO?: string
  HTTP_X_REAL_IP?: string
  HTTP_X_REQUEST_ID?: string
  HTTP_X_REQUESTED_WITH?: string
}

type Store = (
  environ: CommonFields & { CONTENT_TYPE: string; CONTENT_LENGTH: string },
  value: string,
) => void

/** One function a field: a store by a literal name costs a tenth of one by a computed name. */
const STORES: { readonly [name: string]: Store } = {
  'content-type': (e, v) => {
    e.CONTENT_TYPE = v
  },
  'content-length': (e, v) => {
    e.CONTENT_LENGTH = v
  },
  accept: (e, v) => {
    e.HTTP_ACCEPT = v
  },
  'accept-charset': (e, v) => {
    e.HTTP_ACCEPT_CHARSET = v
  },
  'accept-encoding': (e, v) => {
    e.HTTP_ACCEPT_ENCODING = v
  },
  'accept-language': (e, v) => {
    e.HTTP_ACCEPT_LANGUAGE = v
  },
  'access-control-request-headers': (e, v) => {
    e.HTTP_ACCESS_CONTROL_REQUEST_HEADERS = v
  },
  'access-control-request-method': (e, v) => {
    e.HTTP_ACCESS_CONTROL_REQUEST_METHOD = v
  },
  authorization: (e, v) => {
    e.HTTP_AUTHORIZATION = v
  },
  'cache-control': (e, v) => {
    e.HTTP_CACHE_CONTROL = v
  },
  connection: (e, v) => {
    e.HTTP_CONNECTION = v
  },
  cookie: (e, v) => {
    e.HTTP_COOKIE = v
  },
  dnt: (e, v) => {
    e.HTTP_DNT = v
  },
  expect: (e, v) => {
    e.HTTP_EXPECT = v
  },
  forwarded: (e, v) => {
    e.HTTP_FORWARDED = v
  },
  host: (e, v) => {
    e.HTTP_HOST = v
  },
  'if-match': (e, v) => {
    e.HTTP_IF_MATCH = v
  },
  'if-modified-since': (e, v) => {
    e.HTTP_IF_MODIFIED_SINCE = v
  },
  'if-none-match': (e, v) => {
    e.HTTP_IF_NONE_MATCH = v
  },
  'if-range': (e, v) => {
    e.HTTP_IF_RANGE = v
  },
  'keep-alive': (e, v) => {
    e.HTTP_KEEP_ALIVE = v
  },
  origin: (e, v) => {
    e.HTTP_ORIGIN = v
  },
  pragma: (e, v) => {
    e.HTTP_PRAGMA = v
  },
  priority: (e, v) => {
    e.HTTP_PRIORITY = v
  },
  range: (e, v) => {
    e.HTTP_RANGE = v
  },
  referer: (e, v) => {
    e.HTTP_REFERER = v
  },
  'sec-ch-ua': (e, v) => {
    e.HTTP_SEC_CH_UA = v
  },
  'sec-ch-ua-mobile': (e, v) => {
    e.HTTP_SEC_CH_UA_MOBILE = v
  },
  'sec-ch-ua-platform': (e, v) => {
    e.HTTP_SEC_CH_UA_PLATFORM = v
  },
  'sec-fetch-dest': (e, v) => {
    e.HTTP_SEC_FETCH_DEST = v
  },
  'sec-fetch-mode': (e, v) => {
    e.HTTP_SEC_FETCH_MODE = v
  },
  'sec-fetch-site': (e, v) => {
    e.HTTP_SEC_FETCH_SITE = v
  },
  'sec-fetch-user': (e, v) => {
    e.HTTP_SEC_FETCH_USER = v
  },
  te: (e, v) => {
    e.HTTP_TE = v
  },
  traceparent: (e, v) => {
    e.HTTP_TRACEPARENT = v
  },
  tracestate: (e, v) => {
    e.HTTP_TRACESTATE = v
  },
  'transfer-encoding': (e, v) => {
    e.HTTP_TRANSFER_ENCODING = v
  },
  'upgrade-insecure-requests': (e, v) => {
    e.HTTP_UPGRADE_INSECURE_REQUESTS = v
  },
  'user-agent': (e, v) => {
    e.HTTP_USER_AGENT = v
  },
  via: (e, v) => {
    e.HTTP_VIA = v
  },
  'x-forwarded-for': (e, v) => {
    e.HTTP_X_FORWARDED_FOR = v
  },
  'x-forwarded-host': (e, v) => {
    e.HTTP_X_FORWARDED_HOST = v
  },
  'x-forwarded-proto': (e, v) => {
    e.HTTP_X_FORWARDED_PROTO = v
  },
  'x-real-ip': (e, v) => {
    e.HTTP_X_REAL_IP = v
  },
  'x-request-id': (e, v) => {
    e.HTTP_X_REQUEST_ID = v
  },
  'x-requested-with': (e, v) => {
    e.HTTP_X_REQUESTED_WITH = v
  },
}

/** How to store a field by its number in `HEADER_NAMES`; `undefined` for one that is not common. */
export const STORE_BY_CODE: readonly (Store | undefined)[] = HEADER_NAMES.map(
  (name) => STORES[name],
)

/** The key of a field by its number in `HEADER_NAMES`; none for 0. */
const KEY_BY_CODE: readonly (string | undefined)[] = HEADER_NAMES.map(keyOf)

/** Keys of other fields by name. Bounded, since clients choose the names. */
const keys = new Map<string, string>()
const MAX_KEYS = 512

/**
 * The key of a field in the environ (PEP 3333, RFC 3875 section 4.1.18); `undefined` for a field
 * that must not be there: `Proxy`, since programs take `HTTP_PROXY` for a setting of their own. Names
 * with `_` come only if they are asked for (`--header-map`), and are joined with those with `-`.
 */
export function fieldKey(name: string, code: number): string | undefined {
  if (code !== 0) return KEY_BY_CODE[code]
  const known = keys.get(name)
  if (known !== undefined) return known
  const key = keyOf(name)
  if (key !== undefined && keys.size < MAX_KEYS) keys.set(name, key)
  return key
}

function keyOf(name: string): string | undefined {
  if (name === '' || name === 'proxy') return undefined
  if (name === 'content-type' || name === 'content-length')
    return name.toUpperCase().replace('-', '_')
  return `HTTP_${name.toUpperCase().replaceAll('-', '_')}`
}
