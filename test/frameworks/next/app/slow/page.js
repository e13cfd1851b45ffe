import { connection } from 'next/server'
import { Suspense } from 'react'

/** Arrives when /api/release is asked for. */
async function Late() {
  await connection()
  await new Promise((resolve) => {
    globalThis.release = resolve
  })
  return <p>Arrived</p>
}

export default function Slow() {
  return (
    <Suspense fallback={<p>Loading</p>}>
      <Late />
    </Suspense>
  )
}
