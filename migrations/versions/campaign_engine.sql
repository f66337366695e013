CREATE TABLE tenants (
    id UUID NOT NULL,
    name VARCHAR NOT NULL,
    time_zone VARCHAR NOT NULL,
    default_region VARCHAR,
    credits INTEGER,
    created_at timestamptz DEFAULT now() NOT NULL,
    CONSTRAINT tenants_pkey PRIMARY KEY (id)
);

CREATE TABLE api_keys (
    id UUID NOT NULL,
    tenant_id UUID NOT NULL,
    name VARCHAR NOT NULL,
    prefix VARCHAR NOT NULL,
    key_hash BYTEA NOT NULL,
    scopes TEXT[] NOT NULL,
    created_at timestamptz DEFAULT now() NOT NULL,
    last_used_at timestamptz,
    revoked_at timestamptz,
    CONSTRAINT api_keys_pkey PRIMARY KEY (id),
    CONSTRAINT api_keys_tenant_id_id_key UNIQUE (tenant_id, id),
    CONSTRAINT api_keys_tenant_id_fkey FOREIGN KEY(tenant_id) REFERENCES tenants (id),
    CONSTRAINT api_keys_key_hash_key UNIQUE (key_hash)
);

CREATE INDEX api_keys_tenant_id_idx ON api_keys (tenant_id);

CREATE TABLE channels (
    id UUID NOT NULL,
    tenant_id UUID NOT NULL,
    platform VARCHAR NOT NULL,
    name VARCHAR NOT NULL,
    status VARCHAR NOT NULL,
    status_reason VARCHAR,
    credentials BYTEA NOT NULL,
    webhook_secret BYTEA NOT NULL,
    signing_secret BYTEA,
    rate_per_second FLOAT NOT NULL,
    daily_quota INTEGER,
    send_window JSONB,
    unknown_policy VARCHAR NOT NULL,
    ai_enabled BOOLEAN DEFAULT true NOT NULL,
    next_slot_at timestamptz,
    throttled_until timestamptz,
    breaker JSONB DEFAULT '{}' NOT NULL,
    created_at timestamptz DEFAULT now() NOT NULL,
    updated_at timestamptz DEFAULT now() NOT NULL,
    CONSTRAINT channels_pkey PRIMARY KEY (id),
    CONSTRAINT channels_tenant_id_id_key UNIQUE (tenant_id, id),
    CONSTRAINT channels_tenant_id_fkey FOREIGN KEY(tenant_id) REFERENCES tenants (id)
);

CREATE INDEX channels_tenant_id_idx ON channels (tenant_id);

CREATE TABLE contacts (
    id UUID NOT NULL,
    tenant_id UUID NOT NULL,
    phone VARCHAR NOT NULL,
    name VARCHAR,
    created_at timestamptz DEFAULT now() NOT NULL,
    opt_changed_at timestamptz,
    CONSTRAINT contacts_pkey PRIMARY KEY (id),
    CONSTRAINT contacts_tenant_id_id_key UNIQUE (tenant_id, id),
    CONSTRAINT contacts_tenant_id_phone_key UNIQUE (tenant_id, phone),
    CONSTRAINT contacts_tenant_id_fkey FOREIGN KEY(tenant_id) REFERENCES tenants (id)
);

CREATE TABLE idempotent_answers (
    tenant_id UUID NOT NULL,
    key VARCHAR NOT NULL,
    request_hash VARCHAR NOT NULL,
    status INTEGER,
    body JSONB,
    created_at timestamptz DEFAULT now() NOT NULL,
    CONSTRAINT idempotent_answers_pkey PRIMARY KEY (tenant_id, key),
    CONSTRAINT idempotent_answers_tenant_id_fkey FOREIGN KEY(tenant_id) REFERENCES tenants (id)
);

CREATE TABLE suppressions (
    id UUID NOT NULL,
    tenant_id UUID NOT NULL,
    phone VARCHAR NOT NULL,
    source VARCHAR NOT NULL,
    note VARCHAR,
    created_at timestamptz DEFAULT now() NOT NULL,
    CONSTRAINT suppressions_pkey PRIMARY KEY (id),
    CONSTRAINT suppressions_tenant_id_phone_key UNIQUE (tenant_id, phone),
    CONSTRAINT suppressions_tenant_id_id_key UNIQUE (tenant_id, id),
    CONSTRAINT suppressions_tenant_id_fkey FOREIGN KEY(tenant_id) REFERENCES tenants (id)
);

