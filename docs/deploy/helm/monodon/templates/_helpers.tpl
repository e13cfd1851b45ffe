{{- define "monodon.labels" -}}
app.kubernetes.io/name: {{ .Release.Name }}
{{- end }}
