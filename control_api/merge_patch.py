"""JSON Merge Patch.

Source: RFC 7396 section 2, https://www.rfc-editor.org/rfc/rfc7396#section-2
"""


def merge(target: object, patch: object) -> object:
    """Return a document with a patch applied; neither is changed.

    Recurses as deep as the patch, which the border has bounded.
    """
    if not isinstance(patch, dict):
        return patch
    merged = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            merged.pop(name, None)
        else:
            merged[name] = merge(merged.get(name), value)
    return merged