CREATE TABLE campaigns (
    id UUID NOT NULL,
    tenant_id UUID NOT NULL,
    channel_id UUID NOT NULL,
    name VARCHAR NOT NULL,
    message_1 TEXT NOT NULL,
    message_2 TEXT NOT NULL,
    reply_window_seconds FLOAT NOT NULL,
    pacing JSONB DEFAULT '{}' NOT NULL,
    delay_seconds FLOAT NOT NULL,
    start_at timestamptz,
    status VARCHAR NOT NULL,
    paused_reason VARCHAR,
    probe VARCHAR,
    error_rate FLOAT DEFAULT 0 NOT NULL,
    created_at timestamptz DEFAULT now() NOT NULL,
    started_at timestamptz,
    ended_at timestamptz,
    CONSTRAINT campaigns_pkey PRIMARY KEY (id),
    CONSTRAINT campaigns_tenant_id_id_key UNIQUE (tenant_id, id),
    CONSTRAINT campaigns_tenant_id_channel_id_fkey FOREIGN KEY(tenant_id, channel_id) REFERENCES channels (tenant_id, id),
    CONSTRAINT campaigns_tenant_id_fkey FOREIGN KEY(tenant_id) REFERENCES tenants (id)
);

CREATE INDEX campaigns_channel_id_idx ON campaigns (channel_id);

CREATE INDEX campaigns_listing ON campaigns (tenant_id, created_at, id);

CREATE TABLE channel_usage (
    tenant_id UUID NOT NULL,
    channel_id UUID NOT NULL,
    action VARCHAR NOT NULL,
    day DATE NOT NULL,
    used INTEGER DEFAULT 0 NOT NULL,
    CONSTRAINT channel_usage_pkey PRIMARY KEY (tenant_id, channel_id, action, day),
    CONSTRAINT channel_usage_tenant_id_channel_id_fkey FOREIGN KEY(tenant_id, channel_id) REFERENCES channels (tenant_id, id) ON DELETE CASCADE,
    CONSTRAINT channel_usage_tenant_id_fkey FOREIGN KEY(tenant_id) REFERENCES tenants (id)
);

CREATE TABLE inbound_events (
    id UUID NOT NULL,
    tenant_id UUID NOT NULL,
    channel_id UUID NOT NULL,
    dedupe_key VARCHAR NOT NULL,
    event_name VARCHAR NOT NULL,
    raw BYTEA NOT NULL,
    normalised JSONB DEFAULT '{}' NOT NULL,
    received_at timestamptz DEFAULT now() NOT NULL,
    processed_at timestamptz,
    attempts INTEGER DEFAULT 0 NOT NULL,
    problem VARCHAR,
    CONSTRAINT inbound_events_pkey PRIMARY KEY (id),
    CONSTRAINT inbound_events_tenant_id_id_key UNIQUE (tenant_id, id),
    CONSTRAINT inbound_events_once UNIQUE (tenant_id, channel_id, dedupe_key),
    CONSTRAINT inbound_events_tenant_id_channel_id_fkey FOREIGN KEY(tenant_id, channel_id) REFERENCES channels (tenant_id, id) ON DELETE CASCADE,
    CONSTRAINT inbound_events_tenant_id_fkey FOREIGN KEY(tenant_id) REFERENCES tenants (id)
);

CREATE INDEX inbound_events_waiting ON inbound_events (tenant_id, received_at) WHERE processed_at IS NULL;

CREATE TABLE deliveries (
    id UUID NOT NULL,
    tenant_id UUID NOT NULL,
    channel_id UUID NOT NULL,
    contact_id UUID NOT NULL,
    campaign_id UUID,
    kind VARCHAR NOT NULL,
    idempotency_key VARCHAR NOT NULL,
    body TEXT,
    status VARCHAR NOT NULL,
    reason VARCHAR,
    limit_name VARCHAR,
    hold_until timestamptz,
    claim_expires_at timestamptz,
    first_asked_at timestamptz,
    settle_after timestamptz,
    attempts INTEGER DEFAULT 0 NOT NULL,
    errors INTEGER DEFAULT 0 NOT NULL,
    counted_attempts INTEGER DEFAULT 0 NOT NULL,
    credit_spent BOOLEAN DEFAULT false NOT NULL,
    used_on DATE,
    provider_message_id VARCHAR,
    wa_id VARCHAR,
    scheduled_at timestamptz,
    sent_at timestamptz,
    created_at timestamptz DEFAULT now() NOT NULL,
    updated_at timestamptz DEFAULT now() NOT NULL,
    CONSTRAINT deliveries_pkey PRIMARY KEY (id),
    CONSTRAINT deliveries_tenant_id_id_key UNIQUE (tenant_id, id),
    CONSTRAINT deliveries_idempotency_key UNIQUE (tenant_id, idempotency_key),
    CONSTRAINT deliveries_tenant_id_channel_id_fkey FOREIGN KEY(tenant_id, channel_id) REFERENCES channels (tenant_id, id),
    CONSTRAINT deliveries_tenant_id_contact_id_fkey FOREIGN KEY(tenant_id, contact_id) REFERENCES contacts (tenant_id, id),
    CONSTRAINT deliveries_tenant_id_campaign_id_fkey FOREIGN KEY(tenant_id, campaign_id) REFERENCES campaigns (tenant_id, id),
    CONSTRAINT deliveries_tenant_id_fkey FOREIGN KEY(tenant_id) REFERENCES tenants (id)
);

