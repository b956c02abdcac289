--
-- PostgreSQL database dump
--


-- Dumped from database version 15.18 (Debian 15.18-0+deb12u1)
-- Dumped by pg_dump version 15.18 (Debian 15.18-0+deb12u1)

SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;

SET default_tablespace = '';

SET default_table_access_method = heap;

--
-- Name: account_form_tokens; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.account_form_tokens (
    token_hash bytea NOT NULL,
    session_uid text NOT NULL,
    expires_at bigint NOT NULL,
    CONSTRAINT account_form_tokens_token_hash_check CHECK ((length(token_hash) = 32))
);


--
-- Name: kysely_migration; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.kysely_migration (
    name character varying(255) NOT NULL,
    "timestamp" character varying(255) NOT NULL
);


--
-- Name: kysely_migration_lock; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.kysely_migration_lock (
    id character varying(255) NOT NULL,
    is_locked bigint DEFAULT 0 NOT NULL
);


--
-- Name: oidc_artefacts; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.oidc_artefacts (
    id_hash bytea NOT NULL,
    model text NOT NULL,
    payload text NOT NULL,
    grant_id text,
    session_uid text,
    account_id text,
    client_id text,
    consumed_at bigint,
    expires_at bigint NOT NULL,
    CONSTRAINT oidc_artefacts_id_hash_check CHECK ((length(id_hash) = 32))
);


--
-- Name: oidc_clients; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.oidc_clients (
    client_id text NOT NULL,
    metadata text NOT NULL,
    secret_hash bytea,
    disabled_at bigint
);


--
-- Name: oidc_cookie_keys; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.oidc_cookie_keys (
    id bigint NOT NULL,
    secret bytea NOT NULL,
    created_at bigint NOT NULL,
    CONSTRAINT oidc_cookie_keys_secret_check CHECK ((length(secret) = 32))
);


--
-- Name: oidc_grants; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.oidc_grants (
    id text NOT NULL,
    session_uid text NOT NULL,
    account_id text NOT NULL,
    client_id text NOT NULL,
    payload text NOT NULL,
    created_at bigint NOT NULL,
    CONSTRAINT oidc_grants_id_check CHECK ((length(id) = 22))
);


--
-- Name: oidc_refresh_successors; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.oidc_refresh_successors (
    spent_hash bytea NOT NULL,
    successor_hash bytea NOT NULL,
    grant_id text NOT NULL,
    client_id text NOT NULL,
    request_hash bytea NOT NULL,
    sealed bytea NOT NULL,
    spent_at bigint NOT NULL,
    CONSTRAINT oidc_refresh_successors_spent_hash_check CHECK ((length(spent_hash) = 32))
);


--
-- Name: oidc_session_ids; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.oidc_session_ids (
    id_hash bytea NOT NULL,
    session_uid text NOT NULL,
    created_at bigint NOT NULL,
    replaced_until bigint,
    CONSTRAINT oidc_session_ids_id_hash_check CHECK ((length(id_hash) = 32))
);


--
-- Name: oidc_sessions; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.oidc_sessions (
    uid text NOT NULL,
    account_id text,
    payload text NOT NULL,
    user_agent text,
    created_at bigint NOT NULL,
    last_seen_at bigint NOT NULL,
    expires_at bigint NOT NULL,
    ended_at bigint,
    CONSTRAINT oidc_sessions_uid_check CHECK ((length(uid) = 22))
);


--
-- Name: oidc_signing_keys; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.oidc_signing_keys (
    kid text NOT NULL,
    jwk text NOT NULL,
    created_at bigint NOT NULL
);


--
-- Name: replicas; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.replicas (
    client_id text NOT NULL,
    name text NOT NULL,
    lease_ms bigint NOT NULL,
    incarnation text,
    applied bigint DEFAULT 0 NOT NULL,
    renewal bigint DEFAULT 0 NOT NULL,
    chain text,
    live text
);


--
-- Name: revocation_state; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.revocation_state (
    id bigint NOT NULL,
    incarnation text NOT NULL,
    head bigint NOT NULL,
    hash_key bytea NOT NULL,
    chain bytea,
    anchor_seq bigint DEFAULT 0 NOT NULL,
    anchor_chain bytea,
    CONSTRAINT revocation_state_hash_key_check CHECK ((length(hash_key) = 32)),
    CONSTRAINT revocation_state_head_check CHECK ((head >= 0)),
    CONSTRAINT revocation_state_id_check CHECK ((id = 1))
);


--
-- Name: revocations; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.revocations (
    seq bigint NOT NULL,
    scope bigint NOT NULL,
    mode bigint NOT NULL,
    reason bigint NOT NULL,
    key bytea NOT NULL,
    key_text text,
    revoked_at bigint NOT NULL,
    expires_at bigint NOT NULL,
    token_expires_at bigint,
    actor text,
    note text,
    chain bytea,
    CONSTRAINT revocations_key_check CHECK ((length(key) = 16))
);


--
-- Name: sign_in_attempts; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.sign_in_attempts (
    key_hash bytea NOT NULL,
    failures bigint NOT NULL,
    blocked_until bigint NOT NULL,
    updated_at bigint NOT NULL
);


--
-- Name: token_lifetimes; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.token_lifetimes (
    seconds bigint NOT NULL,
    until bigint
);


--
-- Name: users; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.users (
    id text NOT NULL,
    username text NOT NULL,
    username_key text NOT NULL,
    name text NOT NULL,
    email text,
    password_hash text NOT NULL,
    created_at bigint NOT NULL,
    disabled_at bigint,
    CONSTRAINT users_id_check CHECK ((length(id) = 22))
);


