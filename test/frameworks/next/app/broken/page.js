import { connection } from 'next/server'

export default async function Broken() {
  await connection()
  // A digest that Next makes tells of the whole stack.
  throw Object.assign(new Error('broken'), { digest: 'broken' })
}
