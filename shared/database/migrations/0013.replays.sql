-- What a delivery was replayed as can be looked up. Only replays are in this index: accepting a request writes nothing
-- to it.
-- depends: 0009.lookups

create index deliveries_replays on postern.deliveries (tenant_id, replayed_from) where replayed_from is not null;
