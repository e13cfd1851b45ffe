import { type Feature, FORM_BODY, JSON_BODY, MULTIPART_BODY, multipart } from './fetch-cases.ts'

const upload = multipart(
  { name: 'title', content: 'é' },
  { name: 'file', filename: 'a.txt', type: 'text/plain', content: 'file content' },
)

export const features: readonly Feature[] = [
  {
    name: 'routing',
    cases: [
      { name: 'the root', target: '/' },
      { name: 'HEAD', method: 'HEAD', target: '/' },
      { name: 'parameters', target: '/users/a%20b?x=1&x=2&y=' },
      { name: 'a wildcard', target: '/wild/a/./b/../c' },
      { name: 'a method that is allowed', method: 'POST', target: '/methods', body: '' },
      { name: 'a method that is not', method: 'PATCH', target: '/methods' },
      { name: 'a mounted app', target: '/mounted/x' },
      { name: 'a handler with a base', target: '/based/x' },
      { name: 'nothing there', target: '/nowhere' },
      { name: 'a path that cannot be decoded', target: '/users/%ff' },
    ],
  },
  {
    name: 'URL, header fields and address of the request',
    cases: [
      { name: 'the URL', target: '/url?a=b&c' },
      { name: 'a Host with a port', target: '/url', fields: ['Host: app.example:8080'] },
      { name: 'an absolute-form target', target: 'http://other.example/url?x' },
      {
        name: 'repeated fields',
        target: '/fields',
        fields: ['X-A: 1', 'x-a: 2', 'Cookie: a=1', 'Cookie: b=2'],
      },
      { name: 'getRequestIP', target: '/ip' },
    ],
  },
  {
    name: 'answers',
    cases: [
      { name: 'JSON', target: '/json' },
      { name: 'HTML', target: '/html' },
      { name: 'bytes', target: '/bytes' },
      { name: 'a Blob', target: '/blob' },
      { name: 'a File', target: '/file' },
      { name: 'null', target: '/nothing' },
      { name: '204', target: '/none' },
      { name: 'a redirect', target: '/redirect' },
      { name: 'a number', target: '/number' },
      { name: 'a Date', target: '/date' },
      { name: 'status, statusText and fields', target: '/status' },
      { name: 'a Response', target: '/native' },
      { name: 'Response.json', target: '/native-json' },
    ],
  },
  {
    name: 'errors',
    cases: [
      { name: 'an Error', target: '/throw' },
      { name: 'HTTPError', target: '/error' },
      { name: 'onError', target: '/failing/x' },
    ],
  },
  {
    name: 'bodies of requests',
    cases: [
      { name: 'JSON', method: 'POST', target: '/body', fields: [JSON_BODY], body: '{"a":["é"]}' },
      { name: 'bad JSON', method: 'POST', target: '/body', fields: [JSON_BODY], body: '{"a":' },
      {
        name: 'a form',
        method: 'POST',
        target: '/body',
        fields: [FORM_BODY],
        body: 'a=1&a=2&b=%C3%A9',
      },
      { name: 'nothing', method: 'POST', target: '/body' },
      {
        name: 'text in chunks',
        method: 'POST',
        target: '/text',
        body: 'in chunks é',
        chunkSize: 2,
      },
      {
        name: 'multipart',
        method: 'POST',
        target: '/form',
        fields: [MULTIPART_BODY],
        body: upload,
      },
      {
        name: 'multipart that ends too soon',
        method: 'POST',
        target: '/form',
        fields: [MULTIPART_BODY],
        body: upload.subarray(0, -20),
      },
      { name: 'a body that is sent back', method: 'POST', target: '/echo', body: 'echo' },
      { name: 'a clone', method: 'POST', target: '/clone', body: 'cloned' },
    ],
  },
  {
    name: 'cookies and sessions',
    cases: [
      { name: 'set, read and deleted', target: '/cookies', fields: ['Cookie: a=%C3%A9; old=1'] },
      { name: 'a new session', target: '/session' },
    ],
  },
  {
    name: 'streams: ReadableStream, iterable, createEventStream',
    cases: [
      { name: 'a stream', target: '/stream' },
      { name: 'HEAD of a stream', method: 'HEAD', target: '/stream' },
      { name: 'an iterable', target: '/iterable' },
      { name: 'an event stream', target: '/sse' },
    ],
  },
  {
    name: 'handleCors, basicAuth, handleCacheHeaders, waitUntil',
    cases: [
      { name: 'an origin', target: '/cors', fields: ['Origin: http://a.example'] },
      {
        name: 'preflight',
        method: 'OPTIONS',
        target: '/cors',
        fields: ['Origin: http://a.example', 'Access-Control-Request-Method: PUT'],
      },
      { name: 'nobody', target: '/basic/x' },
      { name: 'a user', target: '/basic/x', fields: ['Authorization: Basic dXNlcjpwYXNz'] },
      { name: 'a fresh answer', target: '/cached' },
      { name: 'one that the client has', target: '/cached', fields: ['If-None-Match: "x"'] },
      { name: 'waitUntil', target: '/wait' },
      { name: 'what was waited for', target: '/waited' },
    ],
  },
  {
    name: 'serveStatic',
    cases: [
      { name: 'a file', target: '/static/README.md' },
      { name: 'HEAD', method: 'HEAD', target: '/static/README.md' },
      { name: 'no file', target: '/static/none' },
      { name: 'a way out', target: '/static/..%2f..%2fpackage.json' },
    ],
  },
]
