<?php
/** Replays the contract's vectors: `php conformance.php`, or with `--stdio` one case a line for another runner. */
declare(strict_types=1);

require __DIR__ . '/answer-case.php';

const VECTORS = __DIR__ . '/../vectors';

/** `{"file", "given"}` a line in, `{"actual"}` a line out, until the input ends. */
function answerLines(): void
{
    while (($line = fgets(STDIN)) !== false) {
        // Objects of a body stay objects; the rest is read as arrays.
        $case = json_decode($line, true);
        echo json_encode(['actual' => answerCase($case['file'], $case['given'])], JSON_THROW_ON_ERROR), "\n";
    }
}

/** What is expected, and no more: an answer may say more than a case asks for. */
function agrees(mixed $expected, mixed $actual): bool
{
    if (!is_array($expected)) {
        return $expected === $actual;
    }
    if (!is_array($actual) || (array_is_list($expected) && count($expected) !== count($actual))) {
        return false;
    }
    foreach ($expected as $name => $value) {
        if (!array_key_exists($name, $actual) || !agrees($value, $actual[$name])) {
            return false;
        }
    }
    return true;
}

function replay(): int
{
    [$passed, $failed] = [0, 0];
    foreach (json_decode((string) file_get_contents(VECTORS . '/index.json'), true)['files'] as $entry) {
        if ($entry['for'] !== 'client') {
            continue;
        }
        $vectors = json_decode((string) file_get_contents(VECTORS . "/{$entry['file']}"), true);
        if (count($vectors['cases']) !== $entry['count']) {
            fwrite(STDERR, "{$entry['file']} has not the {$entry['count']} cases that the index names.\n");
            return 2;
        }
        foreach ($vectors['cases'] as ['id' => $id, 'given' => $given, 'expect' => $expected]) {
            $actual = json_decode((string) json_encode(answerCase($entry['file'], $given)), true);
            if (agrees($expected, $actual)) {
                $passed++;
                continue;
            }
            $failed++;
            echo "not ok {$entry['file']} $id\n  expected ", json_encode($expected), "\n  actual   ", json_encode($actual), "\n";
        }
    }
    echo "$passed passed, $failed failed\n";
    return $failed === 0 && $passed > 0 ? 0 : 1;
}

if (in_array('--stdio', $argv, true)) {
    answerLines();
} else {
    exit(replay());
}
