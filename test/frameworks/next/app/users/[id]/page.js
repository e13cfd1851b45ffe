import { cookies, headers } from 'next/headers'
import { notFound } from 'next/navigation'

export default async function User({ params, searchParams }) {
  const { id } = await params
  if (id === 'nobody') notFound()
  const language = (await headers()).get('accept-language')
  const theme = (await cookies()).get('theme')?.value
  return (
    <p>
      User {id}, {JSON.stringify(await searchParams)}, {language}, {theme}
    </p>
  )
}
