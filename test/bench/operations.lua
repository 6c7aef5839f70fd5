-- wrk script: one storage operation over and over, see operations.py for the environment.
local op, token, base = os.getenv("OP"), os.getenv("TOKEN"), os.getenv("BASE")
local size, count, run = tonumber(os.getenv("SIZE")), tonumber(os.getenv("COUNT")), os.getenv("RUN")
local headers, body, n = { ["X-Auth-Token"] = token }, nil, 0
function init(args)
  math.randomseed(os.time())
  if op == "put" then
    body = string.rep("0123456789abcdef", math.ceil(size / 16)):sub(1, size)
    headers["Content-Type"] = "application/octet-stream"
  end
end
function request()
  n = n + 1
  local known = base .. "/o" .. math.random(0, count - 1)
  if op == "put" then return wrk.format("PUT", base .. "/" .. run .. "-" .. n, headers, body) end
  if op == "delete" then return wrk.format("DELETE", base .. "/" .. run .. "-" .. n, headers) end
  if op == "get" then return wrk.format("GET", known, headers) end
  if op == "list" then return wrk.format("GET", base .. "?format=json&limit=1000", headers) end
  headers["X-Object-Meta-N"] = tostring(n)
  return wrk.format("POST", known, headers)
end
function done(summary, latency)
  local e = summary.errors
  io.write(string.format("RESULT %d %d %.1f %.1f %d\n", summary.requests, summary.duration,
    latency:percentile(50), latency:percentile(99), e.status + e.connect + e.read + e.write + e.timeout))
end
