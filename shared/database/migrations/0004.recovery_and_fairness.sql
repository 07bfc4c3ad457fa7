-- Finding deliveries that were lost on their way, and claiming fairly among tenants.
-- depends: 0003.order_and_recovery

-- What is not finished yet, in the order of acceptance. Closing a delivery is no costlier for it: an update moves the
-- row, with its body, to another page anyway.
create index deliveries_pending on postern.deliveries (delivery_id) where dispatch_status = 'pending';

-- From tenant to tenant, each one's oldest due row, however many rows of others are due or wait. With the id, so that
-- rows due at one moment come in the order of acceptance without a sort.
create index outbox_tenant on postern.outbox (tenant_id, available_at, delivery_id);
