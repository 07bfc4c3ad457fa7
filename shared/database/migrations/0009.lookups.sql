-- An index that begins with tenant_id, as the primary key does, costs the same as that one while its table is small,
-- and a plan that was then made with it goes on to read all of the tenant's rows when there are many. So each of them
-- is for rows whose second column is not null: all that it is made for, and nothing that a lookup by primary key says.
-- depends: 0008.turns

drop index postern.deliveries_webhook;
create index deliveries_webhook on postern.deliveries (tenant_id, webhook_id, delivery_id desc)
    where webhook_id is not null;

drop index postern.external_entity_mappings_entity;
create index external_entity_mappings_entity on postern.external_entity_mappings (tenant_id, entity_type, entity_id)
    where entity_type is not null;

drop index postern.outbox_tenant;
create index outbox_tenant on postern.outbox (tenant_id, available_at, delivery_id) where available_at is not null;

drop index postern.ordered_deliveries_delivery;
create unique index ordered_deliveries_delivery on postern.ordered_deliveries (tenant_id, delivery_id)
    where delivery_id is not null;

drop index psa.assets_client;
create index assets_client on psa.assets (tenant_id, client_id) where client_id is not null;

drop index psa.contacts_client;
create index contacts_client on psa.contacts (tenant_id, client_id) where client_id is not null;

drop index psa.tickets_client;
create index tickets_client on psa.tickets (tenant_id, client_id) where client_id is not null;

drop index psa.tickets_board;
create index tickets_board on psa.tickets (tenant_id, board_id, status_id) where board_id is not null;

drop index psa.comments_ticket;
create index comments_ticket on psa.comments (tenant_id, ticket_id) where ticket_id is not null;

drop index psa.asset_associations_ticket;
create index asset_associations_ticket on psa.asset_associations (tenant_id, ticket_id) where ticket_id is not null;

drop index psa.invoices_client;
create index invoices_client on psa.invoices (tenant_id, client_id) where client_id is not null;

drop index psa.project_tasks_status;
create index project_tasks_status on psa.project_tasks (tenant_id, project_status_mapping_id)
    where project_status_mapping_id is not null;

drop index psa.interactions_client;
create index interactions_client on psa.interactions (tenant_id, client_id) where client_id is not null;

drop index psa.time_entries_sheet;
create index time_entries_sheet on psa.time_entries (tenant_id, time_sheet_id) where time_sheet_id is not null;

drop index psa.time_entries_work_item;
create index time_entries_work_item on psa.time_entries (tenant_id, work_item_id) where work_item_id is not null;

drop index postern.webhooks_slug;
create unique index webhooks_slug on postern.webhooks (tenant_id, slug) where deleted_at is null and slug is not null;

-- As before, but each table by its key: a join may be planned from the webhooks on, and then goes through all of the
-- tenant's for one delivery. Subqueries for one value stay what they are.
create or replace function postern.claim_expected(
    in_tenant_id uuid, in_delivery_id uuid, in_attempt integer, in_webhook_version integer, in_lock_timeout text)
returns void
language plpgsql
as $$
begin
    perform set_config('lock_timeout', in_lock_timeout, true);
    perform from postern.deliveries d
        where d.tenant_id = in_tenant_id and d.delivery_id = in_delivery_id
          and d.dispatch_status = 'pending' and d.retry_count = in_attempt
          and in_webhook_version = (
              select w.version from postern.webhooks w
              where w.tenant_id = in_tenant_id and w.webhook_id = d.webhook_id and w.deleted_at is null)
          and (select b.webhook_id from postern.circuit_breakers b
               where b.tenant_id = in_tenant_id and b.webhook_id = d.webhook_id) is null
        for update of d;
    if not found then
        raise exception 'delivery % is not as expected', in_delivery_id using errcode = 'PN001';
    end if;
end
$$;