CREATE INDEX deliveries_campaign ON deliveries (campaign_id, kind, first_asked_at);

CREATE INDEX deliveries_open ON deliveries (tenant_id, status, id) WHERE status IN ('held', 'unknown', 'sending');

CREATE INDEX deliveries_provider ON deliveries (tenant_id, channel_id, provider_message_id);

CREATE INDEX deliveries_wa ON deliveries (tenant_id, channel_id, wa_id);

CREATE TABLE enrollments (
    tenant_id UUID NOT NULL,
    campaign_id UUID NOT NULL,
    contact_id UUID NOT NULL,
    channel_id UUID NOT NULL,
    position BIGINT GENERATED BY DEFAULT AS IDENTITY,
    variables JSONB DEFAULT '{}' NOT NULL,
    generation INTEGER DEFAULT 0 NOT NULL,
    status VARCHAR DEFAULT 'pending' NOT NULL,
    held BOOLEAN DEFAULT false NOT NULL,
    reason VARCHAR,
    launched_at timestamptz,
    message_1_at timestamptz,
    reply_deadline timestamptz,
    replied_at timestamptz,
    message_2_status VARCHAR,
    message_2_at timestamptz,
    outcome VARCHAR,
    closed_at timestamptz,
    CONSTRAINT enrollments_pkey PRIMARY KEY (tenant_id, campaign_id, contact_id),
    CONSTRAINT enrollments_tenant_id_campaign_id_fkey FOREIGN KEY(tenant_id, campaign_id) REFERENCES campaigns (tenant_id, id) ON DELETE CASCADE,
    CONSTRAINT enrollments_tenant_id_contact_id_fkey FOREIGN KEY(tenant_id, contact_id) REFERENCES contacts (tenant_id, id),
    CONSTRAINT enrollments_tenant_id_channel_id_fkey FOREIGN KEY(tenant_id, channel_id) REFERENCES channels (tenant_id, id),
    CONSTRAINT enrollments_tenant_id_fkey FOREIGN KEY(tenant_id) REFERENCES tenants (id)
);

CREATE INDEX enrollments_contact ON enrollments (tenant_id, contact_id);

CREATE INDEX enrollments_counts ON enrollments (campaign_id, status);

CREATE INDEX enrollments_open ON enrollments (campaign_id) WHERE closed_at IS NULL;

CREATE INDEX enrollments_position ON enrollments (campaign_id, position);

CREATE INDEX enrollments_recent ON enrollments (campaign_id, message_1_at);

CREATE INDEX enrollments_to_launch ON enrollments (campaign_id, position) WHERE status = 'pending' AND launched_at IS NULL;

CREATE TABLE imports (
    id UUID NOT NULL,
    tenant_id UUID NOT NULL,
    campaign_id UUID NOT NULL,
    added INTEGER DEFAULT 0 NOT NULL,
    duplicates INTEGER DEFAULT 0 NOT NULL,
    invalid INTEGER DEFAULT 0 NOT NULL,
    created_at timestamptz DEFAULT now() NOT NULL,
    CONSTRAINT imports_pkey PRIMARY KEY (id),
    CONSTRAINT imports_tenant_id_id_key UNIQUE (tenant_id, id),
    CONSTRAINT imports_tenant_id_campaign_id_fkey FOREIGN KEY(tenant_id, campaign_id) REFERENCES campaigns (tenant_id, id) ON DELETE CASCADE,
    CONSTRAINT imports_tenant_id_fkey FOREIGN KEY(tenant_id) REFERENCES tenants (id)
);

CREATE INDEX imports_campaign_id_idx ON imports (campaign_id);

