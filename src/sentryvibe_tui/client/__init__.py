"""A link to any server of the protocol: hydrate, follow, reconnect; and the publisher's side."""
