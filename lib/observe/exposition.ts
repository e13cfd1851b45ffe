/**
 * Metrics as text: Prometheus' format 0.0.4, and OpenMetrics 1.0 for who asks for it. Client libraries
 * are made to count; what is counted here is counted in native code, and only to be written.
 */

import { METRICS, type Metric, queriedName } from './metrics.ts'
import type { Figures, Histogram } from './snapshot.ts'

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
export function exposition(figures: Figures, format: Format): string {
  let text = ''
  for (const family of familiesOf(format)) text += family.textOf(figures)
  return format === 'openmetrics' ? `${text}# EOF\n` : text
}

/** A metric's text of one format. What of it is the same each time is made once: nearly all of it. */
interface Family {
  textOf(figures: Figures): string
}

const FAMILIES = new Map<Format, readonly Family[]>()

function familiesOf(format: Format): readonly Family[] {
  let families = FAMILIES.get(format)
  if (families === undefined) {
    families = METRICS.map((metric) => familyOf(metric, format === 'openmetrics'))
    FAMILIES.set(format, families)
  }
  return families
}

function familyOf(metric: Metric, isOpen: boolean): Family {
  const head = headOf(metric, isOpen)
  if (metric.type === 'histogram') {
    const lines = new HistogramLines(metric.name, isOpen)
    return { textOf: (figures) => head + lines.textOf(metric.read(figures)) }
  }
  const name = queriedName(metric)
  return {
    textOf(figures) {
      let text = head
      for (const { labels, value } of metric.read(figures)) text += line(name, labels, value)
      return text
    },
  }
}

function headOf(metric: Metric, isOpen: boolean): string {
  const family = isOpen ? metric.name : queriedName(metric)
  const help = metric.help.replaceAll('\\', '\\\\').replaceAll('"', isOpen ? '\\"' : '"')
  const unit = isOpen && metric.unit !== undefined ? `# UNIT ${family} ${metric.unit}\n` : ''
  return `# HELP ${family} ${help}.\n# TYPE ${family} ${metric.type}\n${unit}`
}

/** Writes the lines of a histogram. */
class HistogramLines {
  private readonly name: string
  private readonly isOpen: boolean
  private bounds: readonly number[] | undefined
  /** Of each bucket, all that comes before its number. */
  private buckets: readonly string[] = []

  constructor(name: string, isOpen: boolean) {
    this.name = name
    this.isOpen = isOpen
  }

  textOf({ bounds, counts, sum }: Histogram): string {
    if (this.bounds !== bounds) {
      this.bounds = bounds
      const texts = [...bounds.map((bound) => boundText(bound, this.isOpen)), '+Inf']
      this.buckets = texts.map((text) => `${this.name}_bucket{le="${text}"} `)
    }
    let text = ''
    let count = 0
    for (let at = 0; at < counts.length; at += 1) {
      count += counts[at]!
      text += `${this.buckets[at]}${count}\n`
    }
    return `${text}${this.name}_sum ${sum}\n${this.name}_count ${count}\n`
  }
}

/** OpenMetrics writes bounds as floating point numbers. */
function boundText(bound: number, isOpen: boolean): string {
  return isOpen && Number.isInteger(bound) ? bound.toFixed(1) : String(bound)
}

function line(name: string, labels: Readonly<Record<string, string>>, value: number): string {
  let pairs = ''
  for (const label in labels)
    pairs += `${pairs === '' ? '' : ','}${label}="${escaped(labels[label]!)}"`
  return pairs === '' ? `${name} ${value}\n` : `${name}{${pairs}} ${value}\n`
}

const SPECIAL = /[\\"\n]/

function escaped(text: string): string {
  if (!SPECIAL.test(text)) return text
  return text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')
}
