"""`reprobox ui` and `reprobox report`: pages over the views, made at the server."""
