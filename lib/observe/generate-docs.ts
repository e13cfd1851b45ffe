/** The reference page of the metrics, from their table. */

import { METRICS, type Metric, queriedName } from './metrics.ts'

/** `docs/metrics.md`. */
export function metricsPage(): string {
  const rows = METRICS.map((metric) => {
    const { type, help } = metric
    return `| \`${queriedName(metric)}\` | ${type} | ${help} | ${labelsText(metric)} |`
  })
  return `<!-- GENERATED from lib/observe/metrics.ts by \`npm run generate\`. Do not edit. -->

# Metrics

What \`--metrics-bind\` shows; [observability.md](observability.md) tells how to use it. Everything that is
counted is counted from the server's start. A histogram has \`_bucket\`, \`_sum\` and \`_count\`.

| metric | type | what it is | labels |
|---|---|---|---|
${rows.join('\n')}
`
}

function labelsText({ labels = {} }: Metric): string {
  return Object.entries(labels)
    .map(([label, values]) => `\`${label}\`: ${values}`)
    .join('; ')
}
