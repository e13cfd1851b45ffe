import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { readArgs } from '../../lib/options/args.ts'
import { gunicornLeftovers, REFUSALS, refusalOf } from '../../lib/options/gunicorn.ts'
import { resolve } from '../../lib/options/resolve.ts'

/** Every flag of Gunicorn 20.1 to 27.0 (`cli` of `gunicorn.config.KNOWN_SETTINGS`). */
const GUNICORN_FLAGS = `
  -D -R -b -c -e -g -k -m -n -p -t -u -w
  --access-logfile --access-logformat --asgi-disconnect-grace-period --asgi-lifespan --asgi-loop
  --backlog --bind --ca-certs --capture-output --casefold-http-method --cert-reqs --certfile --chdir
  --check-config --ciphers --config --control-socket --control-socket-mode --daemon --dirty-app
  --dirty-graceful-timeout --dirty-threads --dirty-timeout --dirty-workers
  --disable-redirect-access-to-syslog --do-handshake-on-connect --dogstatsd-tags
  --enable-backlog-metric --enable-stdio-inheritance --env --error-logfile --forwarded-allow-ips
  --forwarder-headers --graceful-timeout --group --header-map --http-parser --http-protocols
  --http2-cleartext --http2-initial-window-size --http2-max-concurrent-streams
  --http2-max-frame-size --http2-max-header-list-size --initgroups --keep-alive --keyfile
  --limit-request-field_size --limit-request-fields --limit-request-line --log-config
  --log-config-json --log-file --log-level --log-syslog --log-syslog-facility --log-syslog-prefix
  --log-syslog-to --logger-class --max-requests --max-requests-jitter --name --no-control-socket
  --no-sendfile --paste --paste-global --paster --permit-obsolete-folding
  --permit-unconventional-http-method --permit-unconventional-http-version --pid --preload
  --print-config --protocol --proxy-allow-from --proxy-protocol --pythonpath --reload
  --reload-engine --reload-extra-file --reuse-port --root-path --spew --ssl-version --statsd-host
  --statsd-prefix --strip-header-spaces --suppress-ragged-eofs --threads --timeout
  --tolerate-dangerous-framing --umask --user --uwsgi-allow-from --websocket-max-message-size
  --worker-class --worker-connections --worker-tmp-dir --workers`
  .trim()
  .split(/\s+/)

