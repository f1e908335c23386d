"""The user's YAML and `key=value` overrides become a Spec; the only room that knows YAML."""
