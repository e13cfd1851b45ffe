/**
 * Spans for a collector of OpenTelemetry. What its specification has a variable for is read from that, too.
 * Native code checks the values, and only where there is an endpoint: the variables are the app's as well,
 * which may understand more than the server does.
 */

import type { OptionRow } from './row.ts'

const ROW = { type: 'string', default: '', group: 'Traces', readBy: ['native'] } as const

export const TRACES = {
  otlpEndpoint: {
    ...ROW,
    unit: 'URL',
    pattern: /^https?:\/\/[^\s@]+$/i,
    allowed: 'a URL that begins with http:// or https://, without a user',
    doc: 'Collector that gets a span of each request by OTLP/HTTP; none without it',
    note: '`/v1/traces` is appended unless it ends so. `OTEL_EXPORTER_OTLP_ENDPOINT` alone turns nothing on: it may be meant for the app. See [tracing.md](tracing.md).',
  },
  otlpHeaders: {
    ...ROW,
    unit: 'NAME=VALUE,...',
    otherEnv: 'OTEL_EXPORTER_OTLP_HEADERS',
    secret: true,
    doc: 'Header fields of the requests to the collector',
    note: 'Values are percent-encoded. Others see the command line of a process: give secrets as `MONODON_OTLP_HEADERS` or in the config file.',
  },
  otlpCertificate: {
    ...ROW,
    unit: 'FILE',
    otherEnv: 'OTEL_EXPORTER_OTLP_CERTIFICATE',
    doc: "Certificates in PEM of those who may issue the collector's; else those that the system trusts",
  },
  otlpServiceName: {
    ...ROW,
    unit: 'NAME',
    otherEnv: 'OTEL_SERVICE_NAME',
    doc: 'Name of the service in traces; else service.name of otlp-resource-attributes',
    note: 'Without either it is `unknown_service:monodon`.',
  },
  otlpResourceAttributes: {
    ...ROW,
    unit: 'NAME=VALUE,...',
    otherEnv: 'OTEL_RESOURCE_ATTRIBUTES',
    doc: 'What else traces say of the service, such as deployment.environment.name=production',
    note: 'Values are percent-encoded.',
  },
  otlpSampler: {
    ...ROW,
    unit: 'NAME',
    default: 'parentbased_traceidratio',
    otherEnv: 'OTEL_TRACES_SAMPLER',
    reloadable: true,
    doc: 'Which requests are exported, as a sampler of OpenTelemetry',
    note: 'Allowed: `always_on`, `always_off`, `traceidratio`, and each of these after `parentbased_`: then a client that tells of its trace decides for its requests.',
  },
  otlpSampleRatio: {
    ...ROW,
    unit: 'RATIO',
    default: '1',
    otherEnv: 'OTEL_TRACES_SAMPLER_ARG',
    reloadable: true,
    doc: 'Share of the traces that traceidratio exports, 0 to 1',
  },
} as const satisfies Record<string, OptionRow>
