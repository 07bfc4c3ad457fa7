"""Small expressions over bodies that are made to hurt."""

import orjson

from tests.integration.expressions.hostile.case import (
    ENDLESS,
    TOO_LARGE,
    Case,
    costs,
    gives,
    stops,
)

_DEEP = b'{"a":' * 200 + b"1" + b"}" * 200
_DEEP_ARRAYS = b"[" * 500 + b"1" + b"]" * 500
_DEEPEST = b"[" * 1000 + b"]" * 1000
_WIDE = orjson.dumps({str(number): number for number in range(50_000)})
_ROWS = orjson.dumps({"rows": [{"id": n, "k": n % 7, "s": "x" * 20} for n in range(10_000)]})
_NUMBERS = orjson.dumps({"n": list(range(200_000, 0, -1))})
_LONG_TEXT = orjson.dumps({"text": "a" * 900_000 + "!"})
_LONG_KEY = orjson.dumps({"k" * 900_000: 1})
_LONG_KEYS = orjson.dumps({f"{number:04}" + "k" * 8_000: number for number in range(100)})
_SPARSE = orjson.dumps([[]] * 100_000)
_NULLS = orjson.dumps([None] * 200_000)
_TREE = orjson.dumps({"t": [[[[[[n] * 5] * 5] * 5] * 5] * 5 for n in range(5)]})
_ESCAPES = b'{"text":"' + b"\\u0041" * 100_000 + b'"}'

CASES: dict[str, Case] = {
    "deep_body_passed_on": gives("$", orjson.loads(_DEEP), _DEEP),
    "deep_body_descended": gives("$count(**)", 201, _DEEP),
    "deep_body_as_text": gives("$length($string($))", 1201, _DEEP),
    "deep_arrays_passed_on": gives("$", orjson.loads(_DEEP_ARRAYS), _DEEP_ARRAYS),
    "deep_arrays_flattened": gives("$count(**)", 1, _DEEP_ARRAYS),
    "deep_arrays_compared": gives("$ = $", True, _DEEP_ARRAYS),
    "deep_arrays_as_text": gives("$length(" + "$string($)" + ")", 1001, _DEEP_ARRAYS),
    "deep_arrays_transformed": stops("$ ~> |**|{'x': 1}|", "evaluation", _DEEP_ARRAYS),
    "deepest_body_read": gives("$count($)", 1, _DEEPEST),
    "deepest_body_as_text": gives("$length(" + "$string($)" + ")", 2000, _DEEPEST),
    "body_that_is_no_json": stops("1 + 1", "evaluation", b"{"),
    "body_of_nothing": stops("1 + 1", "evaluation", b""),
    "body_of_null": gives("$", None, b"null"),
    "body_of_a_number": gives("$ * 2", 14, b"7"),
    "body_of_a_text": gives("$uppercase($)", "A", b'"a"'),
    "body_with_twin_keys": gives("a", 2, b'{"a":1,"a":2}'),
    "body_with_a_huge_exponent": stops("n", "evaluation", b'{"n":1e400}'),
    "body_with_a_lone_surrogate": stops("s", "evaluation", b'{"s":"\\ud800"}'),
    "body_with_nul": gives("$length(s)", 3, b'{"s":"a\\u0000b"}'),
    "body_of_invalid_utf8": stops("s", "evaluation", b'{"s":"\xff"}'),
    "body_with_a_mark": stops("s", "evaluation", b'\xef\xbb\xbf{"s":1}'),
    "wide_object_counted": gives("$count($keys($))", 50_000, _WIDE),
    "wide_object_passed_on": stops("$", TOO_LARGE, _WIDE),
    "wide_object_spread": stops("$spread($)", TOO_LARGE, _WIDE),
    "wide_object_wildcard": gives("$sum(*)", 1_249_975_000, _WIDE),
    "wide_object_merged_with_itself": costs("$count($keys($merge([1..50].$$)))", _WIDE),
    "rows_joined_with_themselves": stops(
        "rows@$a.rows@$b[$a.k = $b.k].{'a': $a.id}", ENDLESS, _ROWS
    ),
    "rows_filtered_by_rows": stops("rows[id in $$.rows.id]", ENDLESS, _ROWS),
    "rows_with_their_parents": costs("$count(rows.{'of': %.rows})", _ROWS),
    "rows_grouped_by_row": stops("rows{$string(id): $}", TOO_LARGE, _ROWS),
    "rows_sorted_by_text": costs("$count(rows^(s, >id))", _ROWS),
    "rows_in_a_text": stops("$string(rows) & $string(rows)", TOO_LARGE, _ROWS),
    "numbers_sorted": gives("$sort(n)[0]", 1, _NUMBERS),
    "numbers_sorted_by_hand": stops(
        "$sort(n, function($a, $b) { $a > $b })[0]", ENDLESS, _NUMBERS
    ),
    "numbers_sorted_by_operator": stops("n^($)[0]", ENDLESS, _NUMBERS),
    "numbers_reversed_again": stops(
        "$reduce([1..100], function($a, $b) { $reverse($a) }, n)", TOO_LARGE, _NUMBERS
    ),
    "numbers_summed_by_hand": stops("$reduce(n, function($a, $b) { $a + $b })", ENDLESS, _NUMBERS),
    "long_text_matched": gives("$contains(text, /^(a+)+$/)", False, _LONG_TEXT),
    "long_text_split": stops("$split(text, '')", TOO_LARGE, _LONG_TEXT),
    "long_text_doubled": stops("text & text", TOO_LARGE, _LONG_TEXT),
    "long_text_in_a_fault": stops("$number(text)", "evaluation", _LONG_TEXT),
    "long_text_as_a_key": stops("{text: 1}", TOO_LARGE, _LONG_TEXT),
    "long_text_in_base64": stops("$base64encode(text)", TOO_LARGE, _LONG_TEXT),
    "long_key_read": gives("$length($keys($)[0])", 900_000, _LONG_KEY),
    "long_key_passed_on": stops("$", TOO_LARGE, _LONG_KEY),
    "long_keys_grouped": stops(
        "$each($, function($v, $k) { {$k & $k: $v} })", TOO_LARGE, _LONG_KEYS
    ),
    "empty_arrays": gives("$count($)", 100000, _SPARSE),
    "empty_arrays_descended": gives("$count(**)", 0, _SPARSE),
    "nulls_counted": gives("$count($)", 200000, _NULLS),
    "nulls_mapped": stops("$.$type($)", ENDLESS, _NULLS),
    "tree_of_arrays_flattened": gives("$count(t.$)", 25, _TREE),
    "tree_of_arrays_descended": gives("$count(**)", 15626, _TREE),
    "escapes_read": gives("$length(text)", 100_000, _ESCAPES),
    "missing_everywhere": gives("a.b.c.d[0].e^(f).g{h: i}", {}, b"{}"),
}
