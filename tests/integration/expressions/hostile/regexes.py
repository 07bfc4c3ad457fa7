"""Regular expressions that take an engine with backtracking for ever."""

from shared.expressions.plain import MISSING
from tests.integration.expressions.hostile.case import ENDLESS, TOO_LARGE, Case, gives, stops

_LONG = "$pad('', 50000, 'a')"

CASES: dict[str, Case] = {
    "nested_quantifier": gives(f"$match({_LONG} & 'b', /(a+)+$/)", MISSING),
    "nested_stars": gives(f"$contains({_LONG} & 'b', /^(a*)*$/)", False),
    "alternation_of_equals": gives(f"$contains({_LONG} & 'b', /^(a|a)*$/)", False),
    "alternation_of_prefixes": gives(f"$contains({_LONG} & 'b', /^(a|aa|aaa)*$/)", False),
    "alternation_of_classes": gives(f"$contains({_LONG} & '!', /^([a-z]|[a-m])*$/)", False),
    "three_levels": gives(f"$contains({_LONG} & 'b', /^(((a+)+)+)+$/)", False),
    "overlapping_stars": gives(
        "$length($replace($pad('', 20000, 'a'), /a*a*a*a*a*b/, ''))", 20_000
    ),
    "optional_tail": gives(f"$contains({_LONG}, /^(a?){50}a{50}b$/)", False),
    "words_and_blanks": gives("$contains($pad('', 50000, 'a '), /^(\\w+\\s?)*$/) ", True),
    "email": gives(
        f"$contains({_LONG} & '!', /^([a-zA-Z0-9])(([\\-.]|[_]+)?([a-zA-Z0-9]+))*(@)$/)", False
    ),
    "dots_over_much": stops("$split($pad('', 1000000, 'ab'), /.*.*.*c/)", TOO_LARGE),
    "dots_in_a_row": gives("$contains($pad('', 100000, 'a'), /.*.*.*.*.*.*.*.*b/)", False),
    "counted_repetition": stops(
        "$match($pad('', 10000, 'a'), /((a{1,100}){1,100}){1,100}/)", "syntax"
    ),
    "counted_beyond": stops("$match('a', /a{1001}/)", "syntax"),
    "counted_twice": stops("$match('a', /(a{1000}){1000}/)", "syntax"),
    "empty_match": gives("$replace('aaa', /x*/, 'y')", "yayayay"),
    "empty_pattern": stops("$match('aaa', //)", "syntax"),
    "never_matching": gives("$match($pad('', 1000000, 'a'), /[^a]/)", MISSING),
    "many_matches": stops("$match($pad('', 1000000, 'a'), /a/)", ENDLESS),
    "many_groups": stops("$match($pad('', 10000, 'a'), /" + "(a?)" * 500 + "/)", ENDLESS),
    "many_alternatives": gives(
        "$contains('x', /" + "|".join(f"a{n}" for n in range(2000)) + "/)", False
    ),
    "deep_groups": stops("$contains('a', /" + "(" * 3000 + "a" + ")" * 3000 + "/)", ENDLESS),
    "look_ahead": stops("$match('ab', /a(?=b)/)", "syntax"),
    "negative_look_ahead": stops("$match('ab', /a(?!b)/)", "syntax"),
    "look_behind": stops("$match('ab', /(?<=a)b/)", "syntax"),
    "back_reference": stops("$match('aa', /(a)\\1/)", "syntax"),
    "atomic_group": stops("$match('aa', /(?>a+)b/)", "syntax"),
    "possessive_quantifier": stops("$match('aa', /a++b/)", "syntax"),
    "conditional": stops("$match('aa', /(a)?(?(1)b|c)/)", "syntax"),
    "recursion": stops("$match('aa', /(?R)/)", "syntax"),
    "python_call": stops("$match('aa', /(?P=name)/)", "syntax"),
    "unicode_class": gives("$match('aβ漢', /\\p{Greek}/).match", "β"),
    "all_of_unicode": gives("$contains($pad('', 100000, '漢'), /^\\p{L}+$/)", True),
    "bytes_in_the_middle": gives("$match('漢', /./).match", "漢"),
    "replacement_with_groups": gives("$replace('abc', /(b)/, '$1$1$0')", "abbbc"),
    "replacement_with_a_group_too_many": stops("$replace('abc', /(b)/, '$2')", "evaluation"),
    "replacement_by_dollars": gives("$replace('abc', /b/, '$$$$')", "a$$c"),
    "replacement_function_of_no_text": stops(
        "$replace('abc', /b/, function($m) { 7 })", "evaluation"
    ),
    "pattern_as_value": stops("/a/", "evaluation"),
    "pattern_called": stops("/a/('a')", "evaluation"),
    "matcher_called_on": gives("($m := /a/('aaa'); $m.next().next().next().next())", MISSING),
    "flags_unknown": stops("$match('a', /a/x)", "syntax"),
    "case_folding": gives("$contains('\u017f', /S/i)", True),
    "lines": gives("$match('a\\nb\\nc', /^b$/m).match", "b"),
    "nul_in_a_text": gives("$contains('a\\u0000b', /a.b/)", True),
    "million_splits": stops("$split($pad('', 2000000, 'a,'), /,/)", ENDLESS),
}
