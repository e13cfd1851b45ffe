/** The page of the docs that a run of the suite writes. */
import { readFileSync } from 'node:fs'
import { ALLOWED, type Allowed } from './fetch-allowed.ts'

/** What came of a feature: how many requests had the same answer but for the rows that apply. */
export interface Outcome {
  readonly framework: string
  readonly feature: string
  requests: number
  failures: number
  readonly rows: Set<Allowed>
}

export interface Server {
  readonly framework: string
  /** The package that is tested; none for a handler of the test's own. */
  readonly package?: string
  /** The package that it is held against. */
  readonly reference: string
}

export function page(servers: readonly Server[], outcomes: readonly Outcome[]): string {
  return `# Frameworks with a fetch export

Written by \`test/frameworks/fetch-frameworks.test.ts\`, which asks each app the same on monodon and on
the server that people run it with on \`node:http\`, and compares the answers byte for byte: status,
reason phrase, header fields and body, apart from \`Date\`, \`Server\` and the fields of the connection.
It does so with both classes of \`Response\` (\`--response-class\`). A number stands for a difference that
is explained below; another one fails the test, and so does one of these that is gone.

${servers.map((server) => section(server, outcomes)).join('\n')}
## What differs

${ALLOWED.map(line).join('\n')}
`
}

function section(server: Server, outcomes: readonly Outcome[]): string {
  const rows = outcomes.filter(({ framework }) => framework === server.framework)
  const title = [server.framework, server.package && versionOf(server.package)]
  return `## ${title.filter(Boolean).join(' ')}

Held against ${server.reference} ${versionOf(server.reference)}.

| feature | requests | answers |
|---|---|---|
${rows.map(({ feature, requests, ...rest }) => `| ${feature} | ${requests} | ${result(rest)} |`).join('\n')}
`
}

function result({ failures, rows }: Pick<Outcome, 'failures' | 'rows'>): string {
  if (failures > 0) return `**${failures} differ**`
  if (rows.size === 0) return 'the same'
  const numbers = [...rows].map((row) => ALLOWED.indexOf(row) + 1).sort((a, b) => a - b)
  return `the same but for ${numbers.join(', ')}`
}

function line({ framework, parts, why }: Allowed, index: number): string {
  return `${index + 1}. ${framework}, ${parts.join(' and ')}: ${why}.`
}

function versionOf(name: string): string {
  const url = new URL(`./node_modules/${name}/package.json`, import.meta.url)
  return (JSON.parse(readFileSync(url, 'utf8')) as { version: string }).version
}
