import { describe, expect, it } from 'vitest'
import { readArgs } from '../../lib/options/args.ts'
import { envName, kebab } from '../../lib/options/names.ts'
import { toNative } from '../../lib/options/native.ts'
import { resolve } from '../../lib/options/resolve.ts'
import { GROUPS } from '../../lib/options/rows/row.ts'
import {
  COMMANDS,
  OPTION_KEYS,
  type OptionKey,
  type Options,
  rowOf,
} from '../../lib/options/table.ts'
import { parseValue } from '../../lib/options/values.ts'

/** For every option: what may be given, what it becomes, and what is refused. */
const SAMPLES: { readonly [K in OptionKey]: { good: string; value: Options[K]; bad: string } } = {
  bind: { good: '[::1]:81', value: ['[::1]:81'], bad: '81' },
  socketMode: { good: '660', value: 0o660, bad: '668' },
  socketOwner: { good: ':www-data', value: ':www-data', bad: 'www-data:' },
  http: { good: '2', value: '2', bad: '3' },
  certfile: { good: 'a.pem,b.pem', value: ['a.pem', 'b.pem'], bad: 'a.pem,' },
  keyfile: { good: 'a.key', value: ['a.key'], bad: ',a.key' },
  caCerts: { good: 'ca.pem', value: 'ca.pem', bad: '' },
  certReqs: { good: 'optional', value: 'optional', bad: 'maybe' },
  crl: { good: 'crl.pem', value: 'crl.pem', bad: '' },
  tlsMinVersion: { good: '1.3', value: '1.3', bad: '1.1' },
  redirectHttp: { good: 'true', value: true, bad: 'maybe' },
  redirectPort: { good: '443', value: 443, bad: '65536' },
  programPort: { good: '3000', value: 3000, bad: '65536' },
  listenTimeout: { good: 'off', value: 0, bad: 'soon' },
  responseClass: { good: 'platform', value: 'platform', bad: 'undici' },
  interface: { good: 'wsgi', value: 'wsgi', bad: 'asgi' },
  healthPath: { good: '/healthz', value: '/healthz', bad: 'healthz/' },
  static: { good: '/s=public,/=dist', value: ['/s=public', '/=dist'], bad: 'public' },
  staticFallback: { good: 'dist/index.html', value: 'dist/index.html', bad: '' },
  staticMaxAge: { good: '1h', value: 3_600_000, bad: 'long' },
  staticImmutable: { good: '/assets,/v/', value: ['/assets', '/v/'], bad: 'assets' },
  sendfileRoot: { good: '/srv/files', value: '/srv/files', bad: '' },
  ioThreads: { good: '3', value: 3, bad: '65' },
  reusePort: { good: 'true', value: true, bad: '1.5' },
  backlog: { good: '100', value: 100, bad: '0' },
  workers: { good: 'auto', value: 4, bad: '0' },
  workerClass: { good: 'process', value: 'process', bad: 'fiber' },
  threads: { good: '4', value: 4, bad: '0' },
  python: { good: '/usr/bin/python3', value: '/usr/bin/python3', bad: '' },
  pythonpath: { good: 'lib,../common', value: ['lib', '../common'], bad: 'lib,' },
  workerConnections: { good: '50', value: 50, bad: '0' },
  maxRequests: { good: '1000', value: 1000, bad: '-1' },
  maxRequestsJitter: { good: '50', value: 50, bad: '0.5' },
  maxWorkerLifetime: { good: '6h', value: 21_600_000, bad: '1d' },
  maxWorkerLifetimeJitter: { good: '10m', value: 600_000, bad: '-1' },
  maxWorkerMemory: { good: '512mb', value: 536_870_912, bad: '512mib' },
  timeout: { good: 'off', value: 0, bad: 'never' },
  bootTimeout: { good: '3m', value: 180_000, bad: 'never' },
  upgradeMode: { good: 'auto', value: 'auto', bad: 'never' },
  upgradeTimeout: { good: 'off', value: 0, bad: 'never' },
  compress: { good: 'gzip,zstd', value: ['gzip', 'zstd'], bad: 'deflate' },
  compressLevel: { good: 'zstd=1,gzip=9', value: ['zstd=1', 'gzip=9'], bad: 'gzip=10' },
  compressMinSize: { good: '2kb', value: 2048, bad: '-1' },
  compressTypes: { good: 'text/*,+json', value: ['text/*', '+json'], bad: 'text' },
  forwardedAllowIps: { good: '10.0.0.0/8,::1', value: ['10.0.0.0/8', '::1'], bad: 'proxy.local' },
  forwardedHeaders: { good: 'x-forwarded', value: ['x-forwarded'], bad: 'x-real-ip' },
  stripForwarded: { good: 'true', value: true, bad: 'maybe' },
  proxyProtocol: { good: 'required', value: 'required', bad: 'v3' },
  proxyAllowIps: { good: '*', value: ['*'], bad: 'lb.local' },
  headerMap: { good: 'refuse', value: 'refuse', bad: 'keep' },
  forwarderHeaders: { good: 'REMOTE_USER', value: ['REMOTE_USER'], bad: 'REMOTE USER' },
  rootPath: { good: '/app', value: '/app', bad: '//app' },
  accessLogfile: { good: '-', value: '-', bad: '' },
  controlSocket: { good: '/run/a.sock', value: '/run/a.sock', bad: '' },
  errorLogfile: { good: 'error.log', value: 'error.log', bad: '' },
  pid: { good: '/run/monodon.pid', value: '/run/monodon.pid', bad: '' },
  env: { good: 'A=1,2', value: ['A=1,2'], bad: 'A' },
  queueSize: { good: '10', value: 10, bad: '1kb' },
  queueTimeout: { good: 'off', value: 0, bad: 'never' },
  queueTarget: { good: '1s', value: 1000, bad: 'soon' },
  requestTimeout: { good: '20s', value: 20_000, bad: 'soon' },
  keepAlive: { good: '5s', value: 5000, bad: 'off' },
  headerTimeout: { good: '250ms', value: 250, bad: '-1' },
  bodyTimeout: { good: '1m', value: 60_000, bad: '1x' },
  sendTimeout: { good: '90', value: 90_000, bad: '1e3' },
  drainDelay: { good: '5s', value: 5000, bad: 'soon' },
  gracefulTimeout: { good: '1h', value: 3_600_000, bad: '0' },
  limitRequestLine: { good: '4kb', value: 4096, bad: '63' },
  limitRequestFieldSize: { good: '16kb', value: 16_384, bad: '64kb' },
  limitRequestFields: { good: '32', value: 32, bad: '0' },
  limitRequestHead: { good: '16kb', value: 16_384, bad: '2mb' },
  limitRequestBody: { good: '3gb', value: 3_221_225_472, bad: '1tb' },
  limitWebsocketMessage: { good: '1mb', value: 1_048_576, bad: '2gb' },
  limitWebsocketBacklog: { good: '1mb', value: 1_048_576, bad: '1kb' },
  websocketCompression: { good: 'true', value: true, bad: 'some' },
  websocketPing: { good: '10s', value: 10_000, bad: 'often' },
  limitUploadRate: { good: '1kb', value: 1024, bad: '-1' },
  limitConnectionsPerIp: { good: '20', value: 20, bad: '-1' },
  maxConnections: { good: '1', value: 1, bad: '0' },
  accessLogformat: { good: '%(h)s %(D)s', value: '%(h)s %(D)s', bad: '' },
  accessLogReveal: { good: 'cookie,token', value: ['cookie', 'token'], bad: 'a b' },
  logFormat: { good: 'json', value: 'json', bad: 'xml' },
  logSyslog: { good: 'true', value: true, bad: 'maybe' },
  logSyslogTo: { good: 'udp://a:514', value: 'udp://a:514', bad: '' },
  logSyslogFacility: { good: 'local0', value: 'local0', bad: '' },
  logSyslogPrefix: { good: 'shop', value: 'shop', bad: 'a b' },
  disableRedirectAccessToSyslog: { good: 'true', value: true, bad: 'maybe' },
  requestId: { good: 'true', value: true, bad: 'maybe' },
  requestIdHeader: { good: 'x-trace-id', value: 'x-trace-id', bad: 'x_id' },
  requestIdResponse: { good: 'true', value: true, bad: 'maybe' },
  metricsBind: { good: 'unix:m.sock', value: 'unix:m.sock', bad: '9464' },
  metricsPath: { good: '/m', value: '/m', bad: 'm' },
  statusBind: { good: '[::1]:0', value: '[::1]:0', bad: '9465' },
  statsdHost: { good: 'unix:///run/statsd', value: 'unix:///run/statsd', bad: 'udp://a:1' },
  statsdPrefix: { good: 'shop.web', value: 'shop.web', bad: 'a:b' },
  dogstatsdTags: { good: 'env:live,web', value: ['env:live', 'web'], bad: 'a|b' },
  slowRequest: { good: '2s', value: 2000, bad: 'soon' },
  serverTiming: { good: 'true', value: true, bad: 'maybe' },
  observeToken: { good: 'sixteen-or-more-!', value: 'sixteen-or-more-!', bad: 'short' },
  otlpEndpoint: { good: 'http://c:4318', value: 'http://c:4318', bad: 'c:4317' },
  otlpHeaders: { good: 'a=b,c=d', value: 'a=b,c=d', bad: '' },
  otlpCertificate: { good: 'ca.pem', value: 'ca.pem', bad: '' },
  otlpServiceName: { good: 'shop', value: 'shop', bad: '' },
  otlpResourceAttributes: { good: 'a=b', value: 'a=b', bad: '' },
  otlpSampler: { good: 'always_off', value: 'always_off', bad: '' },
  otlpSampleRatio: { good: '0.1', value: '0.1', bad: '' },
  logLevel: { good: 'debug', value: 'debug', bad: 'trace' },
  dev: { good: 'true', value: true, bad: 'maybe' },
  reload: { good: 'true', value: true, bad: 'maybe' },
  reloadEngine: { good: 'poll', value: 'poll', bad: 'fast' },
  reloadExtraFile: { good: 'a.html,b.html', value: ['a.html', 'b.html'], bad: 'a.html,' },
  reloadInclude: { good: 'node_modules/**', value: ['node_modules/**'], bad: ',' },
  reloadExclude: { good: '*.json', value: ['*.json'], bad: ',' },
  chdir: { good: '/srv', value: '/srv', bad: '' },
  config: { good: 'x.toml', value: 'x.toml', bad: '' },
}

