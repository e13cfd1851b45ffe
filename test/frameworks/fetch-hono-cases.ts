import { type Feature, FORM_BODY, JSON_BODY, MULTIPART_BODY, multipart } from './fetch-cases.ts'

const upload = multipart(
  { name: 'title', content: 'é' },
  { name: 'file', filename: 'a "b".txt', type: 'text/plain', content: 'file content' },
  { name: 'file', filename: 'b.bin', content: new Uint8Array([0, 255, 13, 10]) },
)
/** `{"sub":"1"}`, signed with `secret`. */
const TOKEN =
  'eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxIn0.d8OBJL9zUXphTYoAkPjGkFnN1XDKT4_FTyBQH5SWoaA'

export const features: readonly Feature[] = [
  {
    name: 'routing',
    cases: [
      { name: 'the root', target: '/' },
      { name: 'HEAD', method: 'HEAD', target: '/' },
      { name: 'parameters', target: '/users/a%20b?x=1&x=2&y=' },
      { name: 'a pattern', target: '/posts/12/part' },
      { name: 'a pattern without its optional part', target: '/posts/12' },
      { name: 'a pattern that does not match', target: '/posts/x' },
      { name: 'a wildcard', target: '/wild/a/b/../c' },
      { name: 'a chosen method', method: 'PUT', target: '/methods', body: '' },
      { name: 'a method of its own', method: 'PURGE', target: '/methods' },
      { name: 'any method', method: 'DELETE', target: '/all' },
      { name: 'OPTIONS', method: 'OPTIONS', target: '/all' },
      { name: 'a method that has no route', method: 'PATCH', target: '/' },
      { name: 'a group with a base path', target: '/api/v1/ping' },
      { name: 'a mounted handler', target: '/mounted/x' },
      { name: 'nothing there', target: '/none?x' },
    ],
  },
  {
    name: 'URL, header fields and address of the request',
    cases: [
      { name: 'the URL', target: '/url?a=b&c' },
      { name: 'a Host with a port', target: '/url', fields: ['Host: app.example:8080'] },
      { name: 'a Host in capitals', target: '/url', fields: ['Host: App.Example'] },
      { name: 'a Host that is an IPv6 address', target: '/url', fields: ['Host: [::1]:80'] },
      { name: 'an absolute-form target', target: 'http://other.example/url?x' },
      { name: 'a Host that is no host of a URL', target: '/url', fields: ['Host: 999.999.1.1'] },
      { name: 'getConnInfo of @hono/node-server', target: '/conninfo' },
      {
        name: 'repeated fields',
        target: '/fields',
        fields: ['X-A: 1', 'x-a: 2', 'Cookie: a=1', 'Cookie: b=2', 'Accept: */*'],
      },
    ],
  },
  {
    name: 'answers',
    cases: [
      { name: 'HTML', target: '/html' },
      { name: 'bytes', target: '/bytes' },
      { name: '204', target: '/empty' },
      { name: '304', target: '/not-modified' },
      { name: 'a redirect', target: '/redirect' },
      { name: 'a redirect with 301', target: '/moved' },
      { name: 'fields that are appended', target: '/append' },
      { name: 'a Response of the platform', target: '/native' },
      { name: 'a Blob', target: '/blob' },
      { name: 'URLSearchParams', target: '/params' },
      { name: 'an answer that a middleware replaces', target: '/replaced' },
      { name: 'HEAD of a streamed answer', method: 'HEAD', target: '/stream' },
    ],
  },
  {
    name: 'errors',
    cases: [
      { name: 'onError', target: '/throw' },
      { name: 'HTTPException', target: '/exception' },
      { name: 'HTTPException with a Response', target: '/exception-response' },
    ],
  },
  {
    name: 'bodies of requests',
    cases: [
      { name: 'JSON', method: 'POST', target: '/json', fields: [JSON_BODY], body: '{"a":["é"]}' },
      { name: 'JSON in chunks', method: 'POST', target: '/json', body: '{"a":"é"}', chunkSize: 3 },
      { name: 'bad JSON', method: 'POST', target: '/json', fields: [JSON_BODY], body: '{"a":' },
      { name: 'no JSON at all', method: 'POST', target: '/json' },
      { name: 'text', method: 'POST', target: '/text', body: 'some tëxt' },
      { name: 'bytes', method: 'POST', target: '/buffer', body: new Uint8Array([0, 200, 255]) },
      {
        name: 'a Blob',
        method: 'POST',
        target: '/blob',
        fields: ['Content-Type: Text/Plain; Charset=UTF-8'],
        body: 'x',
      },
      {
        name: 'a form',
        method: 'POST',
        target: '/form',
        fields: [FORM_BODY],
        body: 'a=1&a=2&b.c=%C3%A9&d=+',
      },
      {
        name: 'multipart',
        method: 'POST',
        target: '/upload',
        fields: [MULTIPART_BODY],
        body: upload,
      },
      {
        name: 'multipart in chunks',
        method: 'POST',
        target: '/upload',
        fields: [MULTIPART_BODY],
        body: upload,
        chunkSize: 7,
      },
      {
        name: 'multipart that ends too soon',
        method: 'POST',
        target: '/upload',
        fields: [MULTIPART_BODY],
        body: upload.subarray(0, -20),
      },
      {
        name: 'multipart without a boundary',
        method: 'POST',
        target: '/upload',
        fields: ['Content-Type: multipart/form-data'],
        body: upload,
      },
      { name: 'a form that is none', method: 'POST', target: '/upload', body: 'a=1' },
      { name: 'a body that is sent back', method: 'POST', target: '/echo', body: 'echo' },
      { name: 'a body that is read twice', method: 'POST', target: '/twice', body: 'twice' },
      { name: 'a clone', method: 'POST', target: '/cloned', body: 'cloned' },
      { name: 'a body that is not read', method: 'POST', target: '/unread', body: 'unread' },
    ],
  },
  {
    name: 'cookies',
    cases: [
      { name: 'set, signed and deleted', target: '/cookies', fields: ['Cookie: a=1; old=%C3%A9'] },
      {
        name: 'a signature that does not fit',
        target: '/signed',
        fields: ['Cookie: signed=value.aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa%3D'],
      },
    ],
  },
  {
    name: 'stream, streamText, streamSSE',
    cases: [
      { name: 'stream', target: '/stream' },
      { name: 'streamText', target: '/stream-text' },
      { name: 'streamSSE', target: '/sse' },
      { name: 'a stream that fails and says so', target: '/stream-fails' },
      { name: 'a stream of a Blob', target: '/at-once' },
    ],
  },
  {
    name: 'compress',
    cases: [
      { name: 'gzip', target: '/compress/text', fields: ['Accept-Encoding: gzip, deflate, br'] },
      { name: 'deflate', target: '/compress/text', fields: ['Accept-Encoding: deflate'] },
      { name: 'not asked for', target: '/compress/text' },
      { name: 'too short', target: '/compress/short', fields: ['Accept-Encoding: gzip'] },
      { name: 'a stream', target: '/compress/stream', fields: ['Accept-Encoding: gzip'] },
      { name: 'HEAD', method: 'HEAD', target: '/compress/text', fields: ['Accept-Encoding: gzip'] },
      { name: 'an image', target: '/compress/image', fields: ['Accept-Encoding: gzip'] },
    ],
  },
  {
    name: 'cors',
    cases: [
      { name: 'an origin', target: '/cors/x', fields: ['Origin: http://b.example'] },
      { name: 'another origin', target: '/cors/x', fields: ['Origin: http://evil.example'] },
      {
        name: 'preflight',
        method: 'OPTIONS',
        target: '/cors/x',
        fields: [
          'Origin: http://a.example',
          'Access-Control-Request-Method: PUT',
          'Access-Control-Request-Headers: X-Custom',
        ],
      },
    ],
  },
  {
    name: 'etag',
    cases: [
      { name: 'made', target: '/etag/text' },
      { name: 'the app’s own', target: '/etag/own' },
      { name: 'a match', target: '/etag/own', fields: ['If-None-Match: "x", W/"own"'] },
    ],
  },
  {
    name: 'logger',
    cases: [
      { name: 'a request', target: '/logged/x' },
      { name: 'and one that fails', target: '/logged/none' },
      { name: 'what was logged', target: '/log' },
    ],
  },
  {
    name: 'secureHeaders',
    cases: [{ name: 'its fields', target: '/secure/x' }],
  },
  {
    name: 'basicAuth, bearerAuth, jwt',
    cases: [
      { name: 'nobody', target: '/basic/x' },
      { name: 'a user', target: '/basic/x', fields: ['Authorization: Basic dXNlcjpwYXNz'] },
      { name: 'a wrong password', target: '/basic/x', fields: ['Authorization: Basic dXNlcjp4'] },
      { name: 'a token', target: '/bearer/x', fields: ['Authorization: Bearer token'] },
      { name: 'a wrong token', target: '/bearer/x', fields: ['Authorization: Bearer x'] },
      { name: 'a JWT', target: '/jwt/x', fields: [`Authorization: Bearer ${TOKEN}`] },
      { name: 'a wrong JWT', target: '/jwt/x', fields: [`Authorization: Bearer ${TOKEN}x`] },
    ],
  },
  {
    name: 'bodyLimit',
    cases: [
      { name: 'within', method: 'POST', target: '/limited/x', body: 'ten bytes.' },
      { name: 'beyond', method: 'POST', target: '/limited/x', body: 'eleven byte' },
      {
        name: 'within, in chunks',
        method: 'POST',
        target: '/limited/x',
        body: 'ten',
        chunkSize: 2,
      },
      {
        name: 'beyond, in chunks',
        method: 'POST',
        target: '/limited/x',
        body: 'more than ten bytes',
        chunkSize: 4,
      },
    ],
  },
  {
    name: 'timeout',
    cases: [
      { name: 'in time', target: '/timeout/fast' },
      { name: 'late', target: '/timeout/slow' },
    ],
  },
  {
    name: 'csrf, requestId, poweredBy, prettyJSON, trailing slashes',
    cases: [
      {
        name: 'a form of another site',
        method: 'POST',
        target: '/csrf/x',
        fields: [FORM_BODY, 'Origin: http://evil.example'],
        body: 'a=1',
      },
      {
        name: 'a form of this site',
        method: 'POST',
        target: '/csrf/x',
        fields: [FORM_BODY, 'Origin: http://app.example'],
        body: 'a=1',
      },
      { name: 'fields of its own', target: '/small/x?pretty', fields: ['X-Request-Id: an-id'] },
      { name: 'a slash too many', target: '/no-slash/x/' },
      { name: 'a slash too few', target: '/slash/x' },
    ],
  },
  {
    name: 'serveStatic of @hono/node-server',
    cases: [
      { name: 'a file', target: '/static/README.md' },
      { name: 'HEAD', method: 'HEAD', target: '/static/README.md' },
      { name: 'no file', target: '/static/none.txt' },
      { name: 'a way out', target: '/static/..%2f..%2fpackage.json' },
      { name: 'a file within a folder', target: '/static/valid/../README.md' },
    ],
  },
]