--
-- Data for Name: account_form_tokens; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: kysely_migration; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.kysely_migration VALUES ('0001-revocations', '2026-11-30T04:09:10.338Z');
INSERT INTO public.kysely_migration VALUES ('0002-oidc-and-people', '2026-11-30T04:09:10.374Z');
INSERT INTO public.kysely_migration VALUES ('0003-token-lifetimes', '2026-11-30T04:09:10.376Z');
INSERT INTO public.kysely_migration VALUES ('0004-chain', '2026-11-30T04:09:10.379Z');
INSERT INTO public.kysely_migration VALUES ('0005-many-nodes', '2026-11-30T04:09:10.383Z');
INSERT INTO public.kysely_migration VALUES ('0006-search-by-key', '2026-11-30T04:09:10.384Z');


--
-- Data for Name: kysely_migration_lock; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.kysely_migration_lock VALUES ('migration_lock', 0);


--
-- Data for Name: oidc_artefacts; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.oidc_artefacts VALUES ('\xa0ffe8ba445ae6db9afa70e01df46d04af218661edfe6e8736d366e3cb08a19e', 'AuthorizationCode', '{"iat":1796011750,"exp":1796011810,"accountId":"UQuBeuIyFL4kjqPe9d2RYg","amr":["pwd"],"authTime":1796011750,"codeChallenge":"LADdyXS1BZyotbpLjeeUoVILK3tvaDNi7DJTNf4jWKM","codeChallengeMethod":"S256","grantId":"bIDdMvoWMECGPskBKj50EA","redirectUri":"http://127.0.0.1:9403/callback","resource":"https://orders.portcullis.example","scope":"openid profile orders.read","sessionUid":"QClbX8p-AhEzIw1nZED-Xg","kind":"AuthorizationCode","clientId":"web","expiresWithSession":true}', 'bIDdMvoWMECGPskBKj50EA', 'QClbX8p-AhEzIw1nZED-Xg', 'UQuBeuIyFL4kjqPe9d2RYg', 'web', 1796011750, 1796011810);
INSERT INTO public.oidc_artefacts VALUES ('\x4f74b598edad07d116513e7634e90fec8f20d08b6387a511b1ab670bc8b7e596', 'RefreshToken', '{"iat":1796011750,"exp":1797221350,"accountId":"UQuBeuIyFL4kjqPe9d2RYg","amr":["pwd"],"authTime":1796011750,"expiresWithSession":true,"grantId":"bIDdMvoWMECGPskBKj50EA","gty":"authorization_code","resource":"https://orders.portcullis.example","rotations":0,"scope":"openid profile orders.read","sessionUid":"QClbX8p-AhEzIw1nZED-Xg","kind":"RefreshToken","clientId":"web","iiat":1796011750}', 'bIDdMvoWMECGPskBKj50EA', 'QClbX8p-AhEzIw1nZED-Xg', 'UQuBeuIyFL4kjqPe9d2RYg', 'web', NULL, 1797221350);
INSERT INTO public.oidc_artefacts VALUES ('\xbb98f0e5d39661b2c2c15791930761aa09e17f4951904a3d052bcd587b0a1b7d', 'AuthorizationCode', '{"iat":1796011750,"exp":1796011810,"accountId":"UQuBeuIyFL4kjqPe9d2RYg","amr":["pwd"],"authTime":1796011750,"codeChallenge":"avxe6dnOlS2jrFhJPwwGD8w8l7Dj_itTG5pyqgjd638","codeChallengeMethod":"S256","grantId":"GakJCLSKK0BeKf0aJv8aNg","redirectUri":"http://127.0.0.1:9403/callback","resource":"https://orders.portcullis.example","scope":"openid profile orders.read","sessionUid":"Sh7mevBEVK1_CXErZyh0bQ","kind":"AuthorizationCode","clientId":"web","expiresWithSession":true}', 'GakJCLSKK0BeKf0aJv8aNg', 'Sh7mevBEVK1_CXErZyh0bQ', 'UQuBeuIyFL4kjqPe9d2RYg', 'web', 1796011750, 1796011810);
INSERT INTO public.oidc_artefacts VALUES ('\x97a058c68f45ea852d847b5311c67116183c8a71ea1d0090bc90162740eb45de', 'AuthorizationCode', '{"iat":1796011750,"exp":1796011810,"accountId":"UQuBeuIyFL4kjqPe9d2RYg","amr":["pwd"],"authTime":1796011750,"codeChallenge":"DaGfq8PaNLPP22lZ8h_zft2C3c4oDrgnarxeIDIotYI","codeChallengeMethod":"S256","grantId":"EpNIedYp5Eo4W-Dq1e11qg","redirectUri":"http://127.0.0.1:9403/callback","resource":"https://billing.portcullis.example","scope":"openid profile bills.read","sessionUid":"v5ETIXu1qhODpf7MHRYzQw","kind":"AuthorizationCode","clientId":"other","expiresWithSession":true}', 'EpNIedYp5Eo4W-Dq1e11qg', 'v5ETIXu1qhODpf7MHRYzQw', 'UQuBeuIyFL4kjqPe9d2RYg', 'other', 1796011750, 1796011810);
INSERT INTO public.oidc_artefacts VALUES ('\xb9e38148900034ca469d71a16a7fe131de895546ef9b620061f123cfe587ad26', 'RefreshToken', '{"iat":1796011750,"exp":1797221350,"accountId":"UQuBeuIyFL4kjqPe9d2RYg","amr":["pwd"],"authTime":1796011750,"expiresWithSession":true,"grantId":"EpNIedYp5Eo4W-Dq1e11qg","gty":"authorization_code","resource":"https://billing.portcullis.example","rotations":0,"scope":"openid profile bills.read","sessionUid":"v5ETIXu1qhODpf7MHRYzQw","kind":"RefreshToken","clientId":"other","iiat":1796011750}', 'EpNIedYp5Eo4W-Dq1e11qg', 'v5ETIXu1qhODpf7MHRYzQw', 'UQuBeuIyFL4kjqPe9d2RYg', 'other', NULL, 1797221350);
INSERT INTO public.oidc_artefacts VALUES ('\x5c75e7b4244d7efb0ef2911178c5a687c6364d35c658d44b97864621f36f9fe9', 'AuthorizationCode', '{"iat":1796011750,"exp":1796011810,"accountId":"4NZYUqjbiApJgRxHOYypDg","amr":["pwd"],"authTime":1796011750,"codeChallenge":"uPuui5zvJkKV96iyPeELJ62PFGdVy4RJNMkZw5nAlJw","codeChallengeMethod":"S256","grantId":"CM5R0scsQUdcLkpemNETSg","redirectUri":"http://127.0.0.1:9403/callback","resource":"https://orders.portcullis.example","scope":"openid profile orders.read","sessionUid":"qYrWkvySjpy25A4E2Ijogg","kind":"AuthorizationCode","clientId":"web","expiresWithSession":true}', 'CM5R0scsQUdcLkpemNETSg', 'qYrWkvySjpy25A4E2Ijogg', '4NZYUqjbiApJgRxHOYypDg', 'web', 1796011750, 1796011810);
INSERT INTO public.oidc_artefacts VALUES ('\x726293da361585c611f968a6d8f55e1d5498fcb8dbc908a1ce0c07ca1ba9ebbf', 'RefreshToken', '{"iat":1796011750,"exp":1797221350,"accountId":"UQuBeuIyFL4kjqPe9d2RYg","amr":["pwd"],"authTime":1796011750,"expiresWithSession":true,"grantId":"GakJCLSKK0BeKf0aJv8aNg","gty":"authorization_code","resource":"https://orders.portcullis.example","rotations":0,"scope":"openid profile orders.read","sessionUid":"Sh7mevBEVK1_CXErZyh0bQ","kind":"RefreshToken","clientId":"web","iiat":1796011750}', 'GakJCLSKK0BeKf0aJv8aNg', 'Sh7mevBEVK1_CXErZyh0bQ', 'UQuBeuIyFL4kjqPe9d2RYg', 'web', 1796011751, 1797221350);
INSERT INTO public.oidc_artefacts VALUES ('\x90be1dc48ca9c0c170c7c219aff8c9b6f43f562da5e1069bb0f4f62c953ca611', 'RefreshToken', '{"iat":1796011750,"exp":1797221350,"accountId":"4NZYUqjbiApJgRxHOYypDg","amr":["pwd"],"authTime":1796011750,"expiresWithSession":true,"grantId":"CM5R0scsQUdcLkpemNETSg","gty":"authorization_code","resource":"https://orders.portcullis.example","rotations":0,"scope":"openid profile orders.read","sessionUid":"qYrWkvySjpy25A4E2Ijogg","kind":"RefreshToken","clientId":"web","iiat":1796011750}', 'CM5R0scsQUdcLkpemNETSg', 'qYrWkvySjpy25A4E2Ijogg', '4NZYUqjbiApJgRxHOYypDg', 'web', NULL, 1797221350);
INSERT INTO public.oidc_artefacts VALUES ('\xb3e342ee1d0f98369e9402ddccbb40063da5e65705eaddba4b5a1374557b17e5', 'AuthorizationCode', '{"iat":1796011751,"exp":1796011811,"accountId":"UQuBeuIyFL4kjqPe9d2RYg","amr":["pwd"],"authTime":1796011751,"codeChallenge":"xUhbUxQs8IQLejfM7BMdAoNApTWmtMEuFlfqcM1x2Wo","codeChallengeMethod":"S256","grantId":"4iCNW-yn06KoiB8qvdN9Fg","redirectUri":"http://127.0.0.1:9403/callback","resource":"https://orders.portcullis.example","scope":"openid profile orders.read","sessionUid":"KbsvC7t3UldsmXci_bMfdA","kind":"AuthorizationCode","clientId":"web","expiresWithSession":true}', '4iCNW-yn06KoiB8qvdN9Fg', 'KbsvC7t3UldsmXci_bMfdA', 'UQuBeuIyFL4kjqPe9d2RYg', 'web', NULL, 1796011811);
INSERT INTO public.oidc_artefacts VALUES ('\x0ef45fd78f510b47cf50568b501d074345a0af1ab4576df5eee5da94b12122a4', 'RefreshToken', '{"iat":1796011751,"exp":1797221351,"accountId":"UQuBeuIyFL4kjqPe9d2RYg","amr":["pwd"],"authTime":1796011750,"expiresWithSession":true,"iiat":1796011750,"grantId":"GakJCLSKK0BeKf0aJv8aNg","gty":"authorization_code refresh_token","resource":"https://orders.portcullis.example","rotations":1,"scope":"openid profile orders.read","sessionUid":"Sh7mevBEVK1_CXErZyh0bQ","kind":"RefreshToken","clientId":"web"}', 'GakJCLSKK0BeKf0aJv8aNg', 'Sh7mevBEVK1_CXErZyh0bQ', 'UQuBeuIyFL4kjqPe9d2RYg', 'web', NULL, 1797221351);
INSERT INTO public.oidc_artefacts VALUES ('\xbce5ff9ae4237822cff4563ab14ca6786fd5fe1aabaf2bd11e15cee8997d5e90', 'Interaction', '{"iat":1796011751,"exp":1796015351,"returnTo":"http://127.0.0.1:36329/authorize/5x9mN9DfBXCqv0oT75RZKENt7-NI1Zmt1m_b9hYveaJ","prompt":{"name":"login","reasons":["no_session"],"details":{}},"params":{"client_id":"web","code_challenge":"a0bIfJ2odnP7VC_MotakJ-dcB4efXbU2-B0p_38O9NM","code_challenge_method":"S256","redirect_uri":"http://127.0.0.1:9403/callback","response_type":"code","scope":"openid profile orders.read","state":"some-state","resource":"https://orders.portcullis.example"},"cid":"PUWyGVusjyJAg-LktoS5OSGEA8kVAUmdFtvPc6-L4Ui","kind":"Interaction"}', NULL, NULL, NULL, NULL, NULL, 1796015351);


