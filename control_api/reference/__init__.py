"""The reference page of the API: plain HTML, written from the OpenAPI document."""
