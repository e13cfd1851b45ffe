import type { Exchange } from '../../bridge/exchange.ts'
import { MonodonError } from '../../errors.ts'
import type { InterfaceContext } from '../interface.ts'

/**
 * What makes a target differ from its serialized URL (https://url.spec.whatwg.org/#url-parsing):
 * characters that are percent-encoded in a path or a query, backslashes, a fragment, dot segments.
 */
const NEEDS_PARSING = /[^\x21-\x7e]|["#'<>\\^`{}]|\/\.\.?(?:[/?]|$)|%2e/i

/**
 * The absolute URL of a request, serialized as `new Request(url).url` would be. The authority comes
 * from an absolute-form target (RFC 9112 section 3.2.2), else from Host or `:authority`, which
 * native code has checked, else from the server's own name.
 *
 * @throws MonodonError `MONODON_BAD_REQUEST` for an authority that HTTP allows and URLs do not, such
 * as `256.256.256.256`
 */
export function requestUrl(exchange: Exchange, context: InterfaceContext): string {
  const target = exchange.target
  if (target.startsWith('/')) {
    const url = origin(exchange, context) + target
    return NEEDS_PARSING.test(target) ? serialize(url) : url
  }
  if (target === '*') return `${origin(exchange, context)}/*`
  if (target.includes('://')) return serialize(target)
  return serialize(`${exchange.scheme}://${target}/`)
}

// Clients of one server name it by few names, mostly one: the last one is remembered.
let lastScheme = ''
let lastHost: string | undefined
let lastOrigin = ''

function origin(exchange: Exchange, context: InterfaceContext): string {
  const host = exchange.header('host') || serverAuthority(context)
  const scheme = exchange.scheme
  if (host !== lastHost || scheme !== lastScheme) {
    lastOrigin = serialize(`${scheme}://${host}`).replace(/\/$/, '')
    lastHost = host
    lastScheme = scheme
  }
  return lastOrigin
}

function serverAuthority({ serverName, serverPort }: InterfaceContext): string {
  return `${serverName.includes(':') ? `[${serverName}]` : serverName}:${serverPort}`
}

function serialize(url: string): string {
  if (!URL.canParse(url))
    throw new MonodonError('MONODON_BAD_REQUEST', { detail: `${url} is not a URL` })
  return new URL(url).href
}
