"""Texts, arrays and objects that grow past all bounds."""

from tests.integration.expressions.hostile.case import (
    ENDLESS,
    TOO_DEEP,
    TOO_LARGE,
    Case,
    costs,
    gives,
    stops,
)

CASES: dict[str, Case] = {
    "pad_to_a_gigabyte": stops("$pad('x', 1000000000)", ENDLESS),
    "pad_to_the_left": stops("$pad('x', -1000000000)", ENDLESS),
    "pad_with_a_long_filler": stops("$pad('x', 400000000, 'abcdefgh')", ENDLESS),
    "pad_with_an_absurd_width": stops("$pad('x', 1e300)", "evaluation"),
    "pad_to_a_fraction": stops("$pad('x', 1e8 + 0.5)", ENDLESS),
    "pad_with_nothing": gives("$pad('abc', 10, '')", "abc       "),
    "pad_of_pad": stops("$pad($pad('x', 50000000), 100000000) & $pad('y', 100000000)", ENDLESS),
    "pad_just_above_the_result": stops("$pad('x', 262143)", TOO_LARGE),
    "texts_that_double": stops("$reduce([1..60], function($a, $b) { $a & $a }, 'xx')", ENDLESS),
    "arrays_that_double": stops(
        "$reduce([1..60], function($a, $b) { $append($a, $a) }, [1, 2])", ENDLESS
    ),
    "arrays_in_arrays_that_double": stops(
        "$reduce([1..60], function($a, $b) { [[$a], [$a]] }, [1])", TOO_LARGE
    ),
    "objects_that_double": stops(
        "$reduce([1..60], function($a, $b) { {'l': $a, 'r': $a} }, {})",
        TOO_LARGE,
    ),
    "json_that_doubles": stops(
        "$reduce([1..30], function($a, $b) { $string([$a, $a]) }, '\"')", ENDLESS
    ),
    "escapes_that_double": stops(
        "$reduce([1..40], function($a, $b) { $string([$a]) }, '\\\\')", ENDLESS
    ),
    "keys_that_double": stops(
        "$reduce([1..60], function($a, $b) { {$string($a): $a} }, 'x')", ENDLESS
    ),
    "object_with_a_huge_key": stops("{$pad('k', 1000000): 1}", TOO_LARGE),
    "object_with_huge_keys": stops("$merge([1..1000].{$pad($string($), 100000): $})", ENDLESS),
    "texts_kept": stops("[1..10000].$pad($string($), 1000000)", ENDLESS),
    "texts_kept_in_variables": stops(
        "(" + "; ".join(f"$v{n} := $pad('x', 30000000 + {n})" for n in range(30)) + "; 1)",
        ENDLESS,
    ),
    "texts_kept_in_closures": stops(
        "$map([1..1000], function($i) { ($s := $pad('x', 1000000 + $i); function() { $s }) })",
        ENDLESS,
    ),
    "base64_of_much": stops("$base64encode($pad('x', 100000000))", ENDLESS),
    "base64_of_base64": costs(
        "$reduce([1..60], function($a, $b) { $base64encode($a) }, $pad('x', 1000))",
    ),
    "split_of_much": stops("$split($pad('x', 50000000), '')", ENDLESS),
    "split_with_a_limit": gives("$split($pad('', 100000, 'a,'), ',', 2)", ["a", "a"]),
    "join_of_long_texts": stops("$join([1..1000].$pad('x', 1000000))", ENDLESS),
    "join_with_a_long_separator": stops(
        "$join($split($pad('', 10000, 'ab'), 'a'), $pad('-', 100000))", ENDLESS
    ),
    "replace_in_much": stops(
        "$replace($pad('', 10000000, 'ab'), 'a', 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx')",
        ENDLESS,
    ),
    "replace_that_doubles": stops(
        "$reduce([1..60], function($a, $b) { $replace($a, 'x', 'xx') }, 'x')", ENDLESS
    ),
    "replace_by_all_of_it": stops(
        "$replace($pad('', 20000, 'a'), /a+?/, $pad('$0', 20000, 'b'))", ENDLESS
    ),
    "url_encoding_of_much": stops("$encodeUrlComponent($pad('', 100000000, 'é'))", ENDLESS),
    "text_of_much": stops("$string([1..10000000])", ENDLESS),
    "text_of_much_indented": stops("$string([1..100000].{'a': $}, true)", TOO_LARGE),
    "upper_case_that_grows": stops("$uppercase($pad('', 100000000, 'ß'))", ENDLESS),
    "trim_of_much": costs("$trim($pad('', 100000000, ' \\n'))"),
    "substrings_of_much": stops(
        "($s := $pad('x', 1000000); [1..100000].$substring($s, $))", ENDLESS
    ),
    "characters_of_much": stops("$map($split($pad('x', 3000000, 'é'), ''), $length)", ENDLESS),
    "result_of_nulls": costs("[1..140000].(nothing)", b"[[1,2]]"),
    "result_of_objects": stops("[1..100000].{'a': 1}", TOO_LARGE),
    "result_of_texts": stops("[1..300].$pad('x', 1000)", TOO_LARGE),
    "result_of_escapes": stops("$pad('', 100000, '\\u0001')", TOO_LARGE),
    "result_of_wide_characters": stops("$pad('', 90000, '漢')", TOO_LARGE),
    "result_that_fits": gives("$length($string([1..20000]))", 108895),
    "deep_result": stops("$reduce([1..5000], function($a, $b) { [[$a]] }, 1)", TOO_DEEP),
    "deep_result_of_objects": stops(
        "$reduce([1..5000], function($a, $b) { {'a': $a} }, 1)", TOO_DEEP
    ),
}
