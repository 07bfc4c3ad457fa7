"""Expressions that are hard to read: deep, long, unfinished."""

import orjson

from shared.expressions.plain import MISSING
from tests.integration.expressions.hostile.case import ENDLESS, TOO_DEEP, Case, costs, gives, stops

#: While it is parsed, already.
_TOO_DEEP = f"syntax {TOO_DEEP}"

CASES: dict[str, Case] = {
    "nested_parentheses": stops("(" * 8000 + "1" + ")" * 8000, "syntax timeout"),
    "nested_arrays": stops("[" * 8000 + "]" * 8000, "syntax timeout"),
    "nested_arrays_that_fit": gives("[" * 80 + "]" * 80, orjson.loads("[" * 80 + "]" * 80)),
    "nested_objects": stops("{'a':" * 2700 + "1" + "}" * 2700, _TOO_DEEP),
    "nested_functions": stops("function(){" * 1300 + "1" + "}" * 1300, "evaluation"),
    "nested_calls": costs("$string(" * 1800 + "1" + ")" * 1800),
    "nested_conditions": stops("a?" * 8000 + "b", _TOO_DEEP),
    "conditions_to_the_right": costs("a?1:" * 4000 + "b"),
    "nested_predicates": stops("a" + "[a" * 5000 + "]" * 5000, "syntax timeout"),
    "predicates_in_a_row": costs("items" + "[1]" * 5000),
    "sorts_in_a_row": costs("items" + "^($)" * 4000),
    "groups_in_a_row": stops("items" + "{'a':1}" * 2000, "syntax"),
    "many_minus_signs": stops("-" * 16000 + "1", "syntax timeout"),
    "long_path": costs("a" + ".a" * 8000),
    "path_of_wildcards": stops("*" + ".*" * 8000, ENDLESS),
    "path_of_descendants": stops("**" + ".**" * 5000, ENDLESS),
    "long_sum": stops("1" + "+1" * 8000, _TOO_DEEP),
    "long_concatenation": stops("'a'" + "&'a'" * 4000, _TOO_DEEP),
    "long_conjunction": costs("true" + " and true" * 1700),
    "long_comparison": stops("1" + "=1" * 8000, _TOO_DEEP),
    "long_chain": costs("1" + "~>$abs" * 2600),
    "long_block": costs("(" + "$x:=1;" * 2600 + "1)"),
    "long_assignment": stops("$a:=" * 4000 + "1", _TOO_DEEP),
    "long_literal": gives("$length('" + "x" * 16000 + "')", 16000),
    "too_long_literal": stops("'" + "x" * 17000 + "'", "too_long"),
    "too_long_in_bytes": stops("'" + "漢" * 6000 + "'", "too_long"),
    "long_name": gives("$exists(`" + "x" * 16000 + "`)", False),
    "long_variable": gives("$" + "x" * 16000, MISSING),
    "long_array": costs("$count([" + "1," * 8000 + "1])"),
    "long_object": costs("{" + ",".join(f"'{n}':1" for n in range(1800)) + "}"),
    "many_parameters": stops(
        "function(" + ",".join(f"$p{n}" for n in range(2500)) + "){1}(1)", "too_long"
    ),
    "many_arguments": costs("$string(" + "1," * 8000 + "1)"),
    "many_parents": stops("a.b" + ".%" * 5000, ENDLESS),
    "parents_side_by_side": costs("a.b.{" + ",".join(f"'{n}':%.c" for n in range(1000)) + "}"),
    "parent_of_the_root": stops("%", "syntax"),
    "parent_beyond_the_root": stops("a.%.%.%", "syntax"),
    "parent_in_a_function": gives("a.b.(function() { %.b }())", MISSING),
    "long_comment": gives("/*" + "x" * 16000 + "*/1", 1),
    "comment_without_end": stops("/*" + "*" * 16000, "syntax"),
    "comment_in_comment": stops("/* /* */ 1 */", "syntax"),
    "text_without_end": stops("'abc", "syntax"),
    "name_without_end": stops("`abc", "syntax"),
    "regex_without_end": stops("/" + "(" * 16000, "syntax"),
    "signature_without_end": stops("function($x)<a<a<a<", "syntax"),
    "signature_of_nonsense": stops("function($x)<zz:q>{1}", "evaluation"),
    "signature_nested": stops(
        "function($x)<" + "a<" * 3000 + "n" + ">" * 3000 + ">{1}", "evaluation"
    ),
    "signature_of_choices": stops("function($x)<(" + "nsb" * 3000 + "):n>{1}", "evaluation"),
    "operators_only": stops("+ - * / % . ? :", "syntax"),
    "brackets_crossed": stops("([)]", "syntax"),
    "every_kind_of_bracket": stops("([{" * 2500, "syntax timeout"),
    "assignment_to_a_number": stops("1 := 2", "syntax"),
    "assignment_to_a_path": stops("a.b := 2", "syntax"),
    "question_marks": stops("?" * 8000, "syntax"),
    "partial_of_nothing": stops("$sum(?)(?)(?)", "evaluation"),
    "partial_of_all": gives("$substring(?, 0, 1)('abc')", "a"),
    "partial_of_no_function": stops("1(?)", "evaluation"),
    "transform_of_nothing": stops("||", "syntax"),
    "transform_without_end": stops("|a|{", "syntax"),
    "focus_of_a_literal": gives("1@$x", 1),
    "focus_after_a_predicate": stops("items[0]@$x", "syntax"),
    "index_of_nothing": stops("items#", "syntax"),
    "only_blanks": stops(" " * 16000, "syntax"),
}
