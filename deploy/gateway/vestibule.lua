-- HAProxy's question to Vestibule about a request: `http-request lua.vestibule ADDRESS NAME` says where
-- Vestibule listens and its name. haproxy.cfg loads this file; nothing in it is to change.
-- docs/web-servers.md says why each part stands.

-- Of one connection alone, or of the body, which the check does not get (RFC 9110, 7.6.1).
local NOT_ASKED = {
  ["host"] = true, ["connection"] = true, ["keep-alive"] = true, ["proxy-connection"] = true,
  ["te"] = true, ["trailer"] = true, ["transfer-encoding"] = true, ["content-length"] = true,
  ["expect"] = true, ["http2-settings"] = true, ["upgrade"] = true, ["accept-encoding"] = true,
  ["range"] = true, ["if-match"] = true, ["if-none-match"] = true, ["if-range"] = true,
  ["if-modified-since"] = true, ["if-unmodified-since"] = true,
}
local NOT_ANSWERED = {
  ["connection"] = true, ["keep-alive"] = true, ["transfer-encoding"] = true,
  ["content-length"] = true, ["date"] = true, ["server"] = true,
}
-- What decides, or by what an application acts on another request. Vestibule reads ASCII alone, and
-- of two lines of one name does not see that one was dropped.
local JUDGED = {
  "authorization", "connection", "depth", "destination", "host", "sec-websocket-key", "upgrade",
  "x-http-method", "x-http-method-override", "x-method-override",
}
-- Who asks, for the application.
local IDENTITY = {
  "remote-user", "remote-name", "remote-email", "remote-groups", "x-session-type",
  "x-session-source",
}

-- HAProxy counts the lines of a header from 0.
local function each(values)
  local at = -1
  return function()
    at = at + 1
    return values and values[at]
  end
end

-- Answers in the application's place.
local function refuse(txn, status, headers, body)
  local reply = txn:reply({ status = status })
  for key, values in pairs(headers) do
    for value in each(values) do
      if not NOT_ANSWERED[key] then
        reply:add_header(key, value)
      end
    end
  end
  reply:set_body(body)
  txn:done(reply)
end

-- Returns the cookies that `is_kept` keeps, as one line; nil without any.
local function cookies(headers, is_kept)
  local kept = {}
  for line in each(headers["cookie"]) do
    for part in line:gmatch("[^;]+") do
      local cookie = part:gsub("^%s+", "")
      if is_kept(cookie) then
        table.insert(kept, cookie)
      end
    end
  end
  return #kept > 0 and table.concat(kept, "; ") or nil
end

local function is_readable(text)
  return not text:find("[^\t -~]")
end

local function is_the_applications(cookie)
  return not cookie:find("^vestibule") and not cookie:find("^__Host%-vestibule")
end

-- What Vestibule is asked: the request's own headers, and which request it is.
local function question(txn, headers, name)
  local asked = {}
  for key, values in pairs(headers) do
    if not NOT_ASKED[key] then
      asked[key] = {}
      for value in each(values) do
        table.insert(asked[key], value)
      end
    end
  end
  -- With one cookie that is not ASCII Vestibule could read no other on its line.
  local readable = cookies(headers, is_readable)
  asked["cookie"] = readable and { readable } or nil
  asked["host"] = { name }
  asked["x-forwarded-for"] = { txn.sf:src() }
  asked["x-forwarded-proto"] = { "https" }
  asked["x-forwarded-method"] = { txn.sf:method() }
  asked["x-forwarded-host"] = { txn.sf:req_fhdr("host") }
  asked["x-forwarded-uri"] = { txn.sf:pathq() }
  -- No upgrade but to a WebSocket comes so far.
  asked["upgrade"] = headers["upgrade"] and { "websocket" } or nil
  return asked
end

-- The caller's token and Vestibule's cookie are not the application's: whoever breaks into it must
-- not become its people. It gets the person's upstream token where a rule passes it on.
local function hand_on(txn, headers, said)
  for _, key in ipairs(IDENTITY) do
    txn.http:req_set_header(key, said[key] and said[key][0] or "")
  end
  local token = said["authorization"] and said["authorization"][0] or ""
  txn.http:req_del_header("authorization")
  if token:find("^Bearer .") then
    txn.http:req_set_header("authorization", token)
  end
  txn.http:req_del_header("x-original-length")
  local own = cookies(headers, is_the_applications)
  txn.http:req_del_header("cookie")
  if own then
    txn.http:req_set_header("cookie", own)
  end
end

core.register_action("vestibule", { "http-req" }, function(txn, address, name)
  local headers = txn.http:req_get_headers()
  for _, key in ipairs(JUDGED) do
    for value in each(headers[key]) do
      if not is_readable(value) then
        return refuse(txn, 400, { ["cache-control"] = { [0] = "no-store" } }, "")
      end
    end
  end
  local found = core.httpclient():get({
    url = "http://" .. address .. "/gateway/check",
    headers = question(txn, headers, name),
    timeout = 7500, -- of each try: HAProxy makes four, so that callers wait for half a minute
  })
  if not found or not found.headers then
    return  -- the next line of haproxy.cfg refuses
  end
  if found.status == 200 then
    hand_on(txn, headers, found.headers)
    txn:set_var("req.vestibule", true)
    return
  end
  -- HAProxy's own answer where Vestibule gives none lacks it: so nothing is said here either.
  local said = found.headers["cache-control"]
  if said and said[0] == "no-store" then
    refuse(txn, found.status, found.headers, found.body or "")
  end
end, 2)

core.register_action("readable_cookies", { "http-req" }, function(txn)
  local readable = cookies(txn.http:req_get_headers(), is_readable)
  txn.http:req_del_header("cookie")
  if readable then
    txn.http:req_set_header("cookie", readable)
  end
end, 0)
