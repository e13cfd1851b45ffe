import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { preferredFormat } from '../../lib/dev/accept.ts'
import { explain } from '../../lib/dev/explain.ts'
import { failureOf } from '../../lib/dev/failure.ts'
import { htmlPage } from '../../lib/dev/page.ts'
import { plainText } from '../../lib/dev/texts.ts'
import { MonodonError } from '../../lib/errors.ts'
import { FakeExchange } from '../support/fake-exchange.ts'

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'monodon-page-'))
})
afterAll(() => rmSync(folder, { recursive: true }))

const exchangeWith = (...headers: [string, string][]): FakeExchange =>
  new FakeExchange({ target: '/path?<script>', headers })

const page = (error: unknown, ...headers: [string, string][]): string =>
  htmlPage(failureOf(exchangeWith(...headers), error, 500))

/** An error whose stack is at these places. */
function errorAt(error: Error, ...frames: string[]): Error {
  error.stack =
    `${error.name}: ${error.message}\n${frames.map((frame) => `    at ${frame}\n`).join('')}`.trimEnd()
  return error
}

/** Writes a file of numbered lines; gives its path. */
function source(name: string, lines: number, tail = ''): string {
  const path = join(folder, name)
  const text = Array.from({ length: lines }, (_, i) => `line ${i + 1} of ${name}`).join('\n')
  writeFileSync(path, `${text}\n${tail}`)
  return path
}

describe('which format a client gets', () => {
  it.each([
    [undefined, 'text'],
    ['', 'text'],
    ['*/*', 'text'],
    ['text/*;q=0.5, */*', 'text'],
    ['text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8', 'html'],
    ['TEXT/HTML', 'html'],
    ['text/html;q=0, */*', 'text'],
    ['application/json', 'json'],
    ['application/json, text/plain, */*', 'json'],
    ['application/problem+json', 'json'],
    ['application/json;q=0.5, text/html;q=0.4', 'json'],
    ['application/json;q=0.4, text/html;level=1;q=0.5', 'html'],
    ['text/plain, text/html;q=0.9', 'text'],
    ['text/html;q=nonsense', 'text'],
  ])('%s: %s', (accept, format) => {
    expect(preferredFormat(accept)).toBe(format)
  })

  it.each([
    ['text/html', 'text/html; charset=utf-8'],
    ['application/json', 'application/json'],
    ['*/*', 'text/plain; charset=utf-8'],
  ])('%s is answered with %s, which nobody keeps or runs', (accept, type) => {
    const exchange = exchangeWith(['accept', accept])
    explain(exchange, new Error('why'), 500)
    expect(exchange.status).toBe(500)
    expect(Object.fromEntries(exchange.responseHeaders)).toMatchObject({
      'content-type': type,
      'cache-control': 'no-store',
      'content-security-policy': "default-src 'none'; style-src 'unsafe-inline'",
      'x-content-type-options': 'nosniff',
    })
    expect(exchange.text).toContain('why')
  })
})

