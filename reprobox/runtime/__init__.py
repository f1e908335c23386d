"""What is injected into the container, and how this host looks to it."""