const cores = 4
const flagOf = (key: OptionKey, text: string) => readArgs([`--${kebab(key)}=${text}`]).flags

describe.each(OPTION_KEYS)('the row of %s', (key) => {
  const row = rowOf(key)
  const { good, value, bad } = SAMPLES[key]

  it('says what it is', () => {
    expect(row.doc).toMatch(/^[A-Z].*[^.]$/)
    expect(row.doc.length).toBeLessThan(110)
    expect(row.readBy.length).toBeGreaterThan(0)
    expect(GROUPS).toContain(row.group)
    if (row.type === 'integer' || row.type === 'string') expect(row.unit).not.toBe('')
  })

  it('has a default that it allows', () => {
    if (row.type !== 'string') expect(() => parseValue(row, row.default, 1)).not.toThrow()
  })

  it('is read from a flag, a variable and a file', async () => {
    expect(await resolve({ flags: flagOf(key, good), cores })).toMatchObject({
      options: { [key]: value },
      origins: { [key]: `--${kebab(key)}` },
    })
    expect(await resolve({ env: { [envName(key)]: good }, cores })).toMatchObject({
      options: { [key]: value },
      origins: { [key]: envName(key) },
    })
    if (key === 'config') return
    const loadFile = async () => ({ path: '/x.toml', values: { [kebab(key)]: good } })
    expect(await resolve({ loadFile, cores })).toMatchObject({
      options: { [key]: value },
      origins: { [key]: `${kebab(key)} in /x.toml` },
    })
  })

  it('refuses a bad value and names its source', async () => {
    const error = { code: 'MONODON_BAD_OPTION' }
    const flags = flagOf(key, bad)
    await expect(resolve({ flags, cores })).rejects.toMatchObject({
      ...error,
      message: expect.stringContaining(`--${kebab(key)} is `),
    })
    // A variable that is set to nothing is not set.
    if (bad === '') return
    await expect(resolve({ env: { [envName(key)]: bad }, cores })).rejects.toMatchObject({
      ...error,
      message: expect.stringMatching(
        `${envName(key)} is ${rowOf(key).secret ? '\\*{3}' : "'.*'"}; allowed: .+`,
      ),
    })
  })
})