--
-- Data for Name: oidc_clients; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.oidc_clients VALUES ('admin', '{"client_id":"admin","client_name":"admin","redirect_uris":[],"post_logout_redirect_uris":[],"grant_types":["client_credentials"],"response_types":[],"token_endpoint_auth_method":"client_secret_basic","portcullis_resources":{"http://127.0.0.1:36329/api":["revocations.read","revocations.write"]},"portcullis_introspects_any_token":false}', '\x87b7e00fd9b5711ffaf7dba3733b86fd6b801eafcd569ac0867e0bea218032df', NULL);
INSERT INTO public.oidc_clients VALUES ('auditor', '{"client_id":"auditor","client_name":"auditor","redirect_uris":[],"post_logout_redirect_uris":[],"grant_types":["client_credentials"],"response_types":[],"token_endpoint_auth_method":"client_secret_basic","portcullis_resources":{"http://127.0.0.1:36329/api":["revocations.read"]},"portcullis_introspects_any_token":true}', '\xa5c3c2af315ff9166a919b5c2ff3ce0070fcddcd3e66a33e482c2def85f63bb3', NULL);
INSERT INTO public.oidc_clients VALUES ('billing', '{"client_id":"billing","client_name":"billing","redirect_uris":[],"post_logout_redirect_uris":[],"grant_types":["client_credentials"],"response_types":[],"token_endpoint_auth_method":"client_secret_basic","portcullis_resources":{"https://billing.portcullis.example":["bills.read"]},"portcullis_introspects_any_token":false}', '\x46235e8fb05171cf3958949a2a555ee133df1b9f67a30e8aa05914fd02853983', NULL);
INSERT INTO public.oidc_clients VALUES ('orders', '{"client_id":"orders","client_name":"orders","redirect_uris":[],"post_logout_redirect_uris":[],"grant_types":["client_credentials"],"response_types":[],"token_endpoint_auth_method":"client_secret_basic","portcullis_resources":{"https://orders.portcullis.example":["orders.read"],"http://127.0.0.1:36329/api":["revocations.read"]},"portcullis_introspects_any_token":false}', '\x0e5d196d153dcbb536eaf173478cd98b55c1ce20089f089737c7693ba3ca0434', NULL);
INSERT INTO public.oidc_clients VALUES ('other', '{"client_id":"other","client_name":"Other shop","redirect_uris":["http://127.0.0.1:9403/callback"],"post_logout_redirect_uris":["http://127.0.0.1:9403/bye"],"grant_types":["authorization_code","refresh_token"],"response_types":["code"],"token_endpoint_auth_method":"none","portcullis_resources":{"https://orders.portcullis.example":["orders.read","orders.write"],"https://billing.portcullis.example":["bills.read"]},"portcullis_introspects_any_token":false}', NULL, NULL);
INSERT INTO public.oidc_clients VALUES ('service', '{"client_id":"service","client_name":"service","redirect_uris":[],"post_logout_redirect_uris":[],"grant_types":["client_credentials"],"response_types":[],"token_endpoint_auth_method":"client_secret_basic","portcullis_resources":{"https://orders.portcullis.example":["orders.read"]},"portcullis_introspects_any_token":false}', '\xf4740167f1d7ab7303bfb1df9de5f18004352805fae258b514cb4aeb8532a0a4', NULL);
INSERT INTO public.oidc_clients VALUES ('web', '{"client_id":"web","client_name":"Demo shop","redirect_uris":["http://127.0.0.1:9403/callback"],"post_logout_redirect_uris":["http://127.0.0.1:9403/bye"],"grant_types":["authorization_code","refresh_token"],"response_types":["code"],"token_endpoint_auth_method":"none","portcullis_resources":{"https://orders.portcullis.example":["orders.read","orders.write"]},"portcullis_introspects_any_token":false}', NULL, NULL);


