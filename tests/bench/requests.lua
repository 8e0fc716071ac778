-- wrk's script for every load: random requests of a prepared list. The list is a file with a request a
-- line, "METHOD<tab>PATH<tab>BODY"; each thread formats all of it before the load begins, so that a
-- request costs the generator a table look-up, for both stores alike.
--
--     wrk ... -s requests.lua URL -- LIST

local prepared = {}

function init(arguments)
    for line in io.lines(arguments[1]) do
        local method, path, body = line:match("^(%S+)\t(%S+)\t(.*)$")
        prepared[#prepared + 1] = wrk.format(method, path, { ["Host"] = wrk.headers["Host"] }, body ~= "" and body or nil)
    end
    math.randomseed(tonumber(tostring(prepared):match("0x(%x+)"), 16) % 2 ^ 31)
end

function request()
    return prepared[math.random(#prepared)]
end

-- One line of JSON: times in microseconds.
function done(summary, latency)
    local errors = summary.errors
    io.write(string.format(
        '{"requests":%d,"duration_us":%d,"p50_us":%d,"p99_us":%d,"bad_status":%d,"lost":%d}\n',
        summary.requests, summary.duration, latency:percentile(50), latency:percentile(99), errors.status,
        errors.connect + errors.read + errors.write + errors.timeout))
end
