import Image from 'next/image'

export default function Picture() {
  return <Image src="/image.png" alt="colours" width={64} height={64} />
}