--
-- Data for Name: oidc_cookie_keys; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.oidc_cookie_keys VALUES (1, '\x4191629da2a5c83e1b3a42ff60782251b40918645b3d71e4ebda6c02b3e4760c', 1796011750);


--
-- Data for Name: oidc_grants; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.oidc_grants VALUES ('bIDdMvoWMECGPskBKj50EA', 'QClbX8p-AhEzIw1nZED-Xg', 'UQuBeuIyFL4kjqPe9d2RYg', 'web', '{"iat":1796011750,"sessionUid":"QClbX8p-AhEzIw1nZED-Xg","accountId":"UQuBeuIyFL4kjqPe9d2RYg","clientId":"web","kind":"Grant","openid":{"scope":"openid profile"},"resources":{"https://orders.portcullis.example":"orders.read"}}', 1796011750);
INSERT INTO public.oidc_grants VALUES ('GakJCLSKK0BeKf0aJv8aNg', 'Sh7mevBEVK1_CXErZyh0bQ', 'UQuBeuIyFL4kjqPe9d2RYg', 'web', '{"iat":1796011750,"sessionUid":"Sh7mevBEVK1_CXErZyh0bQ","accountId":"UQuBeuIyFL4kjqPe9d2RYg","clientId":"web","kind":"Grant","openid":{"scope":"openid profile"},"resources":{"https://orders.portcullis.example":"orders.read"}}', 1796011750);
INSERT INTO public.oidc_grants VALUES ('EpNIedYp5Eo4W-Dq1e11qg', 'v5ETIXu1qhODpf7MHRYzQw', 'UQuBeuIyFL4kjqPe9d2RYg', 'other', '{"iat":1796011750,"sessionUid":"v5ETIXu1qhODpf7MHRYzQw","accountId":"UQuBeuIyFL4kjqPe9d2RYg","clientId":"other","kind":"Grant","openid":{"scope":"openid profile"},"resources":{"https://billing.portcullis.example":"bills.read"}}', 1796011750);
INSERT INTO public.oidc_grants VALUES ('CM5R0scsQUdcLkpemNETSg', 'qYrWkvySjpy25A4E2Ijogg', '4NZYUqjbiApJgRxHOYypDg', 'web', '{"iat":1796011750,"sessionUid":"qYrWkvySjpy25A4E2Ijogg","accountId":"4NZYUqjbiApJgRxHOYypDg","clientId":"web","kind":"Grant","openid":{"scope":"openid profile"},"resources":{"https://orders.portcullis.example":"orders.read"}}', 1796011750);
INSERT INTO public.oidc_grants VALUES ('4iCNW-yn06KoiB8qvdN9Fg', 'KbsvC7t3UldsmXci_bMfdA', 'UQuBeuIyFL4kjqPe9d2RYg', 'web', '{"iat":1796011751,"sessionUid":"KbsvC7t3UldsmXci_bMfdA","accountId":"UQuBeuIyFL4kjqPe9d2RYg","clientId":"web","kind":"Grant","openid":{"scope":"openid profile"},"resources":{"https://orders.portcullis.example":"orders.read"}}', 1796011751);


