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

local specs, formats, accounts, order = {}, {}, {}, {}

local function rulesOf(text)
  local rules = specs[text]
  if rules then return rules end
  rules = { ttl = 0, hasWindow = false }
  for kind, place, limit, cost, span in string.gmatch(text, '(%a)(%d),(%d+),(%-?%d+),(%d+)') do
    local rule = { kind = kind, place = tonumber(place), limit = tonumber(limit), cost = tonumber(cost) }
    rule.span = tonumber(span)
    rule.need = max(rule.cost, 1)
    rules[#rules + 1] = rule
    local ttl = 120000
    if kind == 'w' then
      rule.part = rule.span / PARTS
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

local function accountOf(key)
  local account = accounts[key]
  if account then return account end
  account = { key = key, head = call('GETRANGE', key, 0, HEAD - 1), cells = {}, rings = {}, ttl = 0, expires = false }
  account.isNew = account.head == ''
  accounts[key] = account
  order[#order + 1] = account
  return account
end

local function cellOf(account, place)
  local cell = account.cells[place]
  if cell then return cell end
  if #account.head >= (place + 1) * CELL then
    local a, b, c, d = unpackBytes('<ddI4I4', account.head, place * CELL + 1)
    cell = { a, b, c, d }
  else
    cell = { 0, 0, 0, 0 }
  end
  account.cells[place] = cell
  return cell
end

local function ringOf(account, place)
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
  local ring = {}
  for at = 1, RING do ring[at] = 0 end
  account.rings[place] = ring
  ring.isChanged = true
end

local function moveOn(account, rule)
  local cell = cellOf(account, rule.place)
  local before, part = cell[1], floor(now / rule.part)
  if part <= before then return end
  cell[1] = part
  account.moved = true
  if part - before > PARTS or cell[3] == 0 then
    -- What is read of the old ring later would count again.
    if cell[3] > 0 or account.rings[rule.place] then emptyRing(account, rule.place) end
    cell[2], cell[3], cell[4] = part, 0, 0
    return
  end
  local ring = ringOf(account, rule.place)
  ring[before % RING + 1] = cell[4]
  for one = before + 1, part do ring[one % RING + 1] = 0 end
  local total, oldest = 0, part
  for one = part - 1, part - PARTS, -1 do
    local counted = ring[one % RING + 1]
    total = total + counted
    if counted > 0 then oldest = one end
  end
  cell[2], cell[3], cell[4] = oldest, total, 0
  ring.isChanged = true
  account.isChanged = true
end

local function levelAt(cell)
  return max(0, cell[3] - max(0, floor((now - cell[1]) / CALM)))
end

local look = {
  w = function(account, rule)
    moveOn(account, rule)
    local cell, part = cellOf(account, rule.place), rule.part
    local total, reset = cell[3], 0
    if total > 0 then reset = (cell[2] + RING) * part - now end
    local over = total + rule.need - rule.limit
    if over <= 0 then return total, reset, 0 end
    if over > total then return total, reset, rule.span + part end
    local free = cell[2]
    if over > 1 then
      local ring, freed = ringOf(account, rule.place), 0
      while free < cell[1] do
        freed = freed + ring[free % RING + 1]
        if freed >= over then break end
        free = free + 1
      end
    end
    return total, reset, (free + RING) * part - now
  end,
  b = function(account, rule)
    local full = max(cellOf(account, rule.place)[1], nowUs)
    local wait = full + (rule.need - rule.limit) * rule.span - nowUs
    if wait > 0 then wait = ceil(wait / 1000) else wait = 0 end
    return ceil((full - nowUs) / rule.span), ceil((full - nowUs) / 1000), wait
  end,
  g = function(account, rule)
    local used = cellOf(account, rule.place)[3]
    if used + rule.need > rule.limit then return used, 0, ${GAUGE_RETRY_MS} end
    return used, 0, 0
  end,
  p = function(account, rule)
    local cell = cellOf(account, rule.place)
    if cell[3] > 0 then account.ttl = max(account.ttl, REMEMBERED) end
    local left = max(0, cell[1] - now)
    return levelAt(cell), left, left
  end,
}

local function countRule(account, rules, rule)
  local cell = cellOf(account, rule.place)
  if rule.kind == 'w' then
    moveOn(account, rule)
    if cell[3] == 0 then cell[2] = cell[1] end
    local counted = min(rule.cost, MOST - cell[3])
    cell[3] = cell[3] + counted
    cell[4] = cell[4] + counted
  elseif rule.kind == 'b' then
    cell[1] = max(cell[1], nowUs) + rule.cost * rule.span
  elseif rule.kind == 'g' then
    cell[3] = min(max(cell[3] + rule.cost, 0), MOST)
  end
  account.isChanged = true
  account.ttl = max(account.ttl, rules.ttl)
  if account.isNew or not rules.hasWindow then account.expires = true end
end

local function strike(account, rule)
  local cell = cellOf(account, rule.place)
  local forgotten = max(cell[2], nowUs) + ceil(STRIKE_US / rule.limit)
  cell[2] = forgotten
  account.isChanged, account.expires = true, true
  if forgotten - nowUs <= STRIKE_US then return nil end
  local level = min(levelAt(cell), #BLOCK - 1)
  cell[1], cell[2], cell[3] = now + BLOCK[level + 1], 0, level + 1
  account.ttl = max(account.ttl, REMEMBERED)
  call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
  local forgottenAt = string.format('%.0f', cell[1] + (level + 1) * CALM)
  call('ZADD', KEYS[1], forgottenAt, account.key .. '${PLACE_MARK}' .. rule.place)
  call('PEXPIRE', KEYS[1], REMEMBERED)
  return level + 1, BLOCK[level + 1]
end

local function decideOne(first, count)
  local by, retry, at, waits, reply = 255, 0, 0, {}, { 0, 0 }
  for index = first, first + count - 1 do
    local account = accountOf(KEYS[index + 1])
    local rules = rulesOf(ARGV[index + 2])
    for _, rule in ipairs(rules) do
      local used, reset, wait = look[rule.kind](account, rule)
      account.ttl = max(account.ttl, rules.ttl)
      reply[2 * at + 3], reply[2 * at + 4] = used, reset
      waits[at] = wait
      if wait > retry then by, retry = at, wait end
      at = at + 1
    end
  end
  local total, isRefused = at, by ~= 255
  at = 0
  for index = first, first + count - 1 do
    local account, rules = accountOf(KEYS[index + 1]), rulesOf(ARGV[index + 2])
    for _, rule in ipairs(rules) do
      if rule.kind == 'p' then
        if waits[at] == 0 and (isRefused or rule.cost > 0) then
          local level, duration = strike(account, rule)
          if level then
            reply[2 * at + 3], reply[2 * at + 4] = level, duration
            if duration > retry then by, retry = at, duration end
          end
        end
      elseif not isRefused and rule.cost ~= 0 then
        countRule(account, rules, rule)
        local used, reset = look[rule.kind](account, rule)
        reply[2 * at + 3], reply[2 * at + 4] = used, reset
      end
      at = at + 1
    end
  end
  reply[1], reply[2] = by, retry
  local format = formats[total]
  if not format then
    format = '<BI4' .. string.rep('I4I4', total)
    formats[total] = format
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
    local account, rules = accountOf(KEYS[at + 1]), rulesOf(ARGV[at + 2])
    for _, rule in ipairs(rules) do
      if rule.kind ~= 'p' then countRule(account, rules, rule) end
    end
    at = at + 1
  end
end

for _, account in ipairs(order) do
  if account.isChanged then
    local low, high
    for place in pairs(account.cells) do
      if not low or place < low then low = place end
      if not high or place > high then high = place end
    end
    local parts = {}
    for place = low, high do
      local cell = account.cells[place]
      if cell then
        parts[#parts + 1] = pack('<ddI4I4', cell[1], cell[2], cell[3], cell[4])
      else
        local old = string.sub(account.head, place * CELL + 1, (place + 1) * CELL)
        parts[#parts + 1] = old .. string.rep('\\0', CELL - #old)
      end
    end
    call('SETRANGE', account.key, low * CELL, table.concat(parts))
    for place, ring in pairs(account.rings) do
      if ring.isChanged then
        call('SETRANGE', account.key, HEAD + place * RING * 4, pack(RING_FORMAT, unpack(ring)))
      end
    end
    if (account.expires or account.moved) then call('PEXPIRE', account.key, account.ttl) end
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
