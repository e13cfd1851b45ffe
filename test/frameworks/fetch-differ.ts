import type { Address } from '../support/client.ts'
import { Client } from '../support/client.ts'
import type { WireResponse } from '../support/responses.ts'
import { bytesOf, type Case } from './fetch-cases.ts'

/** Fields that belong to the connection or to the moment. */
const OF_THE_MOMENT = new Set(['connection', 'date', 'keep-alive', 'server'])

/** Sends a request on a connection of its own. */
export async function ask(address: Address, request: Case): Promise<WireResponse> {
  const client = await Client.connect(address, [request.method ?? 'GET'])
  try {
    await client.write(bytesOf(request))
    return await client.response()
  } finally {
    await client.leave()
  }
}

/** What differs between two answers: `status`, `reason`, `body`, or the name of a field. */
export function differences(a: WireResponse, b: WireResponse): string[] {
  const found: string[] = []
  if (a.status !== b.status) found.push('status')
  if (a.reason !== b.reason) found.push('reason')
  const [fieldsOfA, fieldsOfB] = [fieldsOf(a), fieldsOf(b)]
  for (const name of new Set([...fieldsOfA.keys(), ...fieldsOfB.keys()]))
    if (fieldsOfA.get(name)?.join('\n') !== fieldsOfB.get(name)?.join('\n')) found.push(name)
  if (!a.body.equals(b.body)) found.push('body')
  return found.sort()
}

/** Values by name in lower case; the order of different names means nothing (RFC 9110 section 5.3). */
function fieldsOf({ fields }: WireResponse): Map<string, string[]> {
  const byName = new Map<string, string[]>()
  for (const [name, value] of fields) {
    const key = name.toLowerCase()
    if (!OF_THE_MOMENT.has(key)) byName.set(key, [...(byName.get(key) ?? []), value])
  }
  return byName
}

/** An answer as text, for the message of a test that fails. */
export function shown({ status, reason, fields, body }: WireResponse): string {
  const lines = fields.map((field) => field.join(': ')).sort()
  return [`${status} ${reason}`, ...lines, '', body.toString('latin1')].join('\n')
}