--
-- Data for Name: oidc_refresh_successors; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.oidc_refresh_successors VALUES ('\x726293da361585c611f968a6d8f55e1d5498fcb8dbc908a1ce0c07ca1ba9ebbf', '\x0ef45fd78f510b47cf50568b501d074345a0af1ab4576df5eee5da94b12122a4', 'GakJCLSKK0BeKf0aJv8aNg', 'web', '\x95cb9b4f84ceff132cc7a875d8c192bf4997016a939ee64141c1fd628c0e8738', '\xc62506fe477c937e1e41616c09082266c5ab98771697c2aa116e63fb2d1d5f547c725de2b25fb4f3888c51b9d9c6bcee2ef0488d44c77e0ad441e25a8d3403a99f82f2999c072c9dd428b1a1088c4c223866403f4349749411607323d4c1ea8941d2a590b7a4f3a819c43454151c8c5a0885ec7c703d09d2f5d23deea1fbd05fbc6a2da10d0f382177fc2e7b10be214ffcf4b8927caed389466a3dacff1ef3a2dd145bb1984b27cddb775c6adc8d05646fedf4d938a4a318b319f52fa04f726f870fab77194101aba411a8fb940cb29614775ed097e839f7a22bd87589277b6916d5a51171c43f10c910bad54ea2c0c0d6a0e66011950ddc179a7231eafe08b21672695597a8ff7a147e9c1526e2cd58bb8b3bd4ebb9c1ee34ddf70d53a41ce8ca04528d0894f91fe77a852bdaccdaac07c7b33e5c695f60970d55b46dbadd80f12b7637ba4d10ce3115f78d2a921cfba798262f3724fb3b1f0f5e1186133f0466fdf014e8d3c5d927f4fbf98616f5f5ec00a22b6443921fb1b0a0176947fdb66e1c53cc82a992274d0f9e1672ae8d3d78fffc648b8fe9449ab3619d15031176254a83fb4202c5f1f1a4535dbfde37283495f0f9fc4576f2799ea0497bc64ad771e238a5dbd05bc18008b13854e27ff156051368bed6f1cfd5e16f7f351091a606b31cb1ffc1654652457ea64a99ba1ec21eb64a307b441ec885a832dea44bf78d6592de49a14b46969b53b7350a8411212e77ddc134257461a48494a47e5ca3deda398e47c7ae0ee733735db207c8c203420b7378440da7f0cd5f50f5e766fcb18b5d6b8220207d7c58af88b79a2634fb30051dd0192b402b2f14bda8a84a84528fea916246086a36268c1c2b1a4b8fe6cca56a68e6cd5f19b4ac9e73473920c40003c526b7cda1337665140d74f393a31a31a5df3cfbc296c1fd06d3a72e8329d8ea95e2949c2b19dc2e9b7e2c7748c3a6e033efa9ae24f4686342f27e5b3070c10b77e2d83260cb34a903885b153e79b788b7fb11732145b52887e0f9a2e23acb2a96f7117848f20de4012ea38d4b1ed76b185c3e7f70f5c00a58fdd32f20f77f8a9bf84faa83cdab4d1eb5b6ca52f4751188d44254824521b9c65a66d35f28cda3a93066db1dfe7e98e3f95b68d10e46e24c99e799f415d938dc41b84d952bf6527b6bf891ed07e789d909a57a01cc16864a6d032608a2028fcd4c1d577553080eb9f5b6971162565ddaf907f583bb5cc8de24b2a600655cd166dc30736e53ff2b5e8a4d1cc692649c2038c83be47a73abfb3d4746c5712540ebdf2a3f922b460a64d7bf03156e502d43c5a9b01bcb2bed296839dca3771d0835d0a939d9629a097f8a2b4525418818e0fa7900fb45f83d09d7f0d5baf8562167a3359b5d8fd378c49fdf3657be9e71c58ce1ef779cecc1257f61745e95782fd73d3a63629d6b76ef0f12b3d8c5db9d7602e061bb70fb097f846d08ef65e527126cc111004d4fc7adc10d6f6a20b666fd8f384692c29ed7f6472265bcee4956aa6a48efcb20e970148acee0ef16fb57a44568eb8fff7712ac69b7a128321d22b1ebf85bdc1daf259ef5f460ce0ebe29f49ae3784c4a0ace46aba565cd76b5d3c37db3c92bcd97d0ae1811a8cef15b229fe36fc2468f22363ac478cddb0c7b1ef5a99d9c4070417b76c78eed6f3455e399acce7f94ff418934a5ca0c54484e74077ed5c668afecd9ea66a00591b7e5255ce0e2e26e38de44a2cb9a18c239c539e7109dab86bac3a0c96626b4e0b68817bf42d9203bd8a435f823bd1f519f028c4fb6445d11cc9952244873b1ce007b442e4881ef', 1796011751083);


