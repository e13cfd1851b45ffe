/**
 * Metrics as text: Prometheus' format 0.0.4, and OpenMetrics 1.0 for who asks for it. Client libraries
 * are made to count; what is counted here is counted in native code, and only to be written.
 */

import { METRICS, type Metric, queriedName } from './metrics.ts'
import type { Histogram, Snapshot } from './snapshot.ts'

export type Format = 'prometheus' | 'openmetrics'

export const CONTENT_TYPES: Readonly<Record<Format, string>> = {
  prometheus: 'text/plain; version=0.0.4; charset=utf-8',
  openmetrics: 'application/openmetrics-text; version=1.0.0; charset=utf-8',
}

/** The format that a field `Accept` asks for; Prometheus' where it says nothing of the other. */
export function formatFor(accept: string): Format {
  let [open, plain] = [0, 0]
  for (const item of accept.toLowerCase().split(',')) {
    const [type, ...parameters] = item.split(';').map((part) => part.trim())
    const parameterOf = (name: string) =>
      parameters.find((parameter) => parameter.startsWith(`${name}=`))?.slice(name.length + 1)
    const weight = Number(parameterOf('q') ?? 1)
    if (type === 'application/openmetrics-text' && (parameterOf('version') ?? '1.0.0') === '1.0.0')
      open = Math.max(open, weight)
    else if (type === 'text/plain') plain = Math.max(plain, weight)
  }
  return open > 0 && open >= plain ? 'openmetrics' : 'prometheus'
}

/** The text of all metrics. */
export function exposition(snapshot: Snapshot, format: Format): string {
  const families = METRICS.map((metric) => familyOf(metric, snapshot, format))
  return families.join('') + (format === 'openmetrics' ? '# EOF\n' : '')
}

function familyOf(metric: Metric, snapshot: Snapshot, format: Format): string {
  const isOpen = format === 'openmetrics'
  const family = isOpen ? metric.name : queriedName(metric)
  const help = metric.help.replaceAll('\\', '\\\\').replaceAll('"', isOpen ? '\\"' : '"')
  const unit = isOpen && metric.unit !== undefined ? `# UNIT ${family} ${metric.unit}\n` : ''
  const head = `# HELP ${family} ${help}.\n# TYPE ${family} ${metric.type}\n${unit}`
  return head + samplesOf(metric, snapshot, isOpen).join('')
}

function samplesOf(metric: Metric, snapshot: Snapshot, isOpen: boolean): string[] {
  if (metric.type === 'histogram')
    return metric
      .read(snapshot)
      .map(({ labels, value }) => histogramLines(metric.name, labels, value, isOpen))
  const name = queriedName(metric)
  return metric.read(snapshot).map(({ labels, value }) => line(name, labels, value))
}

function histogramLines(
  name: string,
  labels: Readonly<Record<string, string>>,
  { bounds, counts, sum }: Histogram,
  isOpen: boolean,
): string {
  let count = 0
  const buckets = counts.map((own, at) => {
    count += own
    const bound = bounds[at]
    return line(`${name}_bucket`, { ...labels, le: boundText(bound, isOpen) }, count)
  })
  return [...buckets, line(`${name}_sum`, labels, sum), line(`${name}_count`, labels, count)].join(
    '',
  )
}

/** OpenMetrics writes bounds as floating point numbers. */
function boundText(bound: number | undefined, isOpen: boolean): string {
  if (bound === undefined) return '+Inf'
  return isOpen && Number.isInteger(bound) ? bound.toFixed(1) : String(bound)
}

function line(name: string, labels: Readonly<Record<string, string>>, value: number): string {
  const pairs = Object.entries(labels).map(([label, text]) => `${label}="${escaped(text)}"`)
  return `${name}${pairs.length > 0 ? `{${pairs.join()}}` : ''} ${value}\n`
}

function escaped(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')
}
