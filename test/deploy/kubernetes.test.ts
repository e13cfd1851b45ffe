/** The manifests: their form, sums and references, and what their container starts. */
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { parse, parseAllDocuments } from 'yaml'
import { fetchOnce } from '../support/client.ts'
import type { Holdings } from '../support/leaks.ts'
import { describePython } from '../support/python.ts'
import { Scratch } from '../support/scratch.ts'
import type { SpawnedServer } from '../support/spawned.ts'
import { DEPLOY, flawsOf, seconds, startAsDeployed, textOf, withSchemas } from './deployed.ts'

const FILE = 'kubernetes/app.yaml'
const CHART = join(DEPLOY, 'helm/monodon')
const METRICS = fileURLToPath(new URL('../../docs/metrics.md', import.meta.url))

// biome-ignore lint/suspicious/noExplicitAny: manifests, which the schemas check
type Manifest = any

const documentsOf = (text: string): Manifest[] =>
  parseAllDocuments(text).map((document) => document.toJS())
const byKind = (documents: Manifest[]): Record<string, Manifest> =>
  Object.fromEntries(documents.map((document) => [document.kind, document]))

const manifests = byKind(documentsOf(textOf(FILE)))
const pod = manifests['Deployment'].spec.template
const [container] = pod.spec.containers
const env: Record<string, string> = Object.fromEntries(
  container.env.map((entry: Manifest) => [entry.name, entry.value ?? 'a-secret-of-the-cluster']),
)

describePython(FILE, () => {
  withSchemas()

  test('is what the API describes', () => {
    expect(flawsOf('kubernetes', join(DEPLOY, FILE))).toBe('')
    expect(Object.keys(manifests)).toEqual([
      'Deployment',
      'Service',
      'PodDisruptionBudget',
      'HorizontalPodAutoscaler',
      'NetworkPolicy',
    ])
  })

  test('and the schemas find a field that there is not', () => {
    const folder = mkdtempSync(join(tmpdir(), 'monodon-manifest-'))
    const file = join(folder, 'wrong.yaml')
    writeFileSync(file, textOf(FILE).replace('readinessProbe:', 'readynessProbe:'))
    expect(flawsOf('kubernetes', file)).toContain('readynessProbe')
    rmSync(folder, { recursive: true })
  })
})

describe(`${FILE}: what refers to what`, () => {
  test('selectors find the pods', () => {
    const { labels } = pod.metadata
    const { Deployment, Service, PodDisruptionBudget, NetworkPolicy } = manifests
    for (const selector of [
      Deployment.spec.selector.matchLabels,
      Service.spec.selector,
      PodDisruptionBudget.spec.selector.matchLabels,
      NetworkPolicy.spec.podSelector.matchLabels,
      pod.spec.topologySpreadConstraints[0].labelSelector.matchLabels,
    ])
      expect(labels).toMatchObject(selector)
    expect(manifests['HorizontalPodAutoscaler'].spec.scaleTargetRef.name).toBe(
      Deployment.metadata.name,
    )
  })

  test('ports are those of the container', () => {
    const names = container.ports.map((port: Manifest) => port.name)
    const asked = [
      ...manifests['Service'].spec.ports.map((port: Manifest) => port.targetPort),
      ...manifests['NetworkPolicy'].spec.ingress.map((rule: Manifest) => rule.ports[0].port),
      ...probes().map(({ port }) => port),
    ]
    for (const port of asked) expect(names).toContain(port)
    expect(container.ports.map((port: Manifest) => `:${port.containerPort}`)).toEqual([
      env['MONODON_BIND'],
      env['MONODON_METRICS_BIND'],
    ])
  })

  test('the pod has as long as the server needs', () => {
    const hook = container.lifecycle?.preStop?.sleep?.seconds ?? 0
    const drain = seconds(env['MONODON_DRAIN_DELAY']!)
    const graceful = seconds(env['MONODON_GRACEFUL_TIMEOUT']!)
    expect(pod.spec.terminationGracePeriodSeconds).toBeGreaterThan(hook + drain + graceful)
    // Whoever probes has found it unready before it stops to accept.
    const { periodSeconds, failureThreshold } = container.readinessProbe
    expect(drain).toBeGreaterThan(periodSeconds * failureThreshold)
  })

  test('it scales by metrics that the adapter makes of those that there are', () => {
    const { rules } = parse(textOf('kubernetes/prometheus-adapter.yaml'))
    const made = rules.custom.map((rule: Manifest) => rule.name.as)
    for (const { pods } of manifests['HorizontalPodAutoscaler'].spec.metrics)
      expect(made).toContain(pods.metric.name)
    const known = readFileSync(METRICS, 'utf8')
    for (const { seriesQuery } of rules.custom)
      expect(known).toContain(`| \`${seriesQuery.replace(/\{.*/, '')}\` |`)
  })
})