--
-- Data for Name: oidc_session_ids; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.oidc_session_ids VALUES ('\xa73bf4504f25e36cc07298bc8610fce2ae9bb89924eda749f8f7f8743c48e739', 'QClbX8p-AhEzIw1nZED-Xg', 1796011750628, 1796011760660);
INSERT INTO public.oidc_session_ids VALUES ('\xa20c9a1328573e24fde0a81b629cf085895e5022ee3de854c47edf1c94277f76', 'QClbX8p-AhEzIw1nZED-Xg', 1796011750661, NULL);
INSERT INTO public.oidc_session_ids VALUES ('\xd5ddc9682de165e5c00c584c85bb0f67cfa09cac2b7dd740483924c162cfbbae', 'Sh7mevBEVK1_CXErZyh0bQ', 1796011750753, 1796011760781);
INSERT INTO public.oidc_session_ids VALUES ('\x501e205d5db98bae8d4c3f52b191e8f93b757180ab75637dfedffa78dc2ea1fa', 'Sh7mevBEVK1_CXErZyh0bQ', 1796011750781, NULL);
INSERT INTO public.oidc_session_ids VALUES ('\xe97648585e4fcca91cc3324157410c60f1c1e9f241d1089fb710b2e2a095cfc1', 'v5ETIXu1qhODpf7MHRYzQw', 1796011750851, 1796011760875);
INSERT INTO public.oidc_session_ids VALUES ('\x3906ff5df90d5f5b52f2e2f40e638bfd7dbf94083b6c2128bf666590252b02e1', 'v5ETIXu1qhODpf7MHRYzQw', 1796011750876, NULL);
INSERT INTO public.oidc_session_ids VALUES ('\x04fee110498ba69d845512e24ddc680a23ae6d4cd694b4f47022c0f5551fd07f', 'qYrWkvySjpy25A4E2Ijogg', 1796011750940, 1796011760963);
INSERT INTO public.oidc_session_ids VALUES ('\xc2d0c171f0582b114a3f5f99e04481e60e1e9befde9c443ba0ca08ea273d65cd', 'qYrWkvySjpy25A4E2Ijogg', 1796011750964, NULL);
INSERT INTO public.oidc_session_ids VALUES ('\x8b6205f4bc84897caf5fad4373257b1761f5f74752ca7eec0546bdf92ddd09ee', 'KbsvC7t3UldsmXci_bMfdA', 1796011751132, 1796011761155);
INSERT INTO public.oidc_session_ids VALUES ('\x97d082895ec871300a2408b6ee099f541bf4ee2b3dc59f44db44364777ca3562', 'KbsvC7t3UldsmXci_bMfdA', 1796011751155, NULL);


--
-- Data for Name: oidc_sessions; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.oidc_sessions VALUES ('QClbX8p-AhEzIw1nZED-Xg', 'UQuBeuIyFL4kjqPe9d2RYg', '{"iat":1796011750,"exp":1797221350,"uid":"QClbX8p-AhEzIw1nZED-Xg","accountId":"UQuBeuIyFL4kjqPe9d2RYg","loginTs":1796011750,"amr":["pwd"],"authorizations":{"web":{"grantId":"bIDdMvoWMECGPskBKj50EA","sid":"L988l0ii0nWy6vmmPg1ATApK-pJRhHjsi9Y3axjBNrs"}},"kind":"Session"}', '', 1796011750, 1796011750, 1797221350, NULL);
INSERT INTO public.oidc_sessions VALUES ('v5ETIXu1qhODpf7MHRYzQw', 'UQuBeuIyFL4kjqPe9d2RYg', '{"iat":1796011750,"exp":1797221350,"uid":"v5ETIXu1qhODpf7MHRYzQw","accountId":"UQuBeuIyFL4kjqPe9d2RYg","loginTs":1796011750,"amr":["pwd"],"authorizations":{"other":{"grantId":"EpNIedYp5Eo4W-Dq1e11qg","sid":"NWOjdqlMadNCz1sCMlgCJV435nSo98rfyMmwwjiX5JL"}},"kind":"Session"}', '', 1796011750, 1796011750, 1797221350, NULL);
INSERT INTO public.oidc_sessions VALUES ('qYrWkvySjpy25A4E2Ijogg', '4NZYUqjbiApJgRxHOYypDg', '{"iat":1796011750,"exp":1797221350,"uid":"qYrWkvySjpy25A4E2Ijogg","accountId":"4NZYUqjbiApJgRxHOYypDg","loginTs":1796011750,"amr":["pwd"],"authorizations":{"web":{"grantId":"CM5R0scsQUdcLkpemNETSg","sid":"6BHeYl3PTS4r8Va0WmUXC6Qn1I77zrKYDaQpGoiDTlM"}},"kind":"Session"}', '', 1796011750, 1796011750, 1797221350, NULL);
INSERT INTO public.oidc_sessions VALUES ('Sh7mevBEVK1_CXErZyh0bQ', 'UQuBeuIyFL4kjqPe9d2RYg', '{"iat":1796011750,"exp":1797221350,"uid":"Sh7mevBEVK1_CXErZyh0bQ","accountId":"UQuBeuIyFL4kjqPe9d2RYg","loginTs":1796011750,"amr":["pwd"],"authorizations":{"web":{"grantId":"GakJCLSKK0BeKf0aJv8aNg","sid":"1CsGCJtJAi4kAYEVvXa9Qf7OGLQs5MgPJKbeTt5bLi0"}},"kind":"Session"}', '', 1796011750, 1796011751, 1797221350, NULL);
INSERT INTO public.oidc_sessions VALUES ('KbsvC7t3UldsmXci_bMfdA', 'UQuBeuIyFL4kjqPe9d2RYg', '{"iat":1796011751,"exp":1797221351,"uid":"KbsvC7t3UldsmXci_bMfdA","accountId":"UQuBeuIyFL4kjqPe9d2RYg","loginTs":1796011751,"amr":["pwd"],"authorizations":{"web":{"grantId":"4iCNW-yn06KoiB8qvdN9Fg","sid":"JT2r3iTUhdP_aazlUZCp6AomtApzziFQJ0Sg2giKN-Z"}},"kind":"Session"}', '', 1796011751, 1796011751, 1797221351, NULL);
INSERT INTO public.oidc_sessions VALUES ('Xl9s9F9vlwDrWa8rSjfWuQ', '4NZYUqjbiApJgRxHOYypDg', '{}', '', 1796011751, 1796011751, 1797221351, 1796011751);