describe('the page', () => {
  it('escapes markup, control characters and what turns text around', () => {
    const error = new Error('</title><script>alert("1")</script>&\'\u001b[31m\u202e\0')
    const html = page(errorAt(error, '<img src=x> (/nowhere/<b>.js:1:1)'), [
      'user-agent',
      '<b>\u009b</b>',
    ])
    expect(html).not.toMatch(/<script|<img|<b>/)
    // biome-ignore lint/suspicious/noControlCharactersInRegex: it is about them
    expect(html).not.toMatch(/[\0-\x08\x0b-\x1f\x7f-\x9f\u202e]/)
    expect(html).toContain('&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt;&amp;&#39;\\u001b[31m')
    expect(html).toContain('<code>GET /path?&lt;script&gt;</code>')
    expect(html).toContain('&lt;img src=x&gt; (/nowhere/&lt;b&gt;.js:1:1)')
  })

  it('shows the lines around the frames of the app, and no others', () => {
    const own = source('own.js', 20)
    const other = join(folder, 'node_modules-like.js')
    const html = page(
      errorAt(
        new TypeError('x is not a function'),
        `handler (${own}:10:3)`,
        `call (${join(folder, 'node_modules/pkg/index.js')}:1:1)`,
        'process.processTicksAndRejections (node:internal/process/task_queues:95:5)',
        `file://${own}:2:1`,
        `gone (${other}:3:1)`,
      ),
    )
    expect(html).toContain('<h1>TypeError: x is not a function</h1>')
    expect(html).toContain('<span class="here"><i>10</i>line 10 of own.js</span>')
    expect(html).toContain('<i>5</i>line 5 of own.js')
    expect(html).toContain('<i>15</i>line 15 of own.js')
    expect(html).not.toContain('line 16 of own.js')
    expect(html).toContain('<span class="here"><i>2</i>line 2 of own.js</span>')
    expect(html.match(/<figure>/g)).toHaveLength(2)
    expect(html).toContain(`<span class="own">handler (${own}:10:3)</span>`)
    expect(html).toMatch(/<span class="dim">call \(.*node_modules\/pkg\/index\.js:1:1\)<\/span>/)
    expect(html).toContain('<span class="dim">process.processTicksAndRejections (node:internal')
  })

  it('shows the source that a map leads to', () => {
    const original = source('app.ts', 30)
    // Line 1, column 1 of the output is line 12, column 5 of the source.
    const map = {
      version: 3,
      sources: ['app.ts', 'webpack://gone/other.ts'],
      names: [],
      mappings: 'AAWI;ACAA',
    }
    const encoded = Buffer.from(JSON.stringify(map)).toString('base64')
    const inline = source(
      'inline.js',
      3,
      `//# sourceMappingURL=data:application/json;base64,${encoded}`,
    )
    const linked = source('linked.js', 3, '//# sourceMappingURL=linked.js.map\n')
    writeFileSync(`${linked}.map`, JSON.stringify(map))
    const broken = source('broken.js', 3, '//# sourceMappingURL=nowhere.map')
    for (const file of [inline, linked]) {
      const html = page(errorAt(new Error('mapped'), `f (${file}:1:1)`))
      expect(html).toContain('<span class="here"><i>12</i>line 12 of app.ts</span>')
      expect(html).toContain(`f (${original}:12:5)`)
    }
    expect(page(errorAt(new Error('x'), `${inline}:2:1`))).toContain('line 2 of inline.js')
    expect(page(errorAt(new Error('x'), `${broken}:2:1`))).toContain('line 2 of broken.js')
  })

  it('shows the source within a map where it is nowhere else', () => {
    const map = {
      version: 3,
      sources: ['not-shipped.ts'],
      sourcesContent: ['the first line\nthe second'],
      names: [],
      mappings: 'AACA',
    }
    const built = source(
      'built.js',
      1,
      `//# sourceMappingURL=data:,${encodeURIComponent(JSON.stringify(map))}`,
    )
    expect(page(errorAt(new Error('x'), `${built}:1:1`))).toContain(
      '<span class="here"><i>2</i>the second</span>',
    )
  })

  it('follows causes, also in a circle, and the parts of an AggregateError', () => {
    const inner = new RangeError('the root')
    const part = new Error('a part', { cause: inner })
    const error = new AggregateError([part, 'a text'], 'several')
    inner.cause = error
    const html = page(error)
    const headings = [...html.matchAll(/<h[12]>(.*?)<\/h[12]>/g)].map(([, text]) => text)
    expect(headings).toEqual([
      'AggregateError: several',
      'Caused by Error: a part',
      'Caused by RangeError: the root',
      'Caused by Thrown: &#39;a text&#39;',
    ])
  })

  it('masks secrets, and shows the rest of the request', () => {
    const html = page(
      errorAt(new Error('x'), 'f (/nowhere.js:1:1)'),
      ['Authorization', 'Basic c2VjcmV0'],
      ['Cookie', 'a=secret'],
      ['X-Api-Key', 'secret'],
      ['X-CSRF-Token', 'secret'],
      ['Accept-Language', 'de'],
    )
    expect(html).not.toMatch(/c2VjcmV0|>secret|a=secret/)
    expect(html.match(/\[hidden\]/g)).toHaveLength(4)
    expect(html).toMatch(/<th>accept-language<\/th><td>de<\/td>/i)
    expect(html).toContain('<td>GET /path?&lt;script&gt; HTTP/1.1</td>')
    expect(html).toContain(`Node.js ${process.versions.node}`)
    expect(html).toMatch(/monodon \d+\.\d+\.\d+/)
  })

  it('has one line as its heading, and further ones below it', () => {
    const html = page(errorAt(new Error('first\n<second>'), 'f (/nowhere.js:1:1)'))
    expect(html).toContain('<title>500 Internal Server Error: Error: first</title>')
    expect(html).toContain(
      '<h1>Error: first</h1>\n<figure>\n<pre><span>&lt;second&gt;</span></pre>',
    )
  })

  it('names the code and what to do', () => {
    const html = page(new MonodonError('MONODON_APP_NO_RESPONSE'))
    expect(html).toContain('<code>MONODON_APP_NO_RESPONSE</code> To do: return a Response')
    const missing = Object.assign(new Error('no file'), { code: 'ENOENT' })
    expect(page(missing)).toContain('<code>ENOENT</code>')
  })

  it('shows where the syntax is wrong', () => {
    const file = source('syntax.ts', 9)
    const error = new MonodonError('MONODON_APP_SYNTAX', {
      detail: `${file}:4:2: Unexpected token\nline 4\n  ^`,
    })
    expect(page(error)).toContain('<span class="here"><i>4</i>line 4 of syntax.ts</span>')
  })

  it.each([
    ['undefined', undefined, 'Thrown: undefined'],
    ['a text', 'why', 'Thrown: &#39;why&#39;'],
    ['an object', { a: 1 }, 'Thrown: { a: 1 }'],
    ['an error without a message', new Error(), '<h1>Error</h1>'],
    ['an error without a stack', Object.assign(new Error('x'), { stack: undefined }), 'Error: x'],
    ['an error with a stack of its own', Object.assign(new Error('x'), { stack: 7 }), 'Error: x'],
  ])('takes %s', (_, thrown, text) => {
    expect(page(thrown)).toContain(text)
  })

  it('takes errors that cannot be looked at', () => {
    const hostile = new Proxy(new Error('x'), {
      get() {
        throw new Error('no')
      },
    })
    const exchange = exchangeWith(['accept', 'text/html'])
    explain(exchange, hostile, 500)
    expect(exchange.text).toBe('The error cannot be shown. See the log.\n')
  })
})

