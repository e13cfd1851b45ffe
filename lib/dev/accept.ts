/** What a client would rather read (RFC 9110 section 12.5.1). */

export type Format = 'html' | 'json' | 'text'

const HTML = /^(?:text\/html|application\/xhtml\+xml)$/
const JSON_TYPE = /^application\/(?:[^/]+\+)?json$/

/**
 * The format for an `Accept` field. Only who names HTML or JSON gets it: what takes anything is a
 * program, or a person at a terminal.
 */
export function preferredFormat(accept: string | undefined): Format {
  let html = 0
  let json = 0
  let text = 0
  for (const range of (accept ?? '').toLowerCase().split(',')) {
    const [type = '', ...parameters] = range.split(';').map((part) => part.trim())
    const q = qualityOf(parameters)
    if (HTML.test(type)) html = Math.max(html, q)
    else if (JSON_TYPE.test(type)) json = Math.max(json, q)
    else if (type === 'text/plain') text = Math.max(text, q)
  }
  if (html > 0 && html >= json && html >= text) return 'html'
  return json > 0 && json >= text ? 'json' : 'text'
}

function qualityOf(parameters: readonly string[]): number {
  const given = parameters.find((parameter) => parameter.startsWith('q='))
  const q = given === undefined ? 1 : Number(given.slice(2))
  return q >= 0 && q <= 1 ? q : 0
}
