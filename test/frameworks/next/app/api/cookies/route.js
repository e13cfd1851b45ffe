import { cookies } from 'next/headers'

export async function GET() {
  const jar = await cookies()
  const before = jar.getAll()
  jar.set('a', '1', { httpOnly: true })
  jar.set('b', 'two words', { path: '/users' })
  jar.delete('c')
  return Response.json(before)
}