describe('other formats', () => {
  it('text is the stack with its causes, without control characters', () => {
    const own = source('text.js', 3)
    const cause = errorAt(new Error('why'), `deep (${own}:2:1)`)
    const error = errorAt(new TypeError('red \u001b[31m', { cause }), `top (${own}:1:1)`)
    expect(plainText(failureOf(exchangeWith(), error, 500))).toMatch(
      /^TypeError: red \\u001b\[31m\n {4}at top \(.*text\.js:1:1\)\n\nCaused by Error: why\n {4}at deep \(.*text\.js:2:1\)\n/,
    )
  })

  it('JSON is the same as an object', () => {
    const exchange = exchangeWith(['accept', 'application/json'], ['cookie', 'a=secret'])
    const cause = errorAt(new Error('why'), 'deep (/nowhere.js:2:1)')
    explain(exchange, new MonodonError('MONODON_RESPONSE_USED', { cause }), 500)
    expect(JSON.parse(exchange.text)).toMatchObject({
      status: 500,
      reason: 'Internal Server Error',
      error: {
        name: 'MonodonError',
        code: 'MONODON_RESPONSE_USED',
        hint: expect.stringContaining('return a new Response'),
        cause: { message: 'why', stack: ['deep (/nowhere.js:2:1)'] },
      },
      request: { method: 'GET', target: '/path?<script>', httpVersion: '1.1' },
      versions: { 'Node.js': process.versions.node },
    })
    expect(exchange.text).not.toContain('a=secret')
  })
})