CREATE TABLE action_log (
    id BIGINT GENERATED BY DEFAULT AS IDENTITY,
    tenant_id UUID NOT NULL,
    delivery_id UUID NOT NULL,
    contact_id UUID NOT NULL,
    campaign_id UUID,
    action VARCHAR NOT NULL,
    status VARCHAR NOT NULL,
    reason VARCHAR,
    scheduled_at timestamptz,
    executed_at timestamptz DEFAULT now() NOT NULL,
    CONSTRAINT action_log_pkey PRIMARY KEY (id),
    CONSTRAINT action_log_tenant_id_delivery_id_fkey FOREIGN KEY(tenant_id, delivery_id) REFERENCES deliveries (tenant_id, id),
    CONSTRAINT action_log_tenant_id_fkey FOREIGN KEY(tenant_id) REFERENCES tenants (id)
);

CREATE INDEX action_log_contact ON action_log (tenant_id, contact_id, id);

CREATE INDEX action_log_delivery ON action_log (tenant_id, delivery_id, id);

CREATE TABLE import_problems (
    id BIGINT GENERATED BY DEFAULT AS IDENTITY,
    tenant_id UUID NOT NULL,
    import_id UUID NOT NULL,
    row INTEGER NOT NULL,
    field VARCHAR NOT NULL,
    message VARCHAR NOT NULL,
    CONSTRAINT import_problems_pkey PRIMARY KEY (id),
    CONSTRAINT import_problems_tenant_id_import_id_fkey FOREIGN KEY(tenant_id, import_id) REFERENCES imports (tenant_id, id) ON DELETE CASCADE,
    CONSTRAINT import_problems_tenant_id_fkey FOREIGN KEY(tenant_id) REFERENCES tenants (id)
);

CREATE INDEX import_problems_import ON import_problems (tenant_id, import_id, id);

CREATE TABLE messages (
    id UUID NOT NULL,
    tenant_id UUID NOT NULL,
    channel_id UUID NOT NULL,
    contact_id UUID NOT NULL,
    direction VARCHAR NOT NULL,
    delivery_id UUID,
    provider_message_id VARCHAR,
    body TEXT NOT NULL,
    media JSONB,
    status VARCHAR NOT NULL,
    occurred_at timestamptz NOT NULL,
    created_at timestamptz DEFAULT now() NOT NULL,
    CONSTRAINT messages_pkey PRIMARY KEY (id),
    CONSTRAINT messages_tenant_id_id_key UNIQUE (tenant_id, id),
    CONSTRAINT messages_provider_key UNIQUE (tenant_id, channel_id, direction, provider_message_id),
    CONSTRAINT messages_delivery_key UNIQUE (tenant_id, delivery_id),
    CONSTRAINT messages_tenant_id_channel_id_fkey FOREIGN KEY(tenant_id, channel_id) REFERENCES channels (tenant_id, id),
    CONSTRAINT messages_tenant_id_contact_id_fkey FOREIGN KEY(tenant_id, contact_id) REFERENCES contacts (tenant_id, id),
    CONSTRAINT messages_tenant_id_delivery_id_fkey FOREIGN KEY(tenant_id, delivery_id) REFERENCES deliveries (tenant_id, id),
    CONSTRAINT messages_tenant_id_fkey FOREIGN KEY(tenant_id) REFERENCES tenants (id)
);

CREATE INDEX messages_contact ON messages (tenant_id, contact_id, occurred_at);

CREATE TABLE interactions (
    id UUID NOT NULL,
    tenant_id UUID NOT NULL,
    campaign_id UUID NOT NULL,
    contact_id UUID NOT NULL,
    message_id UUID NOT NULL,
    counted BOOLEAN NOT NULL,
    reason VARCHAR,
    received_at timestamptz DEFAULT now() NOT NULL,
    CONSTRAINT interactions_pkey PRIMARY KEY (id),
    CONSTRAINT interactions_tenant_id_id_key UNIQUE (tenant_id, id),
    CONSTRAINT interactions_message_key UNIQUE (tenant_id, message_id),
    CONSTRAINT interactions_tenant_id_campaign_id_fkey FOREIGN KEY(tenant_id, campaign_id) REFERENCES campaigns (tenant_id, id),
    CONSTRAINT interactions_tenant_id_contact_id_fkey FOREIGN KEY(tenant_id, contact_id) REFERENCES contacts (tenant_id, id),
    CONSTRAINT interactions_tenant_id_message_id_fkey FOREIGN KEY(tenant_id, message_id) REFERENCES messages (tenant_id, id),
    CONSTRAINT interactions_tenant_id_fkey FOREIGN KEY(tenant_id) REFERENCES tenants (id)
);

CREATE INDEX interactions_enrollment ON interactions (tenant_id, campaign_id, contact_id);

CREATE INDEX contacts_listing ON contacts (tenant_id, created_at, id);

CREATE INDEX suppressions_listing ON suppressions (tenant_id, created_at, id);
