-- Given to wrk: -- METHOD [BODY BYTES]. Prints one line of JSON at the end.
function init(args)
  if args[1] ~= nil then wrk.method = args[1] end
  if args[2] ~= nil then
    wrk.body = string.rep("x", tonumber(args[2]))
    wrk.headers["Content-Type"] = "text/plain"
  end
end

function done(summary, latency, requests)
  local errors = summary.errors
  io.write(string.format(
    '\n{"requests":%d,"seconds":%.6f,"p50":%.1f,"p99":%.1f,"failed":%d}\n',
    summary.requests,
    summary.duration / 1e6,
    latency:percentile(50),
    latency:percentile(99),
    errors.connect + errors.read + errors.write + errors.status + errors.timeout
  ))
end