/** Flags that mean the same here, with values as they stand in Procfiles, and what comes of them. */
const SAME: readonly (readonly [flag: string, value: string, key: string, resolved: unknown])[] = [
  ['-b', '0.0.0.0:5000', 'bind', ['0.0.0.0:5000']],
  ['--bind', '[::]:8080', 'bind', ['[::]:8080']],
  ['--backlog', '512', 'backlog', 512],
  ['--certfile', 'a.pem', 'certfile', ['a.pem']],
  ['--keyfile', 'a.key', 'keyfile', ['a.key']],
  ['--ca-certs', 'ca.pem', 'caCerts', 'ca.pem'],
  ['-w', '4', 'workers', 4],
  ['--workers', '4', 'workers', 4],
  ['--threads', '8', 'threads', 8],
  ['-t', '120', 'timeout', 120_000],
  ['--timeout', '0', 'timeout', 0],
  ['--graceful-timeout', '90', 'gracefulTimeout', 90_000],
  ['--keep-alive', '5', 'keepAlive', 5000],
  ['--worker-connections', '1000', 'workerConnections', 1000],
  ['--max-requests', '1000', 'maxRequests', 1000],
  ['--max-requests-jitter', '50', 'maxRequestsJitter', 50],
  ['--access-logfile', '-', 'accessLogfile', '-'],
  ['--access-logformat', '%(h)s %(D)s', 'accessLogformat', '%(h)s %(D)s'],
  ['--log-syslog-to', 'udp://localhost:514', 'logSyslogTo', 'udp://localhost:514'],
  ['--log-syslog-prefix', 'shop', 'logSyslogPrefix', 'shop'],
  ['--log-syslog-facility', 'local0', 'logSyslogFacility', 'local0'],
  ['--statsd-host', 'localhost:8125', 'statsdHost', 'localhost:8125'],
  ['--statsd-prefix', 'shop', 'statsdPrefix', 'shop'],
  ['--dogstatsd-tags', 'env:live,team:web', 'dogstatsdTags', ['env:live', 'team:web']],
  ['--control-socket', '/run/a.sock', 'controlSocket', '/run/a.sock'],
  ['--error-logfile', '-', 'errorLogfile', '-'],
  ['--log-file', '/var/log/app.log', 'errorLogfile', '/var/log/app.log'],
  ['--log-level', 'critical', 'logLevel', 'critical'],
  ['--chdir', 'src', 'chdir', 'src'],
  ['-e', 'DEBUG=1,2', 'env', ['DEBUG=1,2']],
  ['--env', 'DJANGO_SETTINGS_MODULE=a.b', 'env', ['DJANGO_SETTINGS_MODULE=a.b']],
  ['-p', 'app.pid', 'pid', 'app.pid'],
  ['--pid', '/run/app.pid', 'pid', '/run/app.pid'],
  ['--forwarded-allow-ips', '*', 'forwardedAllowIps', ['*']],
  [
    '--forwarder-headers',
    'SCRIPT_NAME,REMOTE_USER',
    'forwarderHeaders',
    ['SCRIPT_NAME', 'REMOTE_USER'],
  ],
  ['--proxy-allow-from', '10.0.0.1', 'proxyAllowIps', ['10.0.0.1']],
  ['--bind', 'unix:@app', 'bind', ['unix:@app']],
  ['--header-map', 'dangerous', 'headerMap', 'dangerous'],
  ['--root-path', '/app', 'rootPath', '/app'],
  ['--forwarded-allow-ips', '10.0.0.0/8,::1', 'forwardedAllowIps', ['10.0.0.0/8', '::1']],
  ['--limit-request-line', '4094', 'limitRequestLine', 4094],
  ['--limit-request-fields', '50', 'limitRequestFields', 50],
  ['--limit-request-field_size', '16380', 'limitRequestFieldSize', 16_380],
  ['--reload-engine', 'poll', 'reloadEngine', 'poll'],
  ['--reload-extra-file', 'views/a.html', 'reloadExtraFile', ['views/a.html']],
  ['--pythonpath', 'lib,vendor', 'pythonpath', ['lib', 'vendor']],
]

const SWITCHES = [
  ...['--check-config', '--print-config', '--reload'],
  ...['--log-syslog', '--disable-redirect-access-to-syslog', '--reuse-port'],
]
/** Kept, and refused only for values of Gunicorn's. */
const BY_VALUE = ['--worker-class', '--cert-reqs', '--proxy-protocol', '-c', '--config']

const refusalText = (...argv: string[]): string => {
  try {
    readArgs(argv)
  } catch (error) {
    expect(error).toMatchObject({ code: 'MONODON_GUNICORN_OPTION' })
    return (error as Error).message
  }
  throw new Error(`${argv.join(' ')} was accepted`)
}

describe('flags of Gunicorn', () => {
  it.each(SAME)('%s %s is %s', async (flag, value, key, resolved) => {
    const { options } = await resolve({ flags: readArgs(['app:app', flag, value]).flags })
    expect(options[key as keyof typeof options]).toEqual(resolved)
  })

  it('are either the same here or refused with a reason, each of them', () => {
    const same = [...SAME.map(([flag]) => flag), ...SWITCHES, ...BY_VALUE]
    const left = GUNICORN_FLAGS.filter((flag) => !same.includes(flag))
    expect(left.filter((flag) => refusalOf(flag) === undefined)).toEqual([])
  })

  it('are refused only if Gunicorn has them and they are refused once', () => {
    const refused = REFUSALS.flatMap(({ flags }) => flags)
    expect(refused.filter((flag) => !GUNICORN_FLAGS.includes(flag))).toEqual([])
    expect(new Set(refused).size).toBe(refused.length)
  })

  it.each(GUNICORN_FLAGS)('%s has its place in docs/from-gunicorn.md', (flag) => {
    const page = readFileSync(new URL('../../docs/from-gunicorn.md', import.meta.url), 'utf8')
    expect(page).toMatch(new RegExp(`\`${flag}[\` ]`))
  })

  it.each(REFUSALS.flatMap(({ flags, takesValue }) => flags.map((flag) => [flag, takesValue])))(
    '%s is refused wherever it stands, and takes its own value only',
    (flag, takesValue) => {
      const argv = takesValue ? [flag, 'x', 'app:app'] : [flag, 'app:app']
      const start = takesValue ? `${flag} x: ` : `${flag}: `
      for (const given of [argv, ['app:app', ...argv.slice(0, -1)]])
        expect(refusalText(...(given as string[]))).toContain(start)
    },
  )

  it.each([
    [['-kgevent'], '-k gevent: '],
    [['--user=www-data'], '--user www-data: '],
    [['-D'], '-D: '],
    [['-n'], '-n: '],
  ])('%j is read as Gunicorn reads it', (argv, start) => {
    expect(refusalText('app:app', ...argv)).toContain(start)
  })

  it('are named all at once', () => {
    const text = refusalText(
      ...['app:app', '-w', '2', '-k', 'gthread', '--preload', '--worker-tmp-dir', '/dev/shm'],
    )
    expect(text.split('\n').slice(1)).toEqual([
      '  -k gthread: use --threads N alone',
      expect.stringMatching(/^ {2}--preload: .*leave it out$/),
      expect.stringMatching(/^ {2}--worker-tmp-dir \/dev\/shm: .*leave it out$/),
    ])
  })

  it('are not abbreviated', () => {
    expect(() => readArgs(['--preloa'])).toThrow(
      expect.objectContaining({ code: 'MONODON_UNKNOWN_OPTION' }),
    )
  })
})

