"""The resources of the API. Written by `make client` from docs/openapi.json."""

from postern.client.resources.api_keys import ApiKeys, AsyncApiKeys
from postern.client.resources.audit_events import AsyncAuditEvents, AuditEvents
from postern.client.resources.catalog import AsyncCatalog, Catalog
from postern.client.resources.deliveries import AsyncDeliveries, Deliveries
from postern.client.resources.delivery_bodies import AsyncDeliveryBodies, DeliveryBodies
from postern.client.resources.delivery_streams import AsyncDeliveryStreams, DeliveryStreams
from postern.client.resources.directory import AsyncDirectory, Directory
from postern.client.resources.events import AsyncEvents, Events
from postern.client.resources.expressions import AsyncExpressions, Expressions
from postern.client.resources.forward_secrets import AsyncForwardSecrets, ForwardSecrets
from postern.client.resources.mappings import AsyncMappings, Mappings
from postern.client.resources.replay_jobs import AsyncReplayJobs, ReplayJobs
from postern.client.resources.replays import AsyncReplays, Replays
from postern.client.resources.samples import AsyncSamples, Samples
from postern.client.resources.secrets import AsyncSecrets, Secrets
from postern.client.resources.tenants import AsyncTenants, Tenants
from postern.client.resources.webhook_documents import AsyncWebhookDocuments, WebhookDocuments
from postern.client.resources.webhook_states import AsyncWebhookStates, WebhookStates
from postern.client.resources.webhooks import AsyncWebhooks, Webhooks
from postern.client.transport import AsyncHttp, Http


class Resources:
    """Every resource, by name."""

    def __init__(self, http: Http) -> None:
        self.api_keys = ApiKeys(http)
        self.audit_events = AuditEvents(http)
        self.catalog = Catalog(http)
        self.deliveries = Deliveries(http)
        self.delivery_bodies = DeliveryBodies(http)
        self.delivery_streams = DeliveryStreams(http)
        self.directory = Directory(http)
        self.events = Events(http)
        self.expressions = Expressions(http)
        self.forward_secrets = ForwardSecrets(http)
        self.mappings = Mappings(http)
        self.replay_jobs = ReplayJobs(http)
        self.replays = Replays(http)
        self.samples = Samples(http)
        self.secrets = Secrets(http)
        self.tenants = Tenants(http)
        self.webhook_documents = WebhookDocuments(http)
        self.webhook_states = WebhookStates(http)
        self.webhooks = Webhooks(http)


class AsyncResources:
    """Every resource, by name."""

    def __init__(self, http: AsyncHttp) -> None:
        self.api_keys = AsyncApiKeys(http)
        self.audit_events = AsyncAuditEvents(http)
        self.catalog = AsyncCatalog(http)
        self.deliveries = AsyncDeliveries(http)
        self.delivery_bodies = AsyncDeliveryBodies(http)
        self.delivery_streams = AsyncDeliveryStreams(http)
        self.directory = AsyncDirectory(http)
        self.events = AsyncEvents(http)
        self.expressions = AsyncExpressions(http)
        self.forward_secrets = AsyncForwardSecrets(http)
        self.mappings = AsyncMappings(http)
        self.replay_jobs = AsyncReplayJobs(http)
        self.replays = AsyncReplays(http)
        self.samples = AsyncSamples(http)
        self.secrets = AsyncSecrets(http)
        self.tenants = AsyncTenants(http)
        self.webhook_documents = AsyncWebhookDocuments(http)
        self.webhook_states = AsyncWebhookStates(http)
        self.webhooks = AsyncWebhooks(http)
