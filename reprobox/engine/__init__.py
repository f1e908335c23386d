"""The container engine behind two small protocols (`model.ports`): the only room that imports
docker-py.
"""
