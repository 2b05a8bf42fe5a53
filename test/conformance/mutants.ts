/** Small wrong turns in the reference client, one or more for each rule that vectors are about: what the vectors must notice. */

export interface Mutant {
  readonly rule: string;
  /** In php/src. */
  readonly file: string;
  readonly from: string;
  readonly to: string;
}

const mutant = (rule: string, file: string, from: string, to: string): Mutant => ({ rule, file, from, to });

export const MUTANTS: readonly Mutant[] = [
  mutant('BR-REQ-001', 'Call.php', ", 'idempotency-key' => $idempotencyKey]", ']'),
  mutant('BR-REQ-001', 'Call.php', '"Bearer $key"', '$key'),
  mutant(
    'BR-REQ-002',
    'Call.php',
    'json_encode($request, $flags)',
    'htmlspecialchars(json_encode($request, $flags), ENT_NOQUOTES)',
  ),
  mutant(
    'BR-REQ-002',
    'Call.php',
    'json_encode($request, $flags)',
    'json_encode(array_map(static fn ($one) => is_string($one) ? trim($one) : $one, $request), $flags)',
  ),
  mutant('BR-REQ-003', 'Call.php', '=== []', '=== [0]'),
  mutant(
    'BR-REQ-004',
    'Call.php',
    "'/api/v1/requests/' . self::checked($id), $key, [], null",
    "'/api/v1/requests?id=' . self::checked($id), $key, [], null",
  ),
  mutant('BR-REQ-005', 'Call.php', "'/cancel'", "'/stop'"),
  mutant('BR-REQ-006', 'Call.php', 'PHP_QUERY_RFC3986', 'PHP_QUERY_RFC1738'),
  mutant('BR-REQ-007', 'Call.php', "'/^[\\w-]+$/D'", "'/^[\\w-]*$/'"),
  mutant('BR-WAI-001', 'Call.php', '"wait=$waitSeconds"', '"wait $waitSeconds"'),
  mutant('BR-STR-001', 'Sse.php', '$this->rest .= $bytes', '$this->rest = $bytes'),
  mutant('BR-STR-002', 'Sse.php', '|\\r(?!\\z)', ''),
  mutant('BR-STR-002', 'Sse.php', '(?!\\z)', ''),
  mutant('BR-STR-002', 'Sse.php', "'/^ /'", "'/^ZZ/'"),
  mutant('BR-STR-002', 'Sse.php', "'data' => $this->data[] = $value", "'data' => $this->data = [$value]"),
  mutant(
    'BR-STR-003',
    'Listener.php',
    '        return false;\n    }\n\n    /** @param array',
    '        foreach ($events->take("\\n\\n") as $event) {\n            $this->take($event);\n        }\n        return false;\n    }\n\n    /** @param array',
  ),
  mutant('BR-STR-004', 'Listener.php', "$this->lastEventId = $event['id'];", ''),
  mutant('BR-STR-004', 'Listener.php', "if ($event['id'] !== '') {", 'if (true) {'),
  mutant(
    'BR-STR-005',
    'Listener.php',
    "$this->thinking .= $data['thinking'] ?? '';",
    "$this->text .= $data['thinking'] ?? '';",
  ),
  mutant('BR-STR-005', 'Listener.php', "$this->text .= $data['text']", "$this->text = $data['text']"),
  mutant('BR-STR-006', 'Listener.php', "[$this->text, $this->thinking] = ['', ''];", "$this->thinking = '';"),
  mutant('BR-STR-006', 'Listener.php', "[$this->text, $this->thinking] = ['', ''];", "$this->text = '';"),
  mutant(
    'BR-STR-007',
    'Listener.php',
    "if ($event['event'] === 'done') {",
    "if ($event['event'] === 'done' && $data['status'] === 'completed') {",
  ),
  mutant(
    'BR-STR-007',
    'Listener.php',
    '        return $this->request !== null;\n    }\n\n    /** True',
    '        return false;\n    }\n\n    /** True',
  ),
  mutant('BR-STR-008', 'Listener.php', "($problem['retryable'] ?? false) !== true", 'true'),
  mutant('BR-STR-008', 'Listener.php', "($problem['retryable'] ?? false) !== true", 'false'),
  mutant(
    'BR-STR-009',
    'Listener.php',
    "if ($event['event'] === 'token') {",
    "if (isset($data['text']) || isset($data['thinking'])) {",
  ),
  mutant('BR-ERR-001', 'Answer.php', '$this->status < 300', '$this->status === 200'),
  mutant('BR-ERR-002', 'Answer.php', "$isOurs = is_string($problem['code'] ?? null)", '$isOurs = false'),
  mutant('BR-ERR-003', 'Answer.php', 'is_int($seconds) || is_float($seconds)', 'false'),
  mutant('BR-ERR-004', 'Codes.php', '|| $status >= 500', ''),
  mutant('BR-ERR-005', 'Answer.php', "?? $problem['request_id'] ??", '??'),
  mutant('BR-ERR-005', 'Answer.php', 'array_change_key_case($headers, CASE_LOWER)', '$headers'),
  mutant('BR-ERR-006', 'Answer.php', '"http_{$this->status}"', "'unknown'"),
  mutant('BR-ERR-007', 'Codes.php', '$status >= 500', '$status >= 300 && $status < 400 || $status >= 500'),
  mutant(
    'BR-ERR-008',
    'Answer.php',
    '        if ($isGood) {\n            throw',
    '        if (false) {\n            throw',
  ),
  mutant('BR-ERR-009', 'Answer.php', "is_string($problem['code'] ?? null)", "isset($problem['code'])"),
  mutant('BR-RET-001', 'Codes.php', '$status === 408 || $status === 429 ||', ''),
  mutant('BR-RET-002', 'Codes.php', '($status === 408 || $status === 429 || $status >= 500)', 'true'),
  mutant('BR-RET-003', 'Codes.php', '$this->retryable[$code] ??', ''),
  mutant('BR-RET-004', 'Retry.php', 'MAX_DELAY_MS = 8_000', 'MAX_DELAY_MS = 30_000'),
  mutant('BR-RET-004', 'Retry.php', '2 ** $retriesDone', '2 ** ($retriesDone + 1)'),
  mutant('BR-RET-005', 'Retry.php', '$retriesDone >= $maxRetries', '$retriesDone > $maxRetries'),
  mutant('BR-RET-006', 'Retry.php', "'/^\\d+(\\.\\d+)?$/D'", "'/^\\d+(\\.\\d+)?/'"),
  mutant('BR-RET-006', 'Retry.php', '$at === false ? null : max(0, $at - $nowSeconds) * 1000', 'null'),
  mutant('BR-RET-007', 'Retry.php', '$error->status === 429 && $asked !== null', 'false'),
  mutant('BR-RET-007', 'Retry.php', '$asked > 0 && $asked <= self::MAX_RETRY_AFTER_MS', '$asked > 0'),
  mutant(
    'BR-WHK-001',
    'Webhook.php',
    '"$id.$timestamp.$body"',
    '"$id.$timestamp." . json_encode(json_decode($body))',
  ),
  mutant('BR-WHK-002', 'Webhook.php', 'if (hash_equals($expected, $one))', 'if (true)'),
  mutant('BR-WHK-002', 'Webhook.php', '"$id.$timestamp.$body"', '"$timestamp.$body"'),
  mutant('BR-WHK-003', 'Webhook.php', "$version === 'v1'", 'true'),
  mutant('BR-WHK-003', 'Webhook.php', "explode(' ', $header)", '[$header]'),
  mutant('BR-WHK-004', 'Webhook.php', 'TOLERANCE_S = 300', 'TOLERANCE_S = 301'),
  mutant('BR-WHK-004', 'Webhook.php', "'/^\\d{1,12}$/D'", "'/^\\d{1,12}/'"),
  mutant('BR-WHK-005', 'Webhook.php', '$headers = array_change_key_case($headers, CASE_LOWER);', ''),
  mutant('BR-WHK-006', 'Webhook.php', '($secrets as $secret)', '(array_slice($secrets, 0, 1) as $secret)'),
  mutant(
    'BR-WHK-007',
    'Receiver.php',
    '$isNew = ($this->once)(is_array($id) ? $id[0] : $id, fn () => ($this->handle)($event));',
    '($this->handle)($event);\n        $isNew = true;',
  ),
  mutant(
    'BR-WHK-008',
    'Receiver.php',
    "'ignore', 'status' => 204];\n        }",
    "'refuse', 'status' => 400];\n        }",
  ),
  mutant(
    'BR-WHK-009',
    'Receiver.php',
    "['action' => 'refuse', 'status' => 400]",
    "['action' => 'ignore', 'status' => 204]",
  ),
  mutant('BR-WHK-010', 'Receiver.php', "'request.failed', ", ''),
];
