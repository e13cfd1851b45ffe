import { createApp } from './apps/express4.ts'
import { COMMON, common } from './cases/common.ts'
import { type Cases, differentialSuite } from './support/differential.ts'
import { get } from './support/talks.ts'

const own: Cases = {
  'routing and params': {
    'an app below another': get('/mounted/url?a=b'),
  },
  redirects: { found: COMMON.redirects.found },
  streaming: {
    'several writes': COMMON.streaming['several writes'],
    'over HTTP/1.0': COMMON.streaming['over HTTP/1.0'],
  },
  errors: { thrown: COMMON.errors.thrown },
}

differentialSuite(
  'Express 4',
  createApp,
  common(
    'routing and params',
    'JSON bodies',
    'urlencoded bodies',
    '100-continue',
    'static files',
    'ranges',
    'conditional requests',
    'server-sent events',
    'HEAD',
    'errors after the head',
    'the request and response objects',
  ),
  own,
)
