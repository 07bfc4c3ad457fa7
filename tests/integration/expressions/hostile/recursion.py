"""Functions that call themselves, by every way that the language has."""

from tests.integration.expressions.hostile.case import ENDLESS, TOO_DEEP, Case, gives, stops

CASES: dict[str, Case] = {
    "tail_loop": stops("($f := function() { $f() }; $f())", ENDLESS),
    "tail_loop_with_state": stops("($f := function($n) { $f($n + 1) }; $f(0))", ENDLESS),
    "tail_loop_growing_text": stops("($f := function($s) { $f($s & $s) }; $f('x'))", ENDLESS),
    "tail_loop_growing_array": stops(
        "($f := function($s) { $f($append($s, $s)) }; $f([1]))", ENDLESS
    ),
    "tail_loop_growing_object": stops("($f := function($o) { $f({'o': $o}) }; $f({}))", ENDLESS),
    "tail_loop_in_a_condition": stops(
        "($f := function($n) { $n < 0 ? 0 : $f($n + 1) }; $f(0))", ENDLESS
    ),
    "tail_loop_in_a_block": stops(
        "($f := function($n) { ($x := $n + 1; $f($x)) }; $f(0))", ENDLESS
    ),
    "tail_loop_of_two": stops(
        "($f := function() { $g() }; $g := function() { $f() }; $f())", ENDLESS
    ),
    "tail_loop_of_three": stops(
        "($f := function($n) { $g($n + 1) }; $g := function($n) { $h($n + 1) };"
        " $h := function($n) { $f($n + 1) }; $f(0))",
        ENDLESS,
    ),
    "even_and_odd": stops(
        "($e := function($n) { $n = 0 ? true : $o($n - 1) };"
        " $o := function($n) { $n = 0 ? false : $e($n - 1) }; $e(1000000000))",
        ENDLESS,
    ),
    "deep_recursion": stops("($f := function($n) { 1 + $f($n + 1) }; $f(0))", TOO_DEEP),
    "deep_recursion_of_two": stops(
        "($f := function($n) { 1 + $g($n) }; $g := function($n) { 1 + $f($n) }; $f(0))",
        TOO_DEEP,
    ),
    "deep_recursion_of_texts": stops("($f := function($s) { $s & $f($s) }; $f('x'))", TOO_DEEP),
    "deep_recursion_of_arrays": stops("($f := function() { [$f()] }; $f())", TOO_DEEP),
    "deep_recursion_of_objects": stops("($f := function() { {'a': $f()} }; $f())", TOO_DEEP),
    "deep_recursion_in_an_argument": stops("($f := function($x) { $f($f($x)) }; $f(1))", TOO_DEEP),
    "deep_recursion_in_a_predicate": stops("($f := function() { [1][$f()] }; $f())", TOO_DEEP),
    "deep_recursion_in_a_key": stops("($f := function() { {$f(): 1} }; $f())", TOO_DEEP),
    "recursion_that_ends": gives(
        "($f := function($n) { $n = 0 ? 0 : 1 + $f($n - 1) }; $f(20))", 20
    ),
    "tail_loop_that_ends": gives(
        "($f := function($n) { $n = 0 ? 'done' : $f($n - 1) }; $f(1000))", "done"
    ),
    "fibonacci": stops(
        "($f := function($n) { $n < 2 ? $n : $f($n - 1) + $f($n - 2) }; $f(40))", ENDLESS
    ),
    "ackermann": stops(
        "($a := function($m, $n) { $m = 0 ? $n + 1 : $n = 0 ? $a($m - 1, 1) "
        ": $a($m - 1, $a($m, $n - 1)) }; $a(4, 2))",
        ENDLESS,
    ),
    "hanoi": stops(
        "($h := function($n, $a, $b, $c) { $n = 0 ? 0 : $h($n - 1, $a, $c, $b)"
        " + 1 + $h($n - 1, $c, $b, $a) }; $h(30, 'a', 'b', 'c'))",
        ENDLESS,
    ),
    "y_combinator": stops("(function($x) { $x($x) })(function($x) { $x($x) })", ENDLESS),
    "y_combinator_deep": stops(
        "(function($x) { 1 + $x($x) })(function($x) { 1 + $x($x) })", TOO_DEEP
    ),
    "through_map": stops("($f := function($x) { $map([1, 2], $f) }; $f(1))", TOO_DEEP),
    "through_filter": stops("($f := function($x) { $filter([1, 2], $f) }; $f(1))", TOO_DEEP),
    "through_single": stops("($f := function($x) { $single([1, 2], $f) }; $f(1))", TOO_DEEP),
    "through_reduce": stops(
        "($f := function($x, $y) { $reduce([1, 2], $f) }; $f(1, 2))", TOO_DEEP
    ),
    "through_sort": stops("($f := function($x, $y) { $sort([2, 1], $f) }; $f(1, 2))", TOO_DEEP),
    "through_sift": stops("($f := function($x) { $sift({'a': 1}, $f) }; $f(1))", TOO_DEEP),
    "through_each": stops("($f := function($x) { $each({'a': 1}, $f) }; $f(1))", TOO_DEEP),
    "through_replace": stops("($f := function($m) { $replace('aa', /a/, $f) }; $f(1))", TOO_DEEP),
    "through_apply": stops("($f := function($x) { $x ~> $f }; 1 ~> $f)", TOO_DEEP),
    "through_composition": stops(
        "($f := function($x) { $x }; $g := $f ~> $g; $h := function($x) { $h($g($x)) }; $h(1))",
        TOO_DEEP,
    ),
    "through_partial_application": stops(
        "($f := function($x, $y) { $f(?, $y)($x) }; $f(1, 2))", ENDLESS
    ),
    "partial_of_partial": stops(
        "($f := function($g, $n) { $f($g(?), $n + 1) }; $f($string, 0))", ENDLESS
    ),
    "through_transform": stops("($f := function($x) { $x ~> |$|$f($)| }; $f({'a': 1}))", TOO_DEEP),
    "through_order_by": stops("($f := function($x) { [2, 1]^($f($)) }; $f(1))", TOO_DEEP),
    "through_group_by": stops("($f := function($x) { [1, 2]{'k': $f($)} }; $f(1))", TOO_DEEP),
    "through_context": stops("($f := function() { $.($f()) }; $f())", TOO_DEEP),
    "through_a_signature": stops("($f := function($n)<n:n> { 1 + $f($n) }; $f(1))", TOO_DEEP),
    "through_a_named_function": stops(
        "($f := function($x) { coalesce(nothing, $f($x)) }; $f(1))", TOO_DEEP
    ),
    "a_function_overshadowed": stops("($sum := function($x) { $sum($x) }; $sum([1]))", ENDLESS),
    "a_closure_of_closures": stops(
        "($f := function($g) { $f(function() { $g() }) }; $f(function() { 1 }))", ENDLESS
    ),
    "church_numerals": stops(
        "($two := function($f) { function($x) { $f($f($x)) } };"
        " $two($two)($two)($two)($two)(function($n) { $n + 1 })(0))",
        TOO_DEEP,
    ),
}
