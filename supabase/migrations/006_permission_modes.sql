-- Who presses send: autopilot sends, co-pilot waits for a person's approval, manual only prepares tasks.

ALTER TABLE campaigns ADD COLUMN permission_mode permission_mode; -- null: the client's default

CREATE FUNCTION app.effective_permission_mode(campaign uuid) RETURNS permission_mode
LANGUAGE sql STABLE SET search_path = ''
AS $$
    SELECT coalesce(c.permission_mode, t.default_permission_mode)
    FROM public.campaigns AS c JOIN public.clients AS t ON t.id = c.client_id
    WHERE c.id = campaign
$$;
REVOKE ALL ON FUNCTION app.effective_permission_mode(uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION app.effective_permission_mode(uuid) TO authenticated, service_role;