--
-- Data for Name: oidc_signing_keys; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.oidc_signing_keys VALUES ('6hDI8goHzOw2abGwo88nN3abmKRT4nIvt82ykc7gX7M', '{"kty":"EC","x":"9j_I7rAVvT_lXcY8syq-7fFMbxuF_-5KVHNt64ELlBM","y":"uMA2vwMEgYqFrRewvi4oYKQgd1Sihsj1S7lNwQCS7Ig","crv":"P-256","d":"v-V1CnVN9iDcoOCUz2X6fNVN6ioyUsuu2GAGK1ZVjjk","kid":"6hDI8goHzOw2abGwo88nN3abmKRT4nIvt82ykc7gX7M","alg":"ES256","use":"sig"}', 1796011750);


--
-- Data for Name: replicas; Type: TABLE DATA; Schema: public; Owner: -
--



--
-- Data for Name: revocation_state; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.revocation_state VALUES (1, 'mQg-W-jkfJhhF4sxhxyE7A', 9, '\x2aa52ead1be71db68c1e1e1c121cf3c09bc1f4d2b39fbbef350953e91e9c6ae1', '\xdd8febbbe0825216c1b226a003b6502dda448d10f3dcc11e8af74882ede7fe97', 2, '\x39c7245d7fb5972b4393804359e28be5d65cddeefe8345be85a6351d3a3a04a2');


--
-- Data for Name: revocations; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.revocations VALUES (3, 1, 1, 1, '\x980a34f15dde6e4c03ad4bbef410379c', 'mAo08V3ebkwDrUu-9BA3nA', 1796011751, 1796012056, NULL, 'admin', NULL, '\x63aaa7113fd49d28769542d6810153f9a2153159feb404bb6e5e4d9b2f0a50ea');
INSERT INTO public.revocations VALUES (4, 2, 1, 3, '\x5e5f6cf45f6f9700eb59af2b4a37d6b9', 'Xl9s9F9vlwDrWa8rSjfWuQ', 1796011751, 1796012056, NULL, 'admin', NULL, '\x071504085d1edade279e0528ac83c8c9be5f4aac6587423ea26d45eb19a595b0');
INSERT INTO public.revocations VALUES (5, 6, 2, 12, '\x7ebb4f9a897833994f22cddeefa1e1b3', '{"subject":"4NZYUqjbiApJgRxHOYypDg","client":"web"}', 1796011751, 1796012056, NULL, 'admin', NULL, '\x8507f1a5ab8bd5503ce38c494e33f4ee41b01eb7e8d5340e2212d63679fe4d1b');
INSERT INTO public.revocations VALUES (6, 9, 1, 1, '\xe0160ea655f81ebb2cb140f0f77e0f30', 'stolen-key', 1796011751, 1796012056, NULL, 'admin', 'laptop lost', '\xef64ba1fa0827b939a0a21ed5dcbaecd5675a08f5f5b2a1de089b32b856083e7');
INSERT INTO public.revocations VALUES (7, 10, 1, 1, '\x49d8d7e65eb9754684170aae0f4c8de1', '0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I', 1796011751, 1796012056, NULL, 'admin', NULL, '\xd5e183c0450790031b576ebdd5016aee3cbbc0d7be9932c47c13903753eaf797');
INSERT INTO public.revocations VALUES (8, 7, 1, 1, '\x3fbfcbbc5ddbaa783bbbb4879c620368', 'https://inventory.portcullis.example', 1796011751, 1796012056, NULL, 'admin', NULL, '\x2862c6b9c6153b19f3018636eade047aa3409a471c44c269465ced374fa004f7');
INSERT INTO public.revocations VALUES (9, 8, 2, 12, '\x5a814b66cea9794bbc33245a7d374921', 'acme', 1796011751, 1796012056, NULL, 'admin', NULL, '\xdd8febbbe0825216c1b226a003b6502dda448d10f3dcc11e8af74882ede7fe97');


--
-- Data for Name: sign_in_attempts; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.sign_in_attempts VALUES ('\xa3593817e46f9301538069e761059db07620cc81f4282c2e2ae702d252a44584', 0, 0, 1796011750988);
INSERT INTO public.sign_in_attempts VALUES ('\xdce37a4279e38046d5439f2c204a2e5c47fa9691c2f8837c3050a26c9874fb1a', 0, 0, 1796011751092);


--
-- Data for Name: token_lifetimes; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.token_lifetimes VALUES (300, NULL);


--
-- Data for Name: users; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.users VALUES ('UQuBeuIyFL4kjqPe9d2RYg', 'alice', 'alice', 'Alice Example', 'alice@example.com', '$argon2id$v=19$m=19456,t=2,p=1$JEMniSy/tibx17dv0NLPuw$G4w/6ALNOXEgIiH3lw1qv+0Vq9D4il9GJFqIWAPmwBQ', 1796011750, NULL);
INSERT INTO public.users VALUES ('4NZYUqjbiApJgRxHOYypDg', 'bob', 'bob', 'Bob Example', NULL, '$argon2id$v=19$m=19456,t=2,p=1$7TWjGdNu5mKlJYVh3fh20A$DVlg7GfKySCFUJr3mRhU9DYaJwEkF8S7/H8RbNgrAvg', 1796011750, NULL);


--
-- Name: account_form_tokens account_form_tokens_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.account_form_tokens
    ADD CONSTRAINT account_form_tokens_pkey PRIMARY KEY (token_hash);


