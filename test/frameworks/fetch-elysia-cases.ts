import { type Feature, FORM_BODY, JSON_BODY, MULTIPART_BODY, multipart } from './fetch-cases.ts'

export const features: readonly Feature[] = [
  {
    name: 'routing',
    cases: [
      { name: 'the root', target: '/' },
      { name: 'HEAD', method: 'HEAD', target: '/' },
      { name: 'parameters', target: '/users/a%20b?x=1&y=' },
      { name: 'a wildcard', target: '/wild/a/b' },
      { name: 'any method', method: 'PURGE', target: '/all' },
      { name: 'a group', target: '/group/x' },
      { name: 'nothing there', target: '/nowhere' },
    ],
  },
  {
    name: 'the request and the context',
    cases: [
      { name: 'the URL', target: '/url?a=b&c' },
      { name: 'an absolute-form target', target: 'http://other.example/url?x' },
      { name: 'header fields', target: '/fields', fields: ['X-A: 1', 'x-a: 2', 'Cookie: a=1'] },
      { name: 'state, decorate and derive', target: '/context', fields: ['User-Agent: test'] },
    ],
  },
  {
    name: 'answers',
    cases: [
      { name: 'JSON', target: '/json' },
      { name: 'a number', target: '/number' },
      { name: 'nothing', target: '/nothing' },
      { name: 'a redirect', target: '/redirect' },
      { name: 'status()', target: '/status' },
      { name: 'set', target: '/set' },
      { name: 'bytes', target: '/bytes' },
      { name: 'a file', target: '/file' },
      { name: 'a Blob', target: '/blob' },
      { name: 'a Response', target: '/native' },
    ],
  },
  {
    name: 'errors',
    cases: [
      { name: 'an Error', target: '/throw' },
      { name: 'an error of the app', target: '/teapot' },
    ],
  },
  {
    name: 'bodies of requests and validation',
    cases: [
      { name: 'JSON', method: 'POST', target: '/json', fields: [JSON_BODY], body: '{"a":["é"]}' },
      { name: 'bad JSON', method: 'POST', target: '/json', fields: [JSON_BODY], body: '{"a":' },
      {
        name: 'a form',
        method: 'POST',
        target: '/json',
        fields: [FORM_BODY],
        body: 'a=1&b=%C3%A9',
      },
      {
        name: 'a valid body',
        method: 'POST',
        target: '/valid',
        fields: [JSON_BODY],
        body: '{"name":"a","age":1}',
      },
      {
        name: 'an invalid body',
        method: 'POST',
        target: '/valid',
        fields: [JSON_BODY],
        body: '{"name":"a"}',
      },
      { name: 'a valid query', target: '/query?n=5' },
      { name: 'an invalid query', target: '/query?n=x' },
      {
        name: 'multipart',
        method: 'POST',
        target: '/upload',
        fields: [MULTIPART_BODY],
        body: multipart(
          { name: 'title', content: 'é' },
          { name: 'file', filename: 'a.txt', type: 'text/plain', content: 'file content' },
        ),
      },
      { name: 'text in chunks', method: 'POST', target: '/raw', body: 'in chunks é', chunkSize: 2 },
      { name: 'bytes', method: 'POST', target: '/buffer', body: new Uint8Array(70_000) },
    ],
  },
  {
    name: 'cookies',
    cases: [{ name: 'set, read and removed', target: '/cookies', fields: ['Cookie: a=1; old=2'] }],
  },
  {
    name: 'streams: generators and Server-Sent Events',
    cases: [
      { name: 'a generator', target: '/stream' },
      { name: 'events', target: '/sse' },
    ],
  },
  {
    name: 'guard',
    cases: [
      { name: 'nobody', target: '/guarded' },
      { name: 'a key', target: '/guarded', fields: ['X-Key: 1'] },
    ],
  },
]
