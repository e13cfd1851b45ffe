/** The smallest app: `npm start` serves it. */
export default function hello(_request: Request): Response {
  return new Response('Hello from monodon!\n')
}
