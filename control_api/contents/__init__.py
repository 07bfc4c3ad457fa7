"""What answers hold, one module per resource: models for the document and for checking answers.

Routes write their answers with orjson from what the ledger gives; no model stands between. Tests
hold every answer that they see against these models.
"""