describe('values of Gunicorn', () => {
  it.each([
    ['sync', 'leave it out'],
    ['gunicorn.workers.sync.SyncWorker', 'leave it out'],
    ['gthread', '--threads N'],
    ['gunicorn.workers.gthread.ThreadWorker', '--threads N'],
    ['gevent', 'monkey.patch_all'],
    ['gunicorn.workers.ggevent.GeventWorker', 'monkey.patch_all'],
    ['eventlet', 'monkey.patch_all'],
    ['uvicorn.workers.UvicornWorker', 'ASGI'],
    ['uvicorn_worker.UvicornWorker', 'ASGI'],
    ['asgi', 'ASGI'],
    ['tornado', 'event loop'],
    ['aiohttp.GunicornWebWorker', 'event loop'],
    ['egg:meinheld#gunicorn_worker', '--threads N'],
    ['my.package.Worker', '--threads N'],
  ])('the worker class %s is explained', (value, advice) => {
    for (const flag of ['-k', '--worker-class'])
      expect(refusalText(flag, value)).toMatch(
        new RegExp(`: ${flag} ${value.replaceAll('.', '\\.')}: .*${advice}`),
      )
  })

  it('the worker classes of monodon stay, and a slip is an ordinary bad value', async () => {
    for (const value of ['thread', 'process', 'proces'])
      expect(readArgs(['--worker-class', value]).flags.get('workerClass')?.raw).toBe(value)
    await expect(
      resolve({ flags: readArgs(['--worker-class', 'proces']).flags }),
    ).rejects.toMatchObject({ code: 'MONODON_BAD_OPTION' })
  })

  it.each([
    ['--reload-engine', 'inotify', 'leave it out'],
    ['--cert-reqs', '2', '--cert-reqs required'],
    ['-c', 'gunicorn.conf.py', 'monodon.config.toml'],
    ['--config', 'python:config.gunicorn', 'monodon.config.toml'],
  ])('%s %s is explained', (flag, value, advice) => {
    expect(refusalText(flag, value)).toContain(`${flag} ${value}: `)
    expect(refusalText(flag, value)).toContain(advice)
  })
})

describe('gunicornLeftovers', () => {
  it('names what would be silently lost', () => {
    const folder = mkdtempSync(join(tmpdir(), 'monodon-gunicorn-'))
    try {
      expect(gunicornLeftovers({}, folder)).toEqual([])
      expect(gunicornLeftovers({ GUNICORN_CMD_ARGS: '' }, folder)).toEqual([])
      writeFileSync(join(folder, 'gunicorn.conf.py'), 'workers = 4\n')
      expect(gunicornLeftovers({ GUNICORN_CMD_ARGS: '--bind=:80 -w 4' }, folder)).toEqual([
        expect.stringContaining('"--bind=:80 -w 4"'),
        expect.stringContaining('gunicorn.conf.py'),
      ])
    } finally {
      rmSync(folder, { recursive: true })
    }
  })
})
