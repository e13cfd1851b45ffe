import Link from 'next/link'

export default function Page() {
  return (
    <main>
      <h1>A page made when Next was built</h1>
      <Link href="/users/42">Somebody</Link>
    </main>
  )
}
