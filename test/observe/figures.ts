/** Metrics as a scraper reads them. */
import { request } from 'node:http'

/** The figures of a text of metrics, by the sample as it is written: `name{label="value"}`. */
export function figuresIn(text: string): Map<string, number> {
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'))
  return new Map(
    lines.map((line) => {
      const end = line.lastIndexOf(' ')
      return [line.slice(0, end), Number(line.slice(end + 1))]
    }),
  )
}

/** The text at a Unix socket. */
export function scrape(at: string, accept = ''): Promise<string> {
  return new Promise((resolve, reject) => {
    const path = '/metrics'
    const asked = request(
      { socketPath: at, path, headers: { accept }, agent: false },
      (response) => {
        let text = ''
        response.setEncoding('utf8').on('data', (data: string) => {
          text += data
        })
        response.on('end', () => resolve(text))
      },
    )
    asked.on('error', reject).end()
  })
}

export async function figures(at: string): Promise<Map<string, number>> {
  return figuresIn(await scrape(at))
}

/** The sum of all samples of a metric with these labels, whatever else they have. */
export function sumOf(all: ReadonlyMap<string, number>, name: string, ...labels: string[]): number {
  let sum = 0
  for (const [sample, value] of all)
    if (sample.startsWith(`${name}{`) && labels.every((label) => sample.includes(label)))
      sum += value
  return sum
}
