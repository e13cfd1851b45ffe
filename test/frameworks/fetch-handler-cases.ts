import { type Feature, FORM_BODY, JSON_BODY, MULTIPART_BODY, multipart } from './fetch-cases.ts'

const post = { method: 'POST' }

export const features: readonly Feature[] = [
  {
    name: 'pages and endpoints',
    cases: [
      { name: 'a page', target: '/' },
      { name: 'HEAD', method: 'HEAD', target: '/' },
      { name: 'JSON', target: '/api?q=a&q=%C3%A9' },
      { name: 'PUT', method: 'PUT', target: '/api', fields: [JSON_BODY], body: '{"a":1}' },
      { name: 'DELETE with 204', method: 'DELETE', target: '/api' },
      { name: 'nothing there', target: '/none' },
    ],
  },
  {
    name: 'form actions',
    cases: [
      { ...post, name: 'the default', target: '/', fields: [FORM_BODY], body: 'a=1&b=2&a=3' },
      {
        ...post,
        name: 'failure',
        target: '/?/login',
        fields: [FORM_BODY],
        body: 'user=me&password=wrong',
      },
      {
        ...post,
        name: 'a redirect with two cookies',
        target: '/?/login',
        fields: [FORM_BODY],
        body: 'user=me&password=right',
      },
      {
        ...post,
        name: 'files',
        target: '/?/upload',
        fields: [MULTIPART_BODY],
        body: multipart(
          { name: 'file', filename: 'é.bin', content: new Uint8Array(100_000).fill(7) },
          { name: 'file', filename: '', content: '' },
        ),
        chunkSize: 10_000,
      },
      { ...post, name: 'no such action', target: '/?/none', fields: [FORM_BODY], body: '' },
      { ...post, name: 'no form', target: '/', fields: [JSON_BODY], body: '{}' },
      {
        ...post,
        name: 'a form of another site',
        target: '/',
        fields: [FORM_BODY, 'Origin: http://evil.example'],
        body: 'a=1',
      },
    ],
  },
  {
    name: 'redirects and errors that are thrown',
    cases: [
      { name: 'a redirect', target: '/account' },
      { name: 'with a session', target: '/account', fields: ['Cookie: session=abc'] },
      { name: 'a Response', target: '/loader-throws' },
      { name: 'an Error', target: '/fails' },
      { name: 'Response.error()', target: '/error' },
    ],
  },
  {
    name: 'streams',
    cases: [
      { name: 'deferred data', target: '/deferred' },
      { ...post, name: 'an upload', target: '/stream-up', body: new Uint8Array(300_000) },
      { ...post, name: 'a body that is handed on', target: '/forward', body: 'abc', chunkSize: 1 },
      { ...post, name: 'a request made of a request', target: '/copied', body: 'abc' },
    ],
  },
]
