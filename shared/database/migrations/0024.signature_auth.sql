-- Webhooks may be of auth type signature: their sender is one that Postern knows.
-- depends: 0023.billing_and_checklists

alter table postern.webhooks
    drop constraint webhooks_auth_type_check,
    add constraint webhooks_auth_type_check
        check (auth_type in ('hmac_sha256', 'bearer', 'ip_allowlist', 'path_token', 'signature'));
