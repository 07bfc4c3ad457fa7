"""What packages with actions and workflows of their own import; all else here may change.

Names stay and keep their meaning until a changelog says otherwise, a release before they go.
"""
