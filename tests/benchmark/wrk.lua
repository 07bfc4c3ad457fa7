-- Sends signed events, each once. Arguments: template file, file of lines "path signature event-id",
-- and perhaps a path to use instead of theirs. Prints one line of JSON at the end.

local threads = {}

function setup(thread)
   table.insert(threads, thread)
end

function init(args)
   local file = assert(io.open(args[1], "rb"))
   parts = {}
   for part in file:read("*a"):gmatch("[^%z]+") do table.insert(parts, part) end
   file:close()
   lines = assert(io.open(args[2], "r"))
   path_of_all = args[3]
   exhausted = false
   -- wrk asks for one request ahead of the run, to see whether it is a pipeline, and drops it.
end

function request()
   local line = lines:read("*l")
   if line then
      local path, signature, event_id = line:match("^(%S+) (%S+) (%S+)$")
      last = parts[1] .. (path_of_all or path) .. parts[2] .. signature .. parts[3] .. event_id .. parts[4]
   else
      -- Sent again it would be a duplicate: the run ends, and says that it is not valid.
      exhausted = true
      wrk.thread:stop()
   end
   return last
end

function done(summary, latency, requests)
   local any_exhausted = false
   for _, thread in ipairs(threads) do any_exhausted = any_exhausted or thread:get("exhausted") end
   local errors = summary.errors
   io.write(string.format(
      '\nRESULT {"answers":%d,"seconds":%f,"refused":%d,"broken":%d,"exhausted":%s,"p50_ms":%f,"p99_ms":%f}\n',
      summary.requests, summary.duration / 1e6, errors.status,
      errors.connect + errors.read + errors.write + errors.timeout, tostring(any_exhausted),
      latency:percentile(50) / 1e3, latency:percentile(99) / 1e3))
end
