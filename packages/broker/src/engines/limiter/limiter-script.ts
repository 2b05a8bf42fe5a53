/** The script that decides on Redis: decide.ts in Lua, for many decisions in one call. */
import {
  BLOCK_MS,
  CALM_MS,
  GAUGE_RETRY_MS,
  MOST,
  PARTS,
  PLACES,
  REMEMBERED_MS,
  STRIKE_MS,
} from './limiter.ts';

/** Bytes of a counter. */
export const CELL_BYTES = 24;
/** Between the key of an account and the place of its penalty, in the index of penalties. */
export const PLACE_MARK = '#';

/**
 * An account is one string: a cell of 24 bytes a place (two doubles, two integers), then a ring of 61 integers a place.
 * What one call of the script reads it keeps, and writes once at its end.
 *
 * KEYS: the index of penalties, then one account after the other. ARGV: the time in ms or nothing; one letter a decision
 * (how many accounts it has, or `c` to count one without asking); then the rules of each account. The answer is a byte
 * (refused by, 255 = nobody) and an integer (wait, ms) a decision, and two integers (used, reset) for each rule.
 */
export const DECIDE = `
local PARTS, RING, CELL, HEAD = ${PARTS}, ${PARTS + 1}, ${CELL_BYTES}, ${PLACES * CELL_BYTES}
local STRIKE_US, CALM, MOST = ${STRIKE_MS * 1000}, ${CALM_MS}, ${MOST}
local BLOCK = {${BLOCK_MS.join(',')}}
local REMEMBERED = ${REMEMBERED_MS}
local RING_FORMAT = '<' .. string.rep('I4', RING)
local floor, ceil, max, min = math.floor, math.ceil, math.max, math.min
local pack, unpackBytes, call = struct.pack, struct.unpack, redis.call
local now
if ARGV[1] == '' then
  local time = call('TIME')
  now = time[1] * 1000 + floor(time[2] / 1000)
else
  now = tonumber(ARGV[1])
end
local nowUs = now * 1000

local specs, replyFormats, cellFormats, accounts, order = {}, {}, {}, {}, {}
for count = 1, ${PLACES} do cellFormats[count] = '<' .. string.rep('ddI4I4', count) end

-- The numbers of a place stand at rule.at + 1 to rule.at + 4 of an account.
local function rulesOf(text)
  local rules = { ttl = 0, count = 0, hasWindow = false }
  for kind, place, limit, cost, span in string.gmatch(text, '(%a)(%d),(%d+),(%-?%d+),(%d+)') do
    local rule = { kind = kind, limit = tonumber(limit), cost = tonumber(cost), span = tonumber(span) }
    rule.place = tonumber(place)
    rule.at = rule.place * 4
    rule.need = max(rule.cost, 1)
    rules[#rules + 1] = rule
    rules.count = max(rules.count, rule.place + 1)
    local ttl = 120000
    if kind == 'w' then
      rule.part = rule.span / PARTS
      rule.partNow = floor(now / rule.part)
      rules.hasWindow = true
      ttl = rule.span + 2 * rule.part
    elseif kind == 'b' then ttl = ceil(rule.limit * rule.span / 1000) + 60000
    elseif kind == 'g' then ttl = 604800000
    end
    rules.ttl = max(rules.ttl, ttl)
  end
  specs[text] = rules
  return rules
end

local function cellBytes(key, from, count)
  local bytes = call('GETRANGE', key, from * CELL, count * CELL - 1)
  local missing = (count - from) * CELL - #bytes
  if missing == 0 then return bytes, false end
  return bytes .. string.rep('\\0', missing), bytes == ''
end

-- With all its fields in one constructor: a table that grows later is made anew.
local function readAccount(key, rules)
  local count = rules.count
  local bytes, isNew = cellBytes(key, 0, count)
  local account = {
    key = key, count = count, ttl = rules.ttl, isNew = isNew, isChanged = false, expires = false, rings = false,
    unpackBytes(cellFormats[count], bytes)
  }
  account[count * 4 + 1] = nil
  accounts[key] = account
  order[#order + 1] = account
  return account
end

local function readMore(account, count)
  local from = account.count
  local cells = { unpackBytes(cellFormats[count - from], (cellBytes(account.key, from, count))) }
  for at = 1, (count - from) * 4 do account[from * 4 + at] = cells[at] end
  account.count = count
end

local function accountOf(key, rules)
  local account = accounts[key]
  if not account then return readAccount(key, rules) end
  if account.count < rules.count then readMore(account, rules.count) end
  if account.ttl < rules.ttl then account.ttl = rules.ttl end
  return account
end

local function ringOf(account, place)
  account.rings = account.rings or {}
  local ring = account.rings[place]
  if ring then return ring end
  local from = HEAD + place * RING * 4
  local bytes = call('GETRANGE', account.key, from, from + RING * 4 - 1)
  if #bytes < RING * 4 then bytes = bytes .. string.rep('\\0', RING * 4 - #bytes) end
  ring = { unpackBytes(RING_FORMAT, bytes) }
  account.rings[place] = ring
  return ring
end

local function emptyRing(account, place)
  local ring = { isChanged = true }
  for at = 1, RING do ring[at] = 0 end
  account.rings = account.rings or {}
  account.rings[place] = ring
end

local function moveOn(account, rule)
  local at, part = rule.at, rule.partNow
  local before, total = account[at + 1], account[at + 3]
  account[at + 1] = part
  account.expires = true
  if part - before > PARTS or total == 0 then
    -- What is read of the old ring later would count again.
    if total > 0 then emptyRing(account, rule.place) end
    account[at + 2], account[at + 3], account[at + 4] = part, 0, 0
    return
  end
  local ring = ringOf(account, rule.place)
  ring[before % RING + 1] = account[at + 4]
  for one = before + 1, part do ring[one % RING + 1] = 0 end
  local oldest = part
  total = 0
  for one = part - 1, part - PARTS, -1 do
    local counted = ring[one % RING + 1]
    if counted > 0 then
      total = total + counted
      oldest = one
    end
  end
  account[at + 2], account[at + 3], account[at + 4] = oldest, total, 0
  ring.isChanged, account.isChanged = true, true
end

local function levelAt(account, at)
  return max(0, account[at + 3] - max(0, floor((now - account[at + 1]) / CALM)))
end

-- How long until the rule lets it pass; 0: it does now.
local waitOf = {
  w = function(account, rule)
    local at = rule.at
    if account[at + 1] < rule.partNow then moveOn(account, rule) end
    local total = account[at + 3]
    local over = total + rule.need - rule.limit
    if over <= 0 then return 0 end
    if over > total then return rule.span + rule.part end
    local free = account[at + 2]
    if over > 1 then
      local ring, freed = ringOf(account, rule.place), 0
      while free < account[at + 1] do
        freed = freed + ring[free % RING + 1]
        if freed >= over then break end
        free = free + 1
      end
    end
    return (free + RING) * rule.part - now
  end,
  b = function(account, rule)
    local wait = max(account[rule.at + 1], nowUs) + (rule.need - rule.limit) * rule.span - nowUs
    if wait > 0 then return ceil(wait / 1000) end
    return 0
  end,
  g = function(account, rule)
    if account[rule.at + 3] + rule.need > rule.limit then return ${GAUGE_RETRY_MS} end
    return 0
  end,
  p = function(account, rule)
    if account[rule.at + 3] == 0 then return 0 end
    return max(0, account[rule.at + 1] - now)
  end,
}

-- What is used now and until when, by a call that is not counted. Asked after waitOf.
local usedOf = {
  w = function(account, rule)
    local total = account[rule.at + 3]
    if total == 0 then return 0, 0 end
    return total, (account[rule.at + 2] + RING) * rule.part - now
  end,
  b = function(account, rule)
    local full = max(account[rule.at + 1], nowUs)
    return ceil((full - nowUs) / rule.span), ceil((full - nowUs) / 1000)
  end,
  g = function(account, rule) return account[rule.at + 3], 0 end,
  p = function(account, rule)
    if account[rule.at + 3] == 0 then return 0, 0 end
    account.ttl = max(account.ttl, REMEMBERED)
    return levelAt(account, rule.at), max(0, account[rule.at + 1] - now)
  end,
}

-- Answers with what is used now and until when.
local countRule = {
  w = function(account, rule)
    local at = rule.at
    if account[at + 1] < rule.partNow then moveOn(account, rule) end
    local total = account[at + 3]
    if total == 0 then account[at + 2] = account[at + 1] end
    local counted = min(rule.cost, MOST - total)
    total = total + counted
    account[at + 3] = total
    account[at + 4] = account[at + 4] + counted
    return total, (account[at + 2] + RING) * rule.part - now
  end,
  b = function(account, rule)
    local full = max(account[rule.at + 1], nowUs) + rule.cost * rule.span
    account[rule.at + 1] = full
    return ceil((full - nowUs) / rule.span), ceil((full - nowUs) / 1000)
  end,
  g = function(account, rule)
    local used = min(max(account[rule.at + 3] + rule.cost, 0), MOST)
    account[rule.at + 3] = used
    return used, 0
  end,
}

local function counted(account, rules)
  account.isChanged = true
  if account.isNew or not rules.hasWindow then account.expires = true end
end

local function strike(account, rule)
  local at = rule.at
  local forgotten = max(account[at + 2], nowUs) + ceil(STRIKE_US / rule.limit)
  account[at + 2] = forgotten
  account.isChanged, account.expires = true, true
  if forgotten - nowUs <= STRIKE_US then return nil end
  local level = min(levelAt(account, at), #BLOCK - 1)
  account[at + 1], account[at + 2], account[at + 3] = now + BLOCK[level + 1], 0, level + 1
  account.ttl = max(account.ttl, REMEMBERED)
  call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
  local forgottenAt = string.format('%.0f', account[at + 1] + (level + 1) * CALM)
  call('ZADD', KEYS[1], forgottenAt, account.key .. '${PLACE_MARK}' .. rule.place)
  call('PEXPIRE', KEYS[1], REMEMBERED)
  return level + 1, BLOCK[level + 1]
end

local function decideOne(first, count)
  local by, retry, n, waits = 255, 0, 0, nil
  for index = first, first + count - 1 do
    local text = ARGV[index + 2]
    local rules = specs[text] or rulesOf(text)
    local account = accountOf(KEYS[index + 1], rules)
    for each = 1, #rules do
      local rule = rules[each]
      local wait = waitOf[rule.kind](account, rule)
      if wait > 0 then
        waits = waits or {}
        waits[n] = true
        if wait > retry then by, retry = n, wait end
      end
      n = n + 1
    end
  end
  local isRefused, reply = by ~= 255, { 0, 0 }
  n = 0
  for index = first, first + count - 1 do
    local rules = specs[ARGV[index + 2]]
    local account = accounts[KEYS[index + 1]]
    for each = 1, #rules do
      local rule = rules[each]
      local kind = rule.kind
      local used, reset
      if isRefused or rule.cost == 0 or kind == 'p' then
        used, reset = usedOf[kind](account, rule)
      else
        used, reset = countRule[kind](account, rule)
        counted(account, rules)
      end
      if kind == 'p' and (isRefused or rule.cost > 0) and not (waits and waits[n]) then
        local level, duration = strike(account, rule)
        if level then
          used, reset = level, duration
          if duration > retry then by, retry = n, duration end
        end
      end
      reply[2 * n + 3], reply[2 * n + 4] = used, reset
      n = n + 1
    end
  end
  reply[1], reply[2] = by, retry
  local format = replyFormats[n]
  if not format then
    format = '<BI4' .. string.rep('I4I4', n)
    replyFormats[n] = format
  end
  return pack(format, unpack(reply))
end

local replies, at = {}, 1
for decision = 1, #ARGV[2] do
  local count = string.byte(ARGV[2], decision) - 48
  if count < 10 then
    replies[#replies + 1] = decideOne(at, count)
    at = at + count
  else
    local rules = specs[ARGV[at + 2]] or rulesOf(ARGV[at + 2])
    local account = accountOf(KEYS[at + 1], rules)
    for _, rule in ipairs(rules) do
      if countRule[rule.kind] then
        countRule[rule.kind](account, rule)
        counted(account, rules)
      end
    end
    at = at + 1
  end
end

for _, account in ipairs(order) do
  if account.isChanged then
    call('SETRANGE', account.key, 0, pack(cellFormats[account.count], unpack(account, 1, account.count * 4)))
    if account.rings then
      for place, ring in pairs(account.rings) do
        if ring.isChanged then
          call('SETRANGE', account.key, HEAD + place * RING * 4, pack(RING_FORMAT, unpack(ring)))
        end
      end
    end
    if account.expires then call('PEXPIRE', account.key, account.ttl) end
  end
end
return table.concat(replies)`;

/** KEYS: the index of penalties, an account. ARGV: the place, a counter of zeros. */
export const LIFT = `
if redis.call('ZREM', KEYS[1], KEYS[2] .. '${PLACE_MARK}' .. ARGV[1]) == 0 then return 0 end
if redis.call('EXISTS', KEYS[2]) == 1 then redis.call('SETRANGE', KEYS[2], ARGV[1] * ${CELL_BYTES}, ARGV[2]) end
return 1`;

/** KEYS: the brokers that are there. ARGV: this one, and for how long it counts (ms). Answers with all of them. */
export const ANNOUNCE = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('ZADD', KEYS[1], now, ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return redis.call('ZRANGE', KEYS[1], 0, -1)`;