--
-- Name: kysely_migration_lock kysely_migration_lock_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.kysely_migration_lock
    ADD CONSTRAINT kysely_migration_lock_pkey PRIMARY KEY (id);


--
-- Name: kysely_migration kysely_migration_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.kysely_migration
    ADD CONSTRAINT kysely_migration_pkey PRIMARY KEY (name);


--
-- Name: oidc_artefacts oidc_artefacts_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.oidc_artefacts
    ADD CONSTRAINT oidc_artefacts_pkey PRIMARY KEY (id_hash);


--
-- Name: oidc_clients oidc_clients_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.oidc_clients
    ADD CONSTRAINT oidc_clients_pkey PRIMARY KEY (client_id);


--
-- Name: oidc_cookie_keys oidc_cookie_keys_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.oidc_cookie_keys
    ADD CONSTRAINT oidc_cookie_keys_pkey PRIMARY KEY (id);


--
-- Name: oidc_grants oidc_grants_one_a_client; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.oidc_grants
    ADD CONSTRAINT oidc_grants_one_a_client UNIQUE (session_uid, client_id);


--
-- Name: oidc_grants oidc_grants_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.oidc_grants
    ADD CONSTRAINT oidc_grants_pkey PRIMARY KEY (id);


--
-- Name: oidc_refresh_successors oidc_refresh_successors_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.oidc_refresh_successors
    ADD CONSTRAINT oidc_refresh_successors_pkey PRIMARY KEY (spent_hash);


--
-- Name: oidc_session_ids oidc_session_ids_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.oidc_session_ids
    ADD CONSTRAINT oidc_session_ids_pkey PRIMARY KEY (id_hash);


--
-- Name: oidc_sessions oidc_sessions_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.oidc_sessions
    ADD CONSTRAINT oidc_sessions_pkey PRIMARY KEY (uid);


--
-- Name: oidc_signing_keys oidc_signing_keys_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.oidc_signing_keys
    ADD CONSTRAINT oidc_signing_keys_pkey PRIMARY KEY (kid);


--
-- Name: replicas replicas_key; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.replicas
    ADD CONSTRAINT replicas_key PRIMARY KEY (client_id, name);


--
-- Name: revocation_state revocation_state_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.revocation_state
    ADD CONSTRAINT revocation_state_pkey PRIMARY KEY (id);


--
-- Name: revocations revocations_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.revocations
    ADD CONSTRAINT revocations_pkey PRIMARY KEY (seq);


--
-- Name: sign_in_attempts sign_in_attempts_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.sign_in_attempts
    ADD CONSTRAINT sign_in_attempts_pkey PRIMARY KEY (key_hash);


--
-- Name: token_lifetimes token_lifetimes_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.token_lifetimes
    ADD CONSTRAINT token_lifetimes_pkey PRIMARY KEY (seconds);


--
-- Name: users users_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.users
    ADD CONSTRAINT users_pkey PRIMARY KEY (id);


--
-- Name: users users_username_key_key; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.users
    ADD CONSTRAINT users_username_key_key UNIQUE (username_key);


--
-- Name: account_form_tokens_by_expires_at; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX account_form_tokens_by_expires_at ON public.account_form_tokens USING btree (expires_at);


--
-- Name: account_form_tokens_by_session_uid; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX account_form_tokens_by_session_uid ON public.account_form_tokens USING btree (session_uid);


--
-- Name: oidc_artefacts_by_account_id; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX oidc_artefacts_by_account_id ON public.oidc_artefacts USING btree (account_id);


--
-- Name: oidc_artefacts_by_client_id; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX oidc_artefacts_by_client_id ON public.oidc_artefacts USING btree (client_id);


--
-- Name: oidc_artefacts_by_expires_at; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX oidc_artefacts_by_expires_at ON public.oidc_artefacts USING btree (expires_at);


--
-- Name: oidc_artefacts_by_grant_id; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX oidc_artefacts_by_grant_id ON public.oidc_artefacts USING btree (grant_id);


--
-- Name: oidc_artefacts_by_session_uid; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX oidc_artefacts_by_session_uid ON public.oidc_artefacts USING btree (session_uid);


--
-- Name: oidc_grants_by_account_id_client_id; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX oidc_grants_by_account_id_client_id ON public.oidc_grants USING btree (account_id, client_id);


--
-- Name: oidc_grants_by_client_id; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX oidc_grants_by_client_id ON public.oidc_grants USING btree (client_id);


--
-- Name: oidc_refresh_successors_by_grant_id; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX oidc_refresh_successors_by_grant_id ON public.oidc_refresh_successors USING btree (grant_id);


--
-- Name: oidc_refresh_successors_by_spent_at; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX oidc_refresh_successors_by_spent_at ON public.oidc_refresh_successors USING btree (spent_at);


--
-- Name: oidc_refresh_successors_by_successor_hash; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX oidc_refresh_successors_by_successor_hash ON public.oidc_refresh_successors USING btree (successor_hash);


--
-- Name: oidc_session_ids_by_replaced_until; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX oidc_session_ids_by_replaced_until ON public.oidc_session_ids USING btree (replaced_until);


--
-- Name: oidc_session_ids_by_session_uid; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX oidc_session_ids_by_session_uid ON public.oidc_session_ids USING btree (session_uid);


--
-- Name: oidc_sessions_by_account_id; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX oidc_sessions_by_account_id ON public.oidc_sessions USING btree (account_id);


--
-- Name: oidc_sessions_by_expires_at; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX oidc_sessions_by_expires_at ON public.oidc_sessions USING btree (expires_at);


--
-- Name: revocations_by_key; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX revocations_by_key ON public.revocations USING btree (key, seq);


--
-- Name: sign_in_attempts_by_updated_at; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX sign_in_attempts_by_updated_at ON public.sign_in_attempts USING btree (updated_at);


--
-- PostgreSQL database dump complete
--