it('uses no flag twice', () => {
  const short = [
    ...OPTION_KEYS.map((key) => rowOf(key).short),
    ...Object.values(COMMANDS).map((c) => c.short),
  ]
  const given = short.filter((letter) => letter !== undefined)
  expect(new Set(given).size).toBe(given.length)
  expect(OPTION_KEYS.filter((key) => key in COMMANDS)).toEqual([])
})

it('gives native code exactly the rows that it reads', async () => {
  const { options } = await resolve({ cores })
  expect(toNative(options)).toEqual({
    bind: ['127.0.0.1:8000'],
    socketMode: 0o666,
    socketOwner: '',
    certfile: [],
    keyfile: [],
    caCerts: '',
    certReqs: 'none',
    crl: '',
    tlsMinVersion: '1.2',
    redirectHttp: false,
    redirectPort: 0,
    http: 'auto',
    healthPath: '',
    static: [],
    staticFallback: '',
    staticMaxAge: 0,
    staticImmutable: [],
    sendfileRoot: '',
    ioThreads: 2,
    backlog: 2048,
    workerConnections: 1000,
    queueSize: 4096,
    queueTimeout: 10_000,
    queueTarget: 100,
    requestTimeout: 0,
    keepAlive: 75_000,
    headerTimeout: 15_000,
    bodyTimeout: 30_000,
    sendTimeout: 30_000,
    gracefulTimeout: 30_000,
    limitRequestLine: 8190,
    limitRequestFieldSize: 8190,
    limitRequestFields: 100,
    limitRequestHead: 0,
    limitRequestBody: 134_217_728,
    limitWebsocketMessage: 16_777_216,
    websocketCompression: false,
    websocketPing: 30_000,
    limitUploadRate: 0,
    limitConnectionsPerIp: 0,
    maxConnections: 16_384,
    compress: [],
    compressLevel: ['zstd=3', 'br=4', 'gzip=5'],
    compressMinSize: 1024,
    compressTypes: rowOf('compressTypes').default,
    reusePort: false,
    forwardedAllowIps: ['127.0.0.1', '::1'],
    forwardedHeaders: ['x-forwarded-for', 'x-forwarded-proto'],
    stripForwarded: false,
    proxyProtocol: 'off',
    proxyAllowIps: ['127.0.0.1', '::1'],
    headerMap: 'drop',
    forwarderHeaders: ['SCRIPT_NAME', 'PATH_INFO'],
    rootPath: '',
    accessLogfile: '',
    accessLogformat: 'combined',
    accessLogReveal: [],
    logSyslog: false,
    logSyslogTo: 'unix:///dev/log',
    logSyslogFacility: 'user',
    logSyslogPrefix: '',
    disableRedirectAccessToSyslog: false,
    requestId: false,
    requestIdHeader: 'x-request-id',
    requestIdResponse: false,
    statsdHost: '',
    slowRequest: 500,
    serverTiming: false,
    otlpEndpoint: '',
    otlpHeaders: '',
    otlpCertificate: '',
    otlpServiceName: '',
    otlpResourceAttributes: '',
    otlpSampler: 'parentbased_traceidratio',
    otlpSampleRatio: '1',
  })
})
