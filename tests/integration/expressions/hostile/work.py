"""Work whose size is out of all proportion to the expression."""

from tests.integration.expressions.hostile.case import (
    ENDLESS,
    TOO_LARGE,
    Case,
    costs,
    gives,
    stops,
)

_WIDE = "$map([1..1000], function($a) { $map([1..1000], function($b) { %s }) })"
_DEEP = "($o := $reduce([1..18], function($a, $b) { {'l': $a, 'r': $a} }, {}); %s)"

CASES: dict[str, Case] = {
    "range_to_ten_million": stops("[1..10000000]", ENDLESS),
    "range_beyond_ten_million": stops("[1..10000001]", "evaluation"),
    "range_beyond_all": stops("[1..1e18]", "evaluation"),
    "range_to_a_fraction": stops("[1..2.5]", "evaluation"),
    "range_backwards": gives("[5..1]", []),
    "ranges_in_ranges": stops("[1..10000].[1..10000]", ENDLESS),
    "many_ranges": stops("[" + ",".join(["1..10000000"] * 100) + "]", ENDLESS),
    "sum_of_ten_million": stops("$sum([1..10000000])", ENDLESS),
    "count_of_ten_million": stops("$count([1..10000000])", ENDLESS),
    "average_of_ten_million": stops("$average([1..10000000])", ENDLESS),
    "map_of_a_million": stops("$map([1..1000000], $string)", ENDLESS),
    "filter_of_ten_million": stops("$filter([1..10000000], function($x) { $x < 0 })", ENDLESS),
    "single_of_ten_million": stops("$single([1..10000000], function($x) { $x = 0 })", ENDLESS),
    "join_of_a_million": stops("$join($map([1..1000000], $string))", ENDLESS),
    "reverse_of_ten_million": stops("$reverse([1..10000000])", ENDLESS),
    "shuffle_of_ten_million": stops("$shuffle([1..10000000])", ENDLESS),
    "distinct_of_many": stops("$distinct([1..100000])", ENDLESS),
    "distinct_of_objects": stops("$distinct([1..20000].{'n': $})", ENDLESS),
    "zip_of_many": stops("$zip([1..10000000], [1..10000000])", ENDLESS),
    "append_of_many": stops("$append([1..10000000], [1..10000000])", ENDLESS),
    "sort_of_a_million": stops("$sort([1..1000000], function($a, $b) { $a < $b })", ENDLESS),
    "sort_without_order": stops("$sort([1..1000000], function($a, $b) { true })", ENDLESS),
    "sort_by_chance": stops("$sort([1..1000000], function($a, $b) { $random() < 0.5 })", ENDLESS),
    "sort_with_a_slow_comparison": stops(
        "$sort([1..1000], function($a, $b) { $sum([1..100000]) > $a })", ENDLESS
    ),
    "order_by_many": stops("[1..300000]^(>$)", TOO_LARGE),
    "order_by_many_terms": costs("[1..20000]^(" + ",".join(["$"] * 500) + ")"),
    "order_by_the_whole": stops("[1..5000]^($count([1..5000][$ > 0]))", ENDLESS),
    "cartesian_map": stops(_WIDE % "$a * $b", ENDLESS),
    "cartesian_map_in_three": stops(_WIDE % "$map([1..1000], function($c) { $c })", ENDLESS),
    "cartesian_path": stops("[1..3000].([1..3000].($))", ENDLESS),
    "cartesian_filter": costs("[1..5000][$ in [1..5000]]"),
    "cartesian_index": stops("[1..2000]#$i.[1..2000]#$j.[$i, $j]", ENDLESS),
    "join_by_focus": stops(
        "items@$x.items@$y[$x = $y].{'v': $x}",
        ENDLESS,
        b'{"items":%b}' % str(list(range(3000))).encode(),
    ),
    "group_by_many": stops("[1..1000000]{$string($): $}", ENDLESS),
    "group_by_one_key": stops("[1..300000]{'k': $append($, $)}", ENDLESS),
    "group_by_in_group_by": stops("[1..2000]{$string($): [1..2000]{$string($): $}}", ENDLESS),
    "reduce_of_texts": stops(
        "$reduce([1..1000000], function($a, $b) { $a & $string($b) }, '')", ENDLESS
    ),
    "reduce_of_arrays": stops(
        "$reduce([1..100000], function($a, $b) { $append($a, $b) }, [])", ENDLESS
    ),
    "reduce_of_objects": stops(
        "$reduce([1..20000], function($a, $b) { $merge([$a, {$string($b): $b}]) }, {})",
        ENDLESS,
    ),
    "merge_of_many": stops("$merge([1..300000].{$string($): $})", ENDLESS),
    "spread_of_many": stops("$spread($merge([1..100000].{$string($): $}))", ENDLESS),
    "keys_of_many": stops("$keys([1..200000].{$string($): $})", ENDLESS),
    "each_of_many": stops(
        "$each($merge([1..100000].{$string($): $}), function($v, $k) { $k & $v })",
        ENDLESS,
    ),
    "sift_of_many": stops(
        "$sift($merge([1..100000].{$string($): $}), function($v) { $v > 1 })", ENDLESS
    ),
    "lookup_in_many": stops("$lookup([1..300000].{'k': $}, 'k')", ENDLESS),
    "wildcards_of_a_tree": stops(_DEEP % "$o.*.*.*.*.*.*.*.*.*.*.*.*.*.*.*.*.*", TOO_LARGE),
    "descendants_of_a_tree": gives(_DEEP % "$count($o.**)", 524287),
    "descendants_of_descendants": stops(_DEEP % "$o.**.**", ENDLESS),
    "descendants_of_ranges": stops("[1..1000].[1..1000].**.**.**", ENDLESS),
    "descendants_in_a_predicate": stops(_DEEP % "$o.**[$count($o.**) > 1]", ENDLESS),
    "transform_of_a_tree": stops(_DEEP % "$o ~> |**|{'x': 1}|", ENDLESS),
    "transform_of_many": stops("[1..100000].{'a': $} ~> |$|{'b': a}|", TOO_LARGE),
    "transforms_in_a_row": stops("$" + " ~> |$|{'x': $}|" * 200, "evaluation"),
    "transform_deleting_many": gives(
        "$ ~> |a|{}, ['b','c']|", {"a": {}, "items": [1, 2, 3], "text": "abc", "nothing": None}
    ),
    "numbers_formatted": stops("[1..1000000].$formatNumber($, '#,##0.00')", ENDLESS),
    "integers_in_words": stops("[1..1000000].$formatInteger($, 'w')", ENDLESS),
    "bases_of_many": stops("[1..1000000].$formatBase($, 2)", ENDLESS),
    "dates_of_many": stops("[1..1000000].$fromMillis($)", ENDLESS),
    "dates_parsed": stops("[1..1000000].$toMillis('2026-01-01T00:00:00Z')", ENDLESS),
    "conditions_nested": stops("[1..1000000].($ > 1 ? $ > 2 ? $ > 3 ? 1 : 2 : 3 : 4)", ENDLESS),
    "comparisons_of_large_values": costs("($x := [1..1000000]; $x = $x)"),
    "membership_in_much": stops("[1..3000][$string($) in [1..3000].$string($)]", ENDLESS),
    "chain_of_maps": stops("[1..100000]" + " ~> $map(function($x) { $x + 1 })" * 20, ENDLESS),
    "composition_of_hundreds": gives("($f := " + " ~> ".join(["$string"] * 300) + "; $f(1))", "1"),
    "type_of_many": stops("[1..1000000].$type($)", ENDLESS),
    "clone_of_much": stops("$clone([1..1000000])", TOO_LARGE),
    "assertions_of_many": stops("[1..1000000].$assert($ > 0, 'no')", ENDLESS),
}
