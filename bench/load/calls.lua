-- Calls for wrk from a file: a line is a path, or a path, a tab and an ETag, or with BENCH_METHOD=POST a body for BENCH_PATH.
-- Each thread begins at a place of its own. At the end, one line of JSON. With BENCH_DELAY_MS a connection waits between calls.
local threads = 0

function setup(thread)
  thread:set("number", threads)
  threads = threads + 1
end

local calls = {}
local at = 0
local delay_ms = tonumber(os.getenv("BENCH_DELAY_MS") or "0")

function init()
  local token = "Bearer " .. os.getenv("BENCH_TOKEN")
  local method = os.getenv("BENCH_METHOD")
  for line in io.lines(os.getenv("BENCH_CALLS")) do
    local headers = { Authorization = token }
    if method == "POST" then
      headers["Content-Type"] = "application/json"
      calls[#calls + 1] = wrk.format("POST", os.getenv("BENCH_PATH"), headers, line)
    else
      local path, etag = line:match("^([^\t]+)\t(.+)$")
      if etag then headers["If-None-Match"] = etag end
      calls[#calls + 1] = wrk.format("GET", path or line, headers)
    end
  end
  at = math.floor(#calls * number / tonumber(os.getenv("BENCH_THREADS")))
end

function request()
  at = at % #calls + 1
  return calls[at]
end

if delay_ms > 0 then
  -- Spread, so that connections do not beat in time.
  function delay()
    return math.floor(delay_ms * (0.5 + math.random()))
  end
end

function done(summary, latency)
  local failed = summary.errors
  io.write(string.format(
    '\nBENCH {"calls":%d,"seconds":%.6f,"p50Ms":%.4f,"p99Ms":%.4f,"refused":%d,"broken":%d}\n',
    summary.requests, summary.duration / 1e6, latency:percentile(50) / 1000, latency:percentile(99) / 1000,
    failed.status, failed.connect + failed.read + failed.write + failed.timeout))
end