describe(`${FILE}: what it starts`, () => {
  const scratch = new Scratch()
  let server: SpawnedServer
  let before: Holdings
  beforeAll(async () => {
    server = await startAsDeployed(scratch, container.command, env)
    before = server.holdings
  })
  afterAll(async () => {
    await server.released(before)
    // The delay is not waited for: a second signal ends it.
    const stopped = server.stop()
    server.child.kill('SIGTERM')
    expect(await stopped).toBe(0)
    scratch.remove()
  })

  test('answers its probes', async () => {
    expect(probes()).toHaveLength(3)
    for (const { path } of probes())
      expect(await fetchOnce(server, path)).toMatchObject({ status: 200 })
  })

  test('shows its metrics to who has the token', async () => {
    const [, url] = /--metrics-bind: (http:\S+)/.exec(server.output) ?? []
    expect((await ask(url!)).status).toBe(401)
    const answer = await ask(url!, { authorization: 'Bearer a-secret-of-the-cluster' })
    expect(await answer.text()).toContain('monodon_queue_length 0')
  })
})

/** On a connection of its own. */
function ask(url: string, headers: Record<string, string> = {}): Promise<Response> {
  return fetch(url, { headers: { ...headers, connection: 'close' } })
}

function probes(): { path: string; port: string }[] {
  return ['startupProbe', 'readinessProbe', 'livenessProbe'].map((name) => container[name].httpGet)
}

// TEST_HELM names it where it is not in the path. There is no package of it, and to build it takes
// minutes: so CI does without.
const helm = process.env['TEST_HELM'] ?? 'helm'
const hasHelm = spawnSync(helm, ['version'], { stdio: 'ignore' }).error === undefined
const describeHelm = hasHelm || !process.env['CI'] ? describe.skipIf(!hasHelm) : () => {}

describeHelm(`the Helm chart${hasHelm ? '' : ` (there is no ${helm})`}`, () => {
  withSchemas()
  const run = (...args: string[]): string => execFileSync(helm, args, { encoding: 'utf8' })

  test('is well formed', () => {
    expect(run('lint', '--strict', CHART)).toContain('0 chart(s) failed')
  })

  test(`makes what ${FILE} has`, () => {
    expect(byKind(documentsOf(run('template', '--kube-version', '1.37', 'shop', CHART)))).toEqual(
      manifests,
    )
  })

  test('leaves out what is switched off, and is right by the API then, too', () => {
    const off = ['metrics', 'autoscaling', 'networkPolicy'].flatMap((part) => [
      '--set',
      `${part}.enabled=false`,
    ])
    const folder = mkdtempSync(join(tmpdir(), 'monodon-chart-'))
    const file = join(folder, 'made.yaml')
    writeFileSync(
      file,
      run(
        'template',
        '--kube-version',
        '1.37',
        'shop',
        CHART,
        ...off,
        '--set',
        'env.LOG=all',
        '--set',
        'replicas=3',
      ),
    )
    expect(flawsOf('kubernetes', file)).toBe('')
    const made = byKind(documentsOf(readFileSync(file, 'utf8')))
    expect(Object.keys(made).toSorted()).toEqual(['Deployment', 'PodDisruptionBudget', 'Service'])
    expect(made['Deployment'].spec.replicas).toBe(3)
    rmSync(folder, { recursive: true })
  })
})
